package sim

import (
	"math"
	"time"

	"pinhole/sensors"
)

// veml6075 is a Vishay VEML6075: document 84304, "Command code". How much of the ultraviolet is UVB, and how much other light leaks
// into the channels, differs from place to place, here from variant to variant.
type veml6075 struct {
	env     Env
	regs    [16]uint16
	pointer byte
	on      time.Time // since when it integrates; zero: shut down
}

func newVEML6075(e Env) Chip { return &veml6075{env: e} }

// Power leaves the part shut down.
func (c *veml6075) Power(time.Time) {
	c.regs, c.on = [16]uint16{0: 1, 0x0C: 0x0026}, time.Time{}
}

// Idle reports whether the part is shut down.
func (c *veml6075) Idle(time.Time) bool { return c.on.IsZero() }

// Tx implements Chip. A read of one byte makes Vishay's parts hold the bus; here it is refused.
func (c *veml6075) Tx(now time.Time, w, r []byte) bool {
	c.integrate(now)
	if len(w) > 0 {
		c.pointer = w[0]
	}
	if len(w) >= 3 && c.pointer == 0 {
		c.regs[0] = uint16(w[1]) & 0x7F // the high byte is reserved
		if c.on = now; c.regs[0]&1 != 0 {
			c.on = time.Time{}
		}
	}
	if len(r) == 1 {
		return false
	}
	for i := range r {
		r[i] = 0xFF
		if c.pointer < 16 && i < 2 {
			r[i] = byte(c.regs[c.pointer] >> (8 * i))
		}
	}
	return true
}

// integrate ends the integrations that had their time, 1.4 times what it is called. A light that changed in between is seen as it is
// now. With active force it waits for a trigger, which nobody sends it here.
func (c *veml6075) integrate(now time.Time) {
	conf := c.regs[0]
	times := conf >> 4 & 7
	if c.on.IsZero() || conf&2 != 0 || times > 4 {
		return
	}
	unit := float64(int(1)<<times) / 2 // of 100 ms
	if now.Sub(c.on) < time.Duration(140*unit*float64(time.Millisecond)) {
		return
	}
	if conf&8 != 0 {
		unit /= 2
	}
	// 684.46 counts of UVA alone, or 385.95 of UVB alone, are an index of 1; the index is the mean of both.
	index := c.env.World.Value(sensors.UVIndex, c.env.Place, now)
	share := 0.35 + 0.1*float64(c.env.Variant%4)
	light, heat := 12+3*index, 7+2*index
	put := func(reg int, counts float64) {
		c.regs[reg] = uint16(math.Round(min(max(counts*unit, 0), 0xFFFF)))
	}
	put(0x0A, math.Round(light))
	put(0x0B, math.Round(heat))
	put(0x07, 2*index*share*684.46+2.22*math.Round(light)+1.33*math.Round(heat))
	put(0x09, 2*index*(1-share)*385.95+2.95*math.Round(light)+1.74*math.Round(heat))
	put(0x08, 1) // dark
}
