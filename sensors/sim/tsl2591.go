package sim

import (
	"time"

	"pinhole/sensors"
)

// tsl2591 is an ams TSL2591: "TSL25911", version 1, section "Register description". The share of infrared differs from lamp to lamp,
// here from variant to variant.
type tsl2591 struct {
	Registers
	env Env
	now time.Time
	on  time.Time // since when it integrates; zero: it does not

	plain [8]byte // what is written, without the bits that make a command of a register
}

func newTSL2591(e Env) Chip {
	c := &tsl2591{env: e}
	c.Store = c.store
	return c
}

// Power leaves the part asleep.
func (c *tsl2591) Power(time.Time) {
	c.Mem, c.on = [256]byte{0x12: 0x50}, time.Time{}
}

// Idle reports whether the part sleeps.
func (c *tsl2591) Idle(time.Time) bool { return c.Mem[0]&3 == 0 }

// Tx implements Chip. What is no command is not understood, and the last command stands.
func (c *tsl2591) Tx(now time.Time, w, r []byte) bool {
	c.now = now
	c.integrate()
	if len(w) > 0 && w[0]&0xE0 == 0xA0 {
		n := copy(c.plain[:], w)
		c.plain[0] &= 0x1F
		c.Transfer(c.plain[:n], r)
	} else {
		c.Transfer(nil, r)
	}
	return true
}

func (c *tsl2591) store(reg, v byte) {
	switch reg {
	case 0:
		if was := c.Mem[0]; v&3 != 3 {
			c.on, c.Mem[0x13] = time.Time{}, 0
		} else if was&3 != 3 {
			c.on = c.now
		}
		c.Mem[0] = v & 0xD3
	case 1:
		if v&0x80 != 0 {
			c.Power(c.now)
			return
		}
		c.Mem[1] = v & 0x37
	}
}

// integrate ends the integration that had its time: 8 % more than it should.
func (c *tsl2591) integrate() {
	steps := int(c.Mem[1]&7) + 1
	if c.on.IsZero() || steps > 6 || c.now.Sub(c.on) < time.Duration(steps)*108*time.Millisecond {
		return
	}
	top := 65535.0
	if steps == 1 {
		top = 36863
	}
	perLux := float64(steps) / 4.08 * []float64{1, 25, 428, 9876}[c.Mem[1]>>4&3]
	share := 0.1 + 0.15*float64(c.env.Variant%4) // of infrared
	all := c.env.World.Value(sensors.Illuminance, c.env.Place, c.now) * perLux / ((1 - share) * (1 - share))
	a, b := uint16(min(all+0.5, top)), uint16(min(all*share+0.5, top))
	c.Mem[0x13] |= 1
	c.Mem[0x14], c.Mem[0x15], c.Mem[0x16], c.Mem[0x17] = byte(a), byte(a>>8), byte(b), byte(b>>8)
}
