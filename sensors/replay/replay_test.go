package replay

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// csv writes a file with the header and these rows.
func csv(t testing.TB, rows ...string) string {
	t.Helper()
	return file(t, header+"\n"+strings.Join(rows, "\n"))
}

func file(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.csv")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// play plays a file and returns what came, each with its time after the start.
func play(t testing.TB, ctx context.Context, path, speed string) (list []sensors.Measurement, at []time.Duration) {
	t.Helper()
	k := Kind()
	p := kind.WithDefaults(k.Keys, kind.Params{"file": path, "speed": speed})
	if problems := k.Check(p); len(problems) > 0 {
		t.Fatal(problems)
	}
	w, err := k.Open(ctx, nil, p)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	err = w.(sensors.Watcher).Watch(ctx, func(m sensors.Measurement) {
		list, at = append(list, m), append(at, time.Since(start))
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.(sensors.Watcher).Close(); err != nil {
			t.Error(err)
		}
	}
	return list, at
}

func TestRows(t *testing.T) {
	utc := func(s string) time.Time {
		tm, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return tm.UTC()
	}
	tests := []struct {
		row  string
		want sensors.Measurement
	}{
		{"2026-11-24T08:00:00Z,air,temperature,Cel,21.43", sensors.Measurement{Sensor: "air", Quantity: "temperature", Value: 21.43, Time: utc("2026-11-24T08:00:00Z")}},
		{"2026-11-24T08:00:00.123456789+02:00,,co2,,400", sensors.Measurement{Quantity: "co2", Value: 400, Time: utc("2026-11-24T06:00:00.123456789Z")}},
		{"1764000000123,air,pressure,Pa,-1.5e3", sensors.Measurement{Sensor: "air", Quantity: "pressure", Value: -1500, Time: time.UnixMilli(1764000000123).UTC()}},
		{"1764000000123.417,door,contact,,true", sensors.Measurement{Sensor: "door", Quantity: "contact", Value: 1, Time: time.Unix(0, 1764000000123417000).UTC()}},
		{"1764000000123.4170009999,door,contact,,false", sensors.Measurement{Sensor: "door", Quantity: "contact", Time: time.Unix(0, 1764000000123417000).UTC()}},
		{"0,door,motion,,1", sensors.Measurement{Sensor: "door", Quantity: "motion", Value: 1, Time: time.Unix(0, 0).UTC()}},
		{",air.2_b-C,count,,9007199254740991", sensors.Measurement{Sensor: "air.2_b-C", Quantity: "count", Value: 1<<53 - 1}},
		{` , "air" ,"temperature" , "Cel", "5" `, sensors.Measurement{Sensor: "air", Quantity: "temperature", Value: 5}},
	}
	for _, test := range tests {
		for _, end := range []string{"", "\n", "\r\n"} {
			list, _ := play(t, t.Context(), csv(t, test.row+end), "max")
			if len(list) != 1 || list[0] != test.want {
				t.Errorf("%q: got %+v, want %+v", test.row+end, list, test.want)
			}
		}
	}
}

// A bad row becomes an error reading that names file and line, in its series where that could be told; the rows around it go on.
func TestBadRows(t *testing.T) {
	long := strings.Repeat("x", 3*maxLine)
	tests := []struct {
		row, cause string
		sensor     string
		quantity   sensors.Quantity
	}{
		{"nonsense", "there are 1 columns, not 5", "", sensors.Raw},
		{",a,temperature,Cel", "there are 4 columns, not 5", "", sensors.Raw},
		{",a,temperature,Cel,1,", "more than 5 columns", "", sensors.Raw},
		{`,a,temperature,Cel,"1`, "a quote is not closed", "", sensors.Raw},
		{`,"a"b,temperature,Cel,1`, "something follows a closing quote", "", sensors.Raw},
		{",a b,temperature,Cel,1", `"a b" has other characters`, "", sensors.Raw},
		{"," + strings.Repeat("a", 129) + ",temperature,Cel,1", "longer than 128", "", sensors.Raw},
		{",a,heat,Cel,1", `no quantity "heat"`, "a", sensors.Raw},
		{",a,temperature,K,1", `the unit of temperature is "Cel", not "K"`, "a", "temperature"},
		{",a,contact,Cel,1", `the unit of contact is "", not "Cel"`, "a", "contact"},
		{"yesterday,a,temperature,Cel,1", `"yesterday" is no time`, "a", "temperature"},
		{"-5,a,temperature,Cel,1", `"-5" is no time`, "a", "temperature"},
		{".5,a,temperature,Cel,1", `".5" is no time`, "a", "temperature"},
		{"1.x,a,temperature,Cel,1", `"1.x" is no time`, "a", "temperature"},
		{"9999999999999999,a,temperature,Cel,1", "not between 1970 and 2262; it is in milliseconds", "a", "temperature"},
		{"2026-11-24 08:00:00,a,temperature,Cel,1", "is no time", "a", "temperature"},
		{"2026-13-24T08:00:00Z,a,temperature,Cel,1", "is no time in RFC 3339", "a", "temperature"},
		{"1969-12-31T23:59:59Z,a,temperature,Cel,1", "not between 1970 and 2262", "a", "temperature"},
		{"2300-12-31T23:59:59Z,a,temperature,Cel,1", "not between 1970 and 2262", "a", "temperature"},
		{",a,temperature,Cel,", "the value \"\" is not a finite number", "a", "temperature"},
		{",a,temperature,Cel,NaN", "is not a finite number", "a", "temperature"},
		{",a,temperature,Cel,-Inf", "is not a finite number", "a", "temperature"},
		{",a,temperature,Cel,1e999", "is not a finite number", "a", "temperature"},
		{",a,temperature,Cel,true", "is not a finite number", "a", "temperature"},
		{",a,contact,,yes", "neither true nor false", "a", "contact"},
		{long, "longer than 16384 bytes", "", sensors.Raw},
	}
	for _, test := range tests {
		path := csv(t, "", ",a,temperature,Cel,1", test.row, ",a,temperature,Cel,2")
		list, _ := play(t, t.Context(), path, "max")
		if len(list) != 3 || list[0].Value != 1 || list[2].Value != 2 {
			t.Errorf("%.40q: got %+v", test.row, list)
			continue
		}
		m := list[1]
		want := path + ":4: "
		if m.Err != sensors.IO || m.Cause == nil || !strings.HasPrefix(m.Cause.Error(), want) || !strings.Contains(m.Cause.Error(), test.cause) {
			t.Errorf("%.40q: got %q with cause %v, want %s...%s", test.row, m.Err, m.Cause, want, test.cause)
		}
		if m.Sensor != test.sensor || m.Quantity != test.quantity {
			t.Errorf("%.40q: reported as %q %q, want %q %q", test.row, m.Sensor, m.Quantity, test.sensor, test.quantity)
		}
	}
	last, _ := play(t, t.Context(), csv(t, ",a,count,,1", long), "max")
	if len(last) != 2 || last[1].Err == "" {
		t.Errorf("a long last row: got %+v", last)
	}
}

func TestPace(t *testing.T) {
	rows := []string{
		",a,count,,0", "1764000000000,a,count,,1", "1764000060000,a,count,,2", "bad", "1764000060000.5,a,count,,3",
		"1764000000000,a,count,,4", ",a,count,,5", "1764003600000,a,count,,6",
	}
	for speed, slower := range map[string]float64{"1": 1, "60": 1.0 / 60, "0.5": 2, "max": 0} {
		synctest.Test(t, func(t *testing.T) {
			list, at := play(t, t.Context(), csv(t, rows...), speed)
			if len(list) != len(rows) {
				t.Fatalf("%d rows, want %d", len(list), len(rows))
			}
			for i, seconds := range []float64{0, 0, 60, 60, 60.0005, 60.0005, 60.0005, 3600} {
				if want := time.Duration(seconds * slower * 1e9); (at[i] - want).Abs() > time.Microsecond {
					t.Errorf("speed %s, row %d came after %v, want %v", speed, i+1, at[i], want)
				}
			}
		})
	}
}

// Waiting for a row ends with the context, also when the row is centuries away.
func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		list, _ := play(t, ctx, csv(t, "0,a,count,,0", "2261-01-01T00:00:00Z,a,count,,1"), "1e-9")
		if len(list) != 1 || time.Since(start) != time.Hour {
			t.Errorf("%d rows after %v, want 1 after an hour", len(list), time.Since(start))
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if list, _ := play(t, ctx, csv(t, ",a,count,,0"), "max"); len(list) != 0 {
		t.Errorf("%d rows after the end", len(list))
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path, speed string
		class             sensors.Class // "" means that it opens
		key               string        // of check's problem
	}{
		{"good", file(t, header), "1", "", ""},
		{"with a byte order mark, quotes and CRLF", file(t, "\uFEFF\"time\",\"sensor\", quantity,unit,value\r\n"), "max", "", ""},
		{"missing", filepath.Join(dir, "none.csv"), "1", sensors.Absent, "file"},
		{"folder", dir, "1", sensors.Wrong, "file"},
		{"pipe", pipe, "1", sensors.Wrong, "file"},
		{"empty", file(t, ""), "1", sensors.Wrong, "file"},
		{"other columns", file(t, "time,value\n"), "1", sensors.Wrong, "file"},
		{"no header", file(t, ",a,count,,1\n"), "1", sensors.Wrong, "file"},
		{"no text", file(t, strings.Repeat("\x00", 5*maxLine)), "1", sensors.IO, "file"},
		{"speed 0", file(t, header), "0", sensors.Wrong, "speed"},
		{"no speed", file(t, header), "fast", sensors.Wrong, "speed"},
		{"NaN", file(t, header), "NaN", sensors.Wrong, "speed"},
	}
	k := Kind()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := kind.WithDefaults(k.Keys, kind.Params{"file": test.path, "speed": test.speed})
			problems := k.Check(p)
			if len(problems) > 1 || (len(problems) == 1) != (test.key != "") || len(problems) == 1 && problems[0].Key != test.key {
				t.Errorf("problems %+v, want one in %q", problems, test.key)
			}
			for _, p := range problems {
				if p.Key == "file" && !strings.Contains(p.Message, test.path) {
					t.Errorf("%q does not name the file", p.Message)
				}
			}
			w, err := k.Open(t.Context(), nil, p)
			if got := sensors.ClassOf(err); got != test.class {
				t.Errorf("got class %q of %v, want %q", got, err, test.class)
			}
			if err == nil {
				w.(sensors.Watcher).Close()
			}
		})
	}
}

