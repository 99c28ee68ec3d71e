package tsl2561

import (
	"math"
	"testing"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

// TestConformance: a count more or less in each channel is what Within allows, and the 1 % by which the datasheet's two formulas
// differ.
func TestConformance(t *testing.T) {
	for _, tt := range []struct {
		gain, integration string
		most, within      float64
	}{{"1", "13.7ms", 5000, 60}, {"1", "101ms", 2500, 27}, {"16", "402ms", 120, 1.3}} {
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

// line is one of the datasheet's whole-number approximation, section "Simplified Lux Calculation": up to a share of infrared of
// k/512, lx are (b*all - m*infrared)/2^14.
type line struct{ k, b, m float64 }

// TestFormula holds the formula against the datasheet's other one.
func TestFormula(t *testing.T) {
	for name, tt := range map[string]struct {
		f     formula
		lines []line
	}{
		"T": {packageT(), []line{{0x40, 0x1F2, 0x1BE}, {0x80, 0x214, 0x2D1}, {0xC0, 0x23F, 0x37B}, {0x100, 0x270, 0x3FE},
			{0x138, 0x16F, 0x1FC}, {0x19A, 0xD2, 0xFB}, {0x29A, 0x18, 0x12}}},
		"CS": {packageCS(), []line{{0x43, 0x204, 0x1AD}, {0x85, 0x228, 0x2C1}, {0xC8, 0x253, 0x363}, {0x10A, 0x282, 0x3DF},
			{0x14D, 0x177, 0x1DD}, {0x19A, 0x101, 0x127}, {0x29A, 0x37, 0x2B}}},
	} {
		for share := 0.0; share < 1.299; share += 0.001 {
			var want float64
			for _, l := range tt.lines {
				if share*512 <= l.k {
					want = (l.b - l.m*share) * 10000 / 16384
					break
				}
			}
			// The other formula has straight lines in place of the curve.
			if got, ok := tt.f.lux(10000, 10000*share); !ok || math.Abs(got-want) > 4.5 {
				t.Errorf("%s, share %.3f: %.2f lx, want %.2f", name, share, got, want)
			}
		}
		if lx, ok := tt.f.lux(1000, 1301); ok {
			t.Errorf("%s: nothing but infrared is %v lx", name, lx)
		}
		if lx, ok := tt.f.lux(0, 0); lx != 0 || !ok {
			t.Errorf("%s: darkness is %v lx, %v", name, lx, ok)
		}
		if _, ok := tt.f.lux(0, 1); ok {
			t.Errorf("%s: infrared alone has a value", name)
		}
	}
}

func device(gain, integration string) *Dev {
	d := &Dev{part: new(kind.Part), lux: packageT()}
	d.configure(gain, integration)
	return d
}

// TestConvert: values worked out by hand, and the end of each scale.
// TestSegments: lx of a million counts at both ends of each segment, worked out by hand from the formula.
func TestSegments(t *testing.T) {
	for name, tt := range map[string]struct {
		f    formula
		want [][2]float64 // share of infrared, lx
	}{
		"T": {packageT(), [][2]float64{{0.25, 21497.588}, {0.499, 6972.149}, {0.501, 6869.000}, {0.609, 3521.000}, {0.611, 3451.700},
			{0.799, 575.300}, {0.801, 562.880}, {1.299, 5.120}}},
		"CS": {packageCS(), [][2]float64{{0.25, 22985.273}, {0.519, 7825.054}, {0.521, 7738.900}, {0.649, 4014.100}, {0.651, 3982.000},
			{0.799, 1318.000}, {0.801, 1297.400}, {1.299, 2.600}}},
	} {
		for _, w := range tt.want {
			if got, ok := tt.f.lux(1e6, 1e6*w[0]); !ok || math.Abs(got-w[1]) > 0.001 {
				t.Errorf("%s, share %v: %.3f lx, want %.3f", name, w[0], got, w[1])
			}
		}
	}
}

func TestConvert(t *testing.T) {
	for _, tt := range []struct {
		gain, integration string
		all, infrared     uint16
		want              float64
		class             sensors.Class
	}{
		{"16", "402ms", 10000, 0, 304, ""},
		{"16", "402ms", 10000, 5500, 53.5, ""}, // 224 - 170.5
		{"16", "402ms", 10000, 7000, 20.9, ""}, // 128 - 107.1
		{"16", "402ms", 10000, 10000, 3.4, ""}, // 14.6 - 11.2
		{"1", "402ms", 10000, 7000, 334.4, ""}, // 16 times that
		{"16", "101ms", 810, 567, 6.7298, ""},  // 3220 counts: 41.216 - 34.4862
		{"1", "13.7ms", 1100, 0, 15662.08, ""}, // 515200 counts
		{"16", "402ms", 65534, 0, 1992.2336, ""},
		{"16", "402ms", 65535, 0, 0, sensors.Range},
		{"1", "101ms", 37177, 0, 0, sensors.Range},
		{"1", "13.7ms", 5047, 0, 0, sensors.Range},
		{"1", "13.7ms", 5046, 5047, 0, sensors.Range},
		{"16", "402ms", 1000, 1400, 0, sensors.Range},
		{"16", "402ms", 0, 0, 0, ""},
	} {
		list, err := device(tt.gain, tt.integration).convert(tt.all, tt.infrared)
		if sensors.ClassOf(err) != tt.class || err == nil && math.Abs(list[0].Value-tt.want) > 0.00051 || err != nil && list != nil {
			t.Errorf("%+v: %v, %v", tt, list, err)
		}
	}
}

// FuzzConvert: no counts make a value that the part cannot measure.
func FuzzConvert(f *testing.F) {
	f.Add(uint16(0), uint16(0), uint8(0))
	f.Add(uint16(0xFFFF), uint16(0xFFFF), uint8(1))
	f.Add(uint16(1000), uint16(1300), uint8(7))
	f.Fuzz(func(t *testing.T, all, infrared uint16, n uint8) {
		d := device([]string{"1", "16"}[n&1], []string{"13.7ms", "101ms", "402ms"}[n>>1%3])
		if n&0x80 != 0 {
			d.lux = packageCS()
		}
		list, err := d.convert(all, infrared)
		if err == nil && !(list[0].Value >= 0 && list[0].Value <= float64(d.top)*d.scale*0.0316) {
			t.Errorf("%d, %d: %v", all, infrared, list)
		}
	})
}
