package bme680

import "math"

// calibration is the part's factory constants, DS001 tables 11 to 17.
type calibration struct {
	t1, t2, t3                              float64
	p1, p2, p3, p4, p5, p6, p7, p8, p9, p10 float64
	h1, h2, h3, h4, h5, h6, h7              float64
	g1, g2, g3                              float64
	heatRange, heatValue, switching         float64
}

// memory is what the part has of them: at 0x8A, 0xE1 and 0x00.
type memory struct {
	low  [23]byte
	high [14]byte
	heat [5]byte
}

func (c *calibration) parse(m *memory) {
	a, b := &m.low, &m.high
	word := func(lo, hi byte) float64 { return float64(uint16(lo) | uint16(hi)<<8) }
	signed := func(lo, hi byte) float64 { return float64(int16(uint16(lo) | uint16(hi)<<8)) }
	small := func(v byte) float64 { return float64(int8(v)) }
	c.t1, c.t2, c.t3 = word(b[8], b[9]), signed(a[0], a[1]), small(a[2])
	c.p1, c.p2, c.p3 = word(a[4], a[5]), signed(a[6], a[7]), small(a[8])
	c.p4, c.p5 = signed(a[10], a[11]), signed(a[12], a[13])
	c.p7, c.p6 = small(a[14]), small(a[15])
	c.p8, c.p9, c.p10 = signed(a[18], a[19]), signed(a[20], a[21]), float64(a[22])
	c.h2 = float64(uint16(b[0])<<4 | uint16(b[1])>>4) // 12 bits each, sharing a register
	c.h1 = float64(uint16(b[2])<<4 | uint16(b[1])&15)
	c.h3, c.h4, c.h5, c.h6, c.h7 = small(b[3]), small(b[4]), small(b[5]), float64(b[6]), small(b[7])
	c.g2, c.g1, c.g3 = signed(b[10], b[11]), small(b[12]), small(b[13])
	c.heatValue, c.heatRange, c.switching = small(m.heat[0]), float64(m.heat[2]>>4&3), float64(int8(m.heat[4])>>4)
}

// fine returns the temperature in 1/5120 Cel from a raw value of 20 bits, DS001 section 3.3.1.
func (c *calibration) fine(raw uint32) float64 {
	d := float64(raw)/16384 - c.t1/1024
	return d*c.t2 + d*d/64*c.t3*16
}

// pascal returns Pa from a raw value of 20 bits, DS001 section 3.3.2.
func (c *calibration) pascal(raw uint32, fine float64) float64 {
	a := fine/2 - 64000
	b := (a*a*c.p6/131072+a*c.p5*2)/4 + c.p4*65536
	a = (1 + (c.p3*a*a/16384+c.p2*a)/524288/32768) * c.p1
	p := (1048576 - float64(raw) - b/4096) * 6250 / a
	k := p / 256
	return p + (c.p9*p*p/2147483648+p*c.p8/32768+k*k*k*c.p10/131072+c.p7*128)/16
}

// humidity returns %RH from a raw value of 16 bits, DS001 section 3.3.3, without its stops at both ends.
func (c *calibration) humidity(raw uint32, fine float64) float64 {
	t := fine / 5120
	h := (float64(raw) - c.h1*16 - c.h3/2*t) * c.h2 / 262144 * (1 + c.h4/16384*t + c.h5/1048576*t*t)
	return h + (c.h6/16384+c.h7/2097152*t)*h*h
}

// ohm returns the gas layer's resistance from a raw value of 10 bits and its range, 0 to 15, DS001 section 3.4.1.
func (c *calibration) ohm(raw uint32, r int) float64 {
	const unit = 0.000000125
	k1, k2 := bent(r)
	return 1 / ((1 + k2/100) * unit * math.Ldexp(1, r) * ((float64(raw)-512)/((1340+5*c.switching)*(1+k1/100)) + 1))
}

// bent is how far each range of the BME680 is off, in per cent: DS001 table 16.
func bent(r int) (k1, k2 float64) {
	switch r {
	case 4:
		return 0, 0.1
	case 5:
		return -1, 0.7
	case 7:
		return -0.8, -0.8
	case 8:
		return 0, -0.1
	case 10:
		return -0.2, 0
	case 11:
		return -0.5, 0
	case 13:
		return -1, 0
	}
	return 0, 0
}

// ohm688 is the same for a BME688, BST-BME688-DS000 section 3.4.1.
func ohm688(raw uint32, r int) float64 {
	return 1e6 * math.Ldexp(1, 18-r) / (4096 + 3*(float64(raw)-512))
}

// heater returns the setting for a temperature of the gas layer in Cel, where the air has 25 Cel, DS001 section 3.3.5.
func (c *calibration) heater(celsius float64) byte {
	a := (c.g1/16+49)*(1+(c.g2/32768*0.0005+0.00235)*celsius) + c.g3/1024*25
	v := 3.4 * (a*4/(4+c.heatRange)/(1+c.heatValue*0.002) - 25)
	return byte(min(max(v, 0), 255))
}

// duration returns the code of a heating time in ms, 1 to 4032: 6 bits, times 1, 4, 16 or 64 (DS001 section 5.3.3.3).
func duration(ms int64) byte {
	factor := byte(0)
	for ; ms > 63; ms /= 4 {
		factor++
	}
	return factor<<6 | byte(ms)
}
