package all

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sim"
)

var update = flag.Bool("update", false, "write testdata/transfers.txt anew")

// scribe is a board that writes down what goes to its I2C buses: bytes written, and how many are read.
type scribe struct {
	*sim.Board
	text bytes.Buffer
	last string
}

type scribedBus struct {
	i2c.Bus
	scribe *scribe
}

func (s *scribe) I2C(number string) (i2c.Bus, error) {
	bus, err := s.Board.I2C(number)
	return &scribedBus{bus, s}, err
}

func (b *scribedBus) Tx(addr uint16, w, r []byte) error {
	line := fmt.Sprintf("\t% x", w)
	if len(r) > 0 {
		line += fmt.Sprintf(" > %d", len(r))
	}
	b.scribe.write(line)
	return b.Bus.Tx(addr, w, r)
}

// write leaves out what is the same as before: reading twice, and waiting.
func (s *scribe) write(line string) {
	if line != s.last {
		fmt.Fprintln(&s.text, line)
	}
	s.last = line
}

// overheard is what a kind with these parameters says to its part.
func overheard(t *testing.T, k kind.Kind, p kind.Params) []byte {
	t.Helper()
	var s *scribe
	synctest.Test(t, func(t *testing.T) {
		s = &scribe{Board: sim.New(sim.Options{World: sim.Still{
			sensors.Temperature: 21.5, sensors.RelativeHumidity: 45, sensors.Pressure: 101325, sensors.CO2: 700, sensors.TVOC: 120, sensors.CO2Equivalent: 800,
			sensors.AQIUBA: 2, sensors.Illuminance: 300, sensors.Voltage: 1.2, sensors.Current: 0.3, sensors.Power: 0.36, sensors.AccelerationZ: 9.81,
			sensors.GasResistance: 50000, sensors.Raw: 30000, sensors.UVIndex: 5, sensors.StormDistance: 14000,
		}})}
		defer s.Close()
		if err := s.Attach(k.Name, p); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		s.write(k.Name + ": open")
		dev, err := k.Open(t.Context(), s, p)
		if err != nil {
			s.write("refused") // a constant that makes no sense of a register
			return
		}
		s.write("sense")
		for range 3 {
			time.Sleep(10 * time.Second)
			_, err := dev.(sensors.Sensor).Sense(t.Context())
			if err == nil {
				break
			}
			if c := sensors.ClassOf(err); c != sensors.Warmup && c != sensors.Range {
				t.Errorf("%s %v: %v", k.Name, p, err)
			}
		}
		s.write("close")
		if err := dev.(sensors.Sensor).Close(); err != nil {
			t.Errorf("%s: %v", k.Name, err)
		}
	})
	return s.text.Bytes()
}

// settings are the values of a key beside its default: all words, or the ends of a range.
func settings(k kind.Key) (list []any) {
	switch {
	case k.Type == kind.Enum:
		for _, word := range k.Enum {
			list = append(list, word)
		}
	case k.Type == kind.Bool:
		list = []any{true, false}
	case k.Type == kind.Int && k.Min != nil && k.Max != nil:
		list = []any{int64(*k.Min), int64(*k.Max)}
	case k.Type == kind.Float && k.Min != nil && k.Max != nil:
		list = []any{*k.Min, *k.Max}
	}
	return slices.DeleteFunc(list, func(v any) bool { return v == kind.WithDefaults([]kind.Key{k}, nil)[k.Name] })
}

// TestTransfers holds what each I2C kind says to its part against testdata/transfers.txt: with its defaults, and what of that is another
// with another setting. These bytes were compared with the parts' datasheets, and with drivers by others. The simulated parts do not
// mind all of them: a reset that changes nothing, a setting that makes no difference to them, or the settings of a definition, which
// says itself what its part is like.
func TestTransfers(t *testing.T) {
	var all bytes.Buffer
	for _, k := range Kinds() {
		p := kind.WithDefaults(k.Keys, nil)
		if k.Name == "register" || k.Event || !p.Has("bus") || !p.Has("address") {
			continue
		}
		usual := overheard(t, k, p)
		all.Write(usual)
		common := map[string]bool{}
		for _, key := range kind.I2CKeys(0x20) {
			common[key.Name] = true
		}
		for _, key := range k.Keys {
			if common[key.Name] {
				continue
			}
			for _, v := range settings(key) {
				p := kind.WithDefaults(k.Keys, kind.Params{key.Name: v})
				fmt.Fprintf(&all, "%s: %v:", key.Name, v)
				known := bytes.Clone(usual)
				for line := range bytes.Lines(overheard(t, k, p)) {
					if !bytes.Contains(known, line) {
						fmt.Fprintf(&all, " %s;", bytes.TrimSpace(line))
						known = append(known, line...)
					}
				}
				fmt.Fprintln(&all)
			}
		}
	}
	const golden = "testdata/transfers.txt"
	if *update {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, all.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	got, lines := bytes.Split(all.Bytes(), []byte("\n")), bytes.Split(want, []byte("\n"))
	for i, line := range lines {
		if i >= len(got) || !bytes.Equal(got[i], line) {
			t.Fatalf("line %d of %s is %q, now %q.\nFor a new kind, or if the datasheet says so: make golden", i+1, golden, line, append(got, nil)[min(i, len(got))])
		}
	}
	if len(got) > len(lines) {
		t.Fatalf("there is more than %s has: make golden", golden)
	}
}
