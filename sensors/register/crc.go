package register

import (
	"math/bits"

	"pinhole/sensors/register/chips"
)

// sum adds bytes to a checksum's register, highest bit first as the register stands.
func sum(c *chips.CRC, register uint16, p []byte) uint16 {
	top := uint16(1) << (c.Bits - 1)
	for _, b := range p {
		if c.Reflected {
			b = bits.Reverse8(b)
		}
		register ^= uint16(b) << (c.Bits - 8)
		for range 8 {
			if register&top != 0 {
				register = register<<1 ^ c.Polynomial
			} else {
				register <<= 1
			}
		}
	}
	return register & (^uint16(0) >> (16 - c.Bits))
}

// finish turns the register into what is sent.
func finish(c *chips.CRC, register uint16) uint16 {
	if c.Reflected {
		register = bits.Reverse16(register) >> (16 - c.Bits)
	}
	return register ^ c.Xor
}

// strip checks the checksums in answer and moves the data together to its beginning. before is what the checksum covers ahead of
// the data. On a failure it tells where, and both sums.
func strip(c *chips.CRC, before, answer []byte, size int) (at int, got, want uint16, ok bool) {
	step := c.Bits / 8
	for from, to := 0, 0; to < size; to += c.Group {
		group := answer[from : from+c.Group]
		want = finish(c, sum(c, sum(c, c.Init, before), group))
		tail := answer[from+c.Group : from+c.Group+step]
		got = uint16(tail[0])
		if step == 2 {
			got = got<<8 | uint16(tail[1])
			if c.Little {
				got = bits.ReverseBytes16(got)
			}
		}
		if got != want {
			return to, got, want, false
		}
		copy(answer[to:], group)
		from += c.Group + step
	}
	return 0, 0, 0, true
}
