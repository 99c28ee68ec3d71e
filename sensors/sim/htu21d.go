package sim

import (
	"time"

	"pinhole/sensors"
)

// htu21d is a TE Connectivity HTU21D or Sensirion SHT20, SHT21, SHT25 ("Datasheet SHT21", chapter 5), at its slowest. Asked to
// hold the master, it stretches the clock in a way that many masters do not wait for; here it refuses the read.
type htu21d struct {
	env    Env
	awake  time.Time // it does not answer before
	data   uint16
	have   bool
	ready  time.Time
	heater bool
	user   byte
	asked  bool // the user register was asked for
}

func newHTU21D(e Env) Chip { return &htu21d{env: e} }

// Power takes 15 ms and switches the heater off.
func (c *htu21d) Power(now time.Time) {
	c.heater = false
	c.reset(now)
}

func (c *htu21d) reset(now time.Time) {
	c.awake, c.have, c.asked = now.Add(15*time.Millisecond), false, false
	c.user = 0x02
}

// Idle reports whether no measurement is under way.
func (c *htu21d) Idle(now time.Time) bool { return !c.have || !now.Before(c.ready) }

// Tx implements Chip.
func (c *htu21d) Tx(now time.Time, w, r []byte) bool {
	if now.Before(c.awake) || c.have && now.Before(c.ready) {
		return false
	}
	if len(w) > 0 {
		c.have, c.asked = false, false
		truth := func(q sensors.Quantity) float64 { return c.env.World.Value(q, c.env.Place, now) }
		switch {
		case w[0] == 0xFE:
			c.reset(now) // the heater stays as it is
		case w[0] == 0xE7:
			c.asked = true
		case w[0] == 0xE6 && len(w) == 2:
			c.user, c.heater = w[1], w[1]&4 != 0
		case w[0] == 0xF3 || w[0] == 0xE3: // 14 bits and the status
			t := truth(sensors.Temperature)
			if c.heater {
				t += 1.5
			}
			c.data = uint16(min(ticks(t, -46.85, 175.72, 16384), 16383)<<2) | c.status(0)
			c.have, c.ready = true, now.Add(85*time.Millisecond)
		case w[0] == 0xF5 || w[0] == 0xE5: // 12 bits, 00, and the status
			c.data = uint16(min(ticks(truth(sensors.RelativeHumidity), -6, 125, 4096), 4095)<<4) | c.status(2)
			c.have, c.ready = true, now.Add(29*time.Millisecond)
		}
	}
	switch {
	case len(r) == 0:
		return true
	case c.asked:
		r[0] = c.user &^ 4
		if c.heater {
			r[0] |= 4
		}
		for i := 1; i < len(r); i++ {
			r[i] = 0xFF
		}
		return true
	case !c.have || now.Before(c.ready):
		return false
	}
	for i := range r {
		r[i] = 0xFF
	}
	copy(r, []byte{byte(c.data >> 8), byte(c.data), htuSum(c.data)})
	c.have = false
	return true
}

// status is the two bits below a measurement: as the text of the HTU21D datasheet has them, or as its examples.
func (c *htu21d) status(text uint16) uint16 {
	if c.env.Variant%2 == 0 {
		return text
	}
	return 2 - text/2
}

// htuSum is the remainder of a division of the 16 bits by x^8+x^5+x^4+1, as a shift register does it.
func htuSum(data uint16) byte {
	rest := uint32(data) << 8
	divisor := uint32(0x131) << 15
	for mask := uint32(1) << 23; mask > 0x80; mask >>= 1 {
		if rest&mask != 0 {
			rest ^= divisor
		}
		divisor >>= 1
	}
	return byte(rest)
}
