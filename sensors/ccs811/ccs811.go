package ccs811

import (
	"context"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Registers, datasheet "Application Register Overview". The part calls them mailboxes: each has its own length.
const (
	regStatus = 0x00
	regMode   = 0x01
	regResult = 0x02
	regID     = 0x20 // followed by the hardware's version in a register of its own
	regError  = 0xE0
	regStart  = 0xF4 // a write without data starts the firmware

	idPart = 0x81

	modeShift = 4 // of DRIVE_MODE
)

// Bits of the status register. Bits 5 and 6 are the boot loader's, 1 and 2 are not used.
const (
	failed   = 1 << 0
	fresh    = 1 << 3 // DATA_READY, until the result is read
	hasApp   = 1 << 4 // APP_VALID
	running  = 1 << 7 // FW_MODE
	reserved = 1<<1 | 1<<2
)

const (
	startTime = 3 * time.Millisecond   // from power-on, and from the firmware's start
	restTime  = 10 * time.Minute       // before a slower pace
	tolerance = 5                      // the part's clock may be 2 % slow; in percent
	patience  = 500 * time.Millisecond // beyond that, until a result is overdue
)

// pace is a way to measure.
type pace struct {
	mode   byte // DRIVE_MODE
	period time.Duration
}

func paces() map[string]pace {
	return map[string]pace{"1s": {1, time.Second}, "10s": {2, 10 * time.Second}, "60s": {3, time.Minute}}
}

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	part    *kind.Part
	pace    pace
	runIn   time.Duration
	ready   bool       // identified and measuring, as far as is known
	used    bool       // it has been written to, so Close has something to do
	resting bool       // before it may go slower
	rested  kind.Alarm // since the rest began
	settled kind.Alarm // since it measures
	late    kind.Alarm // since the last result

	// Made once, so that waiting costs nothing.
	notYet, warming, rest *sensors.Error

	w   [2]byte
	r   [4]byte
	was [4]byte
	out [2]sensors.Measurement
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenPart(b, "ccs811", p)
	if err != nil {
		return nil, err
	}
	d := &Dev{part: part, pace: paces()[p.String("pace")], runIn: p.Duration("run_in")}
	const step = "read result"
	d.notYet = part.Errorf(sensors.Warmup, step, "there is no new one yet")
	d.notYet.Hint = "the part has one every " + p.String("pace") + ": with a longer every there is a new one each time"
	d.warming = part.Errorf(sensors.Warmup, step, "values come %v after the start", d.runIn)
	d.warming.Hint = "the part's layer needs 20 minutes after each start; run_in: 0s reports what it says before"
	d.rest = part.Errorf(sensors.Warmup, "set mode", "the part rests for %v before it measures at a slower pace", restTime)
	d.began() // one that measures already may have begun just now
	if err := d.start(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// start finds out that the part is one, starts its firmware if need be, and has it measure. One that does so already goes on.
func (d *Dev) start(ctx context.Context) error {
	if err := d.part.Wait(ctx, "wait for the part", startTime); err != nil {
		return err
	}
	if err := d.identify(ctx); err != nil {
		return err
	}
	d.used = true
	status, err := d.status(ctx, "read status")
	if err != nil {
		return err
	}
	if status&running == 0 {
		if status&hasApp == 0 {
			e := d.part.Errorf(sensors.IO, "read status", "0x%02x: the part has no firmware", status)
			e.Hint = "its flash memory is empty or worn out: replace the part"
			return e
		}
		d.w[0] = regStart
		if err := d.part.Tx(ctx, "start firmware", d.w[:1], nil); err != nil {
			return err
		}
		if err := d.part.Wait(ctx, "start firmware", startTime); err != nil {
			return err
		}
		if status, err = d.status(ctx, "start firmware"); err != nil {
			return err
		}
		if status&(running|hasApp) != running|hasApp {
			return d.part.Errorf(sensors.IO, "start firmware", "0x%02x: it does not run", status)
		}
	}
	return d.begin(ctx)
}

// begin sets the pace.
func (d *Dev) begin(ctx context.Context) error {
	mode, err := d.mode(ctx)
	if err != nil {
		return err
	}
	want := d.pace.mode << modeShift
	if mode != want && mode>>modeShift != 0 && mode < want { // faster before: to be left by way of a rest
		if err := d.set(ctx, 0); err != nil {
			return err
		}
		d.resting, d.ready = true, true
		d.rested.Set(restTime)
		return nil
	}
	if d.resting && !d.rested.Rang() {
		d.ready = true
		return nil
	}
	if mode != want {
		if err := d.set(ctx, want); err != nil {
			return err
		}
		d.began()
	}
	d.late.Set(d.pace.overdue()) // the last result may have been lost on the bus
	d.resting, d.ready = false, true
	return nil
}

// began sets the alarms for a part that has just begun to measure.
func (d *Dev) began() {
	if d.runIn > 0 {
		d.settled.Set(d.runIn)
	}
	d.late.Set(d.pace.overdue())
}

// overdue is when there must have been another result.
func (p pace) overdue() time.Duration { return p.period + p.period*tolerance/100 + patience }

// Sense takes the newest result. It does not wait for one.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	list, err := d.sense(ctx)
	if err != nil && sensors.ClassOf(err) != sensors.Warmup {
		d.ready = false // it is looked at from the beginning; if it has kept its mode, it goes on
	}
	return list, err
}

func (d *Dev) sense(ctx context.Context) ([]sensors.Measurement, error) {
	if !d.ready {
		if err := d.start(ctx); err != nil {
			return nil, err
		}
	}
	if d.resting {
		if !d.rested.Rang() {
			return nil, d.rest
		}
		if err := d.begin(ctx); err != nil {
			return nil, err
		}
	}
	status, err := d.status(ctx, "read status")
	switch {
	case err != nil:
		return nil, err
	case status&(running|hasApp) != running|hasApp:
		return nil, d.reset(status)
	case status&failed != 0:
		return nil, d.fault(ctx)
	}
	if mode, err := d.mode(ctx); err != nil {
		return nil, err
	} else if mode != d.pace.mode<<modeShift {
		return nil, d.reset(mode)
	}
	if status&fresh == 0 {
		if d.late.Rang() {
			return nil, d.part.Errorf(sensors.Timeout, "read result", "there was none for %v", d.pace.overdue())
		}
		if !d.settled.Rang() {
			return nil, d.warming
		}
		return nil, d.notYet
	}
	if err := d.result(ctx); err != nil {
		return nil, err
	}
	if mode, err := d.mode(ctx); err != nil {
		return nil, err
	} else if mode != d.pace.mode<<modeShift {
		return nil, d.reset(mode)
	}
	d.late.Set(d.pace.overdue())
	if !d.settled.Rang() {
		return nil, d.warming
	}
	b := &d.was
	return d.convert(uint16(b[0])<<8|uint16(b[1]), uint16(b[2])<<8|uint16(b[3]))
}

func (d *Dev) reset(v byte) error {
	e := d.part.Errorf(sensors.IO, "look for a reset", "0x%02x: the part does not measure as it was told to", v)
	e.Hint = "its supply breaks down now and then, or somebody else uses the part: check the wiring"
	return e
}
