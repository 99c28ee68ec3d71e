package sim

import (
	"time"

	"pinhole/sensors"
)

// sgp40 is a Sensirion SGP40: "Datasheet SGP40", chapter 4. What it measures are ticks; the truth of quantity raw is taken for
// them.
type sgp40 struct {
	sensirion
	env    Env
	heater bool
}

func newSGP40(e Env) Chip { return &sgp40{env: e} }

// Power takes 0.6 ms and ends with a cold heater.
func (c *sgp40) Power(now time.Time) {
	c.reset(now.Add(600 * time.Microsecond))
	c.heater = false
}

// Idle reports whether the heater is off.
func (c *sgp40) Idle(time.Time) bool { return !c.heater }

// Tx implements Chip.
func (c *sgp40) Tx(now time.Time, w, r []byte) bool {
	if now.Before(c.busy) {
		return false
	}
	if len(w) > 1 {
		c.length = 0
		args, n, ok := c.words(w[2:])
		switch command(w) {
		case 0x260F: // sgp40_measure_raw_signal, with relative humidity and temperature as ticks
			if !ok || n != 2 {
				break
			}
			c.heater, c.busy = true, now.Add(30*time.Millisecond)
			raw := c.env.World.Value(sensors.Raw, c.env.Place, now)
			raw -= (float64(args[0]) - 0x8000) / 40 // made up: told of other air, it compensates for it
			raw += (float64(args[1]) - 0x6666) / 30
			c.reply(c.busy, uint16(min(max(raw, 0), 65535)+0.5))
		case 0x3615: // sgp4x_turn_heater_off
			c.heater, c.busy = false, now.Add(time.Millisecond)
		case 0x3682: // sgp4x_get_serial_number
			c.reply(now.Add(time.Millisecond), 0, 0x0151, uint16(c.env.Variant))
		case 0x202F: // as the SGP30 has it: product 3
			c.reply(now.Add(time.Millisecond), 0x3220)
		}
	}
	return len(r) == 0 || c.read(now, r)
}
