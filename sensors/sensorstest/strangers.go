package sensorstest

import (
	"slices"
	"testing"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/sim"
)

// stranger puts other parts at the part's place: each simulated one of the same bus, and a few that answer nonsense.
func (s *Suite) stranger(t *testing.T) {
	if s.Blind || s.Nameless {
		t.Skip("this part has no id")
	}
	others := map[string]any{"all ones": constant(0xFF), "all zeros": constant(0), "0x5a": constant(0x5A), "memory": new(memory)}
	for _, name := range s.relatives() {
		if name == s.Kind.Name || slices.Contains(s.Kin, name) {
			continue
		}
		e := sim.Env{World: s.Truth[0]}
		switch s.family() {
		case i2c:
			others[name] = sim.NewChip(name, e)
		case spi:
			others[name] = sim.NewSPIChip(name, e)
		case uart:
			others[name] = sim.NewTalker(name, e)
		}
	}
	for name, part := range others {
		s.bubble(t, func(t *testing.T, d *desk) {
			s.plug(d, name, part)
			time.Sleep(100 * time.Millisecond)
			dev, err := d.open(s.Params)
			var list []sensors.Measurement
			if err == nil {
				list, err = sense(dev)
			}
			if err != nil {
				s.named(t, err)
			} else if slices.ContainsFunc(list, func(m sensors.Measurement) bool { return m.Err == "" }) {
				t.Errorf("%s answers, and nobody notices: %v", name, show(list))
			}
		})
	}
}

// relatives are the kinds with a simulated part for the same bus.
func (s *Suite) relatives() []string {
	switch s.family() {
	case spi:
		return sim.SPIChips()
	case uart:
		return sim.Talkers()
	}
	return sim.Chips()
}

// constant answers everything with the same byte. At a serial port it never stops.
type constant byte

func (c constant) Tx(_ time.Time, _, r []byte) bool {
	c.fill(r)
	return true
}

func (c constant) Transfer(_ time.Time, _, r []byte) { c.fill(r) }

func (c constant) fill(r []byte) {
	for i := range r {
		r[i] = byte(c)
	}
}

func (constant) Hear(time.Time, []byte) {}

func (c constant) Say(now time.Time, send func(time.Time, []byte)) time.Time {
	var r [50]byte
	c.fill(r[:])
	send(now, r[:])
	return now.Add(50 * time.Millisecond)
}

func (constant) Power(time.Time) {}

// memory keeps what is written, as an EEPROM does. On SPI it sends back what it was sent before, and at a serial port what it hears.
type memory struct {
	sim.Registers
	last []byte
	due  time.Time
}

func (m *memory) Tx(_ time.Time, w, r []byte) bool {
	m.Registers.Transfer(w, r)
	return true
}

func (m *memory) Transfer(_ time.Time, w, r []byte) {
	copy(r, m.last)
	m.last = slices.Clone(w)
}

func (m *memory) Hear(at time.Time, p []byte) { m.last, m.due = slices.Clone(p), at }

func (m *memory) Say(now time.Time, send func(time.Time, []byte)) time.Time {
	if m.last == nil {
		return time.Time{}
	}
	if m.due.After(now) {
		return m.due
	}
	send(m.due, m.last)
	m.last = nil
	return time.Time{}
}

func (m *memory) Power(time.Time) {}
