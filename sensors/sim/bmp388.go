package sim

import (
	"time"

	"pinhole/sensors"
)

// bmp388 is a Bosch BMP388 or BMP390 at its registers: BST-BMP388-DS001, chapters 3 and 4. It computes with the whole-number
// formulas that Bosch publishes beside the datasheet's floating point ones.
type bmp388 struct {
	Registers
	env   Env
	cal   bmp388Constants
	awake time.Time
	now   time.Time
	done  time.Time // end of the conversion under way; zero: none
	next  [6]byte   // what it will put into the data registers
}

// bmp388Constants are a chip's factory constants, as they are burnt.
type bmp388Constants struct {
	t1, t2     uint16
	t3         int8
	p1, p2     int16
	p3, p4     int8
	p5, p6     uint16
	p7, p8     int8
	p9         int16
	p10, p11   int8
	identifier byte
}

// bmp388Variants are in the order of size of real parts.
var bmp388Variants = [...]bmp388Constants{
	{27772, 19007, -10, -283, -1112, 35, 0, 25138, 30341, -13, -7, 16681, 16, -60, 0x50},
	{27390, 18843, -7, 173, -1470, 6, 1, 24914, 30027, 3, -6, 17520, 7, -50, 0x60},
	{28011, 19240, -8, 512, -820, 20, 0, 26007, 31210, -5, -6, 14902, 12, -55, 0x50},
}

func newBMP388(e Env) Chip {
	c := &bmp388{env: e, cal: bmp388Variants[e.Variant%uint32(len(bmp388Variants))]}
	c.Pairs = true
	c.Store = c.store
	return c
}

// Power takes 2 ms.
func (c *bmp388) Power(now time.Time) {
	k := &c.cal
	c.Mem = [256]byte{0x00: k.identifier, 0x03: 0x10, 0x06: 0x80, 0x09: 0x80, 0x10: 0x01, 0x1C: 0x02}
	words := func(at int, v ...uint16) {
		for i, v := range v {
			c.Mem[at+2*i], c.Mem[at+2*i+1] = byte(v), byte(v>>8)
		}
	}
	words(0x31, k.t1, k.t2)
	c.Mem[0x35] = byte(k.t3)
	words(0x36, uint16(k.p1), uint16(k.p2))
	c.Mem[0x3A], c.Mem[0x3B] = byte(k.p3), byte(k.p4)
	words(0x3C, k.p5, k.p6)
	c.Mem[0x40], c.Mem[0x41] = byte(k.p7), byte(k.p8)
	words(0x42, uint16(k.p9))
	c.Mem[0x44], c.Mem[0x45] = byte(k.p10), byte(k.p11)
	c.awake, c.done = now.Add(2*time.Millisecond), time.Time{}
}

// Tx implements Chip. Reading data takes the notice away that there is any.
func (c *bmp388) Tx(now time.Time, w, r []byte) bool {
	if now.Before(c.awake) {
		return false
	}
	c.settle(now)
	c.now = now
	c.Transfer(w, r)
	if from, to := int(c.pointer)-len(r), int(c.pointer); from <= 0x09 && to > 0x04 && len(r) > 0 {
		c.Mem[0x03] &^= 0x60
	}
	return true
}

// Idle reports whether the chip sleeps.
func (c *bmp388) Idle(now time.Time) bool {
	c.settle(now)
	return c.done.IsZero() && c.Mem[0x1B]&0x30 == 0
}

func (c *bmp388) settle(now time.Time) {
	if c.done.IsZero() || now.Before(c.done) {
		return
	}
	c.done = time.Time{}
	copy(c.Mem[0x04:], c.next[:])
	c.Mem[0x03] |= c.Mem[0x1B] & 3 << 5
	if c.Mem[0x1B]&0x30 != 0x30 {
		c.Mem[0x1B] &^= 0x30
	}
}

func (c *bmp388) store(reg, v byte) {
	switch reg {
	case 0x7E:
		if v == 0xB6 {
			c.Power(c.now)
		}
	case 0x1B:
		c.Mem[reg] = v & 0x33
		if v&0x30 == 0 {
			c.done = time.Time{}
		} else if c.done.IsZero() {
			c.convert()
		}
	case 0x1C:
		c.Mem[reg] = v & 0x3F
	case 0x1D:
		c.Mem[reg] = v & 0x1F
	case 0x1F:
		c.Mem[reg] = v & 0x0E
	case 0x15, 0x16, 0x17, 0x18, 0x19, 0x1A:
		c.Mem[reg] = v
	}
}

// convert measures the truth as it is now. The formula's time is the typical one; this part is 10 % slower.
func (c *bmp388) convert() {
	truth := func(q sensors.Quantity) float64 { return c.env.World.Value(q, c.env.Place, c.now) }
	osrP, osrT := c.Mem[0x1C]&7, c.Mem[0x1C]>>3&7
	rawT, rawP := uint32(0x800000), uint32(0x800000)
	us := 234
	if c.Mem[0x1B]&2 != 0 {
		us += 163 + 2020<<osrT
		rawT = solve(0xFFFFFF, truth(sensors.Temperature), func(raw float64) float64 {
			return float64(c.cal.centi(c.cal.linear(int64(raw)))) / 100
		})
		rawT = coarse24(rawT, osrT)
	}
	if c.Mem[0x1B]&1 != 0 {
		us += 392 + 2020<<osrP
		t := c.cal.linear(int64(rawT))
		rawP = solve(0xFFFFFF, truth(sensors.Pressure), func(raw float64) float64 {
			return c.cal.pascal(int64(raw), t)
		})
		rawP = coarse24(rawP, osrP)
	}
	c.next = [6]byte{byte(rawP), byte(rawP >> 8), byte(rawP >> 16), byte(rawT), byte(rawT >> 8), byte(rawT >> 16)}
	c.done = c.now.Add(time.Duration(us*110/100) * time.Microsecond)
}

// coarse24 rounds to the bits that a conversion has: 16 at oversampling 1, one more at each doubling.
func coarse24(raw uint32, osr byte) uint32 {
	step := uint32(1) << (8 - min(osr, 5))
	return min(raw+step/2, 1<<24-1) &^ (step - 1)
}

// linear is the temperature in 1/65536 Cel.
func (k *bmp388Constants) linear(raw int64) int64 {
	d := raw - 256*int64(k.t1)
	return (int64(k.t2)*d*262144 + d*d*int64(k.t3)) / 4294967296
}

func (k *bmp388Constants) centi(linear int64) int64 { return linear * 25 / 16384 }

// pascal is the pressure in Pa. The last step would need 65 bits.
func (k *bmp388Constants) pascal(raw, t int64) float64 {
	square := t * t
	cube := square / 64 * t / 256
	offset := int64(k.p5)*140737488355328 + int64(k.p8)*cube/32 + int64(k.p7)*square*16 + int64(k.p6)*t*4194304
	slope := (int64(k.p1)-16384)*70368744177664 + int64(k.p4)*cube/32 + int64(k.p3)*square*4 + (int64(k.p2)-16384)*t*2097152
	linear := slope / 16777216 * raw
	quadratic := (int64(k.p10)*t + 65536*int64(k.p9)) * raw / 8192
	quadratic = quadratic / 10 * raw / 512 * 10
	cubic := int64(k.p11) * (raw * raw) / 65536 * raw / 128
	return float64(offset/4+linear+quadratic+cubic) / 4 / 1099511627776
}
