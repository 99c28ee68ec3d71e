package bme280

// calibration is the part's factory constants, DS002 table 16.
type calibration struct {
	t1         uint16
	t2, t3     int16
	p1         uint16
	p2, p3, p4 int16
	p5, p6, p7 int16
	p8, p9     int16
	h1, h3     uint8
	h2         int16
	h4, h5     int16 // 12 bits, signed
	h6         int8
}

// parseTP reads the constants at 0x88 to 0x9F.
func (c *calibration) parseTP(b *[24]byte) {
	u := func(i int) uint16 { return uint16(b[i]) | uint16(b[i+1])<<8 }
	s := func(i int) int16 { return int16(u(i)) }
	c.t1, c.t2, c.t3 = u(0), s(2), s(4)
	c.p1, c.p2, c.p3 = u(6), s(8), s(10)
	c.p4, c.p5, c.p6 = s(12), s(14), s(16)
	c.p7, c.p8, c.p9 = s(18), s(20), s(22)
}

// parseH reads the constants at 0xA1 and at 0xE1 to 0xE7. h4 and h5 are 12 bits each and share a register; their upper bytes carry
// the sign.
func (c *calibration) parseH(a1 byte, b *[7]byte) {
	c.h1 = a1
	c.h2 = int16(uint16(b[0]) | uint16(b[1])<<8)
	c.h3 = b[2]
	c.h4 = int16(int8(b[3]))<<4 | int16(b[4]&0x0F)
	c.h5 = int16(int8(b[5]))<<4 | int16(b[4]>>4)
	c.h6 = int8(b[6])
}

// The formulas are those of DS002 section 4.2.3 in whole numbers, humidity without its stops at both ends. 64 bits throughout, so
// that raw values no part sends cannot wrap round to something plausible.

// fine returns the temperature that the other two formulas need, in 1/5120 Cel, from a raw value of 20 bits.
func (c *calibration) fine(raw int64) int64 {
	a := ((raw>>3 - int64(c.t1)<<1) * int64(c.t2)) >> 11
	d := raw>>4 - int64(c.t1)
	return a + ((d*d)>>12*int64(c.t3))>>14
}

// centiCelsius converts fine to 1/100 Cel.
func centiCelsius(fine int64) int64 { return (fine*5 + 128) >> 8 }

// pressure returns 1/256 Pa from a raw value of 20 bits. ok is false where the formula has no result.
func (c *calibration) pressure(raw, fine int64) (p int64, ok bool) {
	a := fine - 128000
	b := a * a * int64(c.p6)
	b += (a * int64(c.p5)) << 17
	b += int64(c.p4) << 35
	a = (a*a*int64(c.p3))>>8 + (a*int64(c.p2))<<12
	a = ((1<<47 + a) * int64(c.p1)) >> 33
	if a == 0 {
		return 0, false
	}
	p = 1048576 - raw
	p = ((p<<31 - b) * 3125) / a
	d := (int64(c.p9) * (p >> 13) * (p >> 13)) >> 25
	e := (int64(c.p8) * p) >> 19
	return (p+d+e)>>8 + int64(c.p7)<<4, true
}

// humidity returns 1/1024 %RH from a raw value of 16 bits. It may lie outside of 0 to 100 %RH.
func (c *calibration) humidity(raw, fine int64) int64 {
	v := fine - 76800
	gain := ((((v*int64(c.h6))>>10*((v*int64(c.h3))>>11+32768))>>10+2097152)*int64(c.h2) + 8192) >> 14
	v = (raw<<14 - int64(c.h4)<<20 - int64(c.h5)*v + 16384) >> 15 * gain
	v -= ((v >> 15 * (v >> 15)) >> 7 * int64(c.h1)) >> 4
	return v >> 12
}
