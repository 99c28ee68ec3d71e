package tsl2591

import (
	"errors"
	"math"
	"testing"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

// TestConformance: a count more or less in each channel makes up to 5 lx at gain 1 and 100 ms.
func TestConformance(t *testing.T) {
	for _, tt := range []struct {
		gain, integration string
		most, within      float64
	}{{"1", "100ms", 30000, 5}, {"1", "600ms", 6000, 0.8}, {"25", "200ms", 1000, 0.1}, {"9876", "600ms", 0.6, 0.00014}} {
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

func device(gain, integration string) *Dev {
	d := &Dev{part: new(kind.Part)}
	d.configure(gain, integration)
	return d
}

// TestConvert compares with the formula as the boards' makers write it, worked out by hand: with cpl = ms * gain / 408,
// lx = (all - infrared) * (1 - infrared/all) / cpl.
func TestConvert(t *testing.T) {
	for _, tt := range []struct {
		gain, integration string
		all, infrared     uint16
		want              float64
		class             sensors.Class
	}{
		{"1", "100ms", 1000, 200, 2611.2, ""}, // 800 * 0.8 / 0.245098
		{"1", "200ms", 1000, 200, 1305.6, ""},
		{"25", "100ms", 1000, 200, 104.448, ""},
		{"428", "300ms", 5000, 1000, 10.1682, ""}, // 4000 * 0.8 / 314.70588
		{"9876", "600ms", 1, 0, 0.0001, ""},
		{"1", "100ms", 0, 0, 0, ""},
		{"1", "100ms", 1, 1, 0, ""}, // as good as dark
		{"1", "100ms", 36862, 0, 150396.96, ""},
		{"1", "100ms", 36863, 0, 0, sensors.Range},
		{"1", "200ms", 36863, 0, 75200.52, ""},
		{"1", "200ms", 65535, 0, 0, sensors.Range},
		{"1", "200ms", 65534, 65535, 0, sensors.Range},
		{"1", "100ms", 100, 101, 0, sensors.Range}, // the formula would say 0.04 lx
		{"1", "100ms", 100, 100, 0, sensors.Range},
		{"1", "100ms", 0, 1, 0, sensors.Range},
	} {
		list, err := device(tt.gain, tt.integration).convert(tt.all, tt.infrared)
		if sensors.ClassOf(err) != tt.class || err == nil && math.Abs(list[0].Value-tt.want) > 0.00006 || err != nil && list != nil {
			t.Errorf("%+v: %v, %v", tt, list, err)
		}
	}
	_, err := device("1", "200ms").convert(65535, 1)
	if e, ok := errors.AsType[*sensors.Error](err); !ok || e.Hint == "" {
		t.Errorf("no hint at %v", err)
	}
}

// FuzzConvert: no counts make a value that the part cannot measure.
func FuzzConvert(f *testing.F) {
	f.Add(uint16(0), uint16(0), uint8(0))
	f.Add(uint16(0xFFFF), uint16(0xFFFF), uint8(1))
	f.Add(uint16(1000), uint16(1000), uint8(3))
	f.Fuzz(func(t *testing.T, all, infrared uint16, n uint8) {
		d := device([]string{"1", "25", "428", "9876"}[n&3], []string{"100ms", "200ms", "300ms", "600ms"}[n>>2&3])
		list, err := d.convert(all, infrared)
		if err == nil && !(list[0].Value >= 0 && list[0].Value <= float64(d.top)/d.perLux) {
			t.Errorf("%d, %d: %v", all, infrared, list)
		}
	})
}
