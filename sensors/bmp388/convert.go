package bmp388

import "math"

// calibration is the part's factory constants, scaled as DS001 section 8.4 has it.
type calibration struct {
	t1, t2, t3                                   float64
	p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11 float64
}

// parse reads the constants at 0x31 to 0x45, DS001 table 24.
func (c *calibration) parse(b *[21]byte) {
	u := func(i int) uint16 { return uint16(b[i]) | uint16(b[i+1])<<8 }
	unsigned := func(i, exp int) float64 { return math.Ldexp(float64(u(i)), -exp) }
	signed := func(i, exp int) float64 { return math.Ldexp(float64(int16(u(i))), -exp) }
	small := func(i, exp int) float64 { return math.Ldexp(float64(int8(b[i])), -exp) }
	c.t1, c.t2, c.t3 = unsigned(0, -8), unsigned(2, 30), small(4, 48)
	c.p1 = math.Ldexp(float64(int16(u(5)))-16384, -20)
	c.p2 = math.Ldexp(float64(int16(u(7)))-16384, -29)
	c.p3, c.p4 = small(9, 32), small(10, 37)
	c.p5, c.p6 = unsigned(11, -3), unsigned(13, 6)
	c.p7, c.p8 = small(15, 8), small(16, 15)
	c.p9 = signed(17, 48)
	c.p10, c.p11 = small(19, 48), small(20, 65)
}

// celsius returns Cel from a raw value of 24 bits, DS001 section 8.5.
func (c *calibration) celsius(raw uint32) float64 {
	d := float64(raw) - c.t1
	return d*c.t2 + d*d*c.t3
}

// pascal returns Pa from a raw value of 24 bits at t Cel, DS001 section 8.6.
func (c *calibration) pascal(raw uint32, t float64) float64 {
	p := float64(raw)
	offset := c.p5 + t*(c.p6+t*(c.p7+t*c.p8))
	slope := c.p1 + t*(c.p2+t*(c.p3+t*c.p4))
	return offset + p*(slope+p*(c.p9+c.p10*t+p*c.p11))
}
