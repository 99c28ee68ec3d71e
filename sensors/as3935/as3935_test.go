package as3935

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

// TestConformance: a part that is swapped in a storm hears it anew, so the count may be a few ahead of the world. TestStrokes is exact.
func TestConformance(t *testing.T) {
	var worlds []sim.Still
	for i, km := range []float64{14, 27, 1, 40, 5} {
		worlds = append(worlds, sim.Still{sensors.Count: float64(i), sensors.StormDistance: 1000 * km, sensors.Alarm: float64(i % 2)})
	}
	sensorstest.Run(t, sensorstest.Suite{Kind: Kind(), Truth: worlds, Nameless: true, Params: kind.Params{"location": "outdoors", "tuning": int64(48)},
		Within: map[sensors.Quantity]float64{sensors.Count: 2, sensors.StormDistance: 0, sensors.Alarm: 0}})
}

// desk is an opened part on a board of its own.
func desk(t *testing.T, world sim.Still) (*sim.Board, *Dev) {
	t.Helper()
	board := sim.New(sim.Options{World: world})
	p := kind.WithDefaults(Kind().Keys, nil)
	if err := board.Attach("as3935", p); err != nil {
		t.Fatal(err)
	}
	dev, err := Kind().Open(t.Context(), board, p)
	if err != nil {
		t.Fatal(err)
	}
	return board, dev.(*Dev)
}

// TestStrokes counts, exactly, whatever happens on the bus.
func TestStrokes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := sim.Still{sensors.Count: 17, sensors.StormDistance: 20000}
		board, dev := desk(t, world)
		count := func(want float64) {
			t.Helper()
			list, err := dev.Sense(t.Context())
			if err != nil || list[0].Value != want || list[1].Value != 20000 {
				t.Errorf("%v, %v, want %v", list, err, want)
			}
		}
		count(1) // it was not calibrated before, so it has heard nothing of the 17; what comes now is new
		count(1)
		for n := 2; n < 6; n++ {
			world[sensors.Count]++
			count(float64(n))
			count(float64(n))
		}
		// The stroke is read, and the transfer fails: it is not lost.
		world[sensors.Count]++
		board.Inject("1", func(sim.Transfer) sim.Fault { return sim.Fault{Trouble: sim.Broken} })
		if _, err := dev.Sense(t.Context()); sensors.ClassOf(err) != sensors.IO {
			t.Errorf("%v", err)
		}
		board.Inject("1", nil)
		count(6)
		// A bit that says lightning where there is none.
		n := 0
		board.Inject("1", func(x sim.Transfer) sim.Fault {
			if n++; x.R == block && n == 1 {
				return sim.Fault{Trouble: sim.Flip, Byte: regInterrupt, Bit: 3}
			}
			return sim.Fault{}
		})
		count(6)
		board.Inject("1", nil)
		// Opened again, it goes on listening, and what was before is not counted.
		again, err := Kind().Open(t.Context(), board, kind.WithDefaults(Kind().Keys, nil))
		if err != nil {
			t.Fatal(err)
		}
		dev = again.(*Dev)
		count(0)
		world[sensors.Count]++
		count(1)
	})
}

// TestNoise: while it is deaf it says so.
func TestNoise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := sim.Still{}
		_, dev := desk(t, world)
		for _, noisy := range []float64{0, 1, 1, 0} {
			world[sensors.Alarm] = noisy
			if list, err := dev.Sense(t.Context()); err != nil || list[2].Value != noisy || list[2].Quantity != sensors.Alarm {
				t.Errorf("%v, %v, want %v", list, err, noisy)
			}
		}
	})
}

