package sim

import (
	"time"

	"pinhole/sensors"
)

// bmp180 is a Bosch BMP180 or BMP085 at its registers: BST-BMP180-DS000, sections "Global memory map" and "Controlling
// measurements". Real numbers in place of the datasheet's whole ones.
type bmp180 struct {
	Registers
	env   Env
	cal   [11]float64 // AC1 to AC6, B1, B2, MB, MC, MD
	awake time.Time
	now   time.Time
	done  time.Time // end of the conversion under way; zero: none
	next  uint32    // what it will put into the output register
	raw   float64   // the last temperature's
}

// bmp180Variants are the datasheet's example and two sets in the order of size of real parts.
var bmp180Variants = [...][11]int{
	{408, -72, -14383, 32741, 32757, 23153, 6190, 4, -32768, -8711, 2868},
	{8240, -1196, -14709, 32912, 24959, 16487, 6515, 48, -32768, -11786, 2845},
	{7911, -934, -14306, 31567, 25671, 18974, 5498, 46, -32768, -11075, 2432},
}

func newBMP180(e Env) Chip {
	c := &bmp180{env: e}
	for i, v := range bmp180Variants[e.Variant%uint32(len(bmp180Variants))] {
		c.cal[i] = float64(v)
	}
	c.Store = c.store
	return c
}

// Power takes 10 ms.
func (c *bmp180) Power(now time.Time) {
	c.Mem = [256]byte{0xD0: 0x55, 0xD1: 0x02, 0xF6: 0x80}
	for i, v := range c.cal {
		c.Mem[0xAA+2*i], c.Mem[0xAB+2*i] = byte(int(v)>>8), byte(int(v))
	}
	c.awake, c.done = now.Add(10*time.Millisecond), time.Time{}
}

// Tx implements Chip.
func (c *bmp180) Tx(now time.Time, w, r []byte) bool {
	if now.Before(c.awake) {
		return false
	}
	c.settle(now)
	c.now = now
	c.Transfer(w, r)
	return true
}

// Idle reports whether no conversion is under way.
func (c *bmp180) Idle(now time.Time) bool {
	c.settle(now)
	return c.done.IsZero()
}

func (c *bmp180) settle(now time.Time) {
	if c.done.IsZero() || now.Before(c.done) {
		return
	}
	c.done = time.Time{}
	c.Mem[0xF4] &^= 0x20
	c.Mem[0xF6], c.Mem[0xF7], c.Mem[0xF8] = byte(c.next>>16), byte(c.next>>8), byte(c.next)
}

func (c *bmp180) store(reg, v byte) {
	switch {
	case reg == 0xE0 && v == 0xB6:
		c.Power(c.now)
	case reg == 0xF4 && c.done.IsZero():
		c.Mem[reg] = v
		oss := v >> 6
		truth := func(q sensors.Quantity) float64 { return c.env.World.Value(q, c.env.Place, c.now) }
		switch v & 0x3F {
		case 0x2E:
			raw := solve(0xFFFF, truth(sensors.Temperature), func(raw float64) float64 { return c.b5(raw) / 160 })
			c.raw, c.next = float64(raw), raw<<8
			c.done = c.now.Add(4500 * time.Microsecond)
		case 0x34:
			scale := float64(int(1) << oss)
			raw := solve(0xFFFF<<oss, truth(sensors.Pressure), func(raw float64) float64 { return c.pressure(raw / scale) })
			c.next = raw << (8 - oss)
			c.done = c.now.Add(time.Duration(3000<<oss+1500) * time.Microsecond)
		}
	}
}

// b5 is the temperature in 1/160 Cel.
func (c *bmp180) b5(raw float64) float64 {
	x := (raw - c.cal[5]) * c.cal[4] / 32768
	if x <= -c.cal[10] {
		return -1e9 // below the pole of the formula, far beyond any cold
	}
	return x + c.cal[9]*2048/(x+c.cal[10])
}

// pressure is in Pa, at the temperature that was measured last; raw is that of oversampling 1.
func (c *bmp180) pressure(raw float64) float64 {
	b6 := c.b5(c.raw) - 4000
	offset := c.cal[0] + c.cal[1]*b6/8192 + c.cal[7]*b6*b6/4096/8192
	slope := c.cal[3] * (1 + (c.cal[2]*b6/8192+c.cal[6]*b6*b6/4096/65536)/4/32768)
	p := (raw - offset) * 100000 / slope
	return p + (p*p*3038/4294967296-p*7357/65536+3791)/16
}
