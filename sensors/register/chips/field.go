package chips

import (
	"fmt"
	"math"
	"strings"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

func (b *builder) field(at string, p kind.Params, bytes int) Field {
	f := Field{
		Quantity: sensors.Quantity(p.String("quantity")), Channel: p.String("channel"), Bits: int(or(p, "bits", 16)),
		Type: p.String("type"), Order: p.String("order"), Scale: b.formula(at, p, "scale", 1), Divisor: b.formula(at, p, "divisor", 1),
		Offset: b.formula(at, p, "offset", 0), Min: b.formula(at, p, "min", 0), Max: b.formula(at, p, "max", 1),
		Decimals: int(or(p, "decimals", -1)), SignFrom: sensors.Quantity(p.String("sign_from")),
	}
	if f.Type == "" {
		f.Type = Unsigned
	}
	if f.Order == "" {
		f.Order = Big
	}
	for i, x := range p.List("polynomial") {
		f.Polynomial = append(f.Polynomial, b.compute(fmt.Sprintf("%s.polynomial[%d]", at, i), x.(string)))
	}
	f.Invalid, f.Suspect = b.raws(at+".invalid", p.List("invalid"), f.Bits), b.raws(at+".suspect", p.List("suspect"), f.Bits)
	if p.Has("when") {
		m := p.Map("when")
		f.When = &When{Bit: int(8*m.Int("byte") + m.Int("bit")), Bits: int(or(m, "bits", 1)), Equals: uint64(m.Int("equals"))}
		b.look(at+".when", f.When.Bit, f.When.Bits, f.When.Equals, bytes)
	}
	b.place(at, p, &f, bytes)
	b.sense(at, p, &f)
	return f
}

func (b *builder) raws(at string, list []any, bits int) (all []uint64) {
	for i, x := range list {
		raw := uint64(x.(int64))
		if raw>>bits != 0 {
			b.bad(fmt.Sprintf("%s[%d]", at, i), fmt.Sprintf("0x%x does not fit into %d bits", raw, bits), "raw values have the field's width")
		}
		all = append(all, raw)
	}
	return all
}

// place finds the field's bits.
func (b *builder) place(at string, p kind.Params, f *Field, bytes int) {
	byte0, bit := int(p.Int("byte")), int(p.Int("bit"))
	f.Bit = 8*byte0 + bit
	end := f.Bit + f.Bits
	if f.Order != Big {
		f.Bit, f.Within, f.Word = 8*byte0, bit, (bit+f.Bits+7)/8
		end = f.Bit + 8*f.Word
		if f.Order != Little && f.Word%2 != 0 {
			b.bad(at+".order", fmt.Sprintf("%s swaps words of two bytes, and the field has %d bytes", f.Order, f.Word), "write big or little")
		}
	}
	span := f.Bit%8 + f.Bits
	if f.Order != Big {
		span = 8 * f.Word
	}
	switch {
	case end > 8*bytes:
		b.bad(at, fmt.Sprintf("ends at bit %d of an answer of %d", end, 8*bytes), "byte, bit and bits count from the first byte's highest bit")
	case span > 64:
		b.bad(at, "lies in more than 8 bytes", "a field lies in 8 at most")
	}
	switch {
	case f.Type == Float32 && f.Bits != 32:
		b.bad(at+".bits", fmt.Sprintf("a float32 has 32 bits, not %d", f.Bits), "write bits: 32")
	case f.Type == BCD && f.Bits%4 != 0:
		b.bad(at+".bits", fmt.Sprintf("%d bits are no decimal digits of 4", f.Bits), "write a multiple of 4")
	case (f.Type == Signed || f.Type == SignMagnitude) && f.Bits < 2:
		b.bad(at+".bits", "a number with a sign has 2 bits at least", "write type: unsigned")
	case f.Type != Float32 && f.Bits > 53:
		b.bad(at+".bits", fmt.Sprintf("%d bits are more than a number can hold exactly", f.Bits), "53 are possible")
	}
}

// sense finds formulas and limits that cannot be meant.
func (b *builder) sense(at string, p kind.Params, f *Field) {
	if _, ok := f.Quantity.Lookup(); !ok {
		b.bad(at+".quantity", fmt.Sprintf("%q is not in the table of quantities", clip(string(f.Quantity))), "`pinhole kinds` lists them")
	}
	for _, r := range f.Channel {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			b.bad(at+".channel", fmt.Sprintf("%q holds %q", clip(f.Channel), r), "use A-Z a-z 0-9 _ -")
			break
		}
	}
	if f.Scale == 0 {
		b.bad(at+".scale", "is 0: every value would be the same", "")
	}
	if f.Divisor == 0 {
		b.bad(at+".divisor", "is 0", "")
	}
	if f.Quantity.Boolean() {
		if f.Bits != 1 || p.Has("min") || p.Has("max") {
			b.bad(at, string(f.Quantity)+" is true or false", "write bits: 1, and neither min nor max")
		}
		return
	}
	for _, key := range []string{"min", "max"} {
		if !p.Has(key) {
			b.bad(at+"."+key, "is missing", "write the least and the most that the part can measure: without them a fault can pass as a value")
		}
	}
	if p.Has("min") && p.Has("max") && f.Min >= f.Max {
		b.bad(at+".max", fmt.Sprintf("%v is not above min, %v", f.Max, f.Min), "")
	}
}

