package sim

import (
	"bytes"
	"time"

	"pinhole/sensors"
)

// ccs811 is an ams CCS811: datasheet v1-06, "Application Register Overview" and "Bootloader Register Map". Its registers are
// mailboxes: a transfer does not go on with the next one. Its clock is 2 % slow.
type ccs811 struct {
	env     Env
	pointer byte
	awake   time.Time
	app     bool // its firmware runs
	mode    byte
	since   time.Time // when it was set
	results int64     // that it has made since
	ready   bool
	faults  byte
	result  [4]byte
}

func newCCS811(e Env) Chip { return &ccs811{env: e} }

// Power leaves the part in its boot loader.
func (c *ccs811) Power(now time.Time) {
	*c = ccs811{env: c.env, awake: now.Add(time.Millisecond)}
}

// Idle reports whether the part rests.
func (c *ccs811) Idle(time.Time) bool { return c.mode>>4 == 0 }

// period is how long a measurement takes.
func (c *ccs811) period() time.Duration {
	seconds := [8]int64{1: 1, 2: 10, 3: 60}[c.mode>>4&7] // 4 makes raw data only
	return time.Duration(seconds) * time.Second * 102 / 100
}

// Tx implements Chip.
func (c *ccs811) Tx(now time.Time, w, r []byte) bool {
	if now.Before(c.awake) {
		return false
	}
	if p := c.period(); p > 0 {
		if n := int64(now.Sub(c.since) / p); n > c.results {
			c.measure(c.since.Add(time.Duration(n) * p))
			c.results = n
		}
	}
	if len(w) > 0 {
		c.pointer = w[0]
		c.write(now, w)
	}
	for i := range r {
		r[i] = 0xFF
	}
	if len(r) > 0 {
		c.read(r)
	}
	return true
}

func (c *ccs811) measure(at time.Time) {
	equivalent := uint16(min(max(c.env.World.Value(sensors.CO2Equivalent, c.env.Place, at), 400), 8192))
	tvoc := uint16(min(max(c.env.World.Value(sensors.TVOC, c.env.Place, at), 0), 1187))
	c.result = [4]byte{byte(equivalent >> 8), byte(equivalent), byte(tvoc >> 8), byte(tvoc)}
	c.ready = true
}

func (c *ccs811) write(now time.Time, w []byte) {
	switch {
	case bytes.Equal(w, []byte{0xFF, 0x11, 0xE5, 0x72, 0x8A}):
		c.Power(now)
	case !c.app && bytes.Equal(w, []byte{0xF4}):
		c.app, c.awake = true, now.Add(time.Millisecond)
	case c.app && w[0] == 0x01 && len(w) == 2:
		if w[1]>>4&7 > 4 {
			c.faults |= 1 << 2 // MEASMODE_INVALID
			return
		}
		c.mode, c.since, c.results, c.ready = w[1]&0x7C, now, 0, false
	case len(w) > 1 && w[0] != 0x05 && w[0] != 0x10 && w[0] != 0x11:
		c.faults |= 1 << 0 // WRITE_REG_INVALID
	}
}

// read fills r, which holds ones, with what is in the mailbox.
func (c *ccs811) read(r []byte) {
	status := byte(0x10) // APP_VALID
	if c.app {
		status |= 0x80
	}
	if c.ready {
		status |= 0x08
	}
	if c.faults != 0 {
		status |= 0x01
	}
	switch {
	case c.pointer == 0x00:
		copy(r, []byte{status})
	case c.pointer == 0x20:
		copy(r, []byte{0x81})
	case c.pointer == 0x21:
		copy(r, []byte{0x12})
	case c.pointer == 0x23 || c.pointer == 0x24:
		copy(r, []byte{0x11, 0x00})
	case c.pointer == 0xE0:
		copy(r, []byte{c.faults})
		c.faults = 0
	case c.pointer == 0x01 && c.app:
		copy(r, []byte{c.mode})
	case c.pointer == 0x02 && c.app:
		more := copy(r, c.result[:])
		copy(r[more:], []byte{status, c.faults, 0x04, 0x21})
		c.ready = false
	case c.pointer == 0x03 && c.app:
		copy(r, []byte{0x04, 0x21})
	case c.pointer == 0x11 && c.app:
		copy(r, []byte{0x47, 0xB4})
	default:
		c.faults |= 1 << 1 // READ_REG_INVALID
	}
}
