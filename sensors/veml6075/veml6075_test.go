package veml6075

import (
	"errors"
	"math"
	"testing"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

// TestConformance: half a count more or less in each channel makes up to 0.001. The counts themselves are in no table of the world.
func TestConformance(t *testing.T) {
	var worlds []sim.Still
	for _, index := range []float64{0.8, 6.25, 0, 11.9, 0.04, 25} {
		worlds = append(worlds, sim.Still{sensors.UVIndex: index})
	}
	sensorstest.Run(t, sensorstest.Suite{Kind: Kind(), Truth: worlds,
		Within: map[sensors.Quantity]float64{sensors.UVIndex: 0.0016, sensors.Raw: math.Inf(1)}})
}

// TestIndex compares with the application note's equations, worked out by hand: UVAcalc = UVA - a UVcomp1 - b UVcomp2, UVBcalc = UVB -
// c UVcomp1 - d UVcomp2, UVI = (UVAcalc 0.001461 + UVBcalc 0.002591) / 2.
func TestIndex(t *testing.T) {
	d := &Dev{part: new(kind.Part)}
	for _, tt := range []struct {
		c     counts
		want  float64
		class sensors.Class
	}{
		{counts{0, 0, 0, 0}, 0, ""},
		{counts{1000, 0, 0, 0}, 0.731, ""},         // 1000 * 0.001461 / 2 = 0.7305
		{counts{0, 1000, 0, 0}, 1.296, ""},         // 1000 * 0.002591 / 2 = 1.2955
		{counts{5000, 4000, 0, 0}, 8.835, ""},      // 3.6525 + 5.182 = 8.8345
		{counts{5000, 4000, 100, 0}, 8.290, ""},    // (4778 * 0.001461 + 3705 * 0.002591) / 2 = 3.490329 + 4.7998275
		{counts{5000, 4000, 0, 100}, 8.512, ""},    // (4867 * 0.001461 + 3826 * 0.002591) / 2 = 3.5553435 + 4.956583
		{counts{5000, 4000, 200, 300}, 6.778, ""},  // (4157 * 0.001461 + 2888 * 0.002591) / 2 = 3.0366885 + 3.741404
		{counts{0, 0, 10, 10}, 0, ""},              // -0.0868: noise
		{counts{0, 0, 60, 0}, 0, sensors.Range},    // -0.3266
		{counts{0, 0, 52, 0}, 0, ""},               // -0.2832
		{counts{65534, 0, 0, 0}, 0, sensors.Range}, // 47.9
		{counts{62000, 0, 0, 0}, 0, sensors.Range}, // 45.3
		{counts{61000, 0, 0, 0}, 44.561, ""},       // 44.5605
		{counts{100, 100, 5000, 5000}, 0, sensors.Range},
	} {
		list, err := d.convert(tt.c)
		if err != nil || list[0].Err != tt.class || math.Abs(list[0].Value-tt.want) > 0.00051 ||
			list[1].Value != float64(tt.c.uva) || list[2].Value != float64(tt.c.uvb) {
			t.Errorf("%+v: %v, %v, want %v %s", tt.c, list, err, tt.want, tt.class)
			continue
		}
		if e, ok := errors.AsType[*sensors.Error](list[0].Cause); tt.class != "" && (!ok || e.Hint == "") {
			t.Errorf("%+v: the cause %v gives no hint", tt.c, list[0].Cause)
		}
	}
}

// TestSaturated: the end of the scale of any channel is no value.
func TestSaturated(t *testing.T) {
	d := &Dev{part: new(kind.Part)}
	for _, c := range []counts{{0xFFFF, 0, 0, 0}, {0, 0xFFFF, 0, 0}, {0, 0, 0xFFFF, 0}, {0, 0, 0, 0xFFFF}} {
		if list, err := d.convert(c); list != nil || sensors.ClassOf(err) != sensors.Range {
			t.Errorf("%+v: %v, %v", c, list, err)
		}
	}
}

// FuzzConvert: no counts make an index that cannot be.
func FuzzConvert(f *testing.F) {
	f.Add(uint16(0), uint16(0), uint16(0), uint16(0))
	f.Add(uint16(0xFFFF), uint16(0xFFFF), uint16(0xFFFF), uint16(0xFFFF))
	f.Add(uint16(5000), uint16(4000), uint16(200), uint16(300))
	f.Fuzz(func(t *testing.T, uva, uvb, light, heat uint16) {
		d := &Dev{part: new(kind.Part)}
		list, err := d.convert(counts{uva, uvb, light, heat})
		if err == nil && list[0].Err == "" && !(list[0].Value >= 0 && list[0].Value <= highest) {
			t.Errorf("%d, %d, %d, %d: %v", uva, uvb, light, heat, list)
		}
	})
}
