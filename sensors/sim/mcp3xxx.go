package sim

import (
	"fmt"
	"time"

	"pinhole/sensors"
)

// mcp3xxx is a Microchip MCP3004, 3008, 3204 or 3208, clock by clock: chapter 5 of DS21295 and DS21298. Each input has a voltage of its
// own place, PLACE.3.
type mcp3xxx struct {
	env    Env
	bits   int
	vref   float64
	places []string // of the inputs
	reply  [2 * 12]bool
}

func mcp3(bits, channels int) func(Env) SPIChip {
	return func(e Env) SPIChip {
		c := &mcp3xxx{env: e, bits: bits, vref: 3.3}
		for n := range channels {
			c.places = append(c.places, fmt.Sprintf("%s.%d", e.Place, n))
		}
		if e.Params.Has("vref") {
			c.vref = e.Params.Float("vref")
		}
		return c
	}
}

// Power changes nothing: there is nothing to forget.
func (c *mcp3xxx) Power(time.Time) {}

// Transfer implements SPIChip. The part takes a bit at each rising edge and drives the next at the falling one, so what the master
// reads at a clock is what the part knew at the clock before.
func (c *mcp3xxx) Transfer(now time.Time, w, r []byte) {
	const started, mode, done = 0, 1, 4
	clock := -1 // since the start bit
	var command [5]bool
	var reply []bool
	for i := range 8 * len(w) {
		in := w[i/8]>>(7-i%8)&1 != 0
		if clock >= 6 { // the null bit is the sixth
			r[i/8] &^= 1 << (7 - i%8)
			if n := clock - 6; n < len(reply) && reply[n] {
				r[i/8] |= 1 << (7 - i%8)
			}
		}
		switch {
		case clock >= 0:
			clock++
		case in:
			clock = started + 1
		}
		if n := clock - 1; n >= mode && n <= done {
			command[n] = in
			if n == done {
				reply = c.convert(now, command)
			}
		}
	}
}

// convert samples what the command selects: SGL/DIFF, D2, D1, D0. The reply begins with the null bit.
func (c *mcp3xxx) convert(now time.Time, command [5]bool) []bool {
	n := 0
	for _, b := range command[2:] {
		n <<= 1
		if b {
			n++
		}
	}
	n %= len(c.places) // D2 is of no matter where there are four
	v := c.volts(now, n)
	if !command[1] { // against its neighbour
		v -= c.volts(now, n^1)
	}
	top := 1<<c.bits - 1
	code := int(min(max(v/c.vref*float64(top+1), 0), float64(top)))
	reply := append(c.reply[:0], false)
	for k := c.bits - 1; k >= 0; k-- {
		reply = append(reply, code>>k&1 != 0)
	}
	for k := 1; k < c.bits; k++ {
		reply = append(reply, code>>k&1 != 0)
	}
	return reply
}

func (c *mcp3xxx) volts(now time.Time, n int) float64 {
	return c.env.World.Value(sensors.Voltage, c.places[n], now)
}
