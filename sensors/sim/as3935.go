package sim

import (
	"math"
	"time"

	"pinhole/sensors"
)

// as3935 is an ams AS3935: datasheet v1-04, "Register Table". Each time that the count of the world has changed there was a stroke since
// the last time that somebody asked, and its energy and distance come 2 ms after the interrupt; the world's alarm is noise.
type as3935 struct {
	Registers
	env    Env
	now    time.Time
	awake  time.Time
	tuned  bool      // calibrated
	begun  time.Time // a calibration under way; zero: none
	heard  float64   // the world's count
	energy uint32
	shows  time.Time // when energy and distance are those of the last stroke
}

func newAS3935(e Env) Chip {
	c := &as3935{env: e}
	c.Store = c.store
	return c
}

// Power leaves the part listening, without calibration.
func (c *as3935) Power(now time.Time) {
	c.awake, c.tuned, c.begun, c.heard, c.shows = now.Add(4*time.Millisecond), false, time.Time{}, 0, now
	c.preset()
}

func (c *as3935) preset() {
	c.energy = 0
	for reg, v := range map[byte]byte{0: 0x24, 1: 0x22, 2: 0xC2, 3: 0, 4: 0, 5: 0, 6: 0, 7: 0x3F, 8: 0} {
		c.Mem[reg] = v
	}
}

// Idle reports whether the part is powered down.
func (c *as3935) Idle(time.Time) bool { return c.Mem[0]&1 != 0 }

// Tx implements Chip.
func (c *as3935) Tx(now time.Time, w, r []byte) bool {
	if now.Before(c.awake) {
		return false
	}
	c.now = now
	c.listen()
	before := c.pointer
	c.Transfer(w, r)
	if len(w) > 0 {
		before = w[0]
	}
	if before <= 3 && int(before)+len(r) > 3 {
		c.Mem[3] &^= 0x0C // lightning and disturbers are told once
	}
	return true
}

func (c *as3935) store(reg, v byte) {
	switch {
	case reg <= 2:
		c.Mem[reg] = v
		if reg == 2 {
			c.Mem[2] |= 0x80
		}
		if reg == 0 && v&1 != 0 { // the timer's oscillator stands still
			c.tuned = false
		}
	case reg == 3:
		c.Mem[3] = c.Mem[3]&0x0F | v&0xF0
	case reg == 8:
		if c.Mem[8]&0x60 != 0 && v&0x60 == 0 && !c.begun.IsZero() && c.now.Sub(c.begun) >= 2*time.Millisecond {
			c.tuned, c.begun = c.Mem[0]&1 == 0, time.Time{}
		}
		c.Mem[8] = v
	case reg == 0x3C && v == 0x96:
		c.preset()
	case reg == 0x3D && v == 0x96:
		c.begun = c.now
	}
}

// listen brings the registers up to date. Without calibration nothing is taken for lightning.
func (c *as3935) listen() {
	c.Mem[0x3A], c.Mem[0x3B] = 0, 0
	if c.tuned {
		c.Mem[0x3A], c.Mem[0x3B] = 0x80, 0x80
	}
	if c.Mem[0]&1 != 0 || !c.tuned {
		return
	}
	c.Mem[3] &^= 1
	if noisy, _ := c.env.World.Switch(sensors.Alarm, c.env.Place, c.now); noisy {
		c.Mem[3] |= 1
	}
	if n := math.Floor(c.env.World.Value(sensors.Count, c.env.Place, c.now)); n != c.heard {
		c.heard = n
		c.energy = (uint32(n)*77317 + 1 + c.env.Variant%4) & 0x1FFFFF
		c.Mem[3] |= 8
		c.shows = c.now.Add(2 * time.Millisecond)
	}
	if c.now.Before(c.shows) {
		return
	}
	c.Mem[4], c.Mem[5], c.Mem[6] = byte(c.energy), byte(c.energy>>8), byte(c.energy>>16)
	c.Mem[7] = 0x3F
	km := c.env.World.Value(sensors.StormDistance, c.env.Place, c.now) / 1000
	for _, step := range []float64{40, 37, 34, 31, 27, 24, 20, 17, 14, 12, 10, 8, 6, 5, 1} {
		if km < step+2 && km > 0 {
			c.Mem[7] = byte(step)
		}
	}
}
