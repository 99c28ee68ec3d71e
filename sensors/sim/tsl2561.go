package sim

import (
	"time"

	"pinhole/sensors"
)

// tsl2561 is an ams TSL2561: TAOS059N, section "Register Set". Its light is worth what the datasheet's whole-number table says, at
// the corners between two lines of that table.
type tsl2561 struct {
	env     Env
	mem     [16]byte
	pointer byte
	on      time.Time // since when it integrates; zero: powered down
}

// tsl2561Variants are an id, a share of infrared, and lx per count of all light at gain 16 and 402 ms: (B - M * share) / 16384.
var tsl2561Variants = [...]struct {
	id          byte
	share, each float64
}{
	{0x50, 0.125, (498 - 446*0.125) / 16384},               // package T, K1
	{0x11, 0x10A / 512.0, (642 - 991*0x10A/512.0) / 16384}, // package CS, K4
	{0x53, 0x138 / 512.0, (367 - 508*0x138/512.0) / 16384}, // package T, K5
	{0x10, 0.75, (0x101 - 0x127*0.75) / 16384},             // package CS, K6
}

func newTSL2561(e Env) Chip { return &tsl2561{env: e} }

// Power leaves the part powered down.
func (c *tsl2561) Power(time.Time) {
	c.mem = [16]byte{1: 2, 10: tsl2561Variants[c.env.Variant%4].id}
	c.on = time.Time{}
}

// Idle reports whether the part is powered down.
func (c *tsl2561) Idle(time.Time) bool { return c.on.IsZero() }

// Tx implements Chip. Only a word has a second byte.
func (c *tsl2561) Tx(now time.Time, w, r []byte) bool {
	c.integrate(now)
	if len(w) > 0 && w[0]&0x80 != 0 {
		c.pointer = w[0]
		if reg := w[0] & 15; len(w) > 1 {
			switch {
			case reg == 0:
				if c.mem[0] = w[1] & 3; c.mem[0] != 3 {
					c.on = time.Time{}
				} else if c.on.IsZero() {
					c.on = now
				}
			case reg == 1:
				c.mem[1] = w[1] & 0x1B
			case reg < 7:
				c.mem[reg] = w[1]
			}
		}
	}
	for i := range r {
		r[i] = 0xFF
		if reg := int(c.pointer&15) + i; i == 0 || i == 1 && c.pointer&0x20 != 0 && reg < 16 {
			r[i] = c.mem[reg]
		}
	}
	return true
}

// integrate ends the integration that had its time: 6 % more than it should.
func (c *tsl2561) integrate(now time.Time) {
	if c.on.IsZero() || c.mem[1]&3 == 3 {
		return
	}
	setting := [...]struct{ ms, share, top float64 }{{13.7, 11.0 / 322, 5047}, {101, 81.0 / 322, 37177}, {402, 1, 65535}}[c.mem[1]&3]
	if now.Sub(c.on) < time.Duration(setting.ms*1.06*float64(time.Millisecond)) {
		return
	}
	v := tsl2561Variants[c.env.Variant%4]
	all := c.env.World.Value(sensors.Illuminance, c.env.Place, now) / v.each * setting.share
	if c.mem[1]&0x10 == 0 {
		all /= 16
	}
	a, b := uint16(min(all+0.5, setting.top)), uint16(min(all*v.share+0.5, setting.top))
	c.mem[12], c.mem[13], c.mem[14], c.mem[15] = byte(a), byte(a>>8), byte(b), byte(b>>8)
}
