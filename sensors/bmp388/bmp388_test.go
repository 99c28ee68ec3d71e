package bmp388

import (
	"math"
	"testing"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

func worlds() (list []sim.Still) {
	for _, c := range []float64{21.43, -39.9, -12.5, 0, 37.55, 84.9} {
		for _, p := range []float64{101325, 30100, 55000, 98765.4, 124900} {
			list = append(list, sim.Still{sensors.Temperature: c, sensors.Pressure: p})
		}
	}
	list[1], list[7] = list[7], list[1] // the first two differ in everything
	return list
}

// TestConformance: the temperature has steps of 0.005 Cel at oversampling 1, the pressure of 2.6 Pa, which halve each time.
func TestConformance(t *testing.T) {
	for n, within := range map[int64]float64{1: 3, 8: 0.8, 32: 0.5} {
		sensorstest.Run(t, sensorstest.Suite{Kind: Kind(), Params: kind.Params{"oversampling": n}, Truth: worlds(),
			Within: map[sensors.Quantity]float64{sensors.Temperature: 0.016, sensors.Pressure: within}})
	}
}

// burnt is the memory of a part: T1 27772, T2 19007, T3 -10, P1 -283, P2 -1112, P3 35, P4 0, P5 25138, P6 30341, P7 -13, P8 -7,
// P9 16681, P10 16, P11 -60.
func burnt() *[21]byte {
	return &[21]byte{0x7C, 0x6C, 0x3F, 0x4A, 0xF6, 0xE5, 0xFE, 0xA8, 0xFB, 0x23, 0x00, 0x32, 0x62, 0x85, 0x76, 0xF3, 0xF9, 0x29, 0x41,
		0x10, 0xC4}
}

func device() *Dev {
	d := &Dev{part: new(kind.Part)}
	d.cal.parse(burnt())
	return d
}

func TestParse(t *testing.T) {
	c := device().cal
	two := func(n float64) float64 { return math.Pow(2, n) }
	for _, tt := range []struct {
		name      string
		got, want float64
	}{
		{"t1", c.t1, 27772 * two(8)}, {"t2", c.t2, 19007 / two(30)}, {"t3", c.t3, -10 / two(48)}, {"p1", c.p1, (-283 - 16384) / two(20)},
		{"p2", c.p2, (-1112 - 16384) / two(29)}, {"p3", c.p3, 35 / two(32)}, {"p4", c.p4, 0}, {"p5", c.p5, 25138 * 8},
		{"p6", c.p6, 30341 / two(6)}, {"p7", c.p7, -13 / two(8)}, {"p8", c.p8, -7 / two(15)}, {"p9", c.p9, 16681 / two(48)},
		{"p10", c.p10, 16 / two(48)}, {"p11", c.p11, -60 / two(65)},
	} {
		if tt.got != tt.want {
			t.Errorf("%s = %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

// TestFormulas compares with values that were computed from DS001 sections 8.5 and 8.6 in exact fractions.
func TestFormulas(t *testing.T) {
	c := device().cal
	for _, tt := range []struct {
		rawP, rawT uint32
		t, p       float64
	}{
		{6523152, 8337920, 21.68912254832685, 105212.54899270834},
		{7000000, 8400000, 22.78248590917792, 97853.50290168256},
		{9000000, 8337920, 21.68912254832685, 65693.92997767222},
		{8337920, 7200000, 1.599372414406389, 72080.98696186961},
		{4000000, 9000000, 33.33567334883264, 149828.98885367397},
		{11000000, 6000000, -19.686059234314598, 28871.9643549756},
	} {
		celsius := c.celsius(tt.rawT)
		if p := c.pascal(tt.rawP, celsius); math.Abs(celsius-tt.t) > 1e-9 || math.Abs(p-tt.p) > 1e-6 {
			t.Errorf("%d, %d: %v Cel, %v Pa, want %v, %v", tt.rawT, tt.rawP, celsius, p, tt.t, tt.p)
		}
	}
}

// TestLimits: what the part cannot measure, or did not, is an error.
func TestLimits(t *testing.T) {
	d := device()
	for raw := uint32(0); raw < 1<<24; raw += 257 {
		list, err := d.convert(6523152, raw)
		want := d.cal.celsius(raw)
		if good := want >= -40.005 && want < 85.005; good != (err == nil) {
			t.Fatalf("raw %#x, %v Cel: %v, %v", raw, want, list, err)
		}
		if err != nil && (sensors.ClassOf(err) != sensors.Range || list != nil) {
			t.Fatalf("raw %#x: %v, %v", raw, list, err)
		}
		list, err = d.convert(raw, 8337920)
		want = d.cal.pascal(raw, d.cal.celsius(8337920))
		if good := want >= 29999.95 && want < 125000.05; err != nil || good != (list[1].Err == "") {
			t.Fatalf("raw %#x, %v Pa: %v, %v", raw, want, list, err)
		}
	}
	if list, err := d.convert(6523152, unmeasured); err == nil {
		t.Errorf("a temperature that was not measured: %v", list)
	}
	if list, err := d.convert(unmeasured, 8337920); err != nil || list[1].Err != sensors.Range {
		t.Errorf("a pressure that was not measured: %v, %v", list, err)
	}
}

// FuzzConvert: no constants and raw values make a value that the part cannot measure.
func FuzzConvert(f *testing.F) {
	f.Add(burnt()[:], uint32(6523152), uint32(8337920))
	f.Add([]byte("\xff\xff\xff\xff\x80\x80\x00\x80"), uint32(0xFFFFFF), uint32(0))
	f.Fuzz(func(t *testing.T, memory []byte, rawP, rawT uint32) {
		d := device()
		var b [21]byte
		copy(b[:], memory)
		d.cal.parse(&b)
		list, err := d.convert(rawP&0xFFFFFF, rawT&0xFFFFFF)
		if err != nil {
			return
		}
		if v := list[0].Value; !(v >= -40 && v <= 85) {
			t.Errorf("temperature %v", v)
		}
		if m := list[1]; m.Err == "" && !(m.Value >= 30000 && m.Value <= 125000) {
			t.Errorf("pressure %v", m.Value)
		}
	})
}
