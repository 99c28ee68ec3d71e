package bme680

import (
	"math"
	"testing"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

func worlds() (list []sim.Still) {
	for _, c := range []float64{21.43, -39.9, -12.5, 0, 37.5, 84.9} {
		for _, h := range []float64{48.2, 12.3, 90} {
			for _, p := range []float64{101325, 30100, 98765, 109900} {
				list = append(list, sim.Still{sensors.Temperature: c, sensors.RelativeHumidity: h, sensors.Pressure: p,
					sensors.GasResistance: 900 * h * (1 + p/30000)})
			}
		}
	}
	list[1], list[29] = list[29], list[1] // the first two differ in everything
	return list
}

// TestConformance allows for the whole-number formulas of the chip model: up to 8 Pa and 0.06 %RH off the floating point ones.
func TestConformance(t *testing.T) {
	for _, n := range []int64{1, 4} {
		sensorstest.Run(t, sensorstest.Suite{Kind: Kind(), Params: kind.Params{"oversampling": n}, Truth: worlds(),
			Within: map[sensors.Quantity]float64{sensors.Temperature: 0.02, sensors.RelativeHumidity: 0.1, sensors.Pressure: 10,
				sensors.GasResistance: 400}})
	}
}

func device() *Dev {
	d := &Dev{part: new(kind.Part)}
	d.cal = calibration{t1: 26203, t2: 26519, t3: 3, p1: 35008, p2: -10284, p3: 88, p4: 9692, p5: -202, p6: 30, p7: 24, p8: -516, p9: -3469,
		p10: 30, h1: 794, h2: 1007, h3: 0, h4: 45, h5: 20, h6: 120, h7: -100, g1: -30, g2: -5969, g3: 18, heatRange: 1, heatValue: 50}
	return d
}

// TestGas holds values worked out by hand: at raw 512 the fraction of the formula is 1, so that a range is worth 8 MOhm halved as
// often as its number says, less the tables' per cent.
func TestGas(t *testing.T) {
	d := device()
	for _, tt := range []struct {
		is688 bool
		raw   uint32
		r     int
		want  float64
	}{
		{false, 512, 0, 8e6}, {false, 512, 3, 1e6}, {false, 512, 4, 499500}, {false, 512, 5, 248262}, {false, 512, 7, 63004},
		{false, 512, 15, 244}, {false, 847, 3, 800000}, {false, 847, 10, 6248}, // 1 + 335/1340 = 1.25
		{true, 512, 0, 64e6}, {true, 512, 10, 62500}, {true, 768, 10, 52632}, // 256e6/4096, and over 4864
	} {
		d.is688 = tt.is688
		f := new([17]byte)
		at := 13
		if tt.is688 {
			at = 15
		}
		f[at], f[at+1] = byte(tt.raw>>2), byte(tt.raw<<6)|valid|stable|byte(tt.r)
		if m := d.gas(f); m.Err != "" || math.Abs(m.Value-tt.want) > 5 && math.Abs(m.Value/tt.want-1) > 1e-4 {
			t.Errorf("%+v: %+v", tt, m)
		}
		f[at+1] &^= stable
		if m := d.gas(f); m.Err != sensors.Warmup || m.Value != 0 {
			t.Errorf("%+v, not hot enough: %+v", tt, m)
		}
		f[at+1] &^= valid
		if m := d.gas(f); m.Err != sensors.Range || m.Value != 0 {
			t.Errorf("%+v, not measured: %+v", tt, m)
		}
	}
}

// TestDuration: DS001 section 5.3.3.3.
func TestDuration(t *testing.T) {
	for ms, want := range map[int64]byte{1: 1, 63: 63, 64: 1<<6 | 16, 100: 0x59, 150: 0x65, 252: 0x7F, 1000: 2<<6 | 62, 4032: 0xFF} {
		if got := duration(ms); got != want {
			t.Errorf("%d ms: %#x, want %#x", ms, got, want)
		}
	}
}

// TestHeater: hotter needs more, and the code for 320 Cel was computed from DS001 section 3.3.5 in exact fractions.
func TestHeater(t *testing.T) {
	c := device().cal
	if got := c.heater(320); got != 116 {
		t.Errorf("320 Cel: %d, want %d", got, 116)
	}
	for celsius := 201.0; celsius <= 400; celsius++ {
		if c.heater(celsius) < c.heater(celsius-1) {
			t.Errorf("%v Cel needs less than one less", celsius)
		}
	}
}

// TestUnmeasured: what was not measured, or is out of range, is an error.
func TestUnmeasured(t *testing.T) {
	d := device()
	good := [17]byte{2: 0x51, 3: 0xA0, 5: 0x77, 6: 0x00, 8: 0x50}
	if list, err := d.convert(&good); err != nil || list[0].Err+list[1].Err+list[2].Err != "" || list[3].Err != sensors.Range {
		t.Errorf("%v, %v", list, err)
	}
	f := good
	f[5], f[6], f[7] = 0x80, 0, 0
	if list, err := d.convert(&f); err == nil || list != nil || sensors.ClassOf(err) != sensors.Range {
		t.Errorf("no temperature: %v, %v", list, err)
	}
	f = good
	f[2], f[3], f[8], f[9] = 0x80, 0, 0x80, 0
	if list, err := d.convert(&f); err != nil || list[1].Err != sensors.Range || list[2].Err != sensors.Range {
		t.Errorf("neither humidity nor pressure: %v, %v", list, err)
	}
}

// FuzzConvert: no constants and registers make a value that the part cannot measure.
func FuzzConvert(f *testing.F) {
	f.Add(make([]byte, 42), make([]byte, 17), false)
	f.Add([]byte("\x97\x67\x03\x00\xc0\x88\xd4\xd7\x58\x00\xdc\x25\x36\xff\x18\x1e\x00\x00\xfc\xfd\x73\xf2\x1e"),
		[]byte("\x80\x00\x51\xa0\x00\x77\x00\x00\x50\x00\x00\x00\x00\x80\x33\x80\x33"), true)
	f.Fuzz(func(t *testing.T, burnt, field []byte, is688 bool) {
		d := device()
		if len(burnt) >= 42 {
			m := memory{low: [23]byte(burnt), high: [14]byte(burnt[23:]), heat: [5]byte(burnt[37:])}
			d.cal.parse(&m)
		}
		d.is688 = is688
		var r [17]byte
		copy(r[:], field)
		list, err := d.convert(&r)
		if err != nil {
			return
		}
		for i, limit := range [][2]float64{{-40, 85}, {0, 100}, {30000, 110000}, {0, 1e9}} {
			if m := list[i]; m.Err == "" && !(m.Value >= limit[0] && m.Value <= limit[1]) {
				t.Errorf("%s %v", m.Quantity, m.Value)
			}
		}
	})
}
