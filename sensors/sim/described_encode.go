package sim

import (
	"math"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/register/chips"
)

// measure puts the truth of a moment into a round's answers.
func (d *described) measure(m *describedRound, at time.Time) {
	for i := range m.answers {
		a := &m.answers[i]
		if a.cell == nil {
			continue
		}
		data := a.cell.data[a.from:]
		if a.read.CRC != nil {
			clear(data[:a.read.Size()]) // checksums move the data apart
		}
		for _, q := range a.read.Require {
			for k := range q.Bits {
				putBit(data, q.Bit+k, q.Equals>>(q.Bits-1-k)&1)
			}
		}
		second := d.chip.Part.Other != nil && d.holds(d.chip.Part.Other)
		for k := range a.read.Fields {
			f := &a.read.Fields[k]
			if w := f.When; w != nil {
				if f.Other != second {
					continue
				}
				for n := range w.Bits {
					putBit(data, w.Bit+n, w.Equals>>(w.Bits-1-n)&1)
				}
			}
			truth := d.truth(f.Quantity, a.names[k], at)
			if f.SignFrom != "" {
				truth = math.Abs(truth) // such a register has no bit for the sign
			}
			d.encode(data, f, truth)
		}
		d.seal(a)
	}
}

func (d *described) truth(q sensors.Quantity, place string, at time.Time) float64 {
	if !q.Boolean() {
		return d.env.World.Value(q, place, at)
	}
	if on, _ := d.env.World.Switch(q, place, at); on {
		return 1
	}
	return 0
}

// putBit writes one bit, counted from the first byte's highest.
func putBit(data []byte, bit int, v uint64) {
	mask := byte(0x80) >> (bit % 8)
	if data[bit/8] &^= mask; v != 0 {
		data[bit/8] |= mask
	}
}

// encode writes the raw value whose meaning is nearest to truth, bit by bit, lowest first.
func (d *described) encode(data []byte, f *chips.Field, truth float64) {
	word := invert(f, truth)
	for k := range f.Bits {
		v := word >> k & 1
		n := f.Bits - 1 - k // from the field's highest bit
		if f.Order == chips.Big {
			putBit(data, f.Bit+n, v)
			continue
		}
		n += f.Within
		which := n / 8 // the byte, A being 0
		switch f.Order {
		case chips.Little:
			which = f.Word - 1 - which
		case chips.BADC:
			which += 1 - 2*(which%2)
		case chips.CDAB:
			which = f.Word - 2 - which/2*2 + which%2
		}
		putBit(data, f.Bit+8*which+n%8, v)
	}
}

// invert finds a field's raw bits for a value.
func invert(f *chips.Field, truth float64) uint64 {
	if f.Polynomial != nil {
		truth = root(f, truth)
	}
	x := (truth - f.Offset) / f.Scale * f.Divisor
	if f.Type == chips.Float32 {
		return uint64(math.Float32bits(float32(x)))
	}
	low, high := 0.0, math.Ldexp(1, f.Bits)-1
	switch f.Type {
	case chips.Signed:
		low, high = -math.Ldexp(1, f.Bits-1), math.Ldexp(1, f.Bits-1)-1
	case chips.SignMagnitude:
		high = math.Ldexp(1, f.Bits-1) - 1
		low = -high
	case chips.BCD:
		high = math.Pow(10, float64(f.Bits/4)) - 1
	}
	x = math.RoundToEven(min(max(x, low), high))
	switch {
	case f.Type == chips.BCD:
		var word uint64
		rest := uint64(x)
		for k := 0; k < f.Bits; k += 4 {
			word |= rest % 10 << k
			rest /= 10
		}
		return word
	case f.Type == chips.SignMagnitude && x < 0:
		return uint64(-x) | 1<<(f.Bits-1)
	case x < 0:
		return uint64(x + math.Ldexp(1, f.Bits))
	}
	return uint64(x)
}

// root finds, by halving, where the polynomial has a value. It rises or falls throughout what the field can hold.
func root(f *chips.Field, want float64) float64 {
	ends := [2]float64{}
	for i, raw := range [2]float64{0, math.Ldexp(1, f.Bits)} {
		if f.Type == chips.Signed || f.Type == chips.SignMagnitude {
			raw -= math.Ldexp(1, f.Bits-1)
		}
		ends[i] = raw*f.Scale/f.Divisor + f.Offset
	}
	low, high := ends[0], ends[1]
	at := func(x float64) float64 {
		y, power := 0.0, 1.0
		for _, c := range f.Polynomial {
			y += c * power
			power *= x
		}
		return y
	}
	rising := at(high) > at(low)
	for range 80 {
		mid := low + (high-low)/2
		if (at(mid) < want) == rising {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// seal writes the checksums behind an answer's data.
func (d *described) seal(a *describedAnswer) {
	c := a.read.CRC
	if c == nil {
		return
	}
	out := a.cell.data[a.from : a.from+a.read.Size()]
	n := copy(d.buffer[:], out[:a.read.Bytes])
	step := c.Bits / 8
	for from, to := 0, 0; from < n; from += c.Group {
		to += copy(out[to:], d.buffer[from:from+c.Group])
		s := d.remainder(c, a.read.At, d.buffer[from:from+c.Group])
		if step == 1 {
			out[to] = byte(s)
		} else if c.Little {
			out[to], out[to+1] = byte(s), byte(s>>8)
		} else {
			out[to], out[to+1] = byte(s>>8), byte(s)
		}
		to += step
	}
}

// remainder is a checksum, by long division one bit after the other: highest bit first with the polynomial as it is written, or
// lowest first with its mirror image.
func (d *described) remainder(c *chips.CRC, r chips.Register, data []byte) (rest uint16) {
	rest = c.Init
	poly := c.Polynomial
	if c.Reflected {
		rest, poly = mirror(rest, c.Bits), mirror(poly, c.Bits)
	}
	feed := func(b byte) {
		for k := range 8 {
			if c.Reflected {
				odd := (rest^uint16(b>>k))&1 != 0
				if rest >>= 1; odd {
					rest ^= poly
				}
				continue
			}
			odd := rest>>(c.Bits-1)&1 != uint16(b>>(7-k)&1)
			if rest <<= 1; odd {
				rest ^= poly
			}
		}
	}
	if c.CoversAddresses {
		if r.Bytes > 0 {
			feed(d.addr * 2)
			if r.Bytes == 2 {
				feed(byte(r.Number >> 8))
			}
			feed(byte(r.Number))
		}
		feed(d.addr*2 + 1)
	}
	for _, b := range data {
		feed(b)
	}
	if c.Bits == 8 {
		rest &= 0xFF
	}
	return rest ^ c.Xor
}

// mirror turns the lowest n bits round.
func mirror(v uint16, n int) (m uint16) {
	for k := range n {
		m |= v >> k & 1 << (n - 1 - k)
	}
	return m
}
