package agent

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/cmd/pinhole/internal/config"
	"pinhole/sensors"
	"pinhole/sensors/all"
)

// told is a reading and when it was taken, after the start.
type told struct {
	at time.Duration
	sensors.Reading
}

// script parses a configuration for the simulated board.
func script(t *testing.T, text string) *config.Config {
	t.Helper()
	c, problems := config.Parse("test.yaml", []byte("board: sim\npublisher: {broker: mqtt://localhost, queue: {dir: \""+t.TempDir()+"\"}}\n"+text),
		config.Options{Kinds: all.Kinds(), Hostname: "desk", Dir: t.TempDir()})
	for _, p := range problems {
		t.Error(p)
	}
	if c == nil {
		t.FailNow()
	}
	return c
}

// watched is what became of a script.
type watched struct {
	readings []told
	classes  map[string]map[sensors.Class]bool // of each sensor's health, looked at twice a second
}

// follow runs the configured sensors on the simulated board for a while, as `pinhole read --watch` does.
func follow(t *testing.T, text string, length time.Duration) (w watched) {
	t.Helper()
	c := script(t, text)
	w.classes = map[string]map[sensors.Class]bool{}
	synctest.Test(t, func(t *testing.T) {
		board, err := OpenBoard(c, "")
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		sources, err := board.Sources(c.Sensors)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		s := sensors.NewSampler(board.Clock, func(readings []sensors.Reading) {
			mu.Lock()
			defer mu.Unlock()
			for _, r := range readings {
				w.readings = append(w.readings, told{time.Since(begin), r})
			}
		}, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})))
		s.Set(sources)
		ctx, cancel := context.WithTimeout(t.Context(), length)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() { board.Run(ctx) })
		wg.Go(func() {
			for ; ctx.Err() == nil; time.Sleep(500 * time.Millisecond) {
				for _, h := range s.Health() {
					if w.classes[h.Name] == nil {
						w.classes[h.Name] = map[sensors.Class]bool{}
					}
					w.classes[h.Name][h.Class] = true
				}
			}
		})
		s.Run(ctx)
		if err := board.Close(); err != nil { // which lets go a driver that hangs
			t.Error(err)
		}
		wg.Wait()
	})
	return w
}

// of picks the readings of a sensor's quantity.
func (w *watched) of(sensor string, q sensors.Quantity) (list []told) {
	for _, r := range w.readings {
		if name, _, _ := strings.Cut(r.Sensor, "."); name == sensor && r.Quantity == q {
			list = append(list, r)
		}
	}
	return list
}

// The air of these tests is at 20 degrees everywhere and from the first second to the last, so every other value is a wrong one.
const still = `
sim:
  values: [{quantity: temperature, value: 20}]
  faults: [{sensor: a, at: 4500ms, for: 15s, kind: %s}]
`

const (
	from = 4500 * time.Millisecond
	to   = 19500 * time.Millisecond
)

// described is a part that is known by its description alone.
const described = `{name: a, every: 1s, kind: register, address: 0x48, definition: {chip: TMP102, addresses: [0x48], startup: 35ms,
    init: [{set: {register: 0x01, bytes: 2, value: 0x60a0}}, {delay: 40ms}],
    measure: [{reads: [{register: 0x00, bytes: 2, fields: [{quantity: temperature, bits: 12, type: signed, scale: 0.0625, min: -55, max: 128}]}]}],
    canary: [{register: 0x01, bytes: 2, mask: 0xff0f, equals: 0x6000}]}}`

