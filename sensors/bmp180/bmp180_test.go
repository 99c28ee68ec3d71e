package bmp180

import (
	"testing"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

func worlds() (list []sim.Still) {
	for _, c := range []float64{21.4, -39.9, -12.5, 0, 37.5, 84.9} {
		for _, p := range []float64{101325, 30100, 55000, 98765, 109900} {
			list = append(list, sim.Still{sensors.Temperature: c, sensors.Pressure: p})
		}
	}
	list[1], list[7] = list[7], list[1] // the first two differ in everything
	return list
}

// TestConformance allows for the datasheet's formula, which divides whole numbers: it is up to 0.1 Cel and 9 Pa off its own
// meaning, most at the ends of the temperature. Half a step of the raw value is 2 Pa at oversampling 1.
func TestConformance(t *testing.T) {
	for n, within := range map[int64]float64{1: 10, 8: 10} {
		sensorstest.Run(t, sensorstest.Suite{Kind: Kind(), Params: kind.Params{"oversampling": n}, Truth: worlds(),
			Within: map[sensors.Quantity]float64{sensors.Temperature: 0.1, sensors.Pressure: within}})
	}
}

func example() calibration {
	return calibration{ac1: 408, ac2: -72, ac3: -14383, ac4: 32741, ac5: 32757, ac6: 23153, b1: 6190, b2: 4, mc: -8711, md: 2868}
}

func device(oss uint) *Dev { return &Dev{part: new(kind.Part), cal: example(), oss: oss} }

// TestDatasheetExample is the one of DS000 figure 4.
func TestDatasheetExample(t *testing.T) {
	c := example()
	b5, ok := c.fine(27898)
	if !ok || b5 != 2399 || deciCelsius(b5) != 150 {
		t.Errorf("B5 %d, %d/10 Cel, want 2399, 150", b5, deciCelsius(b5))
	}
	if p, ok := c.pressure(23843, b5, 0); !ok || p != 69964 {
		t.Errorf("%d Pa, want 69964", p)
	}
	list, err := device(0).convert(27898, 23843)
	if err != nil || list[0].Value != 15 || list[1].Value != 69964 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestParse(t *testing.T) {
	good := [22]byte{0x01, 0x98, 0xFF, 0xB8, 0xC7, 0xD1, 0x7F, 0xE5, 0x7F, 0xF5, 0x5A, 0x71, 0x18, 0x2E, 0x00, 0x04, 0x80, 0x00,
		0xDD, 0xF9, 0x0B, 0x34}
	var c calibration
	if !c.parse(&good) || c != example() {
		t.Errorf("%+v, want %+v", c, example())
	}
	for i := 0; i < 22; i += 2 {
		for _, v := range []byte{0, 0xFF} {
			bad := good
			bad[i], bad[i+1] = v, v
			if c.parse(&bad) {
				t.Errorf("word %d all %#x is believed", i/2, v)
			}
		}
	}
}

// TestLimits: what the part cannot measure is an error. Below raw 20284 the formula has another branch, that comes by -40 Cel too.
func TestLimits(t *testing.T) {
	d := device(3)
	for raw := range int64(1 << 16) {
		list, err := d.convert(raw, 23843<<3)
		b5, ok := d.cal.fine(raw)
		if good := ok && b5 >= -6408 && b5 < 13608 && raw > 20000; good != (err == nil) {
			t.Fatalf("raw %#x, %.2f Cel: %v, %v", raw, float64(b5)/160, list, err)
		}
		if err != nil && (sensors.ClassOf(err) != sensors.Range || list != nil) {
			t.Fatalf("raw %#x: %v, %v", raw, list, err)
		}
	}
	for raw := int64(0); raw < 1<<19; raw += 8 {
		list, err := d.convert(27898, raw)
		if err != nil || list[1].Err == "" && (list[1].Value < 30000 || list[1].Value > 110000) ||
			list[1].Err != "" && (list[1].Err != sensors.Range || list[1].Value != 0) {
			t.Fatalf("raw %#x: %v, %v", raw, list, err)
		}
	}
}

// FuzzConvert: no constants and raw values make a value that the part cannot measure.
func FuzzConvert(f *testing.F) {
	f.Add([]byte("\x01\x98\xff\xb8\xc7\xd1\x7f\xe5\x7f\xf5\x5a\x71\x18\x2e\x00\x04\x80\x00\xdd\xf9\x0b\x34"), uint16(27898), uint32(23843), uint8(0))
	f.Add([]byte("\x80\x00\x80\x00\x80\x00\x00\x01\xff\xfe\x00\x01\x80\x00\x80\x00\x80\x00\x80\x00\x80\x00"), uint16(0xFFFF), uint32(0x7FFFF), uint8(3))
	f.Fuzz(func(t *testing.T, burnt []byte, rawT uint16, rawP uint32, oss uint8) {
		d := device(uint(oss & 3))
		var b [22]byte
		copy(b[:], burnt)
		if !d.cal.parse(&b) {
			return
		}
		list, err := d.convert(int64(rawT), int64(rawP&(1<<(16+d.oss)-1)))
		if err != nil {
			return
		}
		if v := list[0].Value; !(v >= -40 && v <= 85) {
			t.Errorf("temperature %v", v)
		}
		if m := list[1]; m.Err == "" && !(m.Value >= 30000 && m.Value <= 110000) {
			t.Errorf("pressure %v", m.Value)
		}
	})
}
