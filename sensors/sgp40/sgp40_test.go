package sgp40

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

func TestConformance(t *testing.T) {
	var worlds []sim.Still
	for _, ticks := range []float64{30000, 27123, 1, 65534, 32768} {
		worlds = append(worlds, sim.Still{sensors.Raw: ticks})
	}
	sensorstest.Run(t, sensorstest.Suite{Kind: Kind(), Truth: worlds, Within: map[sensors.Quantity]float64{sensors.Raw: 0}})
}

// TestCommand holds the bytes against the datasheet's example: 50 %RH and 25 Cel with their checksums.
func TestCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := sim.New(sim.Options{})
		note := &listener{Chip: sim.NewChip("sgp40", sim.Env{World: sim.Still{sensors.Raw: 30000}})}
		board.Plug("1", 0x59, "sgp40", note)
		time.Sleep(time.Second)
		dev, err := Kind().Open(t.Context(), board, kind.WithDefaults(Kind().Keys, nil))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dev.(*Dev).Sense(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := "\x26\x0F\x80\x00\xA2\x66\x66\x93"; note.last != want {
			t.Errorf("wrote % x, want % x", note.last, want)
		}
		if err := dev.(*Dev).Close(); err != nil {
			t.Error(err)
		}
		if note.last != "\x36\x15" {
			t.Errorf("closed by % x", note.last)
		}
	})
}

// listener notes what was written last.
type listener struct {
	sim.Chip
	last string
}

func (l *listener) Tx(now time.Time, w, r []byte) bool {
	if len(w) > 0 {
		l.last = string(w)
	}
	return l.Chip.Tx(now, w, r)
}

// FuzzConvert: everything but the ends of the scale is a value.
func FuzzConvert(f *testing.F) {
	f.Add(uint16(0))
	f.Add(uint16(1))
	f.Add(uint16(0xFFFE))
	f.Add(uint16(0xFFFF))
	f.Fuzz(func(t *testing.T, ticks uint16) {
		d := &Dev{port: sensirion.Port{Part: new(kind.Part)}}
		list, err := d.convert(ticks)
		end := ticks == 0 || ticks == 0xFFFF
		if end != (sensors.ClassOf(err) == sensors.Range) || !end && list[0].Value != float64(ticks) {
			t.Errorf("%d: %v, %v", ticks, list, err)
		}
	})
}
