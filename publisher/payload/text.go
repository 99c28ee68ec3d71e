package payload

import (
	"encoding/hex"
	"strconv"

	"pinhole/publisher/record"
)

const unsyncedMember = `,"clock":"unsynced"`

// appendUUID appends u in the canonical form of RFC 9562 section 4.
func appendUUID(dst []byte, u [16]byte) []byte {
	dst = hex.AppendEncode(dst, u[:4])
	for _, part := range [...][]byte{u[4:6], u[6:8], u[8:10], u[10:]} {
		dst = hex.AppendEncode(append(dst, '-'), part)
	}
	return dst
}

// appendValue appends the value of an item that has one.
func appendValue(dst []byte, it *record.Item) []byte {
	switch {
	case it.Kind == record.Boolean:
		return strconv.AppendBool(dst, it.Value != 0)
	case it.Kind == record.Decimal:
		return appendDecimal(dst, it.Mantissa, int(it.Decimals))
	}
	return appendFloat(dst, it.Value)
}

// appendFloat appends the shortest plain number that parses back to v, at worst some 330 digits.
func appendFloat(dst []byte, v float64) []byte {
	if v == 0 {
		v = 0 // not -0
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

// appendMillis appends a time or a difference in milliseconds, given in microseconds.
func appendMillis(dst []byte, us int64) []byte { return appendTrimmed(dst, us, 3) }

// appendSeconds appends the same in seconds.
func appendSeconds(dst []byte, us int64) []byte { return appendTrimmed(dst, us, 6) }

// appendTrimmed appends n / 10^decimals without zeros at its end.
func appendTrimmed(dst []byte, n int64, decimals int) []byte {
	for decimals > 0 && n%1000 == 0 {
		n /= 1000
		decimals -= 3
	}
	for decimals > 0 && n%10 == 0 {
		n /= 10
		decimals--
	}
	return appendDecimal(dst, n, decimals)
}

// appendDecimal appends n / 10^decimals with that many decimals, 0 to 9.
func appendDecimal(dst []byte, n int64, decimals int) []byte {
	u := uint64(n)
	if n < 0 {
		dst = append(dst, '-')
		u = -u
	}
	if decimals == 0 {
		return strconv.AppendUint(dst, u, 10)
	}
	whole, fraction := divide(u, decimals)
	dst = append(strconv.AppendUint(dst, whole, 10), '.')
	at := len(dst) + decimals
	dst = append(dst, "000000000"[:decimals]...)
	for fraction > 0 {
		at--
		dst[at] = byte('0' + fraction%10)
		fraction /= 10
	}
	return dst
}

// divide splits u at its decimals, in 32 bits where they do: a 64-bit division is a library call on ARMv6.
func divide(u uint64, decimals int) (whole uint64, fraction uint32) {
	p := [...]uint32{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}[decimals]
	if u>>32 == 0 {
		return uint64(uint32(u) / p), uint32(u) % p
	}
	return u / uint64(p), uint32(u % uint64(p))
}
