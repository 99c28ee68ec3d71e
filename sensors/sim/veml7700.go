package sim

import (
	"time"

	"pinhole/sensors"
)

// veml7700 is a Vishay VEML7700: document 84286, "Command register format". A read of one byte makes it hold the bus; here it
// refuses it.
type veml7700 struct {
	env     Env
	regs    [8]uint16
	pointer byte
	on      time.Time // since when it integrates; zero: shut down
}

func newVEML7700(e Env) Chip { return &veml7700{env: e} }

// Power leaves the part shut down.
func (c *veml7700) Power(time.Time) {
	c.regs, c.on = [8]uint16{0: 1, 7: 0xC481}, time.Time{}
}

// Idle reports whether the part is shut down.
func (c *veml7700) Idle(time.Time) bool { return c.on.IsZero() }

// Tx implements Chip.
func (c *veml7700) Tx(now time.Time, w, r []byte) bool {
	c.integrate(now)
	if len(w) > 0 {
		c.pointer = w[0]
	}
	if len(w) >= 3 && c.pointer < 4 {
		c.regs[c.pointer] = uint16(w[1]) | uint16(w[2])<<8
		if c.pointer == 0 {
			if c.on = now; c.regs[0]&1 != 0 {
				c.on = time.Time{}
			}
		}
	}
	if len(r) == 1 {
		return false
	}
	for i := range r {
		r[i] = 0xFF
		if c.pointer < 8 && i < 2 {
			r[i] = byte(c.regs[c.pointer] >> (8 * i))
		}
	}
	return true
}

// integrate ends the integrations that had their time: 10 % more than they should, after 2.5 ms. A light that changed in between
// is seen as it is now.
func (c *veml7700) integrate(now time.Time) {
	if c.on.IsZero() {
		return
	}
	conf := c.regs[0]
	takes, ok := map[uint16]float64{0xC: 25, 8: 50, 0: 100, 1: 200, 2: 400, 3: 800}[conf>>6&0xF]
	if !ok || now.Sub(c.on) < time.Duration((takes*1.1+2.5)*float64(time.Millisecond)) {
		return
	}
	gain := conf >> 11 & 3
	perLux := 1 / 0.0672 * takes / 100 * []float64{1, 2, 0.125, 0.25}[gain]
	light := c.env.World.Value(sensors.Illuminance, c.env.Place, now)
	if gain >= 2 {
		light = bend(light)
	}
	c.regs[4] = uint16(min(light*perLux+0.5, 0xFFFF))
	c.regs[5] = uint16(min(light*perLux*1.7+9.5, 0xFFFF)) // the white channel sees more
}

// bend is what strong light looks like to a part with little gain: the inverse of the polynomial in document 84323, found by
// halving. That rises all the way.
func bend(light float64) float64 {
	low, high := 0.0, light
	for range 60 {
		x := (low + high) / 2
		if 6.0135e-13*x*x*x*x-9.3924e-9*x*x*x+8.1488e-5*x*x+1.0023*x < light {
			low = x
		} else {
			high = x
		}
	}
	return low
}
