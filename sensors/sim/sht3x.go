package sim

import (
	"time"

	"pinhole/sensors"
)

// sht3x is a Sensirion SHT30, SHT31 or SHT35 in single shot mode without clock stretching: "Datasheet SHT3x-DIS", chapters 2
// and 4.
type sht3x struct {
	sensirion
	env    Env
	heater bool
}

func newSHT3x(e Env) Chip { return &sht3x{env: e} }

// Power takes 1 ms.
func (c *sht3x) Power(now time.Time) {
	c.reset(now.Add(time.Millisecond))
	c.heater = false
}

// Idle reports whether no measurement is under way.
func (c *sht3x) Idle(now time.Time) bool { return !now.Before(c.busy) }

// Tx implements Chip.
func (c *sht3x) Tx(now time.Time, w, r []byte) bool {
	if now.Before(c.busy) {
		return false
	}
	if len(w) > 0 {
		c.length = 0
		switch command(w) {
		case 0x3093: // end periodic mode
			c.busy = now.Add(time.Millisecond)
		case 0x30A2: // soft reset
			c.reset(now.Add(1500 * time.Microsecond))
			c.heater = false
		case 0x306D:
			c.heater = true
		case 0x3066:
			c.heater = false
		case 0xF32D:
			status := uint16(0x8010)
			if c.heater {
				status |= 1 << 13
			}
			c.reply(now, status)
		case 0x2400, 0x240B, 0x2416:
			truth := func(q sensors.Quantity) float64 { return c.env.World.Value(q, c.env.Place, now) }
			t := truth(sensors.Temperature)
			if c.heater {
				t += 3
			}
			c.busy = now.Add(15500 * time.Microsecond)
			c.reply(c.busy, uint16(ticks(t, -45, 175, 65535)), uint16(ticks(truth(sensors.RelativeHumidity), 0, 100, 65535)))
		}
	}
	return len(r) == 0 || c.read(now, r)
}