// TestSettings: what goes into the registers, by the datasheet's tables, and how a part that is not to be calibrated is told.
func TestSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := sim.New(sim.Options{World: sim.Still{}})
		p := kind.WithDefaults(Kind().Keys, kind.Params{"location": "outdoors", "noise_floor": int64(5), "watchdog": int64(3), "spike_rejection": int64(9), "tuning": int64(88)})
		if err := board.Attach("as3935", p); err != nil {
			t.Fatal(err)
		}
		if _, err := Kind().Open(t.Context(), board, p); err != nil {
			t.Fatal(err)
		}
		bus, _ := board.I2C("1")
		r := make([]byte, 9)
		if err := bus.Tx(3, []byte{0}, r); err != nil || [4]byte(r[:4]) != [4]byte{0x1C, 0x53, 0xC9, 0x20} || r[8] != 0x0B {
			t.Errorf("% x, %v", r, err)
		}
		other := &untuned{}
		board.Plug("1", 3, "untuned", other)
		_, err := Kind().Open(t.Context(), board, p)
		const want = "as3935 at i2c-1/0x03: calibrate: 0xc0, 0x80: the oscillators cannot be calibrated"
		if err == nil || err.Error() != want || sensors.ClassOf(err) != sensors.IO {
			t.Errorf("%v, want %s", err, want)
		}
		// Defaults, settings, calibration of the RCOs, which is begun and ended by the display of its clock: "RCO Calibration".
		const written = "3c96 001c 0153 02c9 0320 080b 3d96 082b 080b "
		if !strings.HasPrefix(other.written, written) {
			t.Errorf("written %q, want %q", other.written, written)
		}
		other.written = ""
		_, _ = Kind().Open(t.Context(), board, kind.WithDefaults(Kind().Keys, nil))
		if defaults := "3c96 0024 0122 02c2 0320 0800 "; !strings.HasPrefix(other.written, defaults) {
			t.Errorf("written %q, want %q", other.written, defaults)
		}
	})
	problems := Kind().Check(kind.Params{"tuning": int64(50)})
	if len(problems) != 1 || problems[0].Key != "tuning" || problems[0].Hint != "write 48 or 56" {
		t.Errorf("%v", problems)
	}
}

// untuned is a part whose timer cannot be calibrated.
type untuned struct {
	sim.Registers
	written string
}

func (u *untuned) Tx(_ time.Time, w, r []byte) bool {
	if len(w) > 1 {
		u.written += fmt.Sprintf("%x ", w)
	}
	u.Transfer(w, r)
	u.Mem[0x3A], u.Mem[0x3B] = 0xC0, 0x80
	return true
}

func (*untuned) Power(time.Time) {}

// TestConvert: every distance that the part can tell, and those that it cannot.
func TestConvert(t *testing.T) {
	d := &Dev{part: new(kind.Part), noStorm: errors.New("fine")}
	// Table "Distance Estimation": 000001 overhead, and 14 distances.
	told := map[byte]float64{1: 1000, 5: 5000, 6: 6000, 8: 8000, 10: 10000, 12: 12000, 14: 14000, 17: 17000, 20: 20000, 24: 24000, 27: 27000,
		31: 31000, 34: 34000, 37: 37000, 40: 40000}
	for km := range byte(64) {
		list := d.convert(&[block]byte{7: km | 0xC0})
		if list[1].Value != told[km] || (list[1].Err == "") != (told[km] > 0) {
			t.Errorf("%d: %v", km, list[1])
		}
		if told[km] == 0 && (list[1].Err != sensors.Range || (list[1].Cause == d.noStorm) != (km == 0 || km == 0x3F)) {
			t.Errorf("%d: %v, %v", km, list[1], list[1].Cause)
		}
		if list[0].Value != 0 || list[0].Err != "" || list[2].Value != 0 {
			t.Errorf("%d: %v", km, list)
		}
	}
	if e := energy(&[block]byte{4: 0x12, 5: 0x34, 6: 0xF7}); e != 0x173412 {
		t.Errorf("energy %#x", e)
	}
	for _, tt := range []struct {
		energy [3]byte
		want   float64
	}{{[3]byte{1, 0, 0}, 1}, {[3]byte{1, 0, 0}, 1}, {[3]byte{1, 0, 0xE0}, 1}, {[3]byte{0, 1, 0}, 2}, {[3]byte{0, 0, 0x10}, 3}, {[3]byte{0, 0, 0}, 3}, {[3]byte{1, 0, 0}, 4}} {
		list := d.convert(&[block]byte{regEnergy: tt.energy[0], regEnergy + 1: tt.energy[1], regEnergy + 2: tt.energy[2], regDistance: nowhere})
		if list[0].Value != tt.want {
			t.Errorf("energy % x: %v, want %v", tt.energy, list[0].Value, tt.want)
		}
	}
}

// FuzzConvert: no registers make a value that the part cannot tell.
func FuzzConvert(f *testing.F) {
	f.Add([]byte{0x24, 0x22, 0xC2, 0x28, 1, 2, 3, 14, 0})
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, data []byte) {
		var regs [block]byte
		copy(regs[:], data)
		d := &Dev{part: new(kind.Part)}
		list := d.convert(&regs)
		if v := list[1].Value; list[1].Err == "" && !(v >= 1000 && v <= 40000) || list[0].Value > 1 || list[2].Value != 0 && list[2].Value != 1 {
			t.Errorf("% x: %v", regs, list)
		}
	})
}