// check looks at the definition as a whole.
func (b *builder) check(c *Chip) {
	if len(c.Rounds) == 0 {
		b.bad("measure", "is missing", "without a read there is nothing to report")
	}
	var waits time.Duration
	seen := map[string]string{}
	for i, r := range c.Rounds {
		at := fmt.Sprintf("measure[%d]", i)
		waits += steps(r.Start)
		if len(r.Reads) == 0 {
			b.bad(at+".reads", "is missing", "without a read there is nothing to report")
		}
		for k, read := range r.Reads {
			at := fmt.Sprintf("%s.reads[%d]", at, k)
			waits += read.UntilAck
			if read.Size() > maxRead {
				b.bad(at+".bytes", fmt.Sprintf("with checksums the answer has %d bytes, more than %d", read.Size(), maxRead), "split it")
			}
			for n, f := range read.Fields {
				if f.Other {
					continue
				}
				if f.SignFrom != "" && seen[string(f.SignFrom)+"."] == "" {
					b.bad(fmt.Sprintf("%s.fields[%d].sign_from", at, n), fmt.Sprintf("no field before this one is %s", f.SignFrom), "read that one first")
				}
				name := string(f.Quantity) + "." + f.Channel
				if first := seen[name]; first != "" {
					b.bad(fmt.Sprintf("%s.fields[%d]", at, n), fmt.Sprintf("is %s again, after %s", strings.TrimRight(name, "."), first),
						"give each a channel")
				}
				seen[name] = fmt.Sprintf("%s.fields[%d]", at, n)
			}
		}
	}
	if len(c.Rounds) > 0 && len(seen) == 0 {
		b.bad("measure", "has no fields", "name the quantities that stand in the answers")
	}
	if waits.Seconds() > maxTotal {
		b.bad("measure", fmt.Sprintf("waits for %v in all, longer than %vs", waits, maxTotal), "a part that needs so long wants a driver of its own")
	}
	for _, a := range c.Addresses {
		if a < 0x08 || a > 0x77 {
			b.bad("addresses", fmt.Sprintf("0x%02x is no address that a part can have", a), "0x08 to 0x77 are possible")
		}
	}
	for _, f := range c.Fields() {
		if math.IsNaN(f.Scale * f.Divisor * f.Offset) {
			b.bad("measure", "has a formula without a finite result", "")
		}
	}
}

// steps is how long steps wait at most.
func steps(list []Step) (total time.Duration) {
	for _, s := range list {
		total += s.Delay
		if s.Wait != nil {
			total += s.Wait.Timeout
		}
	}
	return total
}