// TestMishaps has every kind of mishap happen to a part of which it can be told, and demands the right class while it lasts, no wrong value
// at any time, good ones again afterwards, and that a part on another bus goes on undisturbed.
func TestMishaps(t *testing.T) {
	const (
		bme     = "{name: a, every: 1s, kind: bme280}"
		sht     = "{name: a, every: 1s, kind: sht4x}"
		muxed   = "{name: a, every: 1s, kind: bme280, mux: 0x70, channel: 3}"
		wire    = "{name: a, every: 1s, kind: onewire, device: 28-00000a1b2c3d}"
		allWire = "{name: a, every: 1s, kind: onewire}"
		iio     = "{name: a, every: 1s, kind: iio, device: bmp280, channels: [temp]}"
		hwmon   = "{name: a, every: 1s, kind: hwmon, device: lm75}"
		dht     = "{name: a, every: 1s, kind: dht}"
		thermal = "{name: a, every: 1s, kind: thermal}"
		couple  = "{name: a, every: 1s, kind: max31855}"
		pt100   = "{name: a, every: 1s, kind: max31865, wires: 3}"
	)
	for _, tt := range []struct {
		sensor, mishap string
		class          sensors.Class // of the reading; "": none fails
		then           sensors.Class // what is found out thereafter, when it is opened anew; "": the same
	}{
		{bme, "unplug", sensors.Absent, ""},
		{bme, "nak", sensors.Absent, ""},
		{bme, "timeout", sensors.Timeout, ""},
		{bme, "stuck", sensors.Timeout, ""},
		{bme, "arbitration", sensors.Busy, ""},
		{bme, "broken", sensors.IO, ""},
		{bme, "ones", sensors.IO, sensors.Absent},
		{bme, "zeros", sensors.IO, sensors.Wrong},
		{bme, "hang", sensors.Timeout, ""},
		{bme, "stretch", "", ""},
		{bme, "stretch, delay: 2s", sensors.Timeout, ""},
		{bme, "brownout", sensors.Absent, ""},
		{bme, "swap, with: bmp180", sensors.Timeout, sensors.Wrong},
		{bme, "swap, with: bmp280", sensors.IO, sensors.Wrong},
		{sht, "unplug", sensors.Absent, ""},
		{sht, "flip", sensors.CRC, ""},
		{sht, "ones", sensors.CRC, ""},
		{sht, "zeros", sensors.CRC, ""},
		{sht, "swap", "", ""},
		{sht, "swap, with: bme280", sensors.CRC, ""},
		{muxed, "unplug", sensors.Absent, ""},
		{muxed, "stuck", sensors.Timeout, ""},
		{described, "unplug", sensors.Absent, ""},
		{described, "nak", sensors.Absent, ""},
		{described, "timeout", sensors.Timeout, ""},
		{described, "broken", sensors.IO, ""},
		{described, "ones", sensors.IO, ""},
		{described, "brownout", sensors.Absent, ""},
		{wire, "unplug", sensors.Absent, ""},
		{wire, "broken", sensors.IO, ""},
		{wire, "garbage", sensors.IO, ""},
		{allWire, "unplug", sensors.Absent, ""},
		{iio, "unplug", sensors.Absent, ""},
		{iio, "broken", sensors.IO, ""},
		{iio, "garbage", sensors.IO, ""},
		{hwmon, "unplug", sensors.Absent, ""},
		{hwmon, "broken", sensors.IO, ""},
		{dht, "unplug", sensors.Absent, ""},
		{thermal, "unplug", sensors.Absent, ""},
		{thermal, "garbage", sensors.IO, ""},
		{couple, "unplug", sensors.Absent, ""},
		{couple, "timeout", sensors.Timeout, ""},
		{couple, "broken", sensors.IO, ""},
		{couple, "flip", sensors.CRC, ""},
		{couple, "zeros", sensors.Absent, ""},
		{couple, "hang", sensors.Timeout, ""},
		{couple, "brownout", sensors.Absent, ""},
		{couple, "swap, with: mcp3204", sensors.Absent, ""},
		{pt100, "unplug", sensors.Absent, ""},
		{pt100, "brownout", sensors.Absent, ""},
		{pt100, "flip", sensors.Wrong, ""},
	} {
		kindName, _, _ := strings.Cut(strings.SplitN(tt.sensor, "kind: ", 2)[1], ",")
		t.Run(strings.TrimSuffix(kindName, "}")+" "+tt.mishap, func(t *testing.T) {
			w := follow(t, "sensors:\n  - "+tt.sensor+"\n  - {name: b, every: 1s, kind: sht4x, bus: 2}\n"+fmt.Sprintf(still, tt.mishap), 40*time.Second)
			warm := 0.0
			if strings.Contains(tt.sensor, "thermal") {
				warm = 30 // a processor is warmer than the air
			}
			var classes []sensors.Class
			before, after, last := 0, 0, time.Duration(0)
			for _, r := range w.of("a", sensors.Temperature) {
				switch {
				case r.Err != "":
					classes = append(classes, r.Err)
					if r.at < from {
						t.Errorf("class %s after %v", r.Err, r.at)
					}
				case r.Value < 19.5 || r.Value > 20.5+warm:
					t.Errorf("%v degrees after %v", r.Value, r.at)
				case r.at < from:
					before++
				case r.at < to && tt.class != "":
					t.Errorf("a value after %v", r.at)
				case r.at > to:
					after++
					last = r.at
				}
			}
			want := []sensors.Class{tt.class}
			if tt.class == "" {
				want = nil
			}
			if classes = slices.Compact(classes); !slices.Equal(classes, want) {
				t.Errorf("classes %v, want %v", classes, want)
			}
			if tt.then != "" && !w.classes["a"][tt.then] {
				t.Errorf("classes %v, want %s among them", w.classes["a"], tt.then)
			}
			if before < 5 || after < 10 || last < 39*time.Second {
				t.Errorf("%d values before and %d after, the last after %v", before, after, last)
			}
			if n := len(w.of("b", sensors.Temperature)); n < 40 || len(w.classes["b"]) != 1 {
				t.Errorf("the other bus: %d readings, classes %v", n, w.classes["b"])
			}
		})
	}
}

