package chips

import (
	"fmt"
	"math"
	"strings"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// builder turns a definition's keys into a Chip and collects what is wrong with them.
type builder struct {
	problems []kind.Problem
	known    map[string]float64 // constants and derived names
	width    int                // bytes of a register's number
}

func (b *builder) bad(at, message, hint string) {
	b.problems = append(b.problems, kind.Problem{Key: at, Message: message, Hint: hint})
}

// Build puts constants into a definition, whose keys p have been checked against Keys. Every mistake is reported, its Key a path
// within the definition ("" if it is a constant of the user's); the Chip is nil if there is one.
func Build(p kind.Params, constants map[string]string) (*Chip, []kind.Problem) {
	b := &builder{width: int(or(p, "register_bytes", 1))}
	b.names(p, constants)
	c := &Chip{
		Name: p.String("chip"), Startup: p.Duration("startup"), RecoverAfter: int(or(p, "recover_after", 1)),
		Identify: b.expects("identify", p), Init: b.steps("init", p), Canary: b.expects("canary", p), Close: b.steps("close", p),
	}
	for _, x := range p.List("addresses") {
		c.Addresses = append(c.Addresses, x.(int64))
	}
	if c.Name == "" || len(c.Name) > 60 || strings.ContainsAny(c.Name, ":\n") {
		b.bad("chip", fmt.Sprintf("%q is no name for a part", clip(c.Name)), "write it as the datasheet's title does, without a colon")
	}
	for i, x := range p.List("measure") {
		c.Rounds = append(c.Rounds, b.round(fmt.Sprintf("measure[%d]", i), x.(kind.Params)))
	}
	c.Part = b.part("part", p.Map("part"))
	b.check(c)
	if b.problems != nil {
		return nil, b.problems
	}
	return c, nil
}

// or returns an Int, def if it is absent.
func or(p kind.Params, key string, def int64) int64 {
	if p.Has(key) {
		return p.Int(key)
	}
	return def
}

// formula computes a key's formula, def if it is absent or wrong.
func (b *builder) formula(at string, p kind.Params, key string, def float64) float64 {
	if !p.Has(key) {
		return def
	}
	before := len(b.problems)
	if v := b.compute(at+"."+key, p.String(key)); len(b.problems) == before {
		return v
	}
	return def
}

func (b *builder) compute(at, text string) float64 {
	v, err := evaluate(text, b.known)
	if err != nil {
		b.bad(at, err.Error(), "write a number, or a formula of numbers and constants with + - * / ( )")
	}
	return v
}

// bits computes a key's formula that must be a whole number of so many bytes. Negative ones are two's complement.
func (b *builder) bits(at string, p kind.Params, key string, bytes int, def uint64) uint64 {
	if !p.Has(key) {
		return def
	}
	before := len(b.problems)
	v := b.formula(at, p, key, 0)
	top := math.Ldexp(1, 8*bytes)
	switch {
	case len(b.problems) > before:
	case v != math.Trunc(v):
		b.bad(at+"."+key, fmt.Sprintf("is %v, not a whole number", v), "round() or floor() it")
	case v < -top/2 || v >= top:
		b.bad(at+"."+key, fmt.Sprintf("is %v, which does not fit into %d bytes", v, bytes), "check the constants that go into it")
	case v < 0:
		return uint64(v + top)
	default:
		return uint64(v)
	}
	return 0
}

func (b *builder) register(p kind.Params) Register {
	if !p.Has("register") {
		return Register{}
	}
	return Register{Number: int(p.Int("register")), Bytes: b.width}
}

func (b *builder) at(at string, p kind.Params) Register {
	r := b.register(p)
	if r.Bytes == 1 && r.Number > 0xFF {
		b.bad(at+".register", fmt.Sprintf("0x%x does not fit into one byte", r.Number), "set register_bytes: 2")
	}
	return r
}

func (b *builder) expect(at string, p kind.Params) Expect {
	e := Expect{At: b.at(at, p), Bytes: int(or(p, "bytes", 1)), Says: p.String("says")}
	all := ^uint64(0) >> (64 - 8*e.Bytes)
	e.Mask = b.bits(at, p, "mask", e.Bytes, all)
	e.Equals = b.bits(at, p, "equals", e.Bytes, 0)
	switch {
	case p.Has("mask") && e.Mask == 0:
		b.bad(at+".mask", "is 0: nothing would be looked at", "set the bits that count")
	case e.Equals&^e.Mask != 0:
		b.bad(at+".equals", fmt.Sprintf("0x%x has bits that the mask 0x%x leaves out", e.Equals, e.Mask), "it could never be")
	}
	return e
}

func (b *builder) expects(key string, p kind.Params) []Expect {
	var all []Expect
	for i, x := range p.List(key) {
		all = append(all, b.expect(fmt.Sprintf("%s[%d]", key, i), x.(kind.Params)))
	}
	return all
}

func (b *builder) steps(at string, p kind.Params) []Step {
	key := at[strings.LastIndexByte(at, '.')+1:]
	var all []Step
	var total time.Duration
	for i, x := range p.List(key) {
		s, d := b.step(fmt.Sprintf("%s[%d]", at, i), x.(kind.Params))
		all = append(all, s)
		total += d
	}
	if total.Seconds() > maxTotal {
		b.bad(at, fmt.Sprintf("waits for %v in all, longer than %vs", total, maxTotal), "a part that needs so long wants a driver of its own")
	}
	return all
}

// step also tells how long it waits at most.
func (b *builder) step(at string, p kind.Params) (s Step, total time.Duration) {
	verbs := 0
	for _, verb := range []string{"write", "set", "delay", "wait", "expect"} {
		if p.Has(verb) {
			verbs++
		}
	}
	if verbs != 1 {
		b.bad(at, fmt.Sprintf("does %d things", verbs), "one step is one of write, set, delay, wait and expect")
		return s, 0
	}
	switch {
	case p.Has("write"):
		for _, x := range p.List("write") {
			s.Write = append(s.Write, byte(x.(int64)))
		}
	case p.Has("set"):
		m, at := p.Map("set"), at+".set"
		set := &Set{At: b.at(at, m), Bytes: int(or(m, "bytes", 1)), Keep: m.Has("mask"), Verify: m.Bool("verify")}
		set.Value = b.bits(at, m, "value", set.Bytes, 0)
		set.Mask = b.bits(at, m, "mask", set.Bytes, ^uint64(0)>>(64-8*set.Bytes))
		if set.Value&^set.Mask != 0 {
			b.bad(at+".value", fmt.Sprintf("0x%x has bits that the mask 0x%x leaves out", set.Value, set.Mask), "they would be lost")
		}
		s.Set = set
	case p.Has("delay"):
		s.Delay = p.Duration("delay")
		total = s.Delay
	case p.Has("wait"):
		m, at := p.Map("wait"), at+".wait"
		w := &Wait{Expect: b.expect(at, m), Every: m.Duration("every"), Timeout: m.Duration("timeout")}
		if w.Every <= 0 {
			w.Every = defaultEvery
		}
		if w.Timeout < w.Every {
			b.bad(at+".timeout", fmt.Sprintf("%v is shorter than the %v between two looks", w.Timeout, w.Every), "give it more time")
		}
		s.Wait, total = w, w.Timeout
	case p.Has("expect"):
		s.Expect = new(b.expect(at+".expect", p.Map("expect")))
	}
	return s, total
}

func (b *builder) round(at string, p kind.Params) Round {
	r := Round{Start: b.steps(at+".start", p), Twice: p.Bool("twice")}
	for i, x := range p.List("reads") {
		r.Reads = append(r.Reads, b.read(fmt.Sprintf("%s.reads[%d]", at, i), x.(kind.Params)))
	}
	return r
}

func (b *builder) read(at string, p kind.Params) Read {
	r := Read{At: b.at(at, p), Bytes: int(p.Int("bytes")), UntilAck: p.Duration("until_ack")}
	if p.Has("crc") {
		r.CRC = b.crc(at+".crc", p.Map("crc"), r.Bytes)
	}
	for _, x := range p.List("reject") {
		r.Reject = append(r.Reject, byte(x.(int64)))
	}
	for i, x := range p.List("require") {
		m := x.(kind.Params)
		q := Require{Bit: int(8*m.Int("byte") + m.Int("bit")), Bits: int(or(m, "bits", 1)), Equals: uint64(m.Int("equals")),
			Class: sensors.Class(m.String("class")), Says: m.String("says")}
		if q.Class == "" {
			q.Class = sensors.IO
		}
		b.look(fmt.Sprintf("%s.require[%d]", at, i), q.Bit, q.Bits, q.Equals, r.Bytes)
		r.Require = append(r.Require, q)
	}
	for i, x := range p.List("fields") {
		f := b.field(fmt.Sprintf("%s.fields[%d]", at, i), x.(kind.Params), r.Bytes)
		if i > 0 {
			before := &r.Fields[i-1]
			f.Other = f.When != nil && before.When != nil && f.Quantity == before.Quantity && f.Channel == before.Channel
		}
		if f.Other && !f.When.excludes(r.Fields[i-1].When) {
			b.bad(fmt.Sprintf("%s.fields[%d].when", at, i), "does not exclude the form before it", "some bit must have to be 1 in one and 0 in the other")
		}
		r.Fields = append(r.Fields, f)
	}
	return r
}

// look checks the place and the value of bits in an answer.
func (b *builder) look(at string, bit, bits int, equals uint64, bytes int) {
	if bit+bits > 8*bytes {
		b.bad(at, fmt.Sprintf("ends at bit %d of an answer of %d", bit+bits, 8*bytes), "count from the first byte's highest bit")
	}
	if equals>>bits != 0 {
		b.bad(at+".equals", fmt.Sprintf("0x%x does not fit into %d bits", equals, bits), "it could never be")
	}
}

func (b *builder) crc(at string, p kind.Params, bytes int) *CRC {
	c := &CRC{Bits: int(or(p, "bits", 8)), Polynomial: uint16(p.Int("polynomial")), Init: uint16(p.Int("init")), Xor: uint16(p.Int("xor")),
		Reflected: p.Bool("reflected"), Little: p.String("order") == Little, Group: int(or(p, "group", int64(bytes))),
		CoversAddresses: p.String("covers") == "transfer"}
	switch {
	case c.Bits != 8 && c.Bits != 16:
		b.bad(at+".bits", fmt.Sprintf("is %d", c.Bits), "write 8 or 16")
	case c.Bits == 8 && (c.Polynomial|c.Init|c.Xor) > 0xFF:
		b.bad(at, "has numbers of more than 8 bits", "leave the polynomial's highest bit out, or set bits: 16")
	}
	switch {
	case c.Group == 0 || bytes%c.Group != 0:
		b.bad(at+".group", fmt.Sprintf("%d bytes do not fall into groups of %d", bytes, c.Group), "bytes counts without checksums")
		c.Group = max(bytes, 1)
	case c.CoversAddresses && c.Group != bytes:
		b.bad(at+".group", "a checksum over the whole transfer comes once", "leave it out")
	}
	return c
}

func (b *builder) part(at string, p kind.Params) Part {
	part := Part{Flat: p.String("layout") == "bytes", Converts: p.Duration("converts"), Once: p.Bool("once")}
	for i, x := range p.List("power_on") {
		m, at := x.(kind.Params), fmt.Sprintf("%s.power_on[%d]", at, i)
		e := Expect{At: b.at(at, m), Bytes: int(or(m, "bytes", 1))}
		e.Equals = b.bits(at, m, "value", e.Bytes, 0)
		part.PowerOn = append(part.PowerOn, e)
	}
	for _, x := range p.List("clears") {
		part.Clears = append(part.Clears, int(x.(int64)))
	}
	if p.Has("runs") {
		part.Runs = new(b.expect(at+".runs", p.Map("runs")))
	}
	if p.Has("other") {
		part.Other = new(b.expect(at+".other", p.Map("other")))
	}
	return part
}
