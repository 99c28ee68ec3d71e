package bme280

import (
	"math"
	"math/rand/v2"
	"testing"
)

// example is the worked example of DS001 section 3.12.
func example() calibration {
	return calibration{t1: 27504, t2: 26435, t3: -1000, p1: 36477, p2: -10685, p3: 3024, p4: 2855, p5: 140, p6: -7, p7: 15500,
		p8: -14600, p9: 6000, h1: 75, h2: 362, h3: 0, h4: 335, h5: 0, h6: 30}
}

// TestDatasheetExample uses the example's constants and raw values. The datasheet's 100653.27 Pa are its floating point
// formula's; the whole-number one gives 25767233/256 Pa, which Linux's bmp280 driver says too for these registers.
func TestDatasheetExample(t *testing.T) {
	c := example()
	fine := c.fine(519888)
	if fine != 128422 {
		t.Errorf("fine = %d, want 128422", fine)
	}
	if got := centiCelsius(fine); got != 2508 {
		t.Errorf("temperature = %d/100 Cel, want 2508", got)
	}
	if p, ok := c.pressure(415148, fine); p != 25767233 || !ok {
		t.Errorf("pressure = %d/256 Pa, %v, want 25767233", p, ok)
	}
}

func TestParse(t *testing.T) {
	var b [24]byte
	for i := range b {
		b[i] = byte(0xF0 + i)
	}
	var c calibration
	c.parseTP(&b)
	if c.t1 != 0xF1F0 || c.t2 != int16(-0x0C0E) || c.p1 != 0xF7F6 || c.p9 != 0x0706 {
		t.Errorf("parsed %+v", c)
	}
	for _, tt := range []struct {
		b      [7]byte
		h2     int16
		h3     uint8
		h4, h5 int16
		h6     int8
	}{
		{[7]byte{0x6A, 0x01, 0x00, 0x14, 0x2F, 0x03, 0x1E}, 362, 0, 335, 50, 30},
		// Upper bytes with the sign bit set: the mistake of several drivers is to read 3855 and 4080.
		{[7]byte{0x00, 0x80, 0xFF, 0xF0, 0x0F, 0xFF, 0x80}, -32768, 255, -241, -16, -128},
		{[7]byte{0xFF, 0xFF, 0x01, 0x7F, 0xFF, 0x7F, 0x7F}, -1, 1, 2047, 2047, 127},
		{[7]byte{0x00, 0x00, 0x00, 0x80, 0x00, 0x80, 0x00}, 0, 0, -2048, -2048, 0},
	} {
		c.parseH(7, &tt.b)
		if c.h1 != 7 || c.h2 != tt.h2 || c.h3 != tt.h3 || c.h4 != tt.h4 || c.h5 != tt.h5 || c.h6 != tt.h6 {
			t.Errorf("% x: %d %d %d %d %d %d, want %+v", tt.b, c.h1, c.h2, c.h3, c.h4, c.h5, c.h6, tt)
		}
	}
}

// humidityFloat is the other formula of the datasheet, in floating point (DS002 section 8.1), without its stops.
func humidityFloat(c *calibration, raw, fine int64) float64 {
	h := float64(fine) - 76800
	h = (float64(raw) - (float64(c.h4)*64 + float64(c.h5)/16384*h)) * (float64(c.h2) / 65536 *
		(1 + float64(c.h6)/67108864*h*(1+float64(c.h3)/67108864*h)))
	return h * (1 - float64(c.h1)*h/524288)
}

// TestHumidity holds the whole-number formula against the datasheet's other one.
func TestHumidity(t *testing.T) {
	usual, negative := example(), example()
	negative.h2, negative.h4, negative.h5, negative.h6 = 130, -241, -16, -20
	for _, c := range []calibration{usual, negative} {
		seen := 0
		for raw := int64(0); raw < 65536; raw += 37 {
			for fine := int64(-200000); fine <= 430000; fine += 30011 {
				want := humidityFloat(&c, raw, fine)
				if want < -5 || want > 105 {
					continue
				}
				seen++
				if got := float64(c.humidity(raw, fine)) / 1024; math.Abs(got-want) > 0.02 {
					t.Fatalf("h4 %d: humidity(%d, %d) = %.3f, want %.3f", c.h4, raw, fine, got, want)
				}
			}
		}
		if seen < 1000 {
			t.Errorf("h4 %d: only %d points compared", c.h4, seen)
		}
	}
}

// TestNothingWraps feeds constants and raw values that no part has: no panic, and no division by zero.
func TestNothingWraps(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var b [24]byte
	var h [7]byte
	for range 20000 {
		var c calibration
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		for i := range h {
			h[i] = byte(r.Uint32())
		}
		c.parseTP(&b)
		c.parseH(byte(r.Uint32()), &h)
		fine := c.fine(r.Int64N(1 << 20))
		c.pressure(r.Int64N(1<<20), fine)
		c.humidity(r.Int64N(1<<16), fine)
	}
	if _, ok := new(calibration).pressure(415148, 128422); ok {
		t.Error("constants of zero have a pressure")
	}
}
