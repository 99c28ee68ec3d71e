package sim

import (
	"bytes"
	"time"

	"pinhole/sensors/kind"
	"pinhole/sensors/register/chips"
)

// described is a part made from its definition in package chips: the registers that the definition names, power-on values, and
// measurements that take their time. It shares the definition's numbers with the driver, and no code: where the driver turns bits
// into values, this turns the truth into bits.
//
// It is as unkind as a definition allows: until a measurement is over, registers hold the one before; a part without supply
// forgets; what was not started does not end; what is not known of a register is not there.
type described struct {
	env  Env
	chip *chips.Chip
	all  []forSensor // the definition for each sensor that shares the part, chip among them
	addr byte

	store  []cell
	wakes  []wake
	rounds []describedRound

	awake   time.Time // it does not answer before
	running time.Time // since when it measures by itself
	runs    bool
	busy    *describedRound // being measured; nil: none
	done    time.Time       // and when that ends
	began   time.Time
	pointer int   // the register that was named last
	bare    *cell // what a read without a register gets
	buffer  [128]byte
}

// cell is a register, or with a flat layout all of them.
type cell struct {
	at    int
	data  []byte
	power []byte // data after power-on
	fixed []byte // bits that writing does not change
}

// describedRound is a measurement.
type describedRound struct {
	trigger []byte // the write that starts it; nil: the part measures by itself
	takes   time.Duration
	flags   []chips.Expect // bits that tell that it is over
	answers []describedAnswer
	silent  bool // while it is under way, the part acknowledges no read
}

// wake is a wait among the steps that prepare the part: bits that get their value by themselves, some time after power-on or after
// their register was written, as those of a reset do.
type wake struct {
	chips.Wait
	due time.Time
}

// describedAnswer is a read of the definition.
type describedAnswer struct {
	read  *chips.Read
	cell  *cell
	from  int // where in the cell
	next  *cell
	names []string // the places of its fields
}

// forSensor is a definition with the constants of one sensor, and the place that this measures at.
type forSensor struct {
	*chips.Chip
	place string
}

// placed gives a definition its sensor's place: that of the part, or of the input that the sensor reads.
func placed(e Env, c *chips.Chip) forSensor { return forSensor{c, inputPlace(e.Place, e.Params)} }

// newDescribed makes a part for one sensor, or several that give its definition different constants.
func newDescribed(e Env, all ...forSensor) *described {
	c := all[0].Chip
	d := &described{env: e, chip: c, all: all, addr: byte(e.Address)}
	if d.addr == 0 && len(c.Addresses) > 0 {
		d.addr = byte(c.Addresses[0])
	}
	d.layOut()
	for _, c := range all {
		for i := range c.Rounds {
			d.rounds = append(d.rounds, d.round(&c.Rounds[i], c.place))
		}
	}
	for i := range d.rounds {
		list := d.rounds[i].answers
		for k := range list {
			if list[k].read.At.Bytes == 0 && k+1 < len(list) && list[k+1].read.At.Bytes == 0 {
				list[k].next = list[k+1].cell
			}
		}
	}
	return d
}

// shippedChip makes the part of a definition that comes with the program.
func shippedChip(s chips.Shipped) func(Env) Chip {
	return func(e Env) Chip {
		c, problems := s.File.Build(s.Given(e.Params))
		if problems != nil { // constants that the configuration's check refuses
			c, _ = s.File.Build(nil)
		}
		return newDescribed(e, placed(e, c))
	}
}

// join makes the part anew for one more sensor: another input of the same converter. It has lost its supply by that, as when
// somebody works at the wiring.
func (d *described) join(e Env, other *described) Chip {
	return newDescribed(e, append(d.all[:len(d.all):len(d.all)], other.all...)...)
}

// Power puts every register to its state after power-on.
func (d *described) Power(now time.Time) {
	d.awake = now.Add(d.chip.Startup * 9 / 10)
	d.busy, d.bare, d.pointer, d.runs = nil, nil, 0, false
	for i := range d.store {
		copy(d.store[i].data, d.store[i].power)
	}
	d.blank()
	for i := range d.wakes {
		d.wakes[i].due = d.awake.Add(d.wakes[i].Timeout / 2)
	}
	d.settle(d.awake)
}

// blank makes the answers that belong to no register what they are at power-on: zeros, rightly sealed.
func (d *described) blank() {
	for i := range d.rounds {
		for k := range d.rounds[i].answers {
			if a := &d.rounds[i].answers[k]; a.read.At.Bytes == 0 {
				clear(a.cell.data)
				d.seal(a)
			}
		}
	}
}

// Idle reports whether the part rests.
func (d *described) Idle(now time.Time) bool {
	d.settle(now)
	return d.busy == nil && (d.chip.Part.Runs == nil || !d.runs)
}

// Tx implements Chip.
func (d *described) Tx(now time.Time, w, r []byte) bool {
	if now.Before(d.awake) {
		return false
	}
	d.settle(now)
	if len(w) > 0 {
		d.write(now, w)
	}
	if len(r) > 0 && d.busy != nil && d.busy.silent {
		return false
	}
	if len(r) > 0 {
		d.read(r, len(w) == 0)
	}
	return true
}

