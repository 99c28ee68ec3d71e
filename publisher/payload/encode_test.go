package payload

import (
	"bytes"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"pinhole/publisher/record"
	"pinhole/sensors"
	"pinhole/sensors/clock"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func at(us int64, synced bool) clock.Stamp {
	return clock.Stamp{Boot: us*1000 - 1763999990e9, Wall: us * 1000, Synced: synced}
}

// example is the first reading of each kind, as the documentation shows them.
func example() []sensors.Reading {
	return []sensors.Reading{
		{Sensor: "air", Quantity: sensors.Temperature, Value: 21.43, Stamp: at(1764000000123_000, true)},
		{Sensor: "air", Quantity: sensors.RelativeHumidity, Err: sensors.CRC, Stamp: at(1764000000123_000, true)},
		{Sensor: "door", Quantity: sensors.Contact, Value: 1, Stamp: at(1764000001250_417, true)},
	}
}

func TestExample(t *testing.T) {
	const want = `{"device":"greenhouse-7","stream":"0199f0c2-6f7e-7c11-9a51-0b6f2c1d8a44","seq":1200,"readings":[` +
		`{"sensor":"air","quantity":"temperature","unit":"Cel","time":1764000000123,"value":21.43},` +
		`{"sensor":"air","quantity":"relative_humidity","unit":"%RH","time":1764000000123,"error":"crc"},` +
		`{"sensor":"door","quantity":"contact","time":1764000001250.417,"value":true}]}`
	got := encode(newEncoder(t, "json"), Header{Device: "greenhouse-7", Stream: stream, Seq: 1200}, items(t, example()))
	if string(got) != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// batches are the golden ones.
func batches() map[string]struct {
	h  Header
	rs []sensors.Reading
} {
	old := [16]byte{15: 7}
	more := example()
	for i := range int64(4) {
		more = append(more,
			sensors.Reading{Sensor: "air", Quantity: sensors.Temperature, Value: 21.4 + float64(i), Stamp: at(1764000010123_000+i*10_000_000, true)},
			sensors.Reading{Sensor: "air", Quantity: sensors.RelativeHumidity, Value: 45, Stamp: at(1764000010123_000+i*10_000_000, i%2 == 0)},
			sensors.Reading{Sensor: "meter", Quantity: sensors.Count, Value: float64(i), Stamp: at(1764000010123_040+i*10_000_000, true)})
	}
	return map[string]struct {
		h  Header
		rs []sensors.Reading
	}{
		"example": {Header{Device: "greenhouse-7", Stream: stream, Seq: 1200}, example()},
		"mixed":   {Header{Device: "greenhouse-7", Stream: stream, Seq: 1200}, more},
		"end":     {Header{Device: "greenhouse-7", Stream: stream, Seq: 1215, End: true}, nil},
		"lost": {Header{Device: "greenhouse-7", Stream: stream, Seq: 1203, Lost: []Loss{
			{Stream: stream, Seq: 900, Count: 60, Reason: "queue_full"}, {Stream: old, Seq: 0, Count: 60, Span: 120, Reason: "thinned"}}}, nil},
		"all": {Header{Device: "greenhouse-7", Stream: stream, Seq: 1200, End: true, Lost: []Loss{
			{Stream: old, Seq: 5, Count: 1, Reason: "oversize"}}}, more},
	}
}

func TestGolden(t *testing.T) {
	for name, b := range batches() {
		its := items(t, b.rs)
		for _, format := range Formats() {
			got := encode(newEncoder(t, format), b.h, its)
			file := filepath.Join("testdata", "golden", name+"."+format)
			if *update {
				if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if string(want) != string(got)+"\n" {
				t.Errorf("%s:\n got %s\nwant %s", file, got, want)
			}
			if diff := cmp.Diff(wanted(format, b.h, its), decoded(t, format, got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		}
	}
}

func TestSchema(t *testing.T) {
	compiled := schemas(t)
	for name, b := range batches() {
		for format, s := range compiled {
			if err := validate(s, encode(newEncoder(t, format), b.h, items(t, b.rs))); err != nil {
				t.Errorf("%s %s: %v", name, format, err)
			}
		}
	}
	const id = `"device":"d","stream":"0199f0c2-6f7e-7c11-9a51-0b6f2c1d8a44","seq":1`
	for _, c := range []struct{ format, message string }{
		{"json", `[]`},
		{"json", `{` + id + `}`},
		{"json", `{` + id + `,"readings":[{"sensor":"s","quantity":"q","time":1}]}`},
		{"json", `{` + id + `,"readings":[{"sensor":"s","quantity":"q","time":1,"value":1,"error":"crc"}]}`},
		{"json", `{` + id + `,"readings":[{"sensor":"s","quantity":"q","time":1,"value":null}]}`},
		{"json", `{` + id + `,"readings":[{"sensor":"s","quantity":"q","time":"1","value":1}]}`},
		{"json", `{` + id + `,"readings":[],"end":false}`},
		{"json", `{` + id + `,"readings":[],"lost":[{"stream":"0199f0c2-6f7e-7c11-9a51-0b6f2c1d8a44","seq":1,"count":1,"reason":"why"}]}`},
		{"json", `{"device":"d","stream":"0199F0C2-6f7e-7c11-9a51-0b6f2c1d8a44","seq":1,"readings":[]}`},
		{"columns", `{` + id + `,"series":[]}`},
		{"columns", `{` + id + `,"count":1,"series":[{"sensor":"s","quantity":"q","time":[1],"value":[1],"error":"crc"}]}`},
		{"columns", `{` + id + `,"count":1,"series":[{"sensor":"s","quantity":"q","time":1,"value":[1]}]}`},
		{"columns", `{` + id + `,"count":2,"series":[{"sensor":"s","quantity":"q","time":[1,2],"value":[1,true]}]}`},
		{"columns", `{` + id + `,"count":0,"series":[{"sensor":"s","quantity":"q","time":[],"value":[]}]}`},
	} {
		if validate(compiled[c.format], []byte(c.message)) == nil {
			t.Errorf("%s: valid: %s", c.format, c.message)
		}
	}
	if _, ok := Schema("senml"); ok {
		t.Error("a schema of senml")
	}
}

// exercise encodes what data says in all formats, with readings taken back in between, and checks each claim of Encoder.
func exercise(t *testing.T, data []byte) (Header, []record.Item) {
	src := &source{data}
	h := Header{Device: []string{"pi", "ö\"\xff"}[src.byte()&1], Stream: stream, Seq: src.uint64(), End: src.byte()&1 == 1}
	for range src.byte() % 4 {
		l := Loss{Stream: [16]byte{src.byte()}, Seq: src.uint64(), Count: 1 + src.uint64()>>1, Reason: "thinned"}
		if src.byte()&1 == 1 {
			l.Span = l.Count + uint64(src.byte())
		}
		h.Lost = append(h.Lost, l)
	}
	its := items(t, src.readings())
	rnd := rand.New(rand.NewPCG(uint64(len(data)), uint64(len(its))))
	for _, format := range Formats() {
		e, fresh := newEncoder(t, format), newEncoder(t, format)
		encode(e, h, its) // leaves buffers behind that the next message must not show
		e.Begin(h)
		exact(t, e, e.Len())
		var kept []record.Item
		for i := range its {
			n := e.Add(&its[i], its[i].Wall, !its[i].Synced)
			kept = append(kept, its[i])
			if i < 20 || rnd.IntN(10) == 0 {
				exact(t, e, n)
			}
			if rnd.IntN(12) == 0 {
				kept = kept[:rnd.IntN(len(kept)+1)]
				e.Truncate(len(kept))
				if got, want := e.Finish(), encode(fresh, h, kept); !bytes.Equal(got, want) {
					t.Fatalf("%s cut to %d:\n got %s\nwant %s", format, len(kept), got, want)
				}
				exact(t, e, e.Len())
			}
		}
		if e.Truncate(len(kept) + 1); e.Count() != len(kept) {
			t.Fatalf("%s: %d of %d readings", format, e.Count(), len(kept))
		}
		want := wanted(format, h, kept)
		if diff := cmp.Diff(want, decoded(t, format, e.Finish()), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", format, diff)
		}
	}
	return h, its
}

// exact compares the promised length with the message's.
func exact(t *testing.T, e Encoder, n int) {
	t.Helper()
	message := e.Finish()
	if len(message) != n || e.Len() != n {
		t.Fatalf("Len %d, then %d, of a message of %d bytes: %s", n, e.Len(), len(message), message)
	}
}

func TestRandom(t *testing.T) {
	compiled := schemas(t)
	rnd := rand.NewChaCha8([32]byte{1})
	for i := range 150 {
		data := make([]byte, 20+i*6)
		_, _ = rnd.Read(data)
		h, its := exercise(t, data)
		for format, s := range compiled {
			message := encode(newEncoder(t, format), h, its)
			if err := validate(s, message); err != nil && i%5 == 0 {
				t.Fatalf("%s: %v\n%s", format, err, message)
			}
		}
	}
}

// TestAddWithin packs to every limit: no message is larger, and the next reading would have made it so.
func TestAddWithin(t *testing.T) {
	data := make([]byte, 600)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(data)
	its := items(t, (&source{data}).readings())[:30]
	h := Header{Device: "pi", Stream: stream}
	for _, format := range Formats() {
		e, fresh := newEncoder(t, format), newEncoder(t, format)
		last := 0
		for limit := len(encode(fresh, h, nil)); limit < len(encode(fresh, h, its))+10; limit++ {
			e.Begin(h)
			n := 0
			for n < len(its) && AddWithin(e, &its[n], its[n].Wall, !its[n].Synced, limit) {
				n++
			}
			if got := e.Finish(); len(got) > limit || e.Count() != n || n < last || !bytes.Equal(got, encode(fresh, h, its[:n])) {
				t.Fatalf("%s, limit %d: %d readings, %d bytes", format, limit, n, len(got))
			}
			if n < len(its) && len(encode(fresh, h, its[:n+1])) <= limit {
				t.Fatalf("%s, limit %d: %d readings, one more would fit", format, limit, n)
			}
			last = n
		}
		if last != len(its) {
			t.Errorf("%s: never more than %d readings", format, last)
		}
	}
}

// TestRepaired: the time and the mark come from the caller, not from the item.
func TestRepaired(t *testing.T) {
	rs := example()[:1]
	rs[0].Stamp.Synced = false
	its := items(t, rs)
	for _, format := range Formats() {
		e := newEncoder(t, format)
		e.Begin(Header{Device: "pi", Stream: stream})
		e.Add(&its[0], 1764009999000_001, false)
		got := decoded(t, format, e.Finish()).Readings[0]
		if got.Unsynced || got.Time != 1764009999000_001 {
			t.Errorf("%s: %+v", format, got)
		}
	}
}

// TestColumnsOfOneKind: should a quantity ever change from numbers to states, a column still holds one of them.
func TestColumnsOfOneKind(t *testing.T) {
	its := items(t, []sensors.Reading{example()[2], example()[2]})
	its[1].Kind, its[1].Mantissa, its[1].Value = record.Decimal, 1, 1
	message := encode(newEncoder(t, "columns"), Header{Device: "pi", Stream: stream}, its)
	if err := validate(schemas(t)["columns"], message); err != nil {
		t.Errorf("%s: %v", message, err)
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		us              int64
		millis, seconds string
	}{
		{0, "0", "0"},
		{1764000000123_000, "1764000000123", "1764000000.123"},
		{1764000000000_000, "1764000000000", "1764000000"},
		{1764000001250_417, "1764000001250.417", "1764000001.250417"},
		{1_500, "1.5", "0.0015"},
		{1_010, "1.01", "0.00101"},
		{-1, "-0.001", "-0.000001"},
		{-1_500_000, "-1500", "-1.5"},
		{math.MaxInt64, "9223372036854775.807", "9223372036854.775807"},
		{math.MinInt64, "-9223372036854775.808", "-9223372036854.775808"},
	} {
		if got := string(appendMillis(nil, c.us)); got != c.millis {
			t.Errorf("%d us: %s ms, want %s", c.us, got, c.millis)
		}
		if got := string(appendSeconds(nil, c.us)); got != c.seconds {
			t.Errorf("%d us: %s s, want %s", c.us, got, c.seconds)
		}
		if back, err := parseFixed(c.millis, 3); err != nil || back != c.us {
			t.Errorf("%s ms: %d us, %v", c.millis, back, err)
		}
	}
	for _, v := range []float64{0, math.Copysign(0, -1), 1e300, 5e-324, math.MaxFloat64, -1e-7, 0.30000000000000004, 1 << 60} {
		s := string(appendFloat(nil, v))
		if back, err := strconv.ParseFloat(s, 64); err != nil || back != v || strings.ContainsAny(s, "eE") || s == "-0" {
			t.Errorf("%v: %s, %v", v, s, err)
		}
	}
}

// TestSingleReadings: the three ways to one object agree.
func TestSingleReadings(t *testing.T) {
	data := make([]byte, 4000)
	_, _ = rand.NewChaCha8([32]byte{3}).Read(data)
	rs := (&source{data}).readings()
	rs = append(rs, sensors.Reading{Sensor: "s", Quantity: sensors.Raw, Value: math.Copysign(0, -1), Stamp: at(-1, true)},
		sensors.Reading{Sensor: "s", Quantity: sensors.Raw, Value: math.NaN(), Stamp: at(1, true)})
	for i := range rs {
		rs[i].Stamp.Synced = true
	}
	its := items(t, rs)
	message := encode(newEncoder(t, "json"), Header{}, its)
	_, list, _ := strings.Cut(string(message), `"readings":[`)
	want := strings.TrimSuffix(list, "]}")
	var got, live []byte
	for i := range its {
		got = append(AppendReading(got, &its[i], its[i].Wall, false), ',')
		live = append(AppendSensorReading(live, &rs[i]), ',')
		stored := AppendStored(nil, stream, 7, &its[i], its[i].Wall, true)
		if !strings.HasPrefix(string(stored), `{"stream":"0199f0c2-6f7e-7c11-9a51-0b6f2c1d8a44","seq":7,"sensor":"`) ||
			!strings.HasSuffix(string(stored), `,"clock":"unsynced"}`) {
			t.Fatalf("%s", stored)
		}
	}
	if diff := cmp.Diff(want+",", string(got)); diff != "" {
		t.Errorf("AppendReading (-message +alone):\n%s", diff)
	}
	if diff := cmp.Diff(want+",", string(live)); diff != "" {
		t.Errorf("AppendSensorReading (-message +alone):\n%s", diff)
	}
}

func TestUnknownFormat(t *testing.T) {
	if e, err := New("xml"); err == nil || e != nil {
		t.Error(e, err)
	}
}
