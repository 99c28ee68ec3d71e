package sensorstest

import (
	"slices"
	"testing"
	"time"

	"pinhole/sensors/sim"
)

// supply breaks the part's supply before each transfer of a measurement.
func (s *Suite) supply(t *testing.T) {
	steps, want := s.record(t, false)
	for k := range steps {
		s.bubble(t, func(t *testing.T, d *desk) {
			dev := d.mustOpen(t, s.Params)
			mustSense(t, dev)
			d.turn(t, &s.Truth[1])
			d.Inject(s.trunk(), func(x sim.Transfer) sim.Fault {
				if x.N == k {
					d.BrownOut(s.bus(), uint16(s.Params.Int("address")))
					time.Sleep(10 * time.Millisecond) // so that it answers again
				}
				return sim.Fault{}
			})
			list, err := sense(dev)
			if err == nil && !honest(list, want) {
				t.Errorf("supply broken before transfer %d: measured %v, the truth is %v", k, show(list), show(want))
			}
			if err != nil {
				s.named(t, err)
			}
			d.Inject(s.trunk(), nil)
			s.recovers(t, d, "supply broken", dev, want)
		})
	}
}

// replaced swaps the part for another of its make, with other factory constants, between two measurements.
func (s *Suite) replaced(t *testing.T) {
	for v := range uint32(4) {
		s.bubble(t, func(t *testing.T, d *desk) {
			addr := uint16(s.Params.Int("address"))
			dev := d.mustOpen(t, s.Params)
			mustSense(t, dev)
			d.turn(t, &s.Truth[1])
			d.Unplug(s.bus(), addr)
			if list, err := sense(dev); err == nil || list != nil {
				t.Errorf("unplugged: measured %v, error %v", show(list), err)
			} else {
				s.named(t, err)
			}
			chip := sim.NewChip(s.Kind.Name, sim.Env{World: d, Place: "another", Variant: v, Params: s.Params})
			d.Plug(s.bus(), addr, s.Kind.Name, chip)
			time.Sleep(10 * time.Millisecond)
			if list, err := sense(dev); err == nil && !s.near(list, s.Truth[1]) {
				t.Errorf("plugged in again: measured %v, the truth is %v", show(list), s.Truth[1])
			}
			// Swapped while nobody looked.
			d.Plug(s.bus(), addr, s.Kind.Name, sim.NewChip(s.Kind.Name, sim.Env{World: d, Place: "another", Variant: v + 1, Params: s.Params}))
			time.Sleep(10 * time.Millisecond)
			for n := range 2 {
				list, err := sense(dev)
				if err == nil && !s.near(list, s.Truth[1]) || err != nil && n == 1 {
					t.Errorf("another part: measured %v, error %v, the truth is %v", show(list), err, s.Truth[1])
				}
			}
			d.closeTwice(t, dev)
		})
	}
}

// stranger puts other parts at the address: each simulated chip, and a few that answer nonsense.
func (s *Suite) stranger(t *testing.T) {
	if s.Blind || s.Nameless {
		t.Skip("this part has no id")
	}
	others := map[string]sim.Chip{"all ones": constant(0xFF), "all zeros": constant(0), "0x5a": constant(0x5A), "memory": new(memory)}
	for _, name := range sim.Chips() {
		if name != s.Kind.Name && !slices.Contains(s.Kin, name) {
			others[name] = sim.NewChip(name, sim.Env{World: s.Truth[0]})
		}
	}
	for name, chip := range others {
		s.bubble(t, func(t *testing.T, d *desk) {
			d.Plug(s.bus(), uint16(s.Params.Int("address")), name, chip)
			time.Sleep(100 * time.Millisecond)
			dev, err := d.open(s.Params)
			if err == nil {
				_, err = sense(dev)
			}
			if err == nil {
				t.Errorf("%s answers, and nobody notices", name)
				return
			}
			s.named(t, err)
		})
	}
}

// constant answers every read with the same byte.
type constant byte

func (c constant) Tx(_ time.Time, _, r []byte) bool {
	for i := range r {
		r[i] = byte(c)
	}
	return true
}

func (constant) Power(time.Time) {}

// memory keeps what is written, as an EEPROM does.
type memory struct{ sim.Registers }

func (m *memory) Tx(_ time.Time, w, r []byte) bool {
	m.Transfer(w, r)
	return true
}

func (m *memory) Power(time.Time) {}
