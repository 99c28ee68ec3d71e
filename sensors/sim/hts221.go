package sim

import (
	"math"
	"time"

	"pinhole/sensors"
)

// hts221 is an STMicroelectronics HTS221 at its registers: DocID026333, chapters 5 to 7. Its register pointer moves on only if the highest
// bit of its number was set.
type hts221 struct {
	mem   [128]byte
	env   Env
	awake time.Time
	done  time.Time // end of the measurement under way; zero: none
	next  [4]byte   // what it will put out
}

// hts221Variants are the points of four parts in the order of size of real ones: H0_rH_x2, H1_rH_x2, T0_degC_x8, T1_degC_x8, then
// H0_T0_OUT, H1_T0_OUT, T0_OUT, T1_OUT. Humidity rises or falls with the output, as it happens.
var hts221Variants = [...][8]int{
	{63, 145, 165, 279, -2, -9512, 1, 748},
	{64, 148, 171, 290, 5, -10560, -17, 723},
	{58, 141, 150, 300, 310, 9105, -41, 901},
	{61, 138, 259, 601, 4, -8873, 2, 777},
}

func newHTS221(e Env) Chip { return &hts221{env: e} }

func (c *hts221) points() [8]int { return hts221Variants[c.env.Variant%uint32(len(hts221Variants))] }

// Power takes a few milliseconds.
func (c *hts221) Power(now time.Time) {
	p := c.points()
	c.mem = [128]byte{0x0F: 0xBC, 0x10: 0x1B, 0x30: byte(p[0]), 0x31: byte(p[1]), 0x32: byte(p[2]), 0x33: byte(p[3]), 0x34: 0x40,
		0x35: 0xC0 | byte(p[3]>>8)<<2 | byte(p[2]>>8)}
	for at, v := range map[int]int{0x36: p[4], 0x3A: p[5], 0x3C: p[6], 0x3E: p[7]} {
		c.mem[at], c.mem[at+1] = byte(v), byte(v>>8)
	}
	c.awake, c.done = now.Add(5*time.Millisecond), time.Time{}
}

// Idle reports whether the part is switched off.
func (c *hts221) Idle(now time.Time) bool {
	c.settle(now)
	return c.mem[0x20]&0x80 == 0
}

// Tx implements Chip.
func (c *hts221) Tx(now time.Time, w, r []byte) bool {
	if now.Before(c.awake) {
		return false
	}
	c.settle(now)
	if len(w) == 0 {
		return len(r) == 0 // the pointer is given anew each time here
	}
	reg, step := w[0]&0x7F, w[0]>>7
	for _, v := range w[1:] {
		c.store(now, reg, v)
		reg = (reg + step) & 0x7F
	}
	for i := range r {
		r[i] = c.mem[reg]
		switch reg { // the upper byte takes the flag down
		case 0x29:
			c.mem[0x27] &^= 2
		case 0x2B:
			c.mem[0x27] &^= 1
		}
		reg = (reg + step) & 0x7F
	}
	return true
}

func (c *hts221) store(now time.Time, reg, v byte) {
	switch reg {
	case 0x10, 0x20, 0x22:
		c.mem[reg] = v
		if c.mem[0x20]&0x80 == 0 {
			c.mem[0x21], c.done = 0, time.Time{}
		}
	case 0x21:
		if v&1 != 0 && c.mem[0x20]&0x83 == 0x80 && c.done.IsZero() {
			c.mem[reg] = 1
			c.measure(now)
		}
	}
}

// measure takes the truth as it is now. The longest of the times that the rates leave room for.
func (c *hts221) measure(now time.Time) {
	p := c.points()
	truth := func(q sensors.Quantity) float64 { return c.env.World.Value(q, c.env.Place, now) }
	raw := func(y, y0, y1 float64, x0, x1 int) int16 {
		x := float64(x0) + (y-y0)*float64(x1-x0)/(y1-y0)
		return int16(math.Round(min(max(x, -32768), 32767)))
	}
	h := raw(truth(sensors.RelativeHumidity), float64(p[0])/2, float64(p[1])/2, p[4], p[5])
	t := raw(truth(sensors.Temperature), float64(p[2])/8, float64(p[3])/8, p[6], p[7])
	c.next = [4]byte{byte(h), byte(h >> 8), byte(t), byte(t >> 8)}
	c.done = now.Add(45 * time.Millisecond)
}

func (c *hts221) settle(now time.Time) {
	if c.done.IsZero() || now.Before(c.done) {
		return
	}
	c.done = time.Time{}
	c.mem[0x21] &^= 1
	copy(c.mem[0x28:], c.next[:])
	c.mem[0x27] = 3
}
