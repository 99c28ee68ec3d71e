package sim

import (
	"time"

	"pinhole/sensors"
)

// ens160 is a ScioSense ENS160: datasheet revision 0.95, chapter 16. It has its first hour behind it. The flag of new data goes when
// the status is read, as parts were seen to do, and its seconds are 3 % long.
type ens160 struct {
	Registers
	env   Env
	now   time.Time
	awake time.Time
	since time.Time // it measures since; zero: it does not
	made  int64     // measurements since then
}

func newENS160(e Env) Chip {
	c := &ens160{env: e}
	c.Store = c.store
	return c
}

// Power leaves the part in deep sleep.
func (c *ens160) Power(now time.Time) {
	c.Mem = [256]byte{0x00: 0x60, 0x01: 0x01}
	c.awake, c.since, c.made = now.Add(10*time.Millisecond), time.Time{}, 0
}

// Idle reports whether the part sleeps.
func (c *ens160) Idle(time.Time) bool { return c.since.IsZero() }

// Tx implements Chip.
func (c *ens160) Tx(now time.Time, w, r []byte) bool {
	if now.Before(c.awake) {
		return false
	}
	c.now = now
	const second = 1030 * time.Millisecond
	if !c.since.IsZero() {
		if n := int64(now.Sub(c.since) / second); n > c.made {
			c.measure(c.since.Add(time.Duration(n) * second))
			c.made = n
		}
	}
	before := c.pointer
	c.Transfer(w, r)
	if len(w) > 0 {
		before = w[0]
	}
	if len(r) > 0 && before <= 0x27 && int(before)+len(r) > 0x20 {
		c.Mem[0x20] &^= 1 << 1
	}
	return true
}

func (c *ens160) store(reg, v byte) {
	switch {
	case reg == 0x10 && v == 0xF0:
		c.Power(c.now)
	case reg == 0x10:
		c.Mem[0x10], c.since = v, time.Time{}
		c.Mem[0x20] = 0
		if v == 2 {
			c.since, c.made = c.now, 0
			c.Mem[0x20] = 0x80 | 1<<2
		} else if v > 2 {
			c.Mem[0x20] = 0x40
		}
	case reg >= 0x11 && reg <= 0x16, reg >= 0x40 && reg <= 0x47:
		c.Mem[reg] = v
	}
}

func (c *ens160) measure(at time.Time) {
	value := func(q sensors.Quantity, low, high float64) uint16 {
		return uint16(min(max(c.env.World.Value(q, c.env.Place, at), low), high))
	}
	tvoc, equivalent := value(sensors.TVOC, 0, 65000), value(sensors.CO2Equivalent, 400, 65000)
	c.Mem[0x21] = byte(value(sensors.AQIUBA, 1, 5))
	c.Mem[0x22], c.Mem[0x23] = byte(tvoc), byte(tvoc>>8)
	c.Mem[0x24], c.Mem[0x25] = byte(equivalent), byte(equivalent>>8)
	flags := byte(0)
	if at.Sub(c.since) < 3*time.Minute {
		flags = 1
	}
	c.Mem[0x20] = 0x80 | flags<<2 | 3 // new data, and raw ones too
}
