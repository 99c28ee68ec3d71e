// Package mux switches the I2C multiplexers of the TCA9548A family, so that parts with the same address can be on one bus.
//
// It promises that a transfer for a channel reaches that channel alone. A part that has the same address on another channel must
// never pass for this one, not even after the multiplexer has lost its supply, or somebody else has switched it. So the control
// register is read before each transfer, which repairs what was lost, and again after it: what was read in between counts only if the
// channel is the only one connected at both ends. Other multiplexers on the bus are switched off first, and all of them before a
// transfer to a part in front of them: those that Branch was called for, whose state is unknown until they are switched once. After any
// failure nothing is believed of a multiplexer until it has been switched anew.
//
// The parts whose control register is a bit for each channel: TCA9548A, PCA9548A, TCA9546A, PCA9546A, TCA9543A, PCA9543A. Those that
// take a channel's number instead (PCA9540, 9542, 9544, 9547) are not meant: they would take a bit for another channel's number. Behind
// a multiplexer there is no other.
//
// Texas Instruments TCA9548A, SCPS207F, section 8.5.4 "Control Register" and table 2: the last byte written counts, a read gives it
// back, and after power-on no channel is connected.
package mux

import (
	"errors"
	"fmt"
	"slices"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Guard is a bus that other processes use too: Hold keeps them off until Release.
type Guard interface {
	Hold() error
	Release()
}

// Trunk is a bus with what is attached to it, multiplexers included. It is itself the bus of the parts in front of them. It is safe
// for concurrent use.
type Trunk struct {
	bus  i2c.Bus
	slot chan struct{} // switching and transfer belong together
	list []*state
}

var _ i2c.Bus = (*Trunk)(nil)

// New returns the trunk that bus is. Errors of its Tx are classified. If it is a Guard, it is held while a channel is connected.
func New(bus i2c.Bus) *Trunk { return &Trunk{bus: bus, slot: make(chan struct{}, 1)} }

// state is what is known of a multiplexer.
type state struct {
	addr   uint16
	known  bool // control is what its register held last
	there  byte // the control register
	w, r   [1]byte
	branch [8]*Branch
}

// Branch is one channel of a multiplexer.
type Branch struct {
	trunk *Trunk
	mux   *state
	where kind.Channel
	mask  byte
}

var _ i2c.Bus = (*Branch)(nil)

// Branch returns a channel. The same one is the same each time. Nothing is asked of the multiplexer yet.
func (t *Trunk) Branch(c kind.Channel) *Branch {
	t.slot <- struct{}{}
	defer func() { <-t.slot }()
	i := slices.IndexFunc(t.list, func(m *state) bool { return m.addr == c.Mux })
	if i < 0 {
		i = len(t.list)
		t.list = append(t.list, &state{addr: c.Mux})
	}
	m := t.list[i]
	if m.branch[c.Number] == nil {
		m.branch[c.Number] = &Branch{trunk: t, mux: m, where: c, mask: 1 << c.Number}
	}
	return m.branch[c.Number]
}

// String returns the name of the bus: "i2c-1".
func (t *Trunk) String() string { return t.bus.String() }

// SetSpeed is that of the bus.
func (t *Trunk) SetSpeed(f physic.Frequency) error { return t.bus.SetSpeed(f) }

// Tx makes a transfer with a part in front of all multiplexers.
func (t *Trunk) Tx(addr uint16, w, r []byte) error {
	t.slot <- struct{}{}
	defer func() { <-t.slot }()
	if len(t.list) == 0 {
		return t.bus.Tx(addr, w, r)
	}
	if g, ok := t.bus.(Guard); ok {
		if err := g.Hold(); err != nil {
			return err
		}
		defer g.Release()
	}
	if err := t.off(nil); err != nil {
		return err
	}
	return t.bus.Tx(addr, w, r)
}

// String returns the name of the channel: "i2c-1/0x70.3".
func (b *Branch) String() string {
	return fmt.Sprintf("%s/0x%02x.%d", b.trunk, b.where.Mux, b.where.Number)
}

// SetSpeed is that of the bus.
func (b *Branch) SetSpeed(f physic.Frequency) error { return b.trunk.SetSpeed(f) }

// Tx makes a transfer with a part on the channel.
func (b *Branch) Tx(addr uint16, w, r []byte) error {
	t := b.trunk
	t.slot <- struct{}{}
	defer func() { <-t.slot }()
	if g, ok := t.bus.(Guard); ok {
		if err := g.Hold(); err != nil {
			return err
		}
		defer g.Release()
	}
	if err := t.off(b.mux); err != nil {
		return err
	}
	if err := b.connect(); err != nil {
		b.mux.known = false
		return err
	}
	if err := t.bus.Tx(addr, w, r); err != nil {
		b.mux.known = false
		return err
	}
	if err := t.look(b.mux); err != nil {
		b.mux.known = false
		return b.fail("look after the transfer", err)
	}
	if b.mux.there != b.mask {
		b.mux.known = false
		e := b.wrong("look after the transfer")
		e.Hint = "the multiplexer's supply breaks down now and then, or somebody else switches it: check the wiring, and RESET"
		return e
	}
	return nil
}

// off disconnects every multiplexer but one. One that does not answer cannot connect anything, and one that the kernel has is not ours to
// switch: whoever asks for a channel of it hears of that, and nobody else.
func (t *Trunk) off(but *state) error {
	for _, m := range t.list {
		if m == but || m.known && m.there == 0 {
			continue
		}
		m.known = false
		err := t.write(m, 0)
		if err == nil {
			err = t.look(m)
		}
		_, taken := errors.AsType[*kind.Taken](err)
		switch {
		case taken, sensors.ClassOf(err) == sensors.Absent:
			m.known, m.there = true, 0
		case err != nil:
			return kind.Fail(fmt.Sprintf("multiplexer 0x%02x: disconnect", m.addr), err)
		case m.there != 0:
			return &sensors.Error{Class: sensors.IO, Op: fmt.Sprintf("multiplexer 0x%02x: disconnect", m.addr),
				Err: fmt.Errorf("its control register holds 0x%02x", m.there), Hint: family}
		default:
			m.known = true
		}
	}
	return nil
}

// family is the hint where a part does not do as these multiplexers do.
const family = "is there a TCA9548A, PCA9548, PCA9546 or PCA9543 at this address? Interrupt inputs that are low show in the register of " +
	"some: tie them high"

// connect makes sure that the channel is the only one connected.
func (b *Branch) connect() error {
	const step = "select channel"
	m := b.mux
	if m.known && m.there == b.mask {
		if err := b.trunk.look(m); err != nil {
			return b.fail(step, err)
		}
		if m.there == b.mask {
			return nil
		}
	}
	if err := b.trunk.write(m, b.mask); err != nil {
		return b.fail(step, err)
	}
	if err := b.trunk.look(m); err != nil {
		return b.fail(step, err)
	}
	if m.there != b.mask {
		e := b.wrong(step)
		e.Hint = family
		return e
	}
	m.known = true
	return nil
}

func (t *Trunk) write(m *state, control byte) error {
	m.w[0] = control
	return t.bus.Tx(m.addr, m.w[:], nil)
}

// look reads the control register.
func (t *Trunk) look(m *state) error {
	if err := t.bus.Tx(m.addr, nil, m.r[:]); err != nil {
		return err
	}
	m.there = m.r[0]
	return nil
}

func (b *Branch) op(step string) string {
	return fmt.Sprintf("multiplexer 0x%02x, channel %d: %s", b.where.Mux, b.where.Number, step)
}

func (b *Branch) fail(step string, err error) error { return kind.Fail(b.op(step), err) }

// wrong is the failure of a control register that does not hold what it should.
func (b *Branch) wrong(step string) *sensors.Error {
	return &sensors.Error{Class: sensors.IO, Op: b.op(step),
		Err: fmt.Errorf("its control register holds 0x%02x, not 0x%02x", b.mux.there, b.mask)}
}

// Find tells how many channels the multiplexer at an address has, and disconnects them all; 0 if there is another part. A part of the
// family gives back 0, 1 and 2 as they are written, and 128 or 8 where it has that channel. Another part is told by the first value that
// it does not give back; to nearly all parts at these addresses that byte is the number of a register, and nothing happens.
func (t *Trunk) Find(addr uint16) (channels int, err error) {
	t.slot <- struct{}{}
	defer func() { <-t.slot }()
	if g, ok := t.bus.(Guard); ok {
		if err := g.Hold(); err != nil {
			return 0, err
		}
		defer g.Release()
	}
	for _, m := range t.list {
		if m.addr == addr {
			m.known = false
		}
	}
	m := &state{addr: addr}
	keeps := func(v byte) bool {
		if err == nil {
			err = t.write(m, v)
		}
		if err == nil {
			err = t.look(m)
		}
		return err == nil && m.there == v
	}
	for _, v := range []byte{0, 1, 2} {
		if !keeps(v) {
			return 0, err
		}
	}
	switch {
	case keeps(1 << 7):
		channels = 8
	case keeps(1 << 3):
		channels = 4
	case err == nil:
		channels = 2
	}
	if !keeps(0) && err == nil {
		err = &sensors.Error{Class: sensors.IO, Op: fmt.Sprintf("multiplexer 0x%02x: disconnect", addr),
			Err: fmt.Errorf("its control register holds 0x%02x", m.there), Hint: family}
	}
	return channels, err
}