func (d *described) write(now time.Time, w []byte) {
	d.bare = nil
	width := d.pointerBytes()
	if len(w) >= width {
		d.pointer = 0
		for _, b := range w[:width] {
			d.pointer = d.pointer<<8 | int(b)
		}
		for i, b := range w[width:] {
			number, at := d.pointer, i
			if d.chip.Part.Flat {
				number, at = d.pointer+i, 0
			}
			if x, from := d.find(number, at+1); x != nil {
				keep := x.fixed[from+at]
				x.data[from+at] = x.data[from+at]&keep | b&^keep
			}
		}
	}
	for i := range d.wakes {
		if k := &d.wakes[i]; k.At.Number == d.pointer && len(w) > width {
			k.due = now.Add(k.Timeout / 2)
		}
	}
	for i := range d.rounds {
		if m := &d.rounds[i]; m.trigger != nil && bytes.Equal(w, m.trigger) {
			d.busy, d.began, d.done = m, now, now.Add(m.takes)
			d.flag(m, false)
			for k := range m.answers {
				if m.answers[k].read.At.Bytes == 0 {
					d.bare = m.answers[k].cell
					break
				}
			}
		}
	}
	if len(w) > width {
		d.settle(now)
	}
}

// pointerBytes is how many bytes of a write name a register.
func (d *described) pointerBytes() int {
	for i := range d.rounds {
		for k := range d.rounds[i].answers {
			if n := d.rounds[i].answers[k].read.At.Bytes; n > 0 {
				return n
			}
		}
	}
	for _, list := range [...][]chips.Expect{d.chip.Identify, d.chip.Canary} {
		if len(list) > 0 {
			return list[0].At.Bytes
		}
	}
	return 1
}

func (d *described) read(r []byte, bare bool) {
	for i := range r {
		r[i] = 0xFF // nobody drives the bus
	}
	if bare && d.bare != nil {
		copy(r, d.bare.data)
		if d.chip.Part.Once {
			d.blank()
		}
		for i := range d.rounds {
			for k := range d.rounds[i].answers {
				if a := &d.rounds[i].answers[k]; a.cell == d.bare && a.next != nil {
					d.bare = a.next
					return
				}
			}
		}
		return
	}
	if x, from := d.find(d.pointer, 1); x != nil {
		copy(r, x.data[from:])
	}
	for _, n := range d.chip.Part.Clears {
		if n == d.pointer {
			for i := range d.rounds {
				d.flag(&d.rounds[i], false)
			}
		}
	}
}

// flag sets the bits that tell that a measurement is over, or their opposite.
func (d *described) flag(m *describedRound, over bool) {
	for i := range m.flags {
		v := m.flags[i].Equals
		if !over {
			v = ^v
		}
		d.impose(&m.flags[i], v)
	}
}

// impose gives the bits that e looks at the value that they have in v.
func (d *described) impose(e *chips.Expect, v uint64) {
	x, from := d.find(e.At.Number, e.Bytes)
	if x == nil {
		return
	}
	for i := range e.Bytes {
		shift := 8 * (e.Bytes - 1 - i)
		mask := byte(e.Mask >> shift)
		x.data[from+i] = x.data[from+i]&^mask | byte(v>>shift)&mask
	}
}

// settle ends what has had its time.
func (d *described) settle(now time.Time) {
	for i := range d.wakes {
		if k := &d.wakes[i]; !k.due.IsZero() && !now.Before(k.due) {
			d.impose(&k.Expect, k.Equals)
			k.due = time.Time{}
		}
	}
	if d.busy != nil && !now.Before(d.done) {
		d.measure(d.busy, d.began)
		d.flag(d.busy, true)
		d.busy = nil
	}
	was := d.runs
	d.runs = d.chip.Part.Runs == nil || d.holds(d.chip.Part.Runs)
	if d.runs && !was {
		d.running = now
	}
	for i := range d.rounds {
		if m := &d.rounds[i]; m.trigger == nil && d.runs && !now.Before(d.running.Add(m.takes)) {
			d.measure(m, now)
			d.flag(m, true)
		}
	}
}

func (d *described) holds(e *chips.Expect) bool {
	x, from := d.find(e.At.Number, e.Bytes)
	if x == nil {
		return false
	}
	var v uint64
	for _, b := range x.data[from : from+e.Bytes] {
		v = v<<8 | uint64(b)
	}
	return v&e.Mask == e.Equals
}

// ownChip makes the part that a sensor of kind register defines, its keys being e.Params; nil if they are wrong.
func ownChip(e Env) Chip {
	c, problems := chips.Configured(e.Params, nil)
	if problems != nil {
		return nil
	}
	return newDescribed(e, placed(e, c))
}

// attachDescribed puts the part of a sensor of kind register onto the board. With a wrong definition it finds nobody: the driver says
// what is wrong when it opens the part.
func (b *Board) attachDescribed(p kind.Params) {
	if _, problems := chips.Configured(p, nil); problems == nil {
		b.attachChip(chip{"register", ownChip}, p)
	}
}
