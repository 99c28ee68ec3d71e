package sim

import (
	"time"

	"pinhole/sensors"
)

// sht4x is a Sensirion SHT40, SHT41, SHT43 or SHT45: "Datasheet SHT4x", chapter 4. Commands have 8 bits.
type sht4x struct {
	sensirion
	env Env
}

func newSHT4x(e Env) Chip { return &sht4x{env: e} }

// Power takes 1 ms.
func (c *sht4x) Power(now time.Time) { c.reset(now.Add(time.Millisecond)) }

// Idle reports whether no measurement is under way.
func (c *sht4x) Idle(now time.Time) bool { return !now.Before(c.busy) }

// Tx implements Chip.
func (c *sht4x) Tx(now time.Time, w, r []byte) bool {
	if now.Before(c.busy) {
		return false
	}
	if len(w) > 0 {
		c.length = 0
		switch w[0] {
		case 0x94: // soft reset
			c.Power(now)
		case 0x89: // serial number
			c.reply(now.Add(10*time.Microsecond), 0x0F50, uint16(c.env.Variant))
		case 0xFD:
			c.measure(now, 8300*time.Microsecond, 0)
		case 0xF6:
			c.measure(now, 4500*time.Microsecond, 0)
		case 0xE0:
			c.measure(now, 1600*time.Microsecond, 0)
		case 0x39, 0x32, 0x2F, 0x24, 0x1E, 0x15: // heat first
			c.measure(now, 1100*time.Millisecond, 30)
		}
	}
	return len(r) == 0 || c.read(now, r)
}

func (c *sht4x) measure(now time.Time, takes time.Duration, warmer float64) {
	t := c.env.World.Value(sensors.Temperature, c.env.Place, now) + warmer
	h := c.env.World.Value(sensors.RelativeHumidity, c.env.Place, now)
	c.busy = now.Add(takes)
	c.reply(c.busy, uint16(ticks(t, -45, 175, 65535)), uint16(ticks(h, -6, 125, 65535)))
}
