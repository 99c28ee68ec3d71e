package sim

// bme680Constants are a chip's factory constants, as they are burnt: BST-BME680-DS001 tables 11 to 17.
type bme680Constants struct {
	t1                            uint16
	t2                            int16
	t3                            int8
	p1                            uint16
	p2                            int16
	p3                            int8
	p4, p5                        int16
	p6, p7                        int8
	p8, p9                        int16
	p10                           uint8
	h1, h2                        uint16
	h3, h4, h5                    int8
	h6                            uint8
	h7                            int8
	g1                            int8
	g2                            int16
	g3                            int8
	heatRange                     uint8
	heatValue, switching, variant int8
}

// bme680Variants are in the order of size of real parts: two BME680 and two BME688.
var bme680Variants = [...]bme680Constants{
	{26203, 26519, 3, 35008, -10284, 88, 9692, -202, 30, 24, -516, -3469, 30, 794, 1007, 0, 45, 20, 120, -100, -30, -5969, 18, 1, 50, 0, 0},
	{25995, 26292, 3, 36439, -10392, 88, 6910, -88, 30, 38, -320, -2640, 30, 717, 1023, 0, 45, 20, 120, -100, -13, -9800, 18, 1, 41, 0, 1},
	{26171, 26452, 3, 36311, -10415, 88, 7230, -119, 30, 31, -871, -3301, 30, 760, 1011, 2, 45, 20, 120, -100, -33, -12045, 18, 1, 44, -3, 0},
	{26040, 26377, 3, 36702, -10470, 88, 7101, -127, 30, 30, -101, -3104, 30, 772, 1015, -1, 45, 20, 120, -100, -25, -11020, 18, 1, 46, 0, 1},
}

// burn writes the constants where the part has them.
func (k *bme680Constants) burn(mem *[256]byte) {
	words := func(at int, v uint16) { mem[at], mem[at+1] = byte(v), byte(v>>8) }
	words(0x8A, uint16(k.t2))
	mem[0x8C] = byte(k.t3)
	words(0x8E, k.p1)
	words(0x90, uint16(k.p2))
	mem[0x92] = byte(k.p3)
	words(0x94, uint16(k.p4))
	words(0x96, uint16(k.p5))
	mem[0x98], mem[0x99] = byte(k.p7), byte(k.p6)
	words(0x9C, uint16(k.p8))
	words(0x9E, uint16(k.p9))
	mem[0xA0] = k.p10
	mem[0xE1], mem[0xE2], mem[0xE3] = byte(k.h2>>4), byte(k.h2<<4)|byte(k.h1&15), byte(k.h1>>4)
	mem[0xE4], mem[0xE5], mem[0xE6], mem[0xE7], mem[0xE8] = byte(k.h3), byte(k.h4), byte(k.h5), k.h6, byte(k.h7)
	words(0xE9, k.t1)
	words(0xEB, uint16(k.g2))
	mem[0xED], mem[0xEE] = byte(k.g1), byte(k.g3)
	mem[0x00], mem[0x02], mem[0x04], mem[0xF0] = byte(k.heatValue), k.heatRange<<4, byte(k.switching<<4), byte(k.variant)
}

// fine is the temperature in 1/5120 Cel.
func (k *bme680Constants) fine(raw int64) int64 {
	a := raw>>3 - int64(k.t1)<<1
	return (a*int64(k.t2))>>11 + ((((a>>1)*(a>>1))>>12)*(int64(k.t3)<<4))>>14
}

// pascal is the pressure in Pa.
func (k *bme680Constants) pascal(raw, fine int64) int64 {
	a := fine>>1 - 64000
	quarter := (a >> 2) * (a >> 2)
	b := ((quarter>>11)*int64(k.p6))>>2 + (a*int64(k.p5))<<1
	b = b>>2 + int64(k.p4)<<16
	a = (((quarter>>13)*(int64(k.p3)<<5))>>3 + (int64(k.p2)*a)>>1) >> 18
	a = ((32768 + a) * int64(k.p1)) >> 15
	p := (1048576 - raw - b>>12) * 6250 / a
	c := (int64(k.p9) * (((p >> 3) * (p >> 3)) >> 13)) >> 12
	d := ((p >> 2) * int64(k.p8)) >> 13
	e := ((p >> 8) * (p >> 8) * (p >> 8) * int64(k.p10)) >> 17
	return p + (c+d+e+int64(k.p7)<<7)>>4
}

// milliHumidity is in 1/1000 %RH, without stops at 0 and 100.
func (k *bme680Constants) milliHumidity(raw, fine int64) int64 {
	t := (fine*5 + 128) >> 8
	a := raw - int64(k.h1)*16 - (t*int64(k.h3)/100)>>1
	b := (int64(k.h2) * (t*int64(k.h4)/100 + (t*(t*int64(k.h5)/100)>>6)/100 + 1<<14)) >> 10
	c := a * b
	d := (int64(k.h6)<<7 + t*int64(k.h7)/100) >> 4
	return ((c + (d*(((c>>14)*(c>>14))>>10))>>1) >> 10 * 1000) >> 12
}

// rawGas is the reading for a resistance in Ohm, in the first range that it fits into.
func (k *bme680Constants) rawGas(ohm float64) (raw uint32, r int) {
	for ; r < 15; r++ {
		if raw = solve(0x3FF, ohm, func(raw float64) float64 { return k.ohm(int64(raw), r) }); raw > 0 && raw < 0x3FF {
			break
		}
	}
	return raw, r
}

// The tables of the BME680's ranges, as whole numbers.
var (
	bme680K1 = [16]int64{2147483647, 2147483647, 2147483647, 2147483647, 2147483647, 2126008810, 2147483647, 2130303777, 2147483647,
		2147483647, 2143188679, 2136746228, 2147483647, 2126008810, 2147483647, 2147483647}
	bme680K2 = [16]int64{4096000000, 2048000000, 1024000000, 512000000, 255744255, 127110228, 64000000, 32258064, 16016016, 8000000,
		4000000, 2000000, 1000000, 500000, 250000, 125000}
)

func (k *bme680Constants) ohm(raw int64, r int) float64 {
	if k.variant == 1 {
		return 1000000 * float64(int64(262144)>>r) / float64(4096+3*(raw-512))
	}
	a := ((1340 + 5*int64(k.switching)) * bme680K1[r]) >> 16
	return float64((bme680K2[r]*a)>>9) / float64(raw<<15-1<<24+a)
}
