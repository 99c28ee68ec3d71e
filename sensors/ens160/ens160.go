package ens160

import (
	"context"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Registers, datasheet table 16. Those of two bytes have the lower one first.
const (
	regID     = 0x00
	regMode   = 0x10
	regStatus = 0x20 // followed by AQI, TVOC and equivalent CO2: 1, 2 and 2 bytes

	idLow, idHigh = 0x60, 0x01

	asleep   = 0x00 // DEEP SLEEP
	standard = 0x02
)

// Bits of the status.
const (
	runs     = 1 << 7 // STATAS: an operating mode is running
	failed   = 1 << 6 // STATER
	validity = 3 << 2
	newData  = 1 << 1 // NEWDAT, until the data are read

	valid    = 0 << 2
	warming  = 1 << 2
	starting = 2 << 2

	steady = runs | failed | validity // what does not change from one reading to the next
)

const (
	bootTime = 12 * time.Millisecond   // at most 10 ms
	period   = 1100 * time.Millisecond // of the part's seconds, with a margin
	overdue  = 4 * time.Second
)

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	part  *kind.Part
	ready bool       // identified and measuring, as far as is known
	used  bool       // it has been written to, so Close has something to do
	newer kind.Alarm // since the last reading: there must be another
	late  kind.Alarm // since the last reading: there must have been another

	// Made once, so that waiting costs nothing.
	notYet, warms, starts *sensors.Error
	why                   *sensors.Error // what was last said of the data, for as long as there are no new ones

	w   [2]byte
	r   [6]byte
	was [6]byte
	out [3]sensors.Measurement
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenPart(b, "ens160", p)
	if err != nil {
		return nil, err
	}
	d := &Dev{part: part}
	const step = "read data"
	d.notYet = part.Errorf(sensors.Warmup, step, "there are no new ones yet")
	d.notYet.Hint = "the part has some once a second: every: 2s or more finds new ones each time"
	d.warms = part.Errorf(sensors.Warmup, step, "the part warms up, for 3 minutes after each start")
	d.starts = part.Errorf(sensors.Warmup, step, "the part starts up, for the first hour of its life")
	d.starts.Hint = "it forgets that hour unless it is followed by a day without a break"
	d.why = d.notYet
	if err := d.start(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// start finds out that the part is one, and has it measure. One that does so already goes on.
func (d *Dev) start(ctx context.Context) error {
	if err := d.part.Wait(ctx, "wait for the part", bootTime); err != nil {
		return err
	}
	const step = "read id"
	id := d.r[:2]
	if err := d.read(ctx, step, regID, id); err != nil {
		return err
	}
	switch {
	case id[0] == idLow && id[1] == idHigh:
	case id[0] == 0xFF && id[1] == 0xFF:
		return d.part.Errorf(sensors.Absent, step, "0xffff: nothing drives the bus")
	default:
		e := d.part.Errorf(sensors.Wrong, step, "0x%02x%02x: another part than an ENS160 answers", id[1], id[0])
		e.Hint = "check which part is at this address with `pinhole scan`: an ADXL345 has a kind of its own"
		return e
	}
	d.used = true
	mode, err := d.mode(ctx)
	if err != nil {
		return err
	}
	if mode != standard {
		d.w = [2]byte{regMode, standard}
		if err := d.part.Tx(ctx, "set mode", d.w[:], nil); err != nil {
			return err
		}
		if err := d.part.Wait(ctx, "set mode", bootTime); err != nil {
			return err
		}
		if mode, err = d.mode(ctx); err != nil {
			return err
		}
		if mode != standard {
			return d.part.Errorf(sensors.IO, "set mode", "the part holds 0x%02x in place of 0x%02x", mode, standard)
		}
		d.why = d.warms
	}
	d.newer.Set(period)
	d.late.Set(overdue)
	d.ready = true
	return nil
}

// Sense takes the newest data. It does not wait for them.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	list, err := d.sense(ctx)
	switch sensors.ClassOf(err) {
	case "", sensors.Warmup, sensors.Range:
	default:
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
	if !d.newer.Rang() {
		return nil, d.why
	}
	const step = "read status"
	if err := d.read(ctx, step, regStatus, d.r[:1]); err != nil {
		return nil, err
	}
	if s := d.r[0]; s&runs == 0 || s&failed != 0 {
		e := d.part.Errorf(sensors.IO, step, "0x%02x: the part does not measure as it was told to", s)
		e.Hint = "its supply breaks down now and then, or somebody else uses the part: check the wiring"
		return nil, e
	} else if s&newData == 0 {
		if d.late.Rang() {
			return nil, d.part.Errorf(sensors.Timeout, step, "there were no new data for %v", overdue)
		}
		return nil, d.why
	}
	if err := d.data(ctx, d.r[0]&steady); err != nil {
		return nil, err
	}
	if mode, err := d.mode(ctx); err != nil {
		return nil, err
	} else if mode != standard {
		return nil, d.part.Errorf(sensors.IO, "read mode", "the part holds 0x%02x in place of 0x%02x", mode, standard)
	}
	d.newer.Set(period)
	d.late.Set(overdue)
	d.why = d.notYet
	switch d.was[0] & validity {
	case valid:
		return d.convert(d.was[1], uint16(d.was[2])|uint16(d.was[3])<<8, uint16(d.was[4])|uint16(d.was[5])<<8)
	case warming:
		d.why = d.warms
		return nil, d.why
	case starting:
		d.why = d.starts
		return nil, d.why
	}
	return nil, d.part.Errorf(sensors.Range, "read data", "the part says that they are invalid")
}

// data fills was with status and data, the former as it was before. A second may end in between; not twice.
func (d *Dev) data(ctx context.Context, before byte) error {
	const step = "read data"
	for n := range 3 {
		if err := d.read(ctx, step, regStatus, d.r[:]); err != nil {
			return err
		}
		d.r[0] &= steady
		if d.r[0] != before {
			return d.part.Errorf(sensors.CRC, step, "the status was 0x%02x and is 0x%02x", before, d.r[0])
		}
		if n > 0 && d.r == d.was {
			return nil
		}
		d.was = d.r
	}
	return d.part.Errorf(sensors.CRC, step, "read three times, they differ each time")
}

func (d *Dev) mode(ctx context.Context) (byte, error) {
	err := d.read(ctx, "read mode", regMode, d.r[:1])
	return d.r[0], err
}

// What the part can say: datasheet chapter 5. The far end is that of the scale.
const (
	bestAQI, worstAQI = 1, 5
	lowest, highest   = 400, 65000 // ppm
	mostPPB           = 65000
)

// convert makes the measurements.
func (d *Dev) convert(aqi byte, tvoc, equivalent uint16) ([]sensors.Measurement, error) {
	if aqi < bestAQI || aqi > worstAQI || equivalent < lowest || equivalent >= highest || tvoc >= mostPPB {
		return nil, d.part.Errorf(sensors.Range, "convert", "index %d, %d ppb, %d ppm equivalent are outside of 1 to 5, 0 to %d and %d to %d",
			aqi, tvoc, equivalent, mostPPB-1, lowest, highest-1)
	}
	d.out = [3]sensors.Measurement{
		{Quantity: sensors.TVOC, Value: float64(tvoc)},
		{Quantity: sensors.AQIUBA, Value: float64(aqi)},
		{Quantity: sensors.CO2Equivalent, Value: float64(equivalent)},
	}
	return d.out[:], nil
}

// Close sends the part to sleep.
func (d *Dev) Close() error {
	if !d.used {
		return nil
	}
	d.used, d.ready = false, false
	d.w = [2]byte{regMode, asleep}
	return d.part.Tx(context.Background(), "set mode", d.w[:], nil)
}

func (d *Dev) read(ctx context.Context, step string, reg byte, into []byte) error {
	d.w[0] = reg
	return d.part.Tx(ctx, step, d.w[:1], into)
}
