package sim

import (
	"math"
	"time"

	"pinhole/sensors"
)

// scd30 is a Sensirion SCD30 on I2C: "Interface Description Sensirion SCD30 Sensor Module". Its settings, and whether it
// measures, survive without supply. It knows no repeated start; clock stretching is not simulated. The first measurement after
// a start is 0.
type scd30 struct {
	sensirion
	env      Env
	made     bool
	running  bool
	started  time.Time
	count    int  // measurements since then
	fresh    bool // the last has not been read
	sample   [6]uint16
	interval uint16 // s
	altitude uint16
	asc      uint16
}

func newSCD30(e Env) Chip { return &scd30{env: e} }

// Power takes 2 s, and goes on with what was before.
func (c *scd30) Power(now time.Time) {
	if !c.made { // as it left the factory, or another user
		c.made, c.interval, c.asc = true, uint16(2+13*(c.env.Variant%2)), uint16(c.env.Variant%2)
	}
	c.reset(now.Add(2 * time.Second))
	c.started, c.count, c.fresh = c.busy, 0, false
}

// Idle reports whether no measurements are made.
func (c *scd30) Idle(time.Time) bool { return !c.running }

// settle makes the measurement that was due last.
func (c *scd30) settle(now time.Time) {
	period := time.Duration(c.interval) * time.Second
	n := int(now.Sub(c.started) / period)
	if !c.running || n <= c.count {
		return
	}
	c.count, c.fresh = n, true
	at := c.started.Add(time.Duration(n) * period)
	for i, q := range [...]sensors.Quantity{sensors.CO2, sensors.Temperature, sensors.RelativeHumidity} {
		v := c.env.World.Value(q, c.env.Place, at)
		if n == 1 && i == 0 {
			v = 0
		}
		bits := math.Float32bits(float32(v))
		c.sample[2*i], c.sample[2*i+1] = uint16(bits>>16), uint16(bits)
	}
}

// Tx implements Chip.
func (c *scd30) Tx(now time.Time, w, r []byte) bool {
	if now.Before(c.busy) || len(w) > 0 && len(r) > 0 {
		return false
	}
	c.settle(now)
	if len(w) > 1 {
		c.length = 0
		args, n, ok := c.words(w[2:])
		if ok {
			c.command(now, command(w), args[0], n)
		}
	}
	return len(r) == 0 || c.read(now, r)
}

func (c *scd30) command(now time.Time, command int, arg uint16, args int) {
	soon := now.Add(3 * time.Millisecond)
	setting := func(p *uint16, low, high uint16) {
		switch {
		case args == 0:
			c.reply(soon, *p)
		case arg >= low && arg <= high:
			*p = arg
		}
	}
	switch command {
	case 0x0010: // start, with the ambient pressure in hPa or 0
		if args == 1 {
			c.running, c.started, c.count = true, now, 0
		}
	case 0x0104:
		c.running = false
	case 0x4600:
		setting(&c.interval, 2, 1800)
	case 0x5102:
		setting(&c.altitude, 0, 65535)
	case 0x5306:
		setting(&c.asc, 0, 1)
	case 0xD100:
		c.reply(soon, 0x0342)
	case 0xD304:
		c.Power(now)
	case 0x0202:
		if c.fresh {
			c.reply(soon, 1)
		} else {
			c.reply(soon, 0)
		}
	case 0x0300:
		if c.fresh {
			c.reply(soon, c.sample[:]...)
			c.fresh = false
		}
	}
}
