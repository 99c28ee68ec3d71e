package sim

import (
	"fmt"
	"slices"
	"time"

	"pinhole/sensors/kind"
)

// tca9548a is the multiplexer of Texas Instruments SCPS207F, section 8.5.4: one register, a bit for each channel, of which the last byte written
// counts; after power-on no channel is connected.
type tca9548a struct {
	control  byte
	channels [8]*bus
	list     []*bus // those that are connected
}

// Tx implements Chip.
func (c *tca9548a) Tx(_ time.Time, w, r []byte) bool {
	if len(w) > 0 {
		c.connect(w[len(w)-1])
	}
	for i := range r {
		r[i] = c.control
	}
	return true
}

// Power implements Chip.
func (c *tca9548a) Power(time.Time) { c.connect(0) }

func (c *tca9548a) connect(control byte) {
	c.control, c.list = control, c.list[:0]
	for i, b := range c.channels {
		if control>>i&1 != 0 {
			c.list = append(c.list, b)
		}
	}
}

// Connected is the control register: a bit for each channel.
func (c *tca9548a) Connected() byte { return c.control }

// switches reports whether a chip is a multiplexer.
func switches(c Chip) bool {
	_, ok := c.(*tca9548a)
	return ok
}

// multiplexer is what the socket of a TCA9548A is called.
const multiplexer = "tca9548a"

// channel returns a channel of a bus's multiplexer, which is put there if there is none yet. Where another part has the address,
// the channel is connected to nothing.
func (b *Board) channel(number string, c kind.Channel) *bus {
	root := b.bus(number)
	s := root.at(c.Mux)
	if s == nil {
		m := &tca9548a{}
		for i := range m.channels {
			m.channels[i] = newBus(fmt.Sprintf("%s/0x%02x.%d", number, c.Mux, i), b.opts.Now)
			b.mu.Lock()
			m.channels[i].plight.list = on(b.mishaps, I2C, m.channels[i].number)
			b.mu.Unlock()
		}
		s = &socket{kind: multiplexer, chip: m}
		root.plug(c.Mux, s)
	}
	if m, ok := s.chip.(*tca9548a); ok {
		return m.channels[c.Number]
	}
	return newBus("nowhere", b.opts.Now)
}

// connected lists the channels that multiplexers on the bus connect to it now. The slice is shared.
func (b *bus) connected() (list []*bus) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for addr := uint16(0x70); addr <= 0x77; addr++ {
		s := b.sockets[addr]
		if s == nil {
			continue
		}
		if m, ok := s.chip.(*tca9548a); ok && list == nil {
			list = m.list
		} else if ok {
			list = slices.Concat(list, m.list)
		}
	}
	return list
}

// behind lists the channels of all multiplexers on the bus.
func (b *bus) behind() (list []*bus) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.sockets {
		if m, ok := s.chip.(*tca9548a); ok {
			list = append(list, m.channels[:]...)
		}
	}
	return list
}