// TestBrownOuts breaks the supply of parts for a moment, again and again, at every phase of their measuring. What is read is an error or
// the truth, and the last readings are good.
func TestBrownOuts(t *testing.T) {
	for _, kindName := range []string{"bme280", "bmp280", "bmp388", "sht3x", "sht4x", "shtc3", "aht20", "htu21d", "tmp102", "tmp117", "mcp9808", "lm75"} {
		t.Run(kindName, func(t *testing.T) {
			w := follow(t, "sensors: [{name: a, every: 1s, kind: "+kindName+`}]
sim:
  values: [{quantity: temperature, value: 20}]
  faults: [{sensor: a, at: 1s, every: 1737ms, kind: brownout}]
`, 200*time.Second)
			good, last := 0, sensors.Class("none")
			for _, r := range w.of("a", sensors.Temperature) {
				if last = r.Err; r.Err != "" {
					continue
				}
				if good++; r.Value < 19 || r.Value > 21 {
					t.Errorf("%v degrees after %v", r.Value, r.at)
				}
			}
			if good < 20 {
				t.Errorf("%d good readings, the last has class %q", good, last)
			}
		})
	}
}

// TestLineMishaps: what goes wrong with lines.
func TestLineMishaps(t *testing.T) {
	for _, tt := range []struct{ mishap, want string }{
		{"unplug, at: 12s, for: 5s", "[0:true 5:false 10:true 12:absent 17:true 65:false 70:true]"},
		{"low, at: 20s, for: 5s", "[0:true 5:false 10:true 65:false 70:true]"}, // a closed contact holds it low anyway
		{"high, at: 20s, for: 5s", "[0:true 5:false 10:true 20:false 25:true 65:false 70:true]"},
		{"lost-edges, at: 4s, for: 2s", "[0:true 6:io 6:false 10:true 65:false 70:true]"},
	} {
		w := follow(t, `
sensors: [{name: door, kind: gpio, pin: GPIO17}]
sim:
  values:
    - {sensor: door, quantity: contact, value: true}
    - {sensor: door, quantity: contact, value: false, at: 5s, for: 5s, every: 60s}
  faults: [{sensor: door, kind: `+tt.mishap+"}]\n", 90*time.Second)
		var got []string
		for _, r := range w.readings {
			what := string(r.Err)
			if what == "" {
				what = fmt.Sprint(r.Value != 0)
			}
			got = append(got, fmt.Sprintf("%d:%s", r.at/time.Second, what))
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%s: %v, want %s", tt.mishap, got, tt.want)
		}
	}
}

// TestStuckBus: a stuck bus is that of all its parts, and of no other's; so is one on which a part hangs.
func TestStuckBus(t *testing.T) {
	for mishap, class := range map[string]sensors.Class{"stuck": sensors.Timeout, "hang": sensors.Busy} {
		w := follow(t, "sensors:\n  - {name: a, every: 1s, kind: bme280}\n  - {name: c, every: 1s, kind: sht4x}\n  - {name: b, every: 1s, kind: sht4x, bus: 2}\n"+
			fmt.Sprintf(still, mishap), 40*time.Second)
		for name, want := range map[string]sensors.Class{"a": sensors.Timeout, "c": class, "b": ""} {
			var got sensors.Class
			n := 0
			for _, r := range w.of(name, sensors.Temperature) {
				if r.Err != "" {
					got = r.Err
				} else if n++; want != "" && r.at > from+time.Second && r.at < to {
					t.Errorf("%s: %s has a value after %v", mishap, name, r.at)
				}
			}
			if got != want || n < 20 {
				t.Errorf("%s: %s has class %q and %d values, want %q", mishap, name, got, n, want)
			}
		}
	}
}
