package tsl2591

import (
	"context"
	"math"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Registers, datasheet figure 14, with the bits that make a command of them.
const (
	command    = 0xA0
	regEnable  = 0x00
	regControl = 0x01
	regID      = 0x12
	regStatus  = 0x13 // followed by both channels, 2 bytes each, lower one first
	partID     = 0x50

	on    = 3      // PON and AEN
	valid = 1 << 0 // an integration has ended since AEN was set
)

const (
	pollEvery = 5 * time.Millisecond
	polls     = 10 // after the longest time of the datasheet has passed
)

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	part    *kind.Part
	control byte
	perLux  float64 // counts without infrared
	top     uint16  // the end of the scale
	whole   time.Duration
	ready   bool // identified, and no transfer has failed since
	used    bool // it has been spoken to, so Close has something to do

	// Buffers: kept here so that a measurement allocates nothing.
	w    [2]byte
	two  [2]byte
	data [2][5]byte
	out  [1]sensors.Measurement
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenPart(b, "tsl2591", p)
	if err != nil {
		return nil, err
	}
	d := &Dev{part: part}
	d.configure(p.String("gain"), p.String("integration"))
	if err := d.init(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// perMillisecond is what the formula divides by: 408 lx are worth one count in 1 ms at gain 1.
const perMillisecond = 408

// configure sets the control register (datasheet figure 17) and what follows from it. The end of the scale is 36863 counts in
// 100 ms and 65535 in any longer time (figure 9); the part's clock may be 8 % slow.
func (d *Dev) configure(gain, integration string) {
	steps := int(integration[0] - '0')
	code, factor := byte(0), 1.0
	switch gain {
	case "25":
		code, factor = 1, 25
	case "428":
		code, factor = 2, 428
	case "9876":
		code, factor = 3, 9876
	}
	d.control = code<<4 | byte(steps-1)
	d.perLux = float64(100*steps) * factor / perMillisecond
	if d.top = 65535; steps == 1 {
		d.top = 36863
	}
	d.whole = time.Duration(steps) * 112 * time.Millisecond
}

// init finds out that the part is the right one.
func (d *Dev) init(ctx context.Context) error {
	const step = "read id"
	id := d.two[:1]
	if err := d.read(ctx, step, regID, id); err != nil {
		return err
	}
	switch id[0] {
	case partID:
	case 0xFF:
		return d.part.Errorf(sensors.Absent, step, "0xff: nothing drives the bus")
	default:
		e := d.part.Errorf(sensors.Wrong, step, "0x%02x: another part than a TSL2591 answers", id[0])
		e.Hint = "check which part is at this address with `pinhole scan`: a TSL2561 has a kind of its own"
		return e
	}
	d.used, d.ready = true, true
	return nil
}

// Sense makes one measurement. It takes the integration and 12 % more.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	if !d.ready {
		if err := d.init(ctx); err != nil {
			return nil, err
		}
	}
	d.ready = false // until everything has gone well: what follows a failure begins from scratch
	if err := d.write(ctx, "switch off", regEnable, 0); err != nil {
		return nil, err
	}
	if err := d.write(ctx, "configure", regControl, d.control); err != nil {
		return nil, err
	}
	if err := d.confirm(ctx, "configure", 0); err != nil {
		return nil, err
	}
	if err := d.write(ctx, "switch on", regEnable, on); err != nil {
		return nil, err
	}
	if err := d.confirm(ctx, "switch on", on); err != nil {
		return nil, err
	}
	if err := d.part.Wait(ctx, "wait for the measurement", d.whole); err != nil {
		return nil, err
	}
	if err := d.result(ctx); err != nil {
		return nil, err
	}
	if err := d.write(ctx, "switch off", regEnable, 0); err != nil {
		return nil, err
	}
	d.ready = true
	b := &d.data[0]
	return d.convert(uint16(b[1])|uint16(b[2])<<8, uint16(b[3])|uint16(b[4])<<8)
}

// result fills data once the part says that an integration has ended.
func (d *Dev) result(ctx context.Context) error {
	const step = "read light"
	for n := 0; ; n++ {
		if err := d.read(ctx, step, regStatus, d.data[0][:]); err != nil {
			return err
		}
		if d.data[0][0]&valid != 0 {
			break
		}
		if n == polls {
			return d.part.Errorf(sensors.Timeout, step, "there is none after %v", d.whole+polls*pollEvery)
		}
		if err := d.part.Wait(ctx, step, pollEvery); err != nil {
			return err
		}
	}
	if err := d.confirm(ctx, step, on); err != nil {
		return err
	}
	if err := d.read(ctx, step, regStatus, d.data[1][:]); err != nil {
		return err
	}
	if d.data[0] != d.data[1] {
		return d.part.Errorf(sensors.CRC, step, "read twice, it differs")
	}
	return nil
}

// confirm makes sure of the registers of control.
func (d *Dev) confirm(ctx context.Context, step string, enable byte) error {
	err := d.read(ctx, step, regEnable, d.two[:])
	if err != nil || d.two == [2]byte{enable, d.control} {
		return err
	}
	e := d.part.Errorf(sensors.IO, step, "the part holds % x in place of %02x %02x", d.two, enable, d.control)
	e.Hint = "its supply breaks down now and then, or somebody else uses the part: check the wiring"
	return e
}

// convert turns the counts of all light and of infrared into lx.
func (d *Dev) convert(all, infrared uint16) ([]sensors.Measurement, error) {
	const step = "convert"
	switch {
	case all >= d.top || infrared >= d.top:
		e := d.part.Errorf(sensors.Range, step, "%d and %d counts: more light than the scale has", all, infrared)
		e.Hint = "choose a smaller gain, or a shorter integration"
		return nil, e
	case infrared > all, infrared == all && all > 1:
		return nil, d.part.Errorf(sensors.Range, step, "%d counts, %d of them infrared: that is no light to see by", all, infrared)
	}
	lx := 0.0
	if all > 0 {
		visible := float64(all - infrared)
		lx = visible * visible / float64(all) / d.perLux
	}
	// 4 digits after the point: a count is worth 69 ulx at the finest setting.
	return append(d.out[:0], sensors.Measurement{Quantity: sensors.Illuminance, Value: math.Round(lx*1e4) / 1e4}), nil
}

// Close switches the part off.
func (d *Dev) Close() error {
	if !d.used {
		return nil
	}
	d.used, d.ready = false, false
	return d.write(context.Background(), "switch off", regEnable, 0)
}

func (d *Dev) read(ctx context.Context, step string, reg byte, into []byte) error {
	d.w[0] = command | reg
	return d.part.Tx(ctx, step, d.w[:1], into)
}

func (d *Dev) write(ctx context.Context, step string, reg, v byte) error {
	d.w = [2]byte{command | reg, v}
	return d.part.Tx(ctx, step, d.w[:], nil)
}
