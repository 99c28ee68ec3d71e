package tsl2561

import (
	"context"
	"math"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Registers, datasheet table 2, with the bits that make a command of them: several bytes are read as a word.
const (
	command    = 0x80
	word       = 0x20
	regControl = 0x00
	regTiming  = 0x01
	regID      = 0x0A
	regAll     = 0x0C
	regHeat    = 0x0E // infrared

	on     = 3
	highly = 1 << 4 // gain 16

	// The part number in the id, datasheet table 9 and the parts themselves.
	numberCS, numberT = 1, 5
)

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	part   *kind.Part
	timing byte
	scale  float64 // to counts at gain 16 and 402 ms
	top    uint16  // the end of the scale
	whole  time.Duration
	lux    formula
	used   bool // it has been spoken to, so Close has something to do

	// Buffers: kept here so that a measurement allocates nothing.
	w    [2]byte
	one  [1]byte
	data [2]byte
	out  [1]sensors.Measurement
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenPart(b, "tsl2561", p)
	if err != nil {
		return nil, err
	}
	d := &Dev{part: part}
	d.configure(p.String("gain"), p.String("integration"))
	if err := d.identify(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// configure sets the timing register (datasheet tables 5 and 6) and what follows from it: the end of the scale is 5047, 37177 and
// 65535 counts, and the times are 11, 81 and 322 units of the part's clock, which may be 8 % slow.
func (d *Dev) configure(gain, integration string) {
	d.scale, d.top, d.timing, d.whole = 1, 65535, 2, 402*time.Millisecond
	switch integration {
	case "13.7ms":
		d.scale, d.top, d.timing, d.whole = 322.0/11, 5047, 0, 13700*time.Microsecond
	case "101ms":
		d.scale, d.top, d.timing, d.whole = 322.0/81, 37177, 1, 101*time.Millisecond
	}
	if d.whole = d.whole*112/100 + time.Millisecond; gain == "16" {
		d.timing |= highly
	} else {
		d.scale *= 16
	}
}

// identify finds out that the part is the right one, and which package it has.
func (d *Dev) identify(ctx context.Context) error {
	const step = "read id"
	if err := d.read(ctx, step, regID, d.one[:]); err != nil {
		return err
	}
	id := d.one[0]
	if err := d.read(ctx, step, regID, d.one[:]); err != nil {
		return err
	}
	switch {
	case id != d.one[0]:
		return d.part.Errorf(sensors.CRC, step, "read twice, it differs")
	case id == 0xFF:
		return d.part.Errorf(sensors.Absent, step, "0xff: nothing drives the bus")
	case id>>4 == numberCS:
		d.lux = packageCS()
	case id>>4 == numberT:
		d.lux = packageT()
	default:
		e := d.part.Errorf(sensors.Wrong, step, "0x%02x: another part than a TSL2561 answers", id)
		e.Hint = "check which part is at this address with `pinhole scan`: a TSL2591 has a kind of its own"
		return e
	}
	d.used = true
	return nil
}

// Sense makes one measurement. It takes the integration and 12 % more.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	if err := d.identify(ctx); err != nil { // each time, as another part may have another package
		return nil, err
	}
	for _, s := range [...]struct {
		step       string
		reg, value byte
	}{{"switch off", regControl, 0}, {"configure", regTiming, d.timing}, {"switch on", regControl, on}} {
		if err := d.write(ctx, s.step, s.reg, s.value); err != nil {
			return nil, err
		}
		if err := d.confirm(ctx, s.step, s.reg, s.value); err != nil {
			return nil, err
		}
	}
	if err := d.part.Wait(ctx, "wait for the measurement", d.whole); err != nil {
		return nil, err
	}
	all, infrared, err := d.counts(ctx)
	if err != nil {
		return nil, err
	}
	const step = "read light"
	if err := d.confirm(ctx, step, regControl, on); err != nil {
		return nil, err
	}
	if err := d.confirm(ctx, step, regTiming, d.timing); err != nil {
		return nil, err
	}
	again, heat, err := d.counts(ctx)
	if err != nil {
		return nil, err
	}
	if all != again || infrared != heat {
		return nil, d.part.Errorf(sensors.CRC, step, "read twice, it differs")
	}
	if err := d.write(ctx, "switch off", regControl, 0); err != nil {
		return nil, err
	}
	return d.convert(all, infrared)
}

// counts reads both channels.
func (d *Dev) counts(ctx context.Context) (all, infrared uint16, err error) {
	if err := d.read(ctx, "read light", word|regAll, d.data[:]); err != nil {
		return 0, 0, err
	}
	all = uint16(d.data[0]) | uint16(d.data[1])<<8
	if err := d.read(ctx, "read infrared", word|regHeat, d.data[:]); err != nil {
		return 0, 0, err
	}
	return all, uint16(d.data[0]) | uint16(d.data[1])<<8, nil
}

// confirm makes sure of a register, whose upper bits may be anything where the datasheet reserves them.
func (d *Dev) confirm(ctx context.Context, step string, reg, want byte) error {
	err := d.read(ctx, step, reg, d.one[:])
	if err != nil || d.one[0]&0x1F == want && d.one[0] != 0xFF {
		return err
	}
	e := d.part.Errorf(sensors.IO, step, "register %d holds 0x%02x in place of 0x%02x", reg, d.one[0], want)
	e.Hint = "the part's supply breaks down now and then, or somebody else uses the part: check the wiring"
	return e
}

// convert turns the counts of all light and of infrared into lx.
func (d *Dev) convert(all, infrared uint16) ([]sensors.Measurement, error) {
	const step = "convert"
	if all >= d.top || infrared >= d.top {
		e := d.part.Errorf(sensors.Range, step, "%d and %d counts: more light than the scale has", all, infrared)
		e.Hint = "choose a smaller gain, or a shorter integration"
		return nil, e
	}
	lx, ok := d.lux.lux(float64(all)*d.scale, float64(infrared)*d.scale)
	if !ok {
		return nil, d.part.Errorf(sensors.Range, step, "%d counts, and %d of infrared: that is no light to see by", all, infrared)
	}
	return append(d.out[:0], sensors.Measurement{Quantity: sensors.Illuminance, Value: math.Round(lx*1000) / 1000}), nil
}

// Close switches the part off.
func (d *Dev) Close() error {
	if !d.used {
		return nil
	}
	d.used = false
	return d.write(context.Background(), "switch off", regControl, 0)
}

func (d *Dev) read(ctx context.Context, step string, reg byte, into []byte) error {
	d.w[0] = command | reg
	return d.part.Tx(ctx, step, d.w[:1], into)
}

func (d *Dev) write(ctx context.Context, step string, reg, v byte) error {
	d.w = [2]byte{command | reg, v}
	return d.part.Tx(ctx, step, d.w[:], nil)
}
