package sim

import (
	"time"

	"pinhole/sensors"
)

// bmx280 is a Bosch BME280 or BMP280 at its registers: BST-BME280-DS002 and BST-BMP280-DS001, sections "Memory map" and "Sensor
// modes".
type bmx280 struct {
	Registers
	env   Env
	humid bool
	id    byte
	cal   bmxConstants

	awake    time.Time // it does not answer before
	copied   time.Time // the constants cannot be read before
	ctrlHum  byte      // written, and in force from the next write to ctrl_meas on
	done     time.Time // end of the conversion under way; zero: none
	sampled  time.Time // when that began
	oversamT byte      // osrs codes of that conversion
	oversamP byte
	oversamH byte
}

// Registers and bits.
const (
	bmxID       = 0xD0
	bmxReset    = 0xE0
	bmxCtrlHum  = 0xF2
	bmxStatus   = 0xF3
	bmxCtrlMeas = 0xF4
	bmxConfig   = 0xF5
	bmxData     = 0xF7

	bmxResetWord = 0xB6
	bmxMeasuring = 1 << 3
	bmxCopying   = 1 << 0
	bmxStartup   = 2 * time.Millisecond
	bmxCopy      = 3 * time.Millisecond // longer than real parts take: drivers have a bit to look at
)

func newBME280(e Env) Chip { return newBMX280(e, 0x60, true) }
func newBMP280(e Env) Chip { return newBMX280(e, 0x58, false) }

func newBMX280(e Env, id byte, humid bool) Chip {
	c := &bmx280{env: e, id: id, humid: humid, cal: bmxVariants[e.Variant%uint32(len(bmxVariants))]}
	c.Pairs = true
	c.Store = c.store
	return c
}

// Power puts every register to its state after power-on.
func (c *bmx280) Power(now time.Time) {
	c.Mem = [256]byte{bmxID: c.id, 0xF7: 0x80, 0xFA: 0x80}
	if c.humid {
		c.Mem[0xFD] = 0x80
	}
	c.Mem[bmxStatus] = bmxCopying
	c.awake, c.done, c.ctrlHum = now.Add(bmxStartup), time.Time{}, 0
	c.copied = c.awake.Add(bmxCopy)
}

// Tx implements Chip.
func (c *bmx280) Tx(now time.Time, w, r []byte) bool {
	if now.Before(c.awake) {
		return false
	}
	c.settle(now)
	c.sampled = now // a conversion that w starts
	c.Transfer(w, r)
	return true
}

// Idle reports whether the chip sleeps.
func (c *bmx280) Idle(now time.Time) bool {
	c.settle(now)
	return c.done.IsZero() && c.Mem[bmxCtrlMeas]&3 == 0
}

// settle ends what has had its time: the copying of the constants, and a conversion.
func (c *bmx280) settle(now time.Time) {
	if c.Mem[bmxStatus]&bmxCopying != 0 && !now.Before(c.copied) {
		c.Mem[bmxStatus] &^= bmxCopying
		c.cal.burn(&c.Mem, c.humid)
	}
	if c.done.IsZero() || now.Before(c.done) {
		return
	}
	c.done = time.Time{}
	c.Mem[bmxStatus] &^= bmxMeasuring
	c.Mem[bmxCtrlMeas] &^= 3
}

func (c *bmx280) store(reg, v byte) {
	switch reg {
	case bmxReset:
		if v == bmxResetWord {
			c.Power(c.sampled)
		}
	case bmxCtrlHum:
		if c.humid {
			c.ctrlHum, c.Mem[reg] = v&7, v&7
		}
	case bmxConfig:
		if c.Mem[bmxCtrlMeas]&3 == 0 { // ignored while it measures
			c.Mem[reg] = v &^ 2
		}
	case bmxCtrlMeas:
		if !c.done.IsZero() {
			return
		}
		c.Mem[reg] = v
		if v&3 != 0 { // normal mode is taken as one conversion that ends in sleep: nobody here uses it
			c.convert()
		}
	}
}

// convert measures the truth as it is now and takes as long as the datasheet's longest time (BME280, section 9.1).
func (c *bmx280) convert() {
	c.oversamT, c.oversamP, c.oversamH = c.Mem[bmxCtrlMeas]>>5, c.Mem[bmxCtrlMeas]>>2&7, c.ctrlHum
	us := 1250
	if n := times(c.oversamT); n > 0 {
		us += 2300 * n
	}
	if n := times(c.oversamP); n > 0 {
		us += 2300*n + 575
	}
	if n := times(c.oversamH); n > 0 {
		us += 2300*n + 575
	}
	c.done = c.sampled.Add(time.Duration(us) * time.Microsecond)
	c.Mem[bmxStatus] |= bmxMeasuring

	truth := func(q sensors.Quantity) float64 { return c.env.World.Value(q, c.env.Place, c.sampled) }
	rawT, rawP, rawH := uint32(0x80000), uint32(0x80000), uint32(0x8000)
	fine := 0.0
	if c.oversamT > 0 {
		rawT = coarse(c.cal.rawTemperature(truth(sensors.Temperature)), c.oversamT)
		fine = c.cal.fine(float64(rawT))
	}
	if c.oversamP > 0 {
		rawP = coarse(c.cal.rawPressure(truth(sensors.Pressure), fine), c.oversamP)
	}
	d := c.Mem[bmxData:]
	d[0], d[1], d[2] = byte(rawP>>12), byte(rawP>>4), byte(rawP<<4)
	d[3], d[4], d[5] = byte(rawT>>12), byte(rawT>>4), byte(rawT<<4)
	if c.humid {
		if c.oversamH > 0 {
			rawH = c.cal.rawHumidity(truth(sensors.RelativeHumidity), fine)
		}
		d[6], d[7] = byte(rawH>>8), byte(rawH)
	}
}

// times is how often an osrs code has the part measure: 0, 1, 2, 4, 8, 16.
func times(osrs byte) int {
	if osrs == 0 {
		return 0
	}
	return 1 << (min(osrs, 5) - 1)
}

// coarse rounds to the bits that a conversion has: 16 at oversampling 1, one more at each doubling.
func coarse(raw uint32, osrs byte) uint32 {
	step := uint32(1) << (5 - min(osrs, 5))
	return min(raw+step/2, 1<<20-1) &^ (step - 1)
}
