package as3935

import (
	"context"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Registers, datasheet "Register Table". All up to 0x08 are read at once.
const (
	regGain      = 0x00 // AFE_GB, and PWD in the lowest bit
	regThreshold = 0x01 // NF_LEV and WDTH
	regSpikes    = 0x02 // CL_STAT, MIN_NUM_LIGH and SREJ
	regInterrupt = 0x03 // LCO_FDIV, MASK_DIST and INT
	regEnergy    = 0x04 // 21 bits, the lowest byte first
	regDistance  = 0x07
	regTuning    = 0x08 // DISP_* and TUN_CAP
	regOscillate = 0x3A // TRCO_CALIB and, behind it, SRCO_CALIB
	regDefaults  = 0x3C // direct commands: a write of the word of command
	regCalibrate = 0x3D

	command = 0x96

	powerDown   = 1 << 0
	maskDist    = 1 << 5
	showTimer   = 1 << 5 // DISP_TRCO
	statistics  = 0x40   // CL_STAT as it is but while it is toggled
	unnamed     = 0x80   // a bit of the same register that reads 1
	tooNoisy    = 1 << 0 // INT_NH, as long as it lasts
	calibDone   = 1 << 7
	calibBroken = 1 << 6

	block = regTuning + 1
)

const (
	startTime = 5 * time.Millisecond // from power-on: 2 ms for each kind of oscillator
	shortly   = 3 * time.Millisecond // a calibration, and from an interrupt to its distance: 2 ms
)

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	part   *kind.Part
	want   [block]byte // the settings; where the part speaks, 0
	ready  bool        // it listens with these settings, as far as is known
	used   bool        // it has been written to, so Close has something to do
	opened bool        // it has been ready once
	energy uint32      // of the last stroke that was counted
	total  uint64      // strokes

	noStorm error // why there is no distance on a fine day: made once, so that it costs nothing

	w   [2]byte
	r   [block]byte
	was [block]byte
	out [3]sensors.Measurement
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenPart(b, "as3935", p)
	if err != nil {
		return nil, err
	}
	gain := byte(0x12) // indoors: table "Gain Setting"
	if p.String("location") == "outdoors" {
		gain = 0x0E
	}
	d := &Dev{part: part, want: [block]byte{
		regGain:      gain << 1,
		regThreshold: byte(p.Int("noise_floor")<<4 | p.Int("watchdog")),
		regSpikes:    unnamed | statistics | byte(p.Int("spike_rejection")),
		regInterrupt: maskDist,
		regTuning:    byte(p.Int("tuning") / 8),
	}}
	d.noStorm = part.Errorf(sensors.Range, "read distance", "there is no storm within 40 km")
	if err := d.start(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// start has the part listen. One that does so already goes on, with what it knows of the storm.
func (d *Dev) start(ctx context.Context) error {
	if err := d.part.Wait(ctx, "wait for the part", startTime); err != nil {
		return err
	}
	calibrated, err := d.calibrated(ctx)
	if err != nil {
		return err
	}
	if err := d.look(ctx, "read settings"); err != nil {
		return err
	}
	if !calibrated || !d.settled() {
		if err := d.prepare(ctx); err != nil {
			return err
		}
		if err := d.look(ctx, "read settings"); err != nil {
			return err
		}
		if !d.settled() {
			return d.forgot("read settings")
		}
	}
	switch {
	case !calibrated: // it has been without supply, and has heard nothing
		d.energy = 0
	case !d.opened: // what was before is not ours
		d.energy = energy(&d.was)
	}
	d.ready, d.opened = true, true
	return nil
}

// prepare makes the settings and calibrates the oscillators by the antenna, which therefore has to be tuned before.
func (d *Dev) prepare(ctx context.Context) error {
	d.used = true
	if err := d.write(ctx, "set defaults", regDefaults, command); err != nil {
		return err
	}
	if err := d.part.Wait(ctx, "set defaults", shortly); err != nil {
		return err
	}
	for _, reg := range [...]byte{regGain, regThreshold, regSpikes, regInterrupt, regTuning} {
		if err := d.write(ctx, "make settings", reg, d.want[reg]); err != nil {
			return err
		}
	}
	const step = "calibrate"
	if err := d.write(ctx, step, regCalibrate, command); err != nil {
		return err
	}
	if err := d.write(ctx, step, regTuning, d.want[regTuning]|showTimer); err != nil {
		return err
	}
	if err := d.part.Wait(ctx, step, shortly); err != nil {
		return err
	}
	if err := d.write(ctx, step, regTuning, d.want[regTuning]); err != nil {
		return err
	}
	ok, err := d.calibrated(ctx)
	if err == nil && !ok {
		e := d.part.Errorf(sensors.IO, step, "0x%02x, 0x%02x: the oscillators cannot be calibrated", d.r[0], d.r[1])
		e.Hint = "the antenna is off its 500 kHz: set tuning to the number that came with the board"
		err = e
	}
	return err
}

// calibrated reports whether both oscillators are.
func (d *Dev) calibrated(ctx context.Context) (bool, error) {
	err := d.read(ctx, "read calibration", regOscillate, d.r[:2])
	return d.r[0]&(calibDone|calibBroken) == calibDone && d.r[1]&(calibDone|calibBroken) == calibDone, err
}

// settled reports whether was holds the settings.
func (d *Dev) settled() bool {
	for reg, want := range d.want {
		mask := byte(0xFF)
		switch reg {
		case regInterrupt:
			mask = 0xE0
		case regEnergy, regEnergy + 1, regEnergy + 2, regDistance:
			mask = 0
		}
		if d.was[reg]&mask != want {
			return false
		}
	}
	return true
}

func (d *Dev) forgot(step string) error {
	e := d.part.Errorf(sensors.IO, step, "% x: the part does not hold the settings % x", d.was, d.want)
	e.Hint = "its supply breaks down now and then, somebody else uses the part, or the bus is too fast for it: check the wiring, " +
		"and set dtparam=i2c_arm_baudrate=50000"
	return e
}

// Sense asks what the part has heard.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	list, err := d.sense(ctx)
	if err != nil {
		d.ready = false // it is looked at from the beginning; if it has kept its settings, it goes on
	}
	return list, err
}

func (d *Dev) sense(ctx context.Context) ([]sensors.Measurement, error) {
	if !d.ready {
		if err := d.start(ctx); err != nil {
			return nil, err
		}
	}
	const step = "read registers"
	if err := d.look(ctx, step); err != nil {
		return nil, err
	}
	if calibrated, err := d.calibrated(ctx); err != nil {
		return nil, err
	} else if !calibrated || !d.settled() {
		return nil, d.forgot(step)
	}
	return d.convert(&d.was), nil
}

// look fills was with the registers, as read twice in a row. Reading takes the interrupts away, all but noise that goes on. After one
// of lightning the part needs a moment for energy and distance: what it tells in between differs from what it tells then, or a stroke
// that came after the first time is seen by the next look.
func (d *Dev) look(ctx context.Context, step string) error {
	for n := range 4 {
		if n > 0 {
			if err := d.part.Wait(ctx, step, shortly); err != nil {
				return err
			}
		}
		if err := d.read(ctx, step, regGain, d.r[:]); err != nil {
			return err
		}
		d.r[regInterrupt] &= 0xE0 | tooNoisy
		if n > 0 && d.r == d.was {
			return nil
		}
		d.was = d.r
	}
	return d.part.Errorf(sensors.CRC, step, "read four times, they differ each time")
}

// Close switches the part off.
func (d *Dev) Close() error {
	if !d.used && !d.ready {
		return nil
	}
	d.used, d.ready = false, false
	return d.write(context.Background(), "switch off", regGain, d.want[regGain]|powerDown)
}

func (d *Dev) read(ctx context.Context, step string, reg byte, into []byte) error {
	d.w[0] = reg
	return d.part.Tx(ctx, step, d.w[:1], into)
}

func (d *Dev) write(ctx context.Context, step string, reg, v byte) error {
	d.w = [2]byte{reg, v}
	return d.part.Tx(ctx, step, d.w[:], nil)
}