// A file that cannot be read on is a failure of the whole, which names the file.
func TestReadError(t *testing.T) {
	w, err := openFile(csv(t, ",a,count,,1", strings.Repeat(" ", maxLine)), 0)
	if err != nil {
		t.Fatal(err)
	}
	w.file.Close()
	err = w.Watch(t.Context(), func(sensors.Measurement) {})
	if err == nil || !strings.Contains(err.Error(), w.path) {
		t.Errorf("got %v, want an error that names the file", err)
	}
}

// many writes n rows, of 20 sensors.
func many(t testing.TB, n int) string {
	var b bytes.Buffer
	b.WriteString(header + "\n")
	for i := range n {
		fmt.Fprintf(&b, "%d,sensor-%d,temperature,Cel,%.2f\n", 1764000000000+int64(i), i%20, 20+math.Sin(float64(i)/100))
	}
	return file(t, b.String())
}

func TestAllocations(t *testing.T) {
	const rows = 20000
	path, n := many(t, rows), 0
	got := testing.AllocsPerRun(1, func() {
		w, err := openFile(path, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if err := w.Watch(t.Context(), func(m sensors.Measurement) { n++ }); err != nil {
			t.Fatal(err)
		}
	})
	if n != 2*rows || got > 100 {
		t.Errorf("%v allocations for %d rows", got, n/2)
	}
}

func BenchmarkWatch(b *testing.B) {
	const rows = 100000
	path, n := many(b, rows), 0
	b.ReportAllocs()
	for b.Loop() {
		w, err := openFile(path, 0)
		if err != nil {
			b.Fatal(err)
		}
		w.Watch(b.Context(), func(m sensors.Measurement) { n++ })
		w.Close()
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}

// Whatever a row is, it becomes a good reading or an error, never something between.
func FuzzRow(f *testing.F) {
	for _, s := range []string{
		"2026-11-24T08:00:00Z,air,temperature,Cel,21.43", "1764000000123.417,door,contact,,true", ",,raw,,-1e300", `"","","","",""`, ",,,,,", "T,T,T,T,T",
		"9223372036853.999999,,count,,1",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r := &replay{names: map[string]string{}}
		m, err := r.row(line)
		info, known := m.Quantity.Lookup()
		switch {
		case !known:
			t.Fatalf("quantity %q", m.Quantity)
		case err != nil:
		case math.IsNaN(m.Value) || math.IsInf(m.Value, 0) || info.Boolean && m.Value != 0 && m.Value != 1:
			t.Fatalf("value %v", m.Value)
		case !m.Time.IsZero() && (m.Time.UnixNano() < 0 || m.Time.Year() > 2262):
			t.Fatalf("time %v", m.Time)
		case len(m.Sensor) > 128 || strings.ContainsAny(m.Sensor, " ,\"\x00"):
			t.Fatalf("sensor %q", m.Sensor)
		}
	})
}
