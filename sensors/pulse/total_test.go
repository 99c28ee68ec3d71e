package pulse

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pinhole/sensors"
)

// example is a file as it lies on a disk, typed in by hand; its checksum was computed by another program (CRC-32C, iSCSI).
const example = "pinhole total 1 9e4cbe58\n" + exampleBody

const exampleBody = `{"pulses":4711,"scale":0.001,"base":1234.5,"initial":1234.5}` + "\n"

func TestFile(t *testing.T) {
	want := kept{Pulses: 4711, Scale: 0.001, Base: 1234.5, Initial: new(1234.5)}
	got, err := parse([]byte(example))
	if err != nil || got.Pulses != want.Pulses || got.Scale != want.Scale || got.Base != want.Base || *got.Initial != *want.Initial || got.Unknown {
		t.Errorf("parsed %+v, %v", got, err)
	}
	if text := string(format(want)); text != example {
		t.Errorf("formatted %q, want %q", text, example)
	}
	for i := range len(example) {
		for bit := range 8 {
			bad := []byte(example)
			bad[i] ^= 1 << bit
			if k, err := parse(bad); err == nil {
				t.Errorf("byte %d bit %d is wrong: %+v", i, bit, k)
			}
		}
		if k, err := parse([]byte(example[:i])); err == nil {
			t.Errorf("only %d bytes: %+v", i, k)
		}
	}
	for _, k := range []kept{{Scale: 0}, {Scale: -1}, {Scale: 1, Base: -1}, {Scale: 1e308, Pulses: 1 << 40}, {Scale: 1, Pulses: 1 << 60}} {
		if _, err := parse(format(k)); err == nil {
			t.Errorf("%+v is taken for a total", k)
		}
	}
	if _, err := parse([]byte(strings.Replace(example, " 1 ", " 12 ", 1))); !errors.Is(err, errNewer) {
		t.Errorf("version 12: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("pinhole total 2 00000000\n{}"))
	f.Add([]byte("pinhole total 1 00000000\n"))
	body := []byte(`{"pulses":1e3,"scale":1,"base":0,"unknown":true}`)
	f.Add(append([]byte("pinhole total 1 "+hex(checksum(body))+"\n"), body...))
	f.Fuzz(func(t *testing.T, b []byte) {
		// A right checksum is hard to guess, so the body is also tried with one.
		for _, text := range [][]byte{b, append([]byte("pinhole total 1 "+hex(checksum(b))+"\n"), b...)} {
			k, err := parse(text)
			if err != nil {
				continue
			}
			v := k.Base + k.Scale*float64(k.Pulses)
			if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 || k.Scale <= 0 {
				t.Errorf("%q: total %v", text, v)
			}
			again, err := parse(format(k))
			if err != nil || !bytes.Equal(format(again), format(k)) {
				t.Errorf("%q: %+v, formatted and parsed again %+v, %v", text, k, again, err)
			}
		}
	})
}

func hex(sum uint32) string {
	const digit = "0123456789abcdef"
	var s []byte
	for _, b := range binary.BigEndian.AppendUint32(nil, sum) {
		s = append(s, digit[b>>4], digit[b&15])
	}
	return string(s)
}

// settings is what is configured about a total.
type settings struct {
	scale   float64
	initial *float64
}

// run is one start of the agent: it loads the total, counts, saves and ends.
func run(t *testing.T, dir string, s settings, pulses uint64) (begin, end sensors.Measurement) {
	t.Helper()
	c := newTotal(dir, true, "GPIO5", sensors.Volume)
	c.scale, c.initial = s.scale, s.initial
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	begin = c.measurement(0)
	if c.unsaved(pulses) {
		if err := c.write(c.path, format(kept{c.kept.Pulses + pulses, c.kept.Scale, c.kept.Base, c.kept.Initial, c.kept.Unknown})); err != nil {
			t.Fatal(err)
		}
	}
	return begin, c.measurement(pulses)
}

// TestTotalGoesOn changes the configuration from start to start.
func TestTotalGoesOn(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		name       string
		s          settings
		pulses     uint64
		begin, end float64
	}{
		{"first", settings{scale: 0.001}, 1500, 0, 1.5},
		{"again", settings{scale: 0.001}, 500, 1.5, 2},
		{"another scale", settings{scale: 0.01}, 100, 2, 3},
		{"and back", settings{scale: 0.001}, 1000, 3, 4},
		{"the meter's reading", settings{0.001, new(1234.5)}, 500, 1234.5, 1235},
		{"the same setting", settings{0.001, new(1234.5)}, 500, 1235, 1235.5},
		{"without it", settings{scale: 0.001}, 500, 1235.5, 1236},
		{"set to the same once more", settings{0.001, new(1234.5)}, 0, 1234.5, 1234.5},
		{"set to nothing", settings{0.001, new(0.0)}, 1, 0, 0.001},
		{"set, at another scale", settings{1, new(7.0)}, 1, 7, 8},
	} {
		begin, end := run(t, dir, tt.s, tt.pulses)
		if begin.Value != tt.begin || end.Value != tt.end || begin.Err != "" || end.Err != "" {
			t.Errorf("%s: from %v to %v, want %v to %v", tt.name, begin, end, tt.begin, tt.end)
		}
	}
}

// TestTotalDamaged overwrites the file with all that can be there: the total is an error, over restarts, until it is set.
func TestTotalDamaged(t *testing.T) {
	for _, text := range []string{"", "x", example[:len(example)-1], strings.Repeat("y", 100000), strings.Replace(example, "4711", "4712", 1)} {
		dir := t.TempDir()
		s := settings{0.001, new(5.0)}
		run(t, dir, s, 1000)
		path := filepath.Join(dir, "pulse", "GPIO5-volume")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for n := range 3 {
			begin, end := run(t, dir, s, 10)
			if begin.Err != sensors.IO || end.Err != sensors.IO || begin.Value != 0 || !strings.Contains(begin.Cause.Error(), path) {
				t.Errorf("%.20q, start %d: %+v, %+v", text, n, begin, end)
			}
			s.initial = nil // removed is not set
		}
		if kept, err := os.ReadFile(path + damaged); err != nil || string(kept) != text {
			t.Errorf("%.20q is not set aside: %v", text, err)
		}
		s.initial = new(77.0)
		if begin, end := run(t, dir, s, 1000); begin.Value != 77 || end.Value != 78 {
			t.Errorf("set to 77: %+v, %+v", begin, end)
		}
	}
}

// TestTotalTorn has power fail at every byte of a new file: the old one counts.
func TestTotalTorn(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, settings{scale: 1}, 10)
	path := filepath.Join(dir, "pulse", "GPIO5-volume")
	next := format(kept{Pulses: 20, Scale: 1})
	for n := range len(next) + 1 {
		if err := os.WriteFile(path+".new", next[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if begin, _ := run(t, dir, settings{scale: 1}, 0); begin.Value != 10 {
			t.Fatalf("%d bytes of the new file: %+v", n, begin)
		}
	}
	if _, end := run(t, dir, settings{scale: 1}, 5); end.Value != 15 {
		t.Errorf("beside what was left: %+v", end)
	}
	if begin, _ := run(t, dir, settings{scale: 1}, 0); begin.Value != 15 {
		t.Errorf("the next start: %+v", begin)
	}
}

// TestTotalCannotBeRead leaves files alone that may yet be read.
func TestTotalCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	c := newTotal("", true, "GPIO5", sensors.Volume)
	if err := c.load(); sensors.ClassOf(err) != sensors.IO {
		t.Errorf("no folder: %v", err)
	}
	c = newTotal(dir, true, "GPIO5", sensors.Volume)
	if err := os.MkdirAll(c.path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := c.load(); !errors.Is(err, syscall.EISDIR) {
		t.Errorf("a folder in its place: %v", err)
	}
	if err := os.Remove(c.path); err != nil {
		t.Fatal(err)
	}
	newer := strings.Replace(example, " 1 ", " 2 ", 1)
	if err := os.WriteFile(c.path, []byte(newer), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.load(); !errors.Is(err, errNewer) || c.loaded {
		t.Errorf("a newer file: %v", err)
	}
	if text, err := os.ReadFile(c.path); err != nil || string(text) != newer {
		t.Errorf("a newer file was touched: %q, %v", text, err)
	}
}

// TestLookOnly changes nothing on disk where it may only look.
func TestLookOnly(t *testing.T) {
	dir := t.TempDir()
	for _, text := range []string{"", "damaged", example} {
		c := newTotal(dir, false, "GPIO5", sensors.Volume)
		c.scale = 0.001
		if text != "" {
			if err := os.MkdirAll(filepath.Dir(c.path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(c.path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.load(); err != nil || c.unsaved(100) {
			t.Errorf("%q: %v, to be saved: %v", text, err, c.unsaved(100))
		}
		want := map[string]float64{"": 0.1, "damaged": 0, example: 1239.311}[text]
		if m := c.measurement(100); m.Value != want || (m.Err != "") != (text == "damaged") {
			t.Errorf("%q: %+v, want %v", text, m, want)
		}
		found, _ := filepath.Glob(filepath.Join(dir, "pulse", "*"))
		if text == "" && len(found) != 0 || text != "" && len(found) != 1 {
			t.Errorf("%q: left behind %v", text, found)
		}
	}
}
