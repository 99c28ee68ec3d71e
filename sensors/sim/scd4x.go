package sim

import (
	"time"

	"pinhole/sensors"
)

// scd4x is a Sensirion SCD40 or SCD41 in periodic measurement mode: "Data Sheet SCD40/SCD41", chapter 3. Every 5 s there is a
// new measurement, which can be read once. The first three after the start are off.
type scd4x struct {
	sensirion
	env      Env
	started  time.Time // zero: idle
	count    int       // measurements since then
	fresh    bool      // the last has not been read
	sample   [3]uint16
	altitude uint16
	asc      uint16
}

const scdPeriod = 5 * time.Second

func newSCD4x(e Env) Chip { return &scd4x{env: e} }

// Power takes a second, as the first datasheet has it.
func (c *scd4x) Power(now time.Time) {
	c.reset(now.Add(time.Second))
	c.started, c.fresh, c.altitude, c.asc = time.Time{}, false, 0, 1
}

// Idle reports whether no measurements are made.
func (c *scd4x) Idle(time.Time) bool { return c.started.IsZero() }

// settle makes the measurement that was due last.
func (c *scd4x) settle(now time.Time) {
	if c.started.IsZero() {
		return
	}
	n := int(now.Sub(c.started) / scdPeriod)
	if n <= c.count {
		return
	}
	c.count, c.fresh = n, true
	at := c.started.Add(time.Duration(n) * scdPeriod)
	truth := func(q sensors.Quantity) float64 { return c.env.World.Value(q, c.env.Place, at) }
	ppm := truth(sensors.CO2)
	if n <= 3 {
		ppm = ppm*0.8 - 60
	}
	c.sample = [3]uint16{uint16(min(max(ppm, 0), 65535) + 0.5), uint16(ticks(truth(sensors.Temperature), -45, 175, 65535)),
		uint16(ticks(truth(sensors.RelativeHumidity), 0, 100, 65535))}
}

// Tx implements Chip.
func (c *scd4x) Tx(now time.Time, w, r []byte) bool {
	if now.Before(c.busy) {
		return false
	}
	c.settle(now)
	if len(w) > 0 && !c.command(now, w) {
		return false
	}
	return len(r) == 0 || c.read(now, r)
}

// command returns false if the command is not acknowledged, as most are while measurements are made.
func (c *scd4x) command(now time.Time, w []byte) bool {
	c.length = 0
	soon := now.Add(time.Millisecond)
	switch command(w) {
	case 0xE4B8: // get_data_ready_status
		if c.fresh {
			c.reply(soon, 0x8006)
		} else {
			c.reply(soon, 0x8000)
		}
		return true
	case 0xEC05: // read_measurement
		if c.fresh {
			c.reply(soon, c.sample[0], c.sample[1], c.sample[2])
			c.fresh = false
		}
		return true
	case 0x3F86: // stop_periodic_measurement
		c.started, c.fresh, c.busy = time.Time{}, false, now.Add(500*time.Millisecond)
		return true
	}
	if !c.started.IsZero() {
		return false
	}
	args, n, ok := c.words(w[min(2, len(w)):])
	switch command(w) {
	case 0x21B1: // start_periodic_measurement
		c.started, c.count, c.fresh = now, 0, false
	case 0x3682: // get_serial_number
		c.reply(soon, 0xF896, 0x9F07, uint16(c.env.Variant))
	case 0x2427: // set_sensor_altitude
		if ok && n == 1 {
			c.altitude = args[0]
		}
	case 0x2322:
		c.reply(soon, c.altitude)
	case 0x2416: // set_automatic_self_calibration_enabled
		if ok && n == 1 {
			c.asc = args[0]
		}
	case 0x2313:
		c.reply(soon, c.asc)
	}
	return true
}
