package record

import "math"

const (
	maxDecimals = 9
	// maxMantissa keeps mantissas so far below a float64's 53 bits that two of them never stand for the same value: hence the
	// decimal form of a value is unique but for trailing zeros, and a varint of it is never longer than the raw 8 bytes.
	maxMantissa = 1 << 50
)

var powers = [maxDecimals + 1]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

// decimal finds the mantissa and the smallest number of decimals, 0 to 9, with mantissa / 10^decimals == v. hint is where to
// look first, as values of one series mostly have the same resolution. ok is false when no such pair exists. v is finite.
func decimal(v float64, hint int) (mantissa int64, decimals int, ok bool) {
	if mantissa, ok = scale(v, hint); !ok {
		for decimals = range maxDecimals + 1 {
			if mantissa, ok = scale(v, decimals); ok {
				return mantissa, decimals, true
			}
		}
		return 0, 0, false
	}
	for decimals = hint; decimals > 0 && mantissa%10 == 0; decimals-- {
		mantissa /= 10
	}
	return mantissa, decimals, true
}

// scale returns the integer m with m / 10^decimals == v, if there is one. The quotient of two numbers that a float64 holds
// exactly is the float64 nearest to the decimal fraction, so it is also what a parser makes of the printed number.
func scale(v float64, decimals int) (m int64, ok bool) {
	s := float64(v * powers[decimals]) // the conversion forbids fusing with the sum below
	if !(math.Abs(s) < maxMantissa-1) {
		return 0, false
	}
	m = int64(s + math.Copysign(0.5, s))
	return m, float64(m)/powers[decimals] == v
}
