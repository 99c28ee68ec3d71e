package sim

import (
	"time"

	"pinhole/sensors"
)

// sgp30 is a Sensirion SGP30: "Datasheet SGP30", chapter 6. Until it is told to begin, and for 15 s after, it says that the air
// is as clean as can be. A baseline it has after an hour.
type sgp30 struct {
	sensirion
	env   Env
	begun time.Time // zero: not told to
}

func newSGP30(e Env) Chip { return &sgp30{env: e} }

// Power takes 0.6 ms.
func (c *sgp30) Power(now time.Time) {
	c.reset(now.Add(600 * time.Microsecond))
	c.begun = time.Time{}
}

// Tx implements Chip.
func (c *sgp30) Tx(now time.Time, w, r []byte) bool {
	if now.Before(c.busy) {
		return false
	}
	if len(w) > 0 {
		c.length = 0
		takes := 10 * time.Millisecond
		after := func(d time.Duration) bool { return !c.begun.IsZero() && now.Sub(c.begun) >= d }
		switch command(w) {
		case 0x2003: // init_air_quality
			c.begun, c.busy = now, now.Add(takes)
		case 0x2008: // measure_air_quality: equivalent CO2 in ppm, TVOC in ppb
			c.busy = now.Add(12 * time.Millisecond)
			if tvoc := c.env.World.Value(sensors.TVOC, c.env.Place, now); after(15 * time.Second) {
				c.reply(c.busy, uint16(min(max(c.env.World.Value(sensors.CO2Equivalent, c.env.Place, now), 400), 60000)+0.5), uint16(min(max(tvoc, 0), 60000)+0.5))
			} else {
				c.reply(c.busy, 400, 0)
			}
		case 0x2015: // get_baseline
			c.busy = now.Add(takes)
			if after(time.Hour) {
				c.reply(c.busy, 0x8973, 0x8AAE)
			} else {
				c.reply(c.busy, 0, 0)
			}
		case 0x202F: // get_feature_set_version: product 0, version 0x22
			c.busy = now.Add(takes)
			c.reply(c.busy, 0x0022)
		case 0x3682:
			c.reply(now.Add(500*time.Microsecond), 0, 0x0120, uint16(c.env.Variant))
		}
	}
	return len(r) == 0 || c.read(now, r)
}
