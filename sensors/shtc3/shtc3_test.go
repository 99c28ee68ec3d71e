package shtc3

import (
	"context"
	"math"
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
	for _, c := range []float64{21.43, -39.99, -12.5, 0, 37.55, 84.9, 124.99} {
		for _, h := range []float64{48.2, 0.05, 12.34, 77.7, 100} {
			list = append(list, sim.Still{sensors.Temperature: c, sensors.RelativeHumidity: h})
		}
	}
	list[1], list[8] = list[8], list[1] // the first two differ in everything
	return list
}

func TestConformance(t *testing.T) {
	within := map[sensors.Quantity]float64{sensors.Temperature: 0.007, sensors.RelativeHumidity: 0.007}
	sensorstest.Run(t, sensorstest.Suite{Kind: Kind(), Truth: worlds(), Within: within})
}

func device() *Dev { return &Dev{port: sensirion.Port{Part: new(kind.Part)}} }

// TestConvert walks over all that the part can send and compares with the datasheet's formulas in floating point.
func TestConvert(t *testing.T) {
	d := device()
	for raw := range 1 << 16 {
		wantT, wantH := -45+175*float64(raw)/65536, 100*float64(raw)/65536
		list, err := d.convert(uint16(raw), 0x8000)
		if good := wantT > -40.005 && wantT < 125.005; good != (err == nil) || good && math.Abs(list[0].Value-wantT) > 0.00501 {
			t.Fatalf("raw %#x, %v Cel: %v, %v", raw, wantT, list, err)
		}
		if err != nil && (sensors.ClassOf(err) != sensors.Range || list != nil) {
			t.Fatalf("raw %#x: %v, %v", raw, list, err)
		}
		list, err = d.convert(0x6666, uint16(raw))
		if err != nil || (raw == 0) != (list[1].Err == sensors.Range) || math.Abs(list[1].Value-wantH) > 0.00501 {
			t.Fatalf("raw %#x, %v %%RH: %v, %v", raw, wantH, list, err)
		}
	}
	// The datasheet's example of a measurement, with its checksums: "63 %RH and 23.7 °C".
	if list, err := d.convert(0x648B, 0xA133); err != nil || list[0].Value != 23.73 || list[1].Value != 62.97 ||
		sensirion.Sum(0xFF, []byte{0x64, 0x8B}) != 0xC7 || sensirion.Sum(0xFF, []byte{0xA1, 0x33}) != 0x1C {
		t.Errorf("the datasheet's example: %v, %v", list, err)
	}
	for _, tt := range []struct {
		raw  uint16
		t, h float64
	}{{0x6666, 25, 40}, {0x8000, 42.5, 50}, {0x41D4, 0, 25.71}, {0x1000, -34.06, 6.25}, {0xF8AF, 125, 97.14}} {
		list, err := d.convert(tt.raw, tt.raw)
		if err != nil || list[0].Value != tt.t || list[1].Value != tt.h {
			t.Errorf("%#x: %v, %v, want %v and %v", tt.raw, list, err, tt.t, tt.h)
		}
	}
}

// TestStranger: a part of the family that has another id is refused.
func TestStranger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := sim.New(sim.Options{})
		board.Plug("1", 0x70, "shtc3", other{sim.NewChip("shtc3", sim.Env{})})
		time.Sleep(time.Second)
		_, err := Kind().Open(t.Context(), board, kind.WithDefaults(Kind().Keys, nil))
		const want = "shtc3 at i2c-1/0x70: read id: 0x0886: another part than an SHTC3 answers"
		if err == nil || err.Error() != want || sensors.ClassOf(err) != sensors.Wrong {
			t.Errorf("%v, class %s, want %s", err, sensors.ClassOf(err), want)
		}
	})
}

// other is a part with another id.
type other struct{ sim.Chip }

func (o other) Tx(now time.Time, w, r []byte) bool {
	ok := o.Chip.Tx(now, w, r)
	if ok && len(r) == 3 {
		r[1] ^= 1
		r[2] = sensirion.Sum(0xFF, r[:2])
	}
	return ok
}

// TestCloseAwake: a part that was left awake by a failure, or never asked, sleeps after Close.
func TestCloseAwake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := worlds()[0]
		board := sim.New(sim.Options{World: world})
		p := kind.WithDefaults(Kind().Keys, nil)
		if err := board.Attach("shtc3", p); err != nil {
			t.Fatal(err)
		}
		dev, err := Kind().Open(t.Context(), board, p)
		if err != nil {
			t.Fatal(err)
		}
		asleep := func() bool { return board.Chip("1", 0x70).(sim.Idler).Idle(time.Now()) }
		if err := dev.(*Dev).Close(); err != nil || !asleep() {
			t.Errorf("closed unused: %v, asleep %v", err, asleep())
		}
		if dev, err = Kind().Open(t.Context(), board, p); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		if _, err := dev.(*Dev).Sense(ctx); sensors.ClassOf(err) != sensors.Timeout {
			t.Errorf("%v", err)
		}
		time.Sleep(time.Second)
		if err := dev.(*Dev).Close(); err != nil {
			t.Error(err)
		}
		if !asleep() {
			t.Error("awake")
		}
	})
}

// FuzzConvert: no bytes make a value that the part cannot measure.
func FuzzConvert(f *testing.F) {
	f.Add(uint16(0), uint16(0))
	f.Add(uint16(0xFFFF), uint16(0xFFFF))
	f.Add(uint16(0x6666), uint16(0x5EB9))
	f.Fuzz(func(t *testing.T, rawT, rawH uint16) {
		list, err := device().convert(rawT, rawH)
		if err != nil {
			return
		}
		if v := list[0].Value; !(v >= -40 && v <= 125) {
			t.Errorf("temperature %v", v)
		}
		if v := list[1].Value; !(v >= 0 && v <= 100) {
			t.Errorf("humidity %v", v)
		}
	})
}
