package sim

import (
	"time"

	"pinhole/sensors"
)

// bme680 is a Bosch BME680 or BME688 at its registers: BST-BME680-DS001, chapters 3 and 5. Its values are found with the
// whole-number formulas that Bosch publishes beside the floating point ones.
type bme680 struct {
	Registers
	env   Env
	cal   bme680Constants
	awake time.Time
	now   time.Time
	done  time.Time // end of the measurement under way; zero: none
	next  [17]byte  // what it will put into the field
}

// newBME680 is a BME688 in every other variant.
func newBME680(e Env) Chip {
	c := &bme680{env: e, cal: bme680Variants[e.Variant%uint32(len(bme680Variants))]}
	c.Pairs = true
	c.Store = c.store
	return c
}

// Power takes 2 ms.
func (c *bme680) Power(now time.Time) {
	c.Mem = [256]byte{0xD0: 0x61, 0x1F: 0x80, 0x22: 0x80, 0x25: 0x80}
	c.cal.burn(&c.Mem)
	c.awake, c.done = now.Add(2*time.Millisecond), time.Time{}
}

// Tx implements Chip.
func (c *bme680) Tx(now time.Time, w, r []byte) bool {
	if now.Before(c.awake) {
		return false
	}
	c.settle(now)
	c.now = now
	c.Transfer(w, r)
	return true
}

// Idle reports whether the chip sleeps.
func (c *bme680) Idle(now time.Time) bool {
	c.settle(now)
	return c.done.IsZero() && c.Mem[0x74]&3 == 0
}

func (c *bme680) settle(now time.Time) {
	if c.done.IsZero() || now.Before(c.done) {
		return
	}
	c.done = time.Time{}
	copy(c.Mem[0x1D:], c.next[:])
	c.Mem[0x74] &^= 3
}

func (c *bme680) store(reg, v byte) {
	switch {
	case reg == 0xE0 && v == 0xB6:
		c.Power(c.now)
	case reg == 0x74 && c.done.IsZero():
		if c.Mem[reg] = v; v&3 == 1 {
			c.measure()
		}
	case reg == 0x74 && v&3 == 0:
		c.Mem[reg], c.done = v, time.Time{}
	case reg >= 0x50 && reg <= 0x72 || reg == 0x75:
		c.Mem[reg] = v
	}
}

// measure takes the truth as it is now, and as long as it takes on top of the heating. A layer that is heated for less than 20 ms
// is not hot.
func (c *bme680) measure() {
	truth := func(q sensors.Quantity) float64 { return c.env.World.Value(q, c.env.Place, c.now) }
	k := &c.cal
	osrT, osrP, osrH := c.Mem[0x74]>>5, c.Mem[0x74]>>2&7, c.Mem[0x72]&7
	us := 477*9 + 1963*(times(osrT)+times(osrP)+times(osrH))
	rawT, rawP, rawH := uint32(0x80000), uint32(0x80000), uint32(0x8000)
	if osrT > 0 {
		rawT = coarse(solve(0xFFFFF, truth(sensors.Temperature), func(raw float64) float64 { return float64(k.fine(int64(raw))) / 5120 }), osrT)
	}
	fine := k.fine(int64(rawT))
	if osrP > 0 {
		rawP = coarse(solve(0xFFFFF, truth(sensors.Pressure), func(raw float64) float64 { return float64(k.pascal(int64(raw), fine)) }), osrP)
	}
	if osrH > 0 {
		rawH = solve(0xFFFF, truth(sensors.RelativeHumidity), func(raw float64) float64 { return float64(k.milliHumidity(int64(raw), fine)) / 1000 })
	}
	c.next = [17]byte{0x80, 0, byte(rawP >> 12), byte(rawP >> 4), byte(rawP << 4), byte(rawT >> 12), byte(rawT >> 4), byte(rawT << 4),
		byte(rawH >> 8), byte(rawH)}
	at, run := 13, byte(0x10)
	if k.variant == 1 {
		at, run = 15, 0x20
	}
	if c.Mem[0x71]&run != 0 {
		ms := int(c.Mem[0x64]&63) << (2 * (c.Mem[0x64] >> 6))
		us += 1000 * ms
		raw, r := k.rawGas(truth(sensors.GasResistance))
		low := byte(raw<<6) | 0x20 | byte(r)
		if ms >= 20 && c.Mem[0x70]&8 == 0 && c.Mem[0x5A] > 50 {
			low |= 0x10
		}
		c.next[at], c.next[at+1] = byte(raw>>2), low
	}
	c.Mem[0x1D] = 0x60
	c.done = c.now.Add(time.Duration(us*105/100) * time.Microsecond)
}
