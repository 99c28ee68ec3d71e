package bmp180

// calibration is the part's factory constants, DS000 table 5.
type calibration struct {
	ac1, ac2, ac3 int16
	ac4, ac5, ac6 uint16
	b1, b2        int16
	mc, md        int16
}

// parse reads the constants at 0xAA to 0xBF, upper byte first. ok is false where one of them is 0 or 0xFFFF, which the
// datasheet rules out (section 3.4).
func (c *calibration) parse(b *[22]byte) (ok bool) {
	var v [11]uint16
	for i := range v {
		v[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
		if v[i] == 0 || v[i] == 0xFFFF {
			return false
		}
	}
	c.ac1, c.ac2, c.ac3 = int16(v[0]), int16(v[1]), int16(v[2])
	c.ac4, c.ac5, c.ac6 = v[3], v[4], v[5]
	c.b1, c.b2 = int16(v[6]), int16(v[7])
	c.mc, c.md = int16(v[9]), int16(v[10]) // v[8], MB, has no part in the formulas
	return true
}

// The formulas are those of DS000 figure 4 in whole numbers, rounded down wherever they divide: so the figure's example does. 64
// bits throughout, so that raw values no part sends cannot wrap round to something plausible.

// fine returns B5, the temperature in 1/160 Cel, from a raw value of 16 bits. ok is false where the formula has no result, and
// below that, where it has one again that no part means.
func (c *calibration) fine(raw int64) (b5 int64, ok bool) {
	x1 := ((raw - int64(c.ac6)) * int64(c.ac5)) >> 15
	below := x1 + int64(c.md)
	if below <= 0 {
		return 0, false
	}
	return x1 + floor(int64(c.mc)<<11, below), true
}

// floor returns a/b rounded down, for b above 0.
func floor(a, b int64) int64 {
	if a < 0 {
		return -((-a + b - 1) / b)
	}
	return a / b
}

// deciCelsius converts fine to 1/10 Cel.
func deciCelsius(b5 int64) int64 { return (b5 + 8) >> 4 }

// pressure returns Pa from a raw value of 16+oss bits. ok is false where the formula has no result.
func (c *calibration) pressure(raw, b5 int64, oss uint) (p int64, ok bool) {
	b6 := b5 - 4000
	square := (b6 * b6) >> 12
	x3 := (int64(c.b2)*square)>>11 + (int64(c.ac2)*b6)>>11
	b3 := ((int64(c.ac1)*4+x3)<<oss + 2) >> 2
	x3 = ((int64(c.ac3)*b6)>>13 + (int64(c.b1)*square)>>16 + 2) >> 2
	b4 := (int64(c.ac4) * (x3 + 32768)) >> 15
	if b4 <= 0 || raw < b3 {
		return 0, false
	}
	p = (raw - b3) * (50000 >> oss) * 2 / b4
	x1 := ((p >> 8) * (p >> 8) * 3038) >> 16
	return p + (x1+(-7357*p)>>16+3791)>>4, true
}
