package sht4x

import (
	"math"
	"testing"

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
		wantT, wantH := -45+175*float64(raw)/65535, -6+125*float64(raw)/65535
		list, err := d.convert(uint16(raw), 0x8000)
		if good := wantT > -40.005 && wantT < 125.005; good != (err == nil) || good && math.Abs(list[0].Value-wantT) > 0.00501 {
			t.Fatalf("raw %#x, %v Cel: %v, %v", raw, wantT, list, err)
		}
		if err != nil && (sensors.ClassOf(err) != sensors.Range || list != nil) {
			t.Fatalf("raw %#x: %v, %v", raw, list, err)
		}
		list, err = d.convert(0x6666, uint16(raw))
		good := wantH > -5.005 && wantH < 105.005
		if err != nil || good != (list[1].Err == "") || good && math.Abs(list[1].Value-min(max(wantH, 0), 100)) > 0.00501 ||
			!good && (list[1].Err != sensors.Range || list[1].Value != 0) {
			t.Fatalf("raw %#x, %v %%RH: %v, %v", raw, wantH, list, err)
		}
	}
	for _, tt := range []struct {
		raw  uint16
		t, h float64
	}{{0x6666, 25, 44}, {0x8000, 42.5, 56.5}, {0x41D5, 0, 26.15}, {0x1000, -34.06, 1.81}, {0x0BD7, -36.91, 0}} {
		list, err := d.convert(tt.raw, tt.raw)
		if err != nil || list[0].Value != tt.t || list[1].Value != tt.h {
			t.Errorf("%#x: %v, %v, want %v and %v", tt.raw, list, err, tt.t, tt.h)
		}
	}
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
