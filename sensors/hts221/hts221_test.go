package hts221

import (
	"math"
	"testing"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

func worlds() (list []sim.Still) {
	for _, c := range []float64{21.43, -39.9, -12.5, 0, 37.55, 84.9, 119.9} {
		for _, h := range []float64{48.2, 0.5, 12.34, 77.7, 99.9} {
			list = append(list, sim.Still{sensors.Temperature: c, sensors.RelativeHumidity: h})
		}
	}
	list[1], list[8] = list[8], list[1] // the first two differ in everything
	return list
}

// TestConformance allows half a step of the coarsest part's output, and the rounding to 0.01.
func TestConformance(t *testing.T) {
	within := map[sensors.Quantity]float64{sensors.Temperature: 0.034, sensors.RelativeHumidity: 0.008}
	sensorstest.Run(t, sensorstest.Suite{Kind: Kind(), Truth: worlds(), Within: within})
}

// burnt is a part whose points are 20 and 35 Cel at 300 and 1500, and 33 and 70 %RH at 4000 and -7100.
var burnt = [16]byte{66, 140, 160, 24, 0x40, 0xC0 | 1<<2, 0xA0, 0x0F, 0, 0, 0x44, 0xE4, 0x2C, 0x01, 0xDC, 0x05}

func device(t testing.TB) *Dev {
	t.Helper()
	d := &Dev{part: new(kind.Part)}
	if !d.cal.parse(&burnt) {
		t.Fatal("a good calibration is refused")
	}
	return d
}

// TestParse: the points, the upper bits of the temperatures among them (table 20: T1.9 to T0.8 in register 0x35).
func TestParse(t *testing.T) {
	d := device(t)
	if want := (calibration{temperature: line{300, 1500, 160, 280}, humidity: line{4000, -7100, 66, 140}}); d.cal != want {
		t.Errorf("%+v, want %+v", d.cal, want)
	}
	var c calibration
	for _, bad := range [][16]byte{{}, [16]byte([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))} {
		if c.parse(&bad) {
			t.Errorf("% x is believed", bad)
		}
	}
}

// TestConvert: the points themselves, between and beyond them, and the ends of the range from both sides.
func TestConvert(t *testing.T) {
	d := device(t)
	for _, tt := range []struct {
		t, h         int16
		wantT, wantH float64 // NaN: an error
	}{
		{300, 4000, 20, 33}, {1500, -7100, 35, 70}, {900, -1550, 27.5, 51.5}, {-4500, 13900, -40, 0}, {-4501, 0, math.NaN(), 0}, {8300, -16100, 120, 100},
		{8301, 0, math.NaN(), 0}, {0, 0, 16.25, 46.33}, {0, 15399, 16.25, 0}, {0, 15401, 16.25, math.NaN()}, {0, -17599, 16.25, 100}, {0, -17601, 16.25, math.NaN()},
		{32767, 0, math.NaN(), 0}, {-32768, 0, math.NaN(), 0},
	} {
		list, err := d.convert(tt.t, tt.h)
		switch {
		case math.IsNaN(tt.wantT):
			if sensors.ClassOf(err) != sensors.Range || list != nil {
				t.Errorf("%d: %v, %v", tt.t, list, err)
			}
		case err != nil || list[0].Value != tt.wantT:
			t.Errorf("%d: %v, %v, want %v Cel", tt.t, list, err, tt.wantT)
		case math.IsNaN(tt.wantH) != (list[1].Err == sensors.Range), !math.IsNaN(tt.wantH) && list[1].Value != tt.wantH:
			t.Errorf("%d: %+v, want %v %%RH", tt.h, list[1], tt.wantH)
		}
	}
}

// FuzzConvert: no constants and raw values make a value that the part cannot measure.
func FuzzConvert(f *testing.F) {
	f.Add(burnt[:], int16(900), int16(-1550))
	f.Fuzz(func(t *testing.T, constants []byte, rawT, rawH int16) {
		var b [16]byte
		copy(b[:], constants)
		d := &Dev{part: new(kind.Part)}
		if !d.cal.parse(&b) {
			return
		}
		list, err := d.convert(rawT, rawH)
		if err != nil {
			return
		}
		if v := list[0].Value; !(v >= -40 && v <= 120) {
			t.Errorf("temperature %v", v)
		}
		if m := list[1]; m.Err == "" && !(m.Value >= 0 && m.Value <= 100) {
			t.Errorf("humidity %v", m.Value)
		}
	})
}
