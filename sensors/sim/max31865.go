package sim

import (
	"time"

	"pinhole/sensors"
)

// max31865 is a Maxim MAX31865 with its thermometer: 19-6478. It converts 66 ms after a command, and every 21 ms from then on in
// automatic mode. A conversion without bias sees nothing.
type max31865 struct {
	env     Env
	r0, ref float64
	reg     [8]byte
	begun   time.Time // of the conversion under way; zero: none
	cycle   time.Time // when the second half of the fault detection cycle ends; zero: none
	biased  time.Time // since when there is bias; zero: none
}

func newMAX31865(e Env) SPIChip {
	c := &max31865{env: e, r0: 100}
	if e.Params.String("rtd") == "pt1000" {
		c.r0 = 1000
	}
	c.ref = c.r0 * 4.3
	if e.Params.Has("reference") {
		c.ref = e.Params.Float("reference")
	}
	return c
}

// Power puts the registers to the values of table 1.
func (c *max31865) Power(time.Time) {
	c.reg = [8]byte{3: 0xFF, 4: 0xFF}
	c.begun, c.cycle, c.biased = time.Time{}, time.Time{}, time.Time{}
}

// Idle reports whether no current flows.
func (c *max31865) Idle(time.Time) bool { return c.reg[0]&0xC0 == 0 }

const (
	rtdFirst = 66 * time.Millisecond
	rtdNext  = 21 * time.Millisecond
	rtdCycle = time.Millisecond
)

// settle lets happen what was due.
func (c *max31865) settle(now time.Time) {
	if !c.cycle.IsZero() && !now.Before(c.cycle) {
		c.reg[0] &^= 0x0C
		c.cycle = time.Time{}
	}
	if c.begun.IsZero() || now.Sub(c.begun) < rtdFirst {
		return
	}
	at := c.begun.Add(rtdFirst)
	if c.reg[0]&0x40 != 0 {
		at = at.Add(now.Sub(at) / rtdNext * rtdNext)
	} else {
		c.begun = time.Time{}
		c.reg[0] &^= 0x20
	}
	c.sample(at)
}

// sample converts once.
func (c *max31865) sample(at time.Time) {
	raw := 0.0
	if !c.biased.IsZero() {
		raw = c.ohms(c.env.World.Value(sensors.Temperature, c.env.Place, at)) / c.ref * 32768
		if since := at.Sub(c.biased); since < 10*time.Millisecond {
			raw *= float64(since) / float64(10*time.Millisecond)
		}
	}
	code := uint16(min(max(raw+0.5, 0), 32767)) << 1
	if code >= uint16(c.reg[3])<<8|uint16(c.reg[4]) {
		c.reg[7] |= 0x80
	}
	if code <= uint16(c.reg[5])<<8|uint16(c.reg[6]) {
		c.reg[7] |= 0x40
	}
	if c.reg[7] != 0 {
		code |= 1
	}
	c.reg[1], c.reg[2] = byte(code>>8), byte(code)
}

// ohms is IEC 60751's polynomial, by powers.
func (c *max31865) ohms(t float64) float64 {
	r := 1 + 3.9083e-3*t - 5.775e-7*t*t
	if t < 0 {
		r += 4.183e-10*t*t*t - 4.183e-12*t*t*t*t
	}
	return c.r0 * r
}

// Transfer implements SPIChip: an address, then bytes from it on.
func (c *max31865) Transfer(now time.Time, w, r []byte) {
	c.settle(now)
	addr := int(w[0] & 0x7F)
	for i := 1; i < len(w); i++ {
		at := addr + i - 1
		if w[0]&0x80 == 0 {
			if r[i] = 0xFF; at < len(c.reg) {
				r[i] = c.reg[at]
			}
			continue
		}
		switch {
		case at == 0:
			c.configure(now, w[i])
		case at >= 3 && at <= 6:
			c.reg[at] = w[i]
		}
	}
}

func (c *max31865) configure(now time.Time, v byte) {
	if v&0x02 != 0 {
		c.reg[7] = 0
		c.reg[2] &^= 1
	}
	old := c.reg[0]
	c.reg[0] = v &^ 0x02
	if v&0x80 == 0 {
		c.biased = time.Time{}
	} else if c.biased.IsZero() {
		c.biased = now
	}
	switch {
	case v&0x60 == 0:
		c.begun = time.Time{}
	case old&0x40 == 0 || v&0x40 == 0:
		c.begun = now
	}
	c.cycle = time.Time{}
	switch {
	case v&0xEC == 0x8C && old&0x0C == 0x08, v&0xEC == 0x84:
		c.cycle = now.Add(rtdCycle)
	case v&0xEC == 0x88: // waits for the second half
	default:
		c.reg[0] &^= 0x0C
	}
}
