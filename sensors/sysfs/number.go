package sysfs

import "strconv"

// maxDigits is the length of the longest number that a driver prints, with room to spare.
const maxDigits = 40

// Decimal reads text as a decimal number (sign, digits, point, digits) and multiplies it by ten to the power of exp. The result is
// the float64 that is nearest to the exact product: "25080" with -3 is 25.08. ok is false for everything else, be it an exponent,
// a unit, several numbers or nothing.
func Decimal(text []byte, exp int) (v float64, ok bool) {
	if len(text) > maxDigits {
		return 0, false
	}
	digits, points := 0, 0
	for i, c := range text {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '.' && points == 0 && digits > 0 && i < len(text)-1:
			points++
		case c == '-' && i == 0:
		default:
			return 0, false
		}
	}
	if digits == 0 {
		return 0, false
	}
	var buf [maxDigits + 8]byte
	b := append(buf[:0], text...)
	if exp != 0 {
		b = append(b, 'e')
		b = strconv.AppendInt(b, int64(exp), 10)
	}
	v, err := strconv.ParseFloat(string(b), 64)
	return v + 0, err == nil // a negative zero is zero
}

// Whole reads text as a whole number of at most 18 digits.
func Whole(text []byte) (n int64, ok bool) {
	digits := text
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) < len(text) {
		n = -n
	}
	return n, true
}
