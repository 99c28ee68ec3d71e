package sgp30

import (
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensirion"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

func worlds() (list []sim.Still) {
	for _, w := range [][2]float64{{120, 417}, {999, 1250}, {1, 400}, {0, 400}, {37, 20567}, {60000, 60000}, {0, 400}} {
		list = append(list, sim.Still{sensors.TVOC: w[0], sensors.CO2Equivalent: w[1]})
	}
	return list
}

// TestConformance goes at the pace of the part's hour: a part that was reset without anybody noticing says 0 for so long.
func TestConformance(t *testing.T) {
	sensorstest.Run(t, sensorstest.Suite{Kind: Kind(), Truth: worlds(), Pace: 5 * time.Minute,
		Within: map[sensors.Quantity]float64{sensors.TVOC: 0.5, sensors.CO2Equivalent: 0.5}})
}

// part is an opened part on a board of its own.
func part(t *testing.T, world sim.Still) (*sim.Board, *Dev) {
	t.Helper()
	board := sim.New(sim.Options{World: world})
	p := kind.WithDefaults(Kind().Keys, nil)
	if err := board.Attach("sgp30", p); err != nil {
		t.Fatal(err)
	}
	dev, err := Kind().Open(t.Context(), board, p)
	if err != nil {
		t.Fatal(err)
	}
	return board, dev.(*Dev)
}

// every asks the part each second for d and returns the last answer and how many were values.
func every(t *testing.T, dev *Dev, d time.Duration) (values int, last []sensors.Measurement, err error) {
	begin := time.Now()
	for n := range d / time.Second {
		time.Sleep(time.Until(begin.Add((n + 1) * time.Second)))
		if last, err = dev.Sense(t.Context()); err == nil {
			values++
		}
	}
	return values, last, err
}

// TestHour follows a part in clean air: nothing before the baseline is there, 0 after.
func TestHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := sim.Still{sensors.TVOC: 250}
		board, dev := part(t, world)
		if n, list, err := every(t, dev, 60*time.Second); n != 45 || err != nil || list[0].Value != 250 {
			t.Errorf("the first minute: %d values, %v, %v, want 45", n, list, err) // the 16th to the 60th second
		}
		world[sensors.TVOC] = 0
		n, _, err := every(t, dev, 10*time.Minute)
		const want = "sgp30 at i2c-1/0x58: measure: it says 0 and has no baseline yet: clean air, or not begun"
		if n != 0 || err == nil || err.Error() != want || sensors.ClassOf(err) != sensors.Warmup {
			t.Errorf("clean air: %d values, %v, want %s", n, err, want)
		}
		n, list, err := every(t, dev, 50*time.Minute)
		if n < 59 || n > 61 || err != nil || list[0].Value != 0 {
			t.Errorf("after an hour: %d values, %v, %v", n, list, err)
		}

		// Closed and opened again, it has not forgotten.
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
		again, err := Kind().Open(t.Context(), board, kind.WithDefaults(Kind().Keys, nil))
		if err != nil {
			t.Fatal(err)
		}
		dev = again.(*Dev)
		if n, list, err := every(t, dev, time.Second); n != 1 || list[0].Value != 0 {
			t.Errorf("opened again: %v, %v", list, err)
		}

		// Its supply breaks: noticed at once, told again, and it has to learn anew.
		board.BrownOut("1", 0x58)
		_, _, err = every(t, dev, time.Second)
		const gone = "sgp30 at i2c-1/0x58: read baseline: there was one, and it is gone: the part was reset"
		if err == nil || err.Error() != gone || sensors.ClassOf(err) != sensors.IO {
			t.Errorf("%v, want %s", err, gone)
		}
		world[sensors.TVOC] = 77
		if n, list, err := every(t, dev, 60*time.Second); n < 43 || err != nil || list[0].Value != 77 {
			t.Errorf("told again: %d values, %v, %v", n, list, err)
		}
	})
}

// TestSilentReset: a part that is reset before it has a baseline never becomes a 0, and is told again in the end.
func TestSilentReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, dev := part(t, sim.Still{sensors.TVOC: 250})
		every(t, dev, time.Minute)
		board.BrownOut("1", 0x58)
		if n, list, err := every(t, dev, 88*time.Minute); n != 0 || sensors.ClassOf(err) != sensors.Warmup {
			t.Errorf("%d values, %v, %v", n, list, err)
		}
		if _, list, err := every(t, dev, 2*time.Minute); err != nil || list[0].Value != 250 {
			t.Errorf("%v, %v", list, err)
		}
	})
}

// TestUnplugged: a part that did not answer is looked at, and told to begin if it has lost its baseline.
func TestUnplugged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, dev := part(t, sim.Still{sensors.TVOC: 250})
		every(t, dev, time.Minute)
		chip := board.Unplug("1", 0x58)
		if _, _, err := every(t, dev, time.Second); sensors.ClassOf(err) != sensors.Absent {
			t.Errorf("unplugged: %v", err)
		}
		board.Plug("1", 0x58, "sgp30", chip)
		if n, list, err := every(t, dev, 20*time.Second); n < 3 || err != nil || list[0].Value != 250 {
			t.Errorf("plugged in again: %d values, %v, %v", n, list, err)
		}
	})
}

// TestGlitch: a wrong bit does not make the part begin again.
func TestGlitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, dev := part(t, sim.Still{sensors.TVOC: 250})
		every(t, dev, time.Minute)
		board.Inject("1", func(x sim.Transfer) sim.Fault {
			if x.R > 0 {
				return sim.Fault{Trouble: sim.Flip}
			}
			return sim.Fault{}
		})
		if _, _, err := every(t, dev, time.Second); sensors.ClassOf(err) != sensors.CRC {
			t.Errorf("%v", err)
		}
		board.Inject("1", nil)
		if n, list, err := every(t, dev, time.Second); n != 1 || list[0].Value != 250 {
			t.Errorf("%v, %v", list, err)
		}
	})
}

func TestConvert(t *testing.T) {
	d := &Dev{port: sensirion.Port{Part: new(kind.Part)}}
	for _, tt := range []struct {
		equivalent, tvoc uint16
		ok               bool
	}{
		{400, 0, true}, {400, 1, true}, {401, 2, true}, {60000, 60000, true}, {399, 0, false}, {60001, 0, false}, {400, 60001, false},
		{0, 0, false}, {0xFFFF, 0xFFFF, false},
	} {
		list, err := d.convert(tt.equivalent, tt.tvoc)
		if tt.ok != (err == nil) || tt.ok && (len(list) != 2 || list[0].Value != float64(tt.tvoc) || list[1].Value != float64(tt.equivalent)) ||
			!tt.ok && sensors.ClassOf(err) != sensors.Range {
			t.Errorf("%d, %d: %v, %v", tt.equivalent, tt.tvoc, list, err)
		}
	}
}

// FuzzConvert: no words make a value that the part cannot measure.
func FuzzConvert(f *testing.F) {
	f.Add(uint16(400), uint16(0))
	f.Add(uint16(0xFFFF), uint16(0xFFFF))
	f.Fuzz(func(t *testing.T, equivalent, tvoc uint16) {
		d := &Dev{port: sensirion.Port{Part: new(kind.Part)}}
		if list, err := d.convert(equivalent, tvoc); err == nil && !(list[0].Value >= 0 && list[0].Value <= 60000 && list[1].Value >= 400 && list[1].Value <= 60000) {
			t.Errorf("%v", list)
		}
	})
}
