package host

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sim"
)

// board is a board of which only Root counts.
type board struct {
	kind.Board
	root string
}

func (b board) Root() string { return b.root }

type keys = kind.Params

func opened(t testing.TB, root string, given keys) (sensors.Sensor, error) {
	t.Helper()
	k := Kind()
	p := kind.WithDefaults(k.Keys, given)
	if problems := k.Check(p); len(problems) > 0 {
		t.Fatal(problems)
	}
	s, err := k.Open(t.Context(), board{root: root}, p)
	if err != nil {
		return nil, err
	}
	return s.(sensors.Sensor), nil
}

func sense(t testing.TB, root string, given keys) []sensors.Measurement {
	t.Helper()
	s, err := opened(t, root, given)
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.Sense(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// pi copies the fixture of a Raspberry Pi and changes it: a path to new text, "-" to take it away.
func pi(t testing.TB, change map[string]string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS("testdata/pi")); err != nil {
		t.Fatal(err)
	}
	for path, text := range change {
		path = filepath.Join(root, path)
		if text == "-" {
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestPi(t *testing.T) {
	list := sense(t, pi(t, nil), nil)
	want := []sensors.Measurement{
		{Quantity: sensors.Temperature, Value: 48.199},
		{Quantity: sensors.Load, Value: 0.08},
		{Quantity: sensors.CPUUsage, Value: 0.35}, // (81234 + 312 + 45210 + 2210) of 37239352 ticks
		{Quantity: sensors.MemoryUsed, Value: 10},
		{Quantity: sensors.DiskUsed},
		{Quantity: sensors.Uptime, Value: 93784.21},
		{Quantity: sensors.NetworkReceived, Value: 3456789012 + 1234567},
		{Quantity: sensors.NetworkSent, Value: 987654321 + 765432},
	}
	if len(list) != len(want) {
		t.Fatalf("got %+v", list)
	}
	for i, m := range list {
		if m.Quantity == sensors.DiskUsed {
			if m.Err != "" || m.Value <= 0 || m.Value > 100 {
				t.Errorf("got %+v", m)
			}
			want[i].Value = m.Value
		}
		if m != want[i] {
			t.Errorf("got %+v, want %+v", m, want[i])
		}
		if _, ok := m.Quantity.Lookup(); !ok {
			t.Errorf("%s is not in the table", m.Quantity)
		}
	}
}

// The machine that runs the test: whatever it has, what comes must be sane.
func TestHere(t *testing.T) {
	s, err := opened(t, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		list, err := s.Sense(t.Context())
		if err != nil || len(list) < 6 {
			t.Fatalf("got %+v, %v", list, err)
		}
		for _, m := range list {
			info, _ := m.Quantity.Lookup()
			if m.Err != "" || math.IsNaN(m.Value) || m.Value < 0 || info.Unit == "%" && m.Value > 100 {
				t.Errorf("got %+v", m)
			}
		}
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if list, err := s.Sense(ctx); list != nil || err == nil {
		t.Errorf("after the end: got %v, %v", list, err)
	}
}

// The simulated board has every source.
func TestSimulatedBoard(t *testing.T) {
	b := sim.New(sim.Options{})
	defer b.Close()
	list := sense(t, b.Root(), nil)
	if len(list) != len(metrics()) {
		t.Errorf("got %+v", list)
	}
	for _, m := range list {
		if m.Err != "" {
			t.Errorf("got %+v", m)
		}
	}
}

// find returns the measurement of q.
func find(list []sensors.Measurement, q sensors.Quantity) (m sensors.Measurement, ok bool) {
	i := slices.IndexFunc(list, func(m sensors.Measurement) bool { return m.Quantity == q })
	if i < 0 {
		return m, false
	}
	return list[i], true
}

// A source that is missing is left out, unless it was asked for; one that reads otherwise than expected fails alone.
func TestSources(t *testing.T) {
	const zone = "sys/class/thermal/thermal_zone"
	all := []any{"temperature", "load", "cpu_usage", "memory_used", "disk_used", "uptime", "network_received", "network_sent"}
	explicit := keys{"metrics": all}
	tests := []struct {
		name     string
		change   map[string]string
		given    keys
		quantity sensors.Quantity
		want     any // float64, Class, or nil: left out
	}{
		{"no zone", map[string]string{zone + "0": "-"}, nil, sensors.Temperature, nil},
		{"no zone, asked for", map[string]string{zone + "0": "-"}, explicit, sensors.Temperature, sensors.Absent},
		{"a zone of something else", map[string]string{zone + "0/type": "iwlwifi_1\n"}, nil, sensors.Temperature, nil},
		{"the better zone", map[string]string{zone + "0/type": "acpitz\n", zone + "11/type": "x86_pkg_temp\n", zone + "11/temp": "61000\n"},
			nil, sensors.Temperature, 61.0},
		{"the lowest zone of two", map[string]string{zone + "10/type": "cpu-thermal\n", zone + "10/temp": "1\n",
			zone + "2/type": "cpu-thermal\n", zone + "2/temp": "2\n", zone + "0": "-"}, nil, sensors.Temperature, 0.002},
		{"frost", map[string]string{zone + "0/temp": "-5250\n"}, nil, sensors.Temperature, -5.25},
		{"a zone out of order", map[string]string{zone + "0/temp": "-274000\n"}, nil, sensors.Temperature, sensors.Range},
		{"a zone with text", map[string]string{zone + "0/temp": "hot\n"}, nil, sensors.Temperature, sensors.IO},
		{"no loadavg", map[string]string{procLoad: "-"}, nil, sensors.Load, nil},
		{"no loadavg, asked for", map[string]string{procLoad: "-"}, explicit, sensors.Load, sensors.Absent},
		{"loadavg empty", map[string]string{procLoad: ""}, nil, sensors.Load, sensors.IO},
		{"loadavg NaN", map[string]string{procLoad: "nan 1 1"}, nil, sensors.Load, sensors.IO},
		{"uptime negative", map[string]string{procUptime: "-1 1"}, nil, sensors.Uptime, sensors.IO},
		{"stat of an old kernel", map[string]string{procStat: "cpu 10 10 10 70\n"}, nil, sensors.CPUUsage, 30.0},
		{"stat too short", map[string]string{procStat: "cpu 10 10 10\n"}, nil, sensors.CPUUsage, sensors.IO},
		{"stat without the sum", map[string]string{procStat: "cpu0 10 10 10 70\n"}, nil, sensors.CPUUsage, sensors.IO},
		{"stat too large", map[string]string{procStat: "cpu 99999999999999999999 1 1 1\n"}, nil, sensors.CPUUsage, sensors.IO},
		{"stat sums up too large", map[string]string{procStat: "cpu 18446744073709551615 1 1 1\n"}, nil, sensors.CPUUsage, sensors.IO},
		{"stat right after boot", map[string]string{procStat: "cpu 1 0 0 1\n"}, nil, sensors.CPUUsage, sensors.Warmup},
		{"no MemAvailable", map[string]string{procMemory: "MemTotal: 10 kB\nMemFree: 5 kB\n"}, nil, sensors.MemoryUsed, sensors.IO},
		{"memory in MB", map[string]string{procMemory: "MemTotal: 10 MB\nMemAvailable: 5 MB\n"}, nil, sensors.MemoryUsed, sensors.IO},
		{"more memory than there is", map[string]string{procMemory: "MemTotal: 10 kB\nMemAvailable: 11 kB\n"}, nil, sensors.MemoryUsed, sensors.IO},
		{"no memory", map[string]string{procMemory: "MemTotal: 0 kB\nMemAvailable: 0 kB\n"}, nil, sensors.MemoryUsed, sensors.IO},
		{"one interface", nil, keys{"interface": "wlan0"}, sensors.NetworkSent, 765432.0},
		{"lo, asked for", nil, keys{"interface": "lo"}, sensors.NetworkReceived, 81234.0},
		{"no such interface", nil, keys{"interface": "eth1"}, sensors.NetworkReceived, sensors.Absent},
		{"no network file, interface asked for", map[string]string{"proc/net": "-"}, keys{"interface": "eth0"}, sensors.NetworkSent, sensors.Absent},
		{"no network file", map[string]string{"proc/net": "-"}, nil, sensors.NetworkSent, nil},
		{"lo alone", map[string]string{procNet: "a\nb\n lo: 1 2 3 4 5 6 7 8 9\n"}, nil, sensors.NetworkSent, 0.0},
		{"interface line cut off", map[string]string{procNet: "a\nb\n eth0: 1 2 3 4 5 6 7 8\n"}, nil, sensors.NetworkSent, sensors.IO},
		{"interface line without a name", map[string]string{procNet: "a\nb\n 1 2 3 4 5 6 7 8 9\n"}, nil, sensors.NetworkReceived, sensors.IO},
		{"no such disk", nil, keys{"disk": "/data"}, sensors.DiskUsed, sensors.Absent},
		{"not asked for", nil, keys{"metrics": []any{"load"}}, sensors.Uptime, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			list := sense(t, pi(t, test.change), test.given)
			m, ok := find(list, test.quantity)
			switch want := test.want.(type) {
			case nil:
				if ok {
					t.Errorf("got %+v, want it left out", m)
				}
			case float64:
				if m.Value != want || m.Err != "" {
					t.Errorf("got %+v, want %v", m, want)
				}
			case sensors.Class:
				if m.Err != want || m.Value != 0 || m.Cause == nil || !strings.HasPrefix(m.Cause.Error(), "host: ") {
					t.Errorf("got %+v, want class %s with its cause", m, want)
				}
			}
			for _, other := range list {
				related := other.Quantity == test.quantity || strings.HasPrefix(string(other.Quantity), "network_")
				if !related && other.Err != "" {
					t.Errorf("%+v fails as well", other)
				}
			}
		})
	}
	if _, err := opened(t, t.TempDir()+"/none", nil); sensors.ClassOf(err) != sensors.Absent {
		t.Errorf("a machine without anything: %v", err)
	}
}

// Usage is that between two readings, stands while too little time has passed, and survives counters that step back.
func TestUsage(t *testing.T) {
	root := pi(t, nil)
	s, err := opened(t, root, keys{"metrics": []any{"cpu_usage"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		stat string
		want float64
	}{
		{"cpu 500 0 0 500", 50},
		{"cpu 520 0 5 575", 25},
		{"cpu 524 0 5 575", 25}, // 4 ticks: too few
		{"cpu 524 0 5 581", 40}, // 10 since the last figure
		{"cpu 634 0 5 571", 100},
		{"cpu 634 0 5 671", 0},
		{"cpu 30 0 0 70", 30}, // began anew
		{"cpu 30 0 0 80 10 40 40 0 500 500", 80},
	} {
		if err := os.WriteFile(filepath.Join(root, procStat), []byte(step.stat+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		list, err := s.Sense(t.Context())
		if err != nil || list[0].Err != "" || list[0].Value != step.want {
			t.Errorf("%s: got %+v, %v, want %v", step.stat, list, err, step.want)
		}
	}
}

// A source larger than the first buffer is read whole, and one without an end is not.
func TestLargeFiles(t *testing.T) {
	many := "a\nb\n" + strings.Repeat("  veth: 1 0 0 0 0 0 0 0 2 0 0 0 0 0 0 0\n", 5000)
	root := pi(t, map[string]string{procNet: many})
	if m, _ := find(sense(t, root, nil), sensors.NetworkSent); m.Value != 10000 {
		t.Errorf("got %+v, want 10000", m)
	}
	if err := os.Remove(filepath.Join(root, procNet)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", filepath.Join(root, procNet)); err != nil {
		t.Fatal(err)
	}
	if m, _ := find(sense(t, root, nil), sensors.NetworkSent); m.Err != sensors.IO {
		t.Errorf("got %+v, want an error", m)
	}
}

func TestKind(t *testing.T) {
	k := Kind()
	for _, given := range []keys{nil, {"metrics": []any{"uptime", "load"}}, {"interface": "eth0"}} {
		var got []sensors.Quantity
		for _, m := range sense(t, pi(t, nil), given) {
			got = append(got, m.Quantity)
		}
		if want := k.Yields(kind.WithDefaults(k.Keys, given)); !slices.Equal(got, want) {
			t.Errorf("%v: senses %v, yields %v", given, got, want)
		}
	}
	for key, given := range map[string]keys{
		"disk": {"disk": "data"}, "metrics[1]": {"metrics": []any{"load", "load"}},
	} {
		if problems := k.Check(given); len(problems) != 1 || problems[0].Key != key {
			t.Errorf("%v: got %+v", given, problems)
		}
	}
}

func TestAllocations(t *testing.T) {
	s, err := opened(t, pi(t, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() { s.Sense(ctx) }); n > 8 { // a path each, for the kernel
		t.Errorf("%v allocations a reading of 8 quantities", n)
	}
}

func BenchmarkSense(b *testing.B) {
	s, err := opened(b, "/", nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Sense(b.Context())
	}
}

// Whatever stands in a source, the parsers answer with a sane value or with none.
func FuzzParsers(f *testing.F) {
	for _, path := range []string{procLoad, procStat, procMemory, procUptime, procNet, "sys/class/thermal/thermal_zone0/temp"} {
		text, err := os.ReadFile(filepath.Join("testdata/pi", path))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	sane := func(v float64) bool { return v >= 0 && !math.IsInf(v, 0) }
	f.Fuzz(func(t *testing.T, text []byte) {
		if v, ok := parseFirst(text); ok && !sane(v) {
			t.Errorf("first: %v", v)
		}
		if c, ok := parseStat(text); ok && c.idle > c.total {
			t.Errorf("stat: %+v", c)
		}
		if v, ok := parseMemory(text); ok && (!sane(v) || v > 100) {
			t.Errorf("memory: %v", v)
		}
		for _, link := range []string{"", "eth0"} {
			if n, _, ok := parseNet(text, link); ok && (!sane(n.received) || !sane(n.sent)) {
				t.Errorf("net: %+v", n)
			}
		}
		if v, ok := parseMilli(text); ok && math.Abs(v) > 1<<31 {
			t.Errorf("milli: %v", v)
		}
	})
}
