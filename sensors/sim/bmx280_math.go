package sim

import "math"

// bmxConstants is a chip's factory calibration, named as in the datasheets (BST-BME280-DS002 table 16).
type bmxConstants struct {
	T1         uint16
	T2, T3     int16
	P1         uint16
	P2, P3, P4 int16
	P5, P6, P7 int16
	P8, P9     int16
	H1, H3     uint8
	H2         int16
	H4, H5     int16 // 12 bits each, signed, sharing a register
	H6         int8
}

// bmxVariants are the sets of constants that simulated chips have: in the order of size of real parts, and one whose H4 and H5 are
// negative, as the sign of these two is what drivers get wrong. That one cannot show less than 0.5 %RH.
var bmxVariants = [...]bmxConstants{
	{T1: 28485, T2: 26735, T3: 50, P1: 36738, P2: -10635, P3: 3024, P4: 6980, P5: -4, P6: -7, P7: 9900, P8: -10230, P9: 4285,
		H1: 75, H2: 361, H3: 0, H4: 313, H5: 50, H6: 30},
	{T1: 27310, T2: 25890, T3: -1000, P1: 37120, P2: -10480, P3: 3024, P4: 3120, P5: 118, P6: -7, P7: 12300, P8: -12000, P9: 5000,
		H1: 0, H2: 130, H3: 12, H4: -3, H5: -2, H6: -20},
	{T1: 28007, T2: 26310, T3: 50, P1: 35991, P2: -10590, P3: 3024, P4: 8420, P5: -107, P6: -7, P7: 9900, P8: -10230, P9: 4285,
		H1: 75, H2: 380, H3: 5, H4: 291, H5: -30, H6: 30},
}

// burn writes the constants where the part has them.
func (k *bmxConstants) burn(mem *[256]byte, humid bool) {
	for i, v := range [...]uint16{k.T1, uint16(k.T2), uint16(k.T3), k.P1, uint16(k.P2), uint16(k.P3), uint16(k.P4), uint16(k.P5),
		uint16(k.P6), uint16(k.P7), uint16(k.P8), uint16(k.P9)} {
		mem[0x88+2*i], mem[0x89+2*i] = byte(v), byte(v>>8)
	}
	if !humid {
		return
	}
	mem[0xA1] = k.H1
	mem[0xE1], mem[0xE2] = byte(k.H2), byte(uint16(k.H2)>>8)
	mem[0xE3] = k.H3
	mem[0xE4] = byte(k.H4 >> 4)
	mem[0xE5] = byte(k.H4)&0x0F | byte(k.H5)<<4
	mem[0xE6] = byte(k.H5 >> 4)
	mem[0xE7] = byte(k.H6)
}

// fine is the intermediate temperature t_fine, in 1/5120 Cel, by the floating point formula of the datasheets (BME280 appendix A,
// BMP280 section 8.1). The driver uses the integer one.
func (k *bmxConstants) fine(raw float64) float64 {
	a := (raw/16384 - float64(k.T1)/1024) * float64(k.T2)
	b := raw/131072 - float64(k.T1)/8192
	return a + b*b*float64(k.T3)
}

// temperature is in Cel.
func (k *bmxConstants) temperature(raw float64) float64 { return k.fine(raw) / 5120 }

// pressure is in Pa.
func (k *bmxConstants) pressure(raw, fine float64) float64 {
	a := fine/2 - 64000
	b := a * a * float64(k.P6) / 32768
	b += a * float64(k.P5) * 2
	b = b/4 + float64(k.P4)*65536
	a = (float64(k.P3)*a*a/524288 + float64(k.P2)*a) / 524288
	a = (1 + a/32768) * float64(k.P1)
	p := (1048576 - raw - b/4096) * 6250 / a
	return p + (float64(k.P9)*p*p/2147483648+p*float64(k.P8)/32768+float64(k.P7))/16
}

// humidity is in %RH, without the datasheet's stops at 0 and 100.
func (k *bmxConstants) humidity(raw, fine float64) float64 {
	h := fine - 76800
	h = (raw - (float64(k.H4)*64 + float64(k.H5)/16384*h)) *
		(float64(k.H2) / 65536 * (1 + float64(k.H6)/67108864*h*(1+float64(k.H3)/67108864*h)))
	return h * (1 - float64(k.H1)*h/524288)
}

func (k *bmxConstants) rawTemperature(want float64) uint32 {
	return solve(0xFFFFF, want, k.temperature)
}

func (k *bmxConstants) rawPressure(want, fine float64) uint32 {
	return solve(0xFFFFF, want, func(raw float64) float64 { return k.pressure(raw, fine) })
}

func (k *bmxConstants) rawHumidity(want, fine float64) uint32 {
	return solve(0xFFFF, want, func(raw float64) float64 { return k.humidity(raw, fine) })
}

// solve finds the raw value, from 0 to top, at which f is nearest to want. f rises or falls throughout.
func solve(top uint32, want float64, f func(raw float64) float64) uint32 {
	rising := f(float64(top)) > f(0)
	lo, hi := uint32(0), top
	for lo < hi {
		mid := lo + (hi-lo)/2
		if (f(float64(mid)) < want) == rising {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo > 0 && math.Abs(f(float64(lo-1))-want) < math.Abs(f(float64(lo))-want) {
		lo--
	}
	return lo
}
