package hcsr04

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

func TestConformance(t *testing.T) {
	for name, p := range map[string]kind.Params{
		"header":        {"trigger": "GPIO23", "echo": "GPIO24"},
		"another chip":  {"trigger": "pinctrl-rp1:5", "echo": "gpio-mcp:7", "temperature": -20.0},
		"in a hot shed": {"trigger": "GPIO23", "echo": "GPIO24", "temperature": 45.0},
	} {
		t.Run(name, func(t *testing.T) {
			sensorstest.Run(t, sensorstest.Suite{Kind: Kind(), Params: p,
				Truth:  []sim.Still{{sensors.Distance: 1}, {sensors.Distance: 0.0215}, {sensors.Distance: 0.5}, {sensors.Distance: 3.99}},
				Within: map[sensors.Quantity]float64{sensors.Distance: 0.003},
				// Contexts with deadlines are made anew for each wait.
				Allocations: 40})
		})
	}
}

// TestSpeedOfSound compares with the table in the CRC Handbook's formula for dry air, and with the datasheet's 58 µs a centimetre.
func TestSpeedOfSound(t *testing.T) {
	for _, tt := range []struct{ celsius, want, within float64 }{
		{0, 331.3, 0.1}, {20, 343.2, 0.1}, {-20, 318.9, 0.2}, {40, 354.7, 0.4},
	} {
		if v := speedOfSound(tt.celsius); math.Abs(v-tt.want) > tt.within {
			t.Errorf("at %v Cel: %v m/s, want %v", tt.celsius, v, tt.want)
		}
	}
	if us := 2 * 0.01 / speedOfSound(20) * 1e6; math.Abs(us-58) > 0.5 {
		t.Errorf("%v µs a centimetre and back, the datasheet says 58", us)
	}
}

// TestEcho plays edges to a device at 20 degrees.
func TestEcho(t *testing.T) {
	const us = int64(time.Microsecond)
	up := func(seq uint32, at int64) kind.Event { return kind.Event{Rising: true, Seq: seq, Mono: at * us} }
	down := func(seq uint32, at int64) kind.Event { return kind.Event{Seq: seq, Mono: at * us} }
	for _, tt := range []struct {
		name   string
		events []kind.Event
		want   float64
		class  sensors.Class
		says   string
	}{
		{"one metre", []kind.Event{up(7, 1000), down(8, 6827)}, 1, "", ""},
		{"nearest", []kind.Event{up(7, 1000), down(8, 1117)}, 0.0201, "", ""},
		{"furthest", []kind.Event{up(7, 1000), down(8, 24309)}, 4, "", ""},
		{"nearer", []kind.Event{up(7, 1000), down(8, 1113)}, 0, sensors.Range, "nearer"},
		{"further", []kind.Event{up(7, 1000), down(8, 24400)}, 0, sensors.Range, "no echo"},
		{"nothing there", []kind.Event{up(7, 1000), down(8, 39000)}, 0, sensors.Range, "no echo"},
		{"never ends", []kind.Event{up(7, 1000)}, 0, sensors.Timeout, "stays high"},
		{"edges lost before", []kind.Event{up(9, 1000), down(10, 6827)}, 1, "", ""},
		{"the number starts over", []kind.Event{up(1<<32-1, 1000), down(0, 6827)}, 1, "", ""},
		{"edges lost within", []kind.Event{up(7, 1000), down(10, 6827)}, 0, sensors.IO, "edge 10 came after edge 7"},
		{"begins with its end", []kind.Event{down(7, 1000), up(8, 6827)}, 0, sensors.IO, "one up and one down"},
		{"two ends", []kind.Event{down(7, 1000), down(8, 6827)}, 0, sensors.IO, "one up and one down"},
		{"two beginnings", []kind.Event{up(7, 1000), up(8, 6827)}, 0, sensors.IO, "one up and one down"},
		{"two echoes", []kind.Event{up(7, 1000), down(8, 6827), up(9, 7000), down(10, 8000)}, 0, sensors.IO, ""},
		{"ends before it begins", []kind.Event{up(7, 6827), down(8, 1000)}, 0, sensors.IO, "before it begins"},
	} {
		d := &Dev{name: "hcsr04 at a/b", speed: speedOfSound(20)}
		for _, e := range tt.events {
			d.ping.edge(e)
		}
		v, err := d.distance()
		if math.Abs(v-tt.want) > 1e-4 || sensors.ClassOf(err) != tt.class || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, %v; want %v, class %q, %q", tt.name, v, err, tt.want, tt.class, tt.says)
		}
	}
}

// FuzzEcho has two edges of any kind: what comes out is a distance within the range or an error.
func FuzzEcho(f *testing.F) {
	f.Add(uint32(1), true, int64(1000), uint32(2), false, int64(6_828_000))
	f.Fuzz(func(t *testing.T, seqA uint32, a bool, atA int64, seqB uint32, b bool, atB int64) {
		d := &Dev{name: "hcsr04 at a/b", speed: speedOfSound(20)}
		d.ping.edge(kind.Event{Seq: seqA, Rising: a, Mono: atA})
		d.ping.edge(kind.Event{Seq: seqB, Rising: b, Mono: atB})
		v, err := d.distance()
		if err == nil && (v < nearest || v > furthest || !a || b || seqB != seqA+1) || err != nil && v != 0 {
			t.Errorf("%v, %v", v, err)
		}
	})
}

// TestOutOfRange has nothing in front of the module, and something too near.
func TestOutOfRange(t *testing.T) {
	for _, distance := range []float64{0.001, 0.019, 4.01, 6, 100, 0} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			b := sim.New(sim.Options{World: sim.Still{sensors.Distance: distance}, Mono: func() int64 { return int64(time.Since(begin)) }})
			p := kind.WithDefaults(Kind().Keys, kind.Params{"trigger": "GPIO23", "echo": "GPIO24"})
			if err := b.Attach("hcsr04", p); err != nil {
				t.Fatal(err)
			}
			d, err := open(b, p)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			for range 3 {
				if list, err := d.Sense(t.Context()); sensors.ClassOf(err) != sensors.Range || list != nil {
					t.Errorf("%v m: measured %v, %v", distance, list, err)
				}
			}
		})
	}
}

func TestSameLineTwice(t *testing.T) {
	if list := Kind().Check(kind.Params{"trigger": "GPIO23", "echo": "GPIO23"}); len(list) != 1 || list[0].Key != "echo" {
		t.Errorf("%v", list)
	}
}
