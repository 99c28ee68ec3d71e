package sim

import (
	"time"

	"pinhole/sensors"
)

// aht20 is an Aosong AHT20 or AHT21, or with old an AHT10: "AHT20 Product manuals" and "AHT10 Technical Manual", chapter 5.
// What was measured can be read again and again, so a driver that does not look whether its command was understood reads old
// values.
type aht20 struct {
	env        Env
	old        bool
	data       [7]byte
	calibrated bool
	awake      time.Time // it does not answer before
	done       time.Time // end of the measurement under way; zero: none
	next       [6]byte   // what that will give
}

const (
	ahtBusy       = 1 << 7
	ahtCalibrated = 1 << 3
)

func newAHT20(e Env) Chip { return &aht20{env: e} }
func newAHT10(e Env) Chip { return &aht20{env: e, old: true} }

// Power takes as long as the datasheets allow. An AHT20 comes out of it calibrated as a rule, an AHT10 never.
func (c *aht20) Power(now time.Time) {
	c.reset(now.Add(40 * time.Millisecond))
	c.calibrated = !c.old && c.env.Variant%2 == 0
}

func (c *aht20) reset(awake time.Time) {
	c.data, c.done, c.awake = [7]byte{}, time.Time{}, awake
}

// Idle reports whether no measurement is under way.
func (c *aht20) Idle(now time.Time) bool {
	c.settle(now)
	return c.done.IsZero()
}

func (c *aht20) settle(now time.Time) {
	if !c.done.IsZero() && !now.Before(c.done) {
		c.done = time.Time{}
		copy(c.data[:], c.next[:])
	}
	c.data[0] = 0x10
	if c.calibrated {
		c.data[0] |= ahtCalibrated
	}
	if !c.done.IsZero() {
		c.data[0] |= ahtBusy
	}
	c.data[6] = 0xFF
	if !c.old {
		c.data[6] = ahtSum(c.data[:6])
	}
}

// Tx implements Chip.
func (c *aht20) Tx(now time.Time, w, r []byte) bool {
	if now.Before(c.awake) {
		return false
	}
	c.settle(now)
	if len(w) > 0 && c.done.IsZero() { // while it measures it listens to nothing
		calibrate := byte(0xBE)
		if c.old {
			calibrate = 0xE1
		}
		switch {
		case len(w) == 1 && w[0] == 0xBA:
			c.reset(now.Add(20 * time.Millisecond))
			return true
		case len(w) == 3 && w[0] == calibrate && w[1] == 0x08 && w[2] == 0x00:
			c.calibrated = true
		case len(w) == 3 && w[0] == 0xAC && w[1] == 0x33 && w[2] == 0x00:
			c.measure(now)
		}
		c.settle(now)
	}
	for i := range r {
		r[i] = 0xFF
	}
	copy(r, c.data[:])
	return true
}

func (c *aht20) measure(now time.Time) {
	t := ticks(c.env.World.Value(sensors.Temperature, c.env.Place, now), -50, 200, 1<<20)
	h := ticks(c.env.World.Value(sensors.RelativeHumidity, c.env.Place, now), 0, 100, 1<<20)
	if !c.calibrated {
		t, h = t+4000, h/2
	}
	t, h = min(t, 1<<20-1), min(h, 1<<20-1)
	c.done = now.Add(80 * time.Millisecond)
	c.next = [6]byte{1: byte(h >> 12), 2: byte(h >> 4), 3: byte(h<<4) | byte(t>>16), 4: byte(t >> 8), 5: byte(t)}
}

// ahtSum is the remainder of a division by x^8+x^5+x^4+1, bit by bit, from a start of 0xFF.
func ahtSum(p []byte) byte {
	rest := uint16(0xFF)
	for _, b := range p {
		for bit := 7; bit >= 0; bit-- {
			out := rest>>7 ^ uint16(b>>bit&1)
			rest = rest << 1 & 0xFF
			if out != 0 {
				rest ^= 0x31
			}
		}
	}
	return byte(rest)
}
