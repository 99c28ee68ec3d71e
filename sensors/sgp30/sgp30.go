// Package sgp30 reads Sensirion's SGP30 (volatile organic compounds) on I2C.
//
// Datasheet: "Datasheet SGP30", version 1.0, May 2020, and "SGP30 Driver Integration Guide" for the baseline. Address: 0x58,
// always. Range 0 to 60000 ppb.
//
// The part must be asked once a second, as its own calibration runs at that pace; Sense asks it once, so every: 1s is not a
// wish. For 15 s after it was told to begin it says 0, whatever the air is like, and so it does when its supply broke and
// nobody has told it again. It says 0 in clean air too. What tells the two apart is its baseline, which it has from about an
// hour after the beginning on: until then a 0 is no value here but an error of class warmup. A part that has a baseline when it
// is opened is not told to begin again, which would cost it what it has learned.
//
// The part also computes a "CO2 equivalent". That is a hydrogen signal on another scale, made to look like what people breathe
// out; it knows nothing of carbon dioxide, and so it is quantity co2_equivalent and never co2.
//
// It leaves to others: the compensation for humidity, and keeping the baseline while there is no supply.
package sgp30

import (
	"context"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensirion"
)

// Commands: datasheet chapter 6.
const (
	cmdBegin    = 0x2003 // Init_air_quality
	cmdMeasure  = 0x2008 // Measure_air_quality
	cmdBaseline = 0x2015 // Get_baseline
	cmdFeatures = 0x202F // Get_feature_set_version

	productMask, product = 0xF000, 0x0000 // of the feature set: 0 is an SGP30, 1 an SGPC3
)

// Times: datasheet chapter 6, with a margin.
const (
	commandTime = 11 * time.Millisecond // at most 10 ms
	measureTime = 14 * time.Millisecond // at most 12 ms

	// dumb is how long it says 0 after the beginning: 15 s.
	dumb = 16 * time.Second
	// learning is when it must have a baseline: after about an hour.
	learning = 90 * time.Minute
)

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	port     sensirion.Port
	begun    bool           // it has been told to, as far as is known
	broken   bool           // the last transfers did not end well: a command may be under way
	learned  bool           // it has had a baseline
	speaking kind.Alarm     // since the beginning
	overdue  kind.Alarm     // since the beginning
	warming  *sensors.Error // made once, so that warming up costs nothing
	clean    *sensors.Error
	words    [2]uint16
	out      [2]sensors.Measurement
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenPart(b, "sgp30", p)
	if err != nil {
		return nil, err
	}
	d := &Dev{port: sensirion.Port{Part: part}}
	const step = "measure"
	d.warming = part.Errorf(sensors.Warmup, step, "values come %v after the start", dumb)
	d.clean = part.Errorf(sensors.Warmup, step, "it says 0 and has no baseline yet: clean air, or not begun")
	d.clean.Hint = "the part learns for an hour, read every second; values above 0 are reported meanwhile"
	if err := d.begin(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// begin finds out that the part is one, and tells it to begin unless it is at work.
func (d *Dev) begin(ctx context.Context) error {
	const step = "read feature set"
	if err := d.port.Ask(ctx, step, cmdFeatures, commandTime, d.words[:1]); err != nil {
		return err
	}
	if f := d.words[0]; f&productMask != product || f == 0 {
		e := d.port.Errorf(sensors.Wrong, step, "0x%04x: another part than an SGP30 answers", f)
		e.Hint = "check which part is at this address with `pinhole scan`"
		return e
	}
	learned, err := d.baseline(ctx)
	if err != nil {
		return err
	}
	d.learned = learned
	if !learned {
		if err := d.port.Send(ctx, "begin", cmdBegin); err != nil {
			return err
		}
		if err := d.port.Wait(ctx, "begin", commandTime); err != nil {
			return err
		}
		d.speaking.Set(dumb)
		d.overdue.Set(learning)
	}
	d.begun = true
	return nil
}

// baseline reports whether the part has one.
func (d *Dev) baseline(ctx context.Context) (bool, error) {
	if err := d.port.Ask(ctx, "read baseline", cmdBaseline, commandTime, d.words[:]); err != nil {
		return false, err
	}
	return d.words != [2]uint16{}, nil
}

// Sense makes one measurement. It takes 14 ms, and 25 ms where the air is clean.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	list, err := d.sense(ctx)
	class := sensors.ClassOf(err)
	if class == sensors.Absent || class == sensors.NAK {
		d.begun = false // it may have been without supply; its baseline will tell
	}
	d.broken = err != nil && class != sensors.Warmup
	return list, err
}

func (d *Dev) sense(ctx context.Context) ([]sensors.Measurement, error) {
	if d.broken {
		if err := d.port.Wait(ctx, "wait for the part", measureTime); err != nil {
			return nil, err
		}
	}
	if !d.begun {
		if err := d.begin(ctx); err != nil {
			return nil, err
		}
	}
	const step = "measure"
	if err := d.port.Ask(ctx, step, cmdMeasure, measureTime, d.words[:]); err != nil {
		return nil, err
	}
	equivalent, tvoc := d.words[0], d.words[1]
	switch {
	case !d.speaking.Rang():
		return nil, d.warming
	case equivalent == lowest && tvoc == 0:
		if err := d.zero(ctx); err != nil {
			return nil, err
		}
	}
	return d.convert(equivalent, tvoc)
}

// zero returns nil if a 0 may be believed.
func (d *Dev) zero(ctx context.Context) error {
	learned, err := d.baseline(ctx)
	switch {
	case err != nil:
		return err
	case learned:
		d.learned = true
		return nil
	case d.learned:
		d.begun = false
		e := d.port.Errorf(sensors.IO, "read baseline", "there was one, and it is gone: the part was reset")
		e.Hint = "its supply breaks down now and then: check the wiring"
		return e
	case d.overdue.Rang():
		d.begun = false
		return d.port.Errorf(sensors.Warmup, "read baseline", "there is none after %v, the part will be told to begin again", learning)
	}
	return d.clean
}

// What the part measures: datasheet chapter 1.
const (
	lowest, highest = 400, 60000 // ppm of CO2 equivalent
	maxPPB          = 60000
)

// convert makes the measurements. Both must be possible.
func (d *Dev) convert(equivalent, tvoc uint16) ([]sensors.Measurement, error) {
	if equivalent < lowest || equivalent > highest || tvoc > maxPPB {
		return nil, d.port.Errorf(sensors.Range, "convert", "%d ppb, %d ppm equivalent are outside of 0 to 60000 and 400 to 60000",
			tvoc, equivalent)
	}
	return append(d.out[:0], sensors.Measurement{Quantity: sensors.TVOC, Value: float64(tvoc)},
		sensors.Measurement{Quantity: sensors.CO2Equivalent, Value: float64(equivalent)}), nil
}

// Close leaves the part as it is: it can only be stopped by a call to all parts of the bus, which would reset others too, and
// it would forget its baseline.
func (d *Dev) Close() error {
	d.begun = false
	return nil
}
