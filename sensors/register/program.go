package register

import (
	"fmt"
	"time"

	"pinhole/sensors/register/chips"
)

// op is one thing to do, with everything that it needs laid out beforehand.
type op struct {
	step string // as errors call it
	code code
	w    []byte // written
	r    []byte // read
	mask uint64
	want uint64
	says string

	span, every time.Duration

	read *chips.Read // of a fetch
	pec  []byte      // what its checksum covers ahead of the data
	raws []uint64    // its fields' bits of the pass before, and of this one
	last []uint64
}

// code is what an op does.
type code int

const (
	transfer code = iota // w, then r
	pause                // for span
	await                // w, r, until r&mask is want
	expect               // w, r, and r&mask must be want
	modify               // w[:n], r, then w with the bits of mask set to want
	fetch                // an answer with its fields
)

// program is a definition laid out for one part.
type program struct {
	chip     *chips.Chip
	identify []op
	init     []op
	rounds   []round
	canary   []op
	close    []op
	silent   time.Duration // the longest that the part may not acknowledge, because it measures
}

type round struct {
	start, reads []op
	twice        bool
}

// compile lays out a definition for the part at address.
func compile(c *chips.Chip, address byte) *program {
	p := &program{chip: c, init: steps(c.Init), close: steps(c.Close)}
	for i := range c.Identify {
		p.identify = append(p.identify, look(&c.Identify[i], expect, "identify by"))
	}
	for i := range c.Canary {
		p.canary = append(p.canary, look(&c.Canary[i], expect, "look for a reset in"))
	}
	for i := range c.Rounds {
		r := round{start: steps(c.Rounds[i].Start), twice: c.Rounds[i].Twice}
		var delays time.Duration
		for _, o := range r.start {
			delays += o.span
		}
		for k := range c.Rounds[i].Reads {
			read := &c.Rounds[i].Reads[k]
			r.reads = append(r.reads, answer(read, address))
			if read.UntilAck > 0 {
				p.silent = max(p.silent, delays+read.UntilAck)
			}
		}
		p.rounds = append(p.rounds, r)
	}
	return p
}

// pointer is a register's number as it is written.
func pointer(r chips.Register, room int) []byte {
	w := make([]byte, 0, r.Bytes+room)
	if r.Bytes == 2 {
		w = append(w, byte(r.Number>>8))
	}
	if r.Bytes > 0 {
		w = append(w, byte(r.Number))
	}
	return w
}

func title(r chips.Register) string {
	if r.Bytes == 0 {
		return "the answer"
	}
	return fmt.Sprintf("register 0x%0*x", 2*r.Bytes, r.Number)
}

func look(e *chips.Expect, c code, verb string) op {
	return op{step: verb + " " + title(e.At), code: c, w: pointer(e.At, 0), r: make([]byte, e.Bytes), mask: e.Mask, want: e.Equals, says: e.Says}
}

func answer(r *chips.Read, address byte) op {
	o := op{step: "read " + title(r.At), code: fetch, w: pointer(r.At, 0), r: make([]byte, r.Size()), read: r,
		raws: make([]uint64, len(r.Fields)), last: make([]uint64, len(r.Fields))}
	if r.CRC != nil && r.CRC.CoversAddresses {
		if len(o.w) > 0 { // SMBus's Read Word with PEC: the address with its direction bit, the command, and the address again
			o.pec = append([]byte{address << 1}, o.w...)
		}
		o.pec = append(o.pec, address<<1|1)
	}
	return o
}

func steps(list []chips.Step) []op {
	var all []op
	for i := range list {
		switch s := &list[i]; {
		case s.Write != nil:
			all = append(all, op{step: fmt.Sprintf("write %x", s.Write), w: s.Write})
		case s.Set != nil:
			all = append(all, set(s.Set)...)
		case s.Wait != nil:
			o := look(&s.Wait.Expect, await, "wait for")
			o.span, o.every = s.Wait.Timeout, s.Wait.Every
			all = append(all, o)
		case s.Expect != nil:
			all = append(all, look(s.Expect, expect, "check"))
		default:
			all = append(all, op{step: "wait", code: pause, span: s.Delay})
		}
	}
	return all
}

func set(s *chips.Set) []op {
	o := op{step: "set " + title(s.At), w: pointer(s.At, s.Bytes), mask: s.Mask, want: s.Value}
	for i := s.Bytes - 1; i >= 0; i-- {
		o.w = append(o.w, byte(s.Value>>(8*i)))
	}
	if s.Keep {
		o.code, o.r = modify, make([]byte, s.Bytes)
	}
	if !s.Verify {
		return []op{o}
	}
	e := chips.Expect{At: s.At, Bytes: s.Bytes, Mask: s.Mask, Equals: s.Value, Says: "it did not take the value"}
	return []op{o, look(&e, expect, "read back")}
}
