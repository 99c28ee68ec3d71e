package sim

import (
	"bytes"
	"time"

	"pinhole/sensors/register/chips"
)

// layOut makes the registers that the definition names.
func (d *described) layOut() {
	c := d.chip
	width := 1
	note := func(r chips.Register, bytes int) {
		if width = max(width, r.Bytes); r.Bytes > 0 && !c.Part.Flat {
			d.grow(r.Number, bytes)
		}
	}
	looks := func(list []chips.Expect) {
		for _, e := range list {
			note(e.At, e.Bytes)
		}
	}
	doing := func(list []chips.Step) {
		for _, s := range list {
			switch {
			case s.Set != nil:
				note(s.Set.At, s.Set.Bytes)
			case s.Wait != nil:
				note(s.Wait.At, s.Wait.Bytes)
			case s.Expect != nil:
				note(s.Expect.At, s.Expect.Bytes)
			}
		}
	}
	looks(c.Identify)
	looks(c.Canary)
	looks(c.Part.PowerOn)
	doing(c.Init)
	for _, s := range c.Init {
		if s.Wait != nil {
			d.wakes = append(d.wakes, wake{Wait: *s.Wait})
		}
	}
	doing(c.Close)
	for _, r := range c.Rounds {
		doing(r.Start)
		for i := range r.Reads {
			note(r.Reads[i].At, r.Reads[i].Size())
		}
	}
	if c.Part.Flat {
		d.grow(0, 1<<(8*width))
	}
	for _, list := range [][]chips.Expect{c.Identify, c.Part.PowerOn} { // what power_on says goes last
		for _, e := range list {
			if x, from := d.find(e.At.Number, e.Bytes); x != nil {
				for i := range e.Bytes {
					x.power[from+i] = byte(e.Equals >> (8 * (e.Bytes - 1 - i)))
				}
			}
		}
	}
	for _, e := range c.Identify {
		d.fix(e.At.Number, e.Bytes, ^uint64(0))
	}
}

// grow makes a register of at least so many bytes.
func (d *described) grow(at, size int) {
	for i := range d.store {
		if x := &d.store[i]; x.at == at {
			for len(x.data) < size {
				x.data, x.power, x.fixed = append(x.data, 0), append(x.power, 0), append(x.fixed, 0)
			}
			return
		}
	}
	d.store = append(d.store, cell{at, make([]byte, size), make([]byte, size), make([]byte, size)})
}

// find returns the register of a number and where in its bytes it lies; nil if there is none with so many bytes.
func (d *described) find(number, size int) (x *cell, from int) {
	if d.chip.Part.Flat && number+size <= len(d.store[0].data) {
		return &d.store[0], number
	}
	for i := range d.store {
		if x := &d.store[i]; !d.chip.Part.Flat && x.at == number && size <= len(x.data) {
			return x, 0
		}
	}
	return nil, 0
}

// fix makes bits of a register read only.
func (d *described) fix(number, size int, mask uint64) {
	if x, from := d.find(number, size); x != nil {
		for i := range size {
			x.fixed[from+i] |= byte(mask >> (8 * (size - 1 - i)))
		}
	}
}

// round finds out what starts a measurement and what tells its end.
func (d *described) round(r *chips.Round, at string) describedRound {
	m := describedRound{takes: d.chip.Part.Converts}
	var given time.Duration
	for _, s := range r.Start {
		switch {
		case s.Write != nil: // the last write is what starts it
			m.trigger, m.flags, given = s.Write, nil, 0
		case s.Set != nil:
			m.trigger, m.flags, given = numberOf(s.Set.At), nil, 0
			for i := s.Set.Bytes - 1; i >= 0; i-- {
				m.trigger = append(m.trigger, byte(s.Set.Value>>(8*i)))
			}
		case s.Wait != nil:
			e := s.Wait.Expect
			if changes := e.Mask & (e.Equals ^ valueOf(m.trigger, e)); changes != 0 {
				e.Mask, e.Equals = changes, e.Equals&changes // the others are what was written
			}
			m.flags = append(m.flags, e)
			d.fix(e.At.Number, e.Bytes, e.Mask)
			given += min(s.Wait.Timeout/2, 3*s.Wait.Every)
		}
		given += s.Delay
	}
	for i := range r.Reads {
		m.silent = m.silent || r.Reads[i].UntilAck > 0
		given += r.Reads[i].UntilAck / 2
	}
	if m.takes == 0 {
		m.takes = given * 9 / 10
	}
	for i := range r.Reads {
		read := &r.Reads[i]
		a := describedAnswer{read: read}
		if read.At.Bytes > 0 {
			a.cell, a.from = d.find(read.At.Number, read.Size())
			for i := range read.Size() {
				if a.cell != nil {
					a.cell.fixed[a.from+i] = 0xFF
				}
			}
		} else {
			size := read.Size()
			a.cell = &cell{-1, make([]byte, size), make([]byte, size), nil}
		}
		for _, f := range read.Fields {
			place := at
			if f.Channel != "" {
				place += "." + f.Channel
			}
			a.names = append(a.names, place)
		}
		m.answers = append(m.answers, a)
	}
	return m
}

// valueOf is what the trigger writes into the register that e looks at; what e wants if it writes another.
func valueOf(trigger []byte, e chips.Expect) (v uint64) {
	number := numberOf(e.At)
	if len(trigger) != len(number)+e.Bytes || !bytes.HasPrefix(trigger, number) {
		return e.Equals
	}
	for _, b := range trigger[len(number):] {
		v = v<<8 | uint64(b)
	}
	return v
}

func numberOf(r chips.Register) []byte {
	if r.Bytes == 2 {
		return []byte{byte(r.Number >> 8), byte(r.Number)}
	}
	return []byte{byte(r.Number)}
}
