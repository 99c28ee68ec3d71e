package veml7700

import (
	"errors"
	"math"
	"testing"
	"testing/synctest"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

// TestConformance: a count is worth 0.54 lx at gain 1/8 and 100 ms, and 16 times that at the upper end; 2.2 lx with 25 ms, and
// 0.0042 lx at gain 2 and 800 ms.
func TestConformance(t *testing.T) {
	for _, tt := range []struct {
		gain, integration string
		most, within      float64
	}{{"1/8", "100ms", 119000, 5.1}, {"1/8", "25ms", 119000, 19}, {"1/4", "50ms", 1000, 0.31}, {"2", "800ms", 275, 0.0031}} {
		var worlds []sim.Still
		for _, f := range []float64{0.12, 0.9, 0, 0.0371, 0.5, 0.99} {
			worlds = append(worlds, sim.Still{sensors.Illuminance: f * tt.most})
		}
		t.Run(tt.gain+" "+tt.integration, func(t *testing.T) {
			sensorstest.Run(t, sensorstest.Suite{Kind: Kind(), Truth: worlds,
				Params: kind.Params{"gain": tt.gain, "integration": tt.integration},
				Within: map[sensors.Quantity]float64{sensors.Illuminance: tt.within}})
		})
	}
}

// TestResolutions are the resolutions and maxima of the application note (document 84323, table "Resolution and maximum
// detection range"), of its present revision and, with resolution 0.0576, of the one before.
func TestResolutions(t *testing.T) {
	for _, tt := range []struct {
		gain, integration string
		resolution        float64
		count             float64
	}{
		{"2", "800ms", 0.0672, 0.0042}, {"1", "800ms", 0.0672, 0.0084}, {"1/4", "800ms", 0.0672, 0.0336}, {"1/8", "800ms", 0.0672, 0.0672},
		{"2", "100ms", 0.0672, 0.0336}, {"1/8", "100ms", 0.0672, 0.5376}, {"2", "25ms", 0.0672, 0.1344}, {"1/8", "25ms", 0.0672, 2.1504},
		{"2", "800ms", 0.0576, 0.0036}, {"1/8", "25ms", 0.0576, 1.8432}, {"1", "50ms", 0.0576, 0.1152}, {"1/4", "400ms", 0.0576, 0.0576},
		{"1", "200ms", 0.0576, 0.0288},
	} {
		synctest.Test(t, func(t *testing.T) {
			board := sim.New(sim.Options{})
			p := kind.WithDefaults(Kind().Keys, kind.Params{"gain": tt.gain, "integration": tt.integration, "resolution": tt.resolution,
				"straighten": false})
			if err := board.Attach("veml7700", p); err != nil {
				t.Fatal(err)
			}
			dev, err := Kind().Open(t.Context(), board, p)
			if err != nil {
				t.Fatal(err)
			}
			d := dev.(*Dev)
			if math.Abs(d.perUnit-tt.count) > 1e-9 {
				t.Errorf("%+v: a count is %v lx", tt, d.perUnit)
			}
			for _, counts := range []uint16{0, 1, 1000, 0xFFFE} {
				want := float64(counts) * tt.count
				if want > 120000 {
					continue
				}
				if list, err := d.convert(counts); err != nil || math.Abs(list[0].Value-want) > 0.00051 {
					t.Errorf("%+v: %d counts: %v, %v, want %v", tt, counts, list, err, want)
				}
			}
		})
	}
}

// TestStraighten compares with the application note's polynomial, computed in exact fractions.
func TestStraighten(t *testing.T) {
	for _, tt := range []struct{ lx, want float64 }{
		{1, 1.00238}, {100, 101.03555}, {1000, 1074.99695}, {10000, 14792.90000}, {20000, 73718.00000}, {22000, 102350.36240},
	} {
		d := &Dev{part: new(kind.Part), perUnit: tt.lx / 1000, bent: true}
		if list, err := d.convert(1000); err != nil || math.Abs(list[0].Value-tt.want) > 0.001 {
			t.Errorf("%v lx: %v, %v, want %v", tt.lx, list, err, tt.want)
		}
	}
}

// TestTooBright: the end of the scale is no value, and neither is what the polynomial does not hold for.
func TestTooBright(t *testing.T) {
	for gain, light := range map[string]float64{"1/8": 121000, "2": 2210} {
		synctest.Test(t, func(t *testing.T) {
			world := sim.Still{sensors.Illuminance: light}
			board := sim.New(sim.Options{World: world})
			p := kind.WithDefaults(Kind().Keys, kind.Params{"gain": gain})
			if err := board.Attach("veml7700", p); err != nil {
				t.Fatal(err)
			}
			dev, err := Kind().Open(t.Context(), board, p)
			if err != nil {
				t.Fatal(err)
			}
			list, err := dev.(*Dev).Sense(t.Context())
			if e, ok := errors.AsType[*sensors.Error](err); list != nil || !ok || e.Class != sensors.Range || e.Hint == "" {
				t.Errorf("gain %s: %v, %v", gain, list, err)
			}
			world[sensors.Illuminance] = 100
			if list, err = dev.(*Dev).Sense(t.Context()); err != nil || math.Abs(list[0].Value-100) > 0.3 {
				t.Errorf("gain %s: afterwards: %v, %v", gain, list, err)
			}
		})
	}
}

// FuzzConvert: no counts make a value that the part cannot measure.
func FuzzConvert(f *testing.F) {
	f.Add(uint16(0), 0.0042, false)
	f.Add(uint16(0xFFFF), 2.1504, true)
	f.Add(uint16(0xFFFE), 2.1504, true)
	f.Fuzz(func(t *testing.T, counts uint16, perUnit float64, bent bool) {
		if !(perUnit > 0.00001 && perUnit < 1000) {
			return
		}
		d := &Dev{part: new(kind.Part), perUnit: perUnit, bent: bent}
		list, err := d.convert(counts)
		if err == nil && (counts == saturated || !(list[0].Value >= 0 && list[0].Value <= 120000)) {
			t.Errorf("%d counts of %v lx: %v, %v", counts, perUnit, list, err)
		}
	})
}
