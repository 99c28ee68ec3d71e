package sim

import (
	"time"

	"pinhole/sensors"
)

// shtc3 is a Sensirion SHTC3: "Datasheet SHTC3", chapter 5. Asleep it acknowledges nothing but the command to wake up.
type shtc3 struct {
	sensirion
	env   Env
	awake bool
}

func newSHTC3(e Env) Chip { return &shtc3{env: e} }

// Power takes 0.24 ms and ends awake.
func (c *shtc3) Power(now time.Time) {
	c.reset(now.Add(240 * time.Microsecond))
	c.awake = true
}

// Idle reports whether the chip sleeps.
func (c *shtc3) Idle(time.Time) bool { return !c.awake }

// Tx implements Chip.
func (c *shtc3) Tx(now time.Time, w, r []byte) bool {
	if now.Before(c.busy) || !c.awake && command(w) != 0x3517 {
		return false
	}
	if len(w) > 0 {
		c.length = 0
		switch command(w) {
		case 0x3517:
			if !c.awake {
				c.awake, c.busy = true, now.Add(240*time.Microsecond)
			}
		case 0xB098:
			c.awake = false
		case 0x805D:
			c.Power(now)
		case 0xEFC8: // bits 11 and 5 to 0 are the product's, the others vary
			c.reply(now, uint16(c.env.Variant)<<12|0x0887)
		case 0x7866, 0x609C: // temperature first, no clock stretching; normal and low power
			c.measure(now, false)
		case 0x58E0, 0x401A: // humidity first
			c.measure(now, true)
		}
	}
	return len(r) == 0 || c.read(now, r)
}

func (c *shtc3) measure(now time.Time, humidityFirst bool) {
	t := uint16(min(ticks(c.env.World.Value(sensors.Temperature, c.env.Place, now), -45, 175, 65536), 65535))
	h := uint16(min(ticks(c.env.World.Value(sensors.RelativeHumidity, c.env.Place, now), 0, 100, 65536), 65535))
	c.busy = now.Add(12100 * time.Microsecond)
	if humidityFirst {
		t, h = h, t
	}
	c.reply(c.busy, t, h)
}
