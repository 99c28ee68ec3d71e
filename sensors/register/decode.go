package register

import (
	"fmt"
	"math"
	"slices"

	"pinhole/sensors/register/chips"
)

// extract takes width bits, at most 64, from bit on, counted from b's highest bit. They lie in at most 8 bytes.
func extract(b []byte, bit, width int) uint64 {
	first, last := bit/8, (bit+width-1)/8
	var x uint64
	for i := first; i <= last; i++ {
		x = x<<8 | uint64(b[i])
	}
	x >>= 8*(last+1) - bit - width
	return x & (^uint64(0) >> (64 - width))
}

// raw is the field's bits as they stand in b, an answer without checksums.
func raw(f *chips.Field, b []byte) uint64 {
	if f.Order == chips.Big {
		return extract(b, f.Bit, f.Bits)
	}
	word := b[f.Bit/8 : f.Bit/8+f.Word]
	var ordered [8]byte
	for i := range word {
		from := len(word) - 1 - i // little
		switch f.Order {
		case chips.BADC:
			from = i ^ 1
		case chips.CDAB:
			from ^= 1
		}
		ordered[i] = word[from]
	}
	return extract(ordered[:], f.Within, f.Bits)
}

// number reads raw bits by the field's type; ok is false if they are none.
func number(f *chips.Field, raw uint64) (x float64, ok bool) {
	sign := uint64(1) << (f.Bits - 1)
	switch f.Type {
	case chips.Signed:
		return float64(int64(raw^sign) - int64(sign)), true
	case chips.SignMagnitude:
		if raw&sign != 0 {
			return -float64(raw &^ sign), true
		}
	case chips.Float32:
		x = float64(math.Float32frombits(uint32(raw)))
		return x, x-x == 0
	case chips.BCD:
		unit := 1.0
		for n := 0; n < f.Bits; n += 4 {
			digit := raw >> n & 15
			if digit > 9 {
				return 0, false
			}
			x += float64(digit) * unit
			unit *= 10
		}
		return x, true
	}
	return float64(raw), true
}

// value applies the field's formula.
func value(f *chips.Field, x float64) float64 {
	x = x*f.Scale/f.Divisor + f.Offset
	if f.Polynomial != nil {
		y := 0.0
		for _, c := range slices.Backward(f.Polynomial) {
			y = y*x + c
		}
		x = y
	}
	if f.Decimals >= 0 {
		unit := powers[f.Decimals]
		x = math.Round(x*unit) / unit
	}
	return x
}

// powers of ten: dividing by them rounds to the nearest decimal fraction.
var powers = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

// fault says why raw bits are no value within the field's limits.
type fault struct {
	f   *chips.Field
	raw uint64
	x   float64
	why string
}

func (e *fault) Error() string {
	if e.why != "" {
		return fmt.Sprintf("raw 0x%x %s", e.raw, e.why)
	}
	return fmt.Sprintf("%v %s (raw 0x%x) is outside of %v to %v", e.x, e.f.Quantity.Unit(), e.raw, e.f.Min, e.f.Max)
}

// convert turns raw bits into a value in the quantity's unit.
func convert(f *chips.Field, raw uint64) (float64, *fault) {
	if slices.Contains(f.Invalid, raw) {
		return 0, &fault{f: f, raw: raw, why: "says that there is no measurement, or one beyond the part's range"}
	}
	x, ok := number(f, raw)
	if !ok {
		return 0, &fault{f: f, raw: raw, why: "is no number"}
	}
	x = value(f, x)
	if !(x >= f.Min && x <= f.Max) {
		return 0, &fault{f: f, raw: raw, x: x}
	}
	if x == 0 {
		x = 0 // not -0
	}
	return x, nil
}
