// Package scd30 reads Sensirion's SCD30 (carbon dioxide, temperature, humidity) on I2C.
//
// Datasheet: "Interface Description Sensirion SCD30 Sensor Module", version 1.0, May 2020. Address: 0x61, always. Range 0 to
// 10000 ppm, of which 400 and up are specified; -40 to 70 Cel; 0 to 100 %RH.
//
// The part measures by itself, every 2 s, and Sense takes the last measurement, once: it is up to 2 s old, and there is an
// error of class warmup, not a repetition, when there has been none since. The first ones after the start, or after the part
// did not answer, are dropped. When measurements stay away the part is started again. Close stops it.
//
// The part stretches the clock, by 30 ms often and by 150 ms once a day. Nothing can be done about that here: bus and board
// must bear it, and the manual says how. Settings are written only if they differ, as the part keeps them in a memory that
// wears out.
//
// It leaves to others: forced calibration, the temperature offset, and ambient pressure, for which there is the altitude.
package scd30

import (
	"context"
	"math"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensirion"
)

// Commands: chapter 1.4. Without an argument a setting is read.
const (
	cmdStart       = 0x0010 // with the ambient pressure, 0: as the altitude says
	cmdStop        = 0x0104
	cmdInterval    = 0x4600 // s
	cmdReady       = 0x0202
	cmdRead        = 0x0300
	cmdCalibration = 0x5306
	cmdAltitude    = 0x5102 // m
	cmdFirmware    = 0xD100
)

// Times: chapter 1.1 and 1.4.
const (
	startup     = 2 * time.Second      // less than that
	commandTime = 5 * time.Millisecond // more than 3 ms
	interval    = 2                    // s, the shortest and the factory's

	// settling is two measurements and the time until the third has taken the place of the second, if nobody has read that.
	settling = 7 * time.Second
	// overdue is when there should have been a handful of measurements.
	overdue = 10 * time.Second
)

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	port     sensirion.Port
	settings []setting
	started  bool           // it measures, as far as is known
	absent   bool           // it did not answer the last time, and may just be starting
	settled  kind.Alarm     // since the start
	late     kind.Alarm     // since the last measurement
	notYet   *sensors.Error // made once, so that asking too often costs nothing
	warming  *sensors.Error
	words    [6]uint16
	out      [3]sensors.Measurement
}

// setting is a value that the part should have before it is started.
type setting struct {
	step           string
	command, value uint16
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenPart(b, "scd30", p)
	if err != nil {
		return nil, err
	}
	d := &Dev{port: sensirion.Port{Part: part}, settings: []setting{{"set interval", cmdInterval, interval}}}
	if p.Has("altitude") {
		d.settings = append(d.settings, setting{"set altitude", cmdAltitude, uint16(p.Int("altitude"))})
	}
	if p.Has("self_calibration") {
		on := uint16(0)
		if p.Bool("self_calibration") {
			on = 1
		}
		d.settings = append(d.settings, setting{"set self-calibration", cmdCalibration, on})
	}
	const step = "read measurement"
	d.notYet = part.Errorf(sensors.Warmup, step, "there is no new one yet")
	d.notYet.Hint = "the part measures every 2 s: every: 5s or more finds a new value each time"
	d.warming = part.Errorf(sensors.Warmup, step, "the first ones after the start are off, values come after %v", settling)
	if err := d.start(ctx); err != nil {
		d.Close() // what may be running is stopped; why it failed is what matters
		return nil, err
	}
	return d, nil
}

// start finds out that the part is one, and starts it.
func (d *Dev) start(ctx context.Context) error {
	// It may have been switched on just now.
	if err := d.port.Wait(ctx, "wait for the part", startup); err != nil {
		return err
	}
	const step = "read firmware version"
	if err := d.port.Ask(ctx, step, cmdFirmware, commandTime, d.words[:1]); err != nil {
		return err
	}
	if v := d.words[0]; v == 0 || v == 0xFFFF {
		return d.port.Errorf(sensors.Wrong, step, "0x%04x is none", v)
	}
	for _, s := range d.settings {
		if err := d.set(ctx, s); err != nil {
			return err
		}
	}
	d.started = true
	if err := d.port.Send(ctx, "start", cmdStart, 0); err != nil {
		return err
	}
	d.settled.Set(settling)
	d.late.Set(overdue)
	return d.port.Wait(ctx, "start", commandTime)
}

// set makes a setting unless the part has it, and reads it back: the part says nothing if it did not understand.
func (d *Dev) set(ctx context.Context, s setting) error {
	if err := d.port.Ask(ctx, s.step, s.command, commandTime, d.words[:1]); err != nil {
		return err
	}
	if d.words[0] == s.value {
		return nil
	}
	if err := d.port.Send(ctx, s.step, s.command, s.value); err != nil {
		return err
	}
	if err := d.port.Wait(ctx, s.step, commandTime); err != nil {
		return err
	}
	if err := d.port.Ask(ctx, s.step, s.command, commandTime, d.words[:1]); err != nil {
		return err
	}
	if d.words[0] != s.value {
		return d.port.Errorf(sensors.IO, s.step, "the part has %d, should have %d", d.words[0], s.value)
	}
	return nil
}

// Sense takes the last measurement. It does not wait for one.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	list, err := d.sense(ctx)
	class := sensors.ClassOf(err)
	d.absent = class == sensors.Absent || class == sensors.NAK
	return list, err
}

func (d *Dev) sense(ctx context.Context) ([]sensors.Measurement, error) {
	if !d.started {
		if err := d.start(ctx); err != nil {
			d.started = false
			return nil, err
		}
	}
	if d.absent {
		if err := d.port.Wait(ctx, "wait for the part", startup); err != nil {
			return nil, err
		}
		d.settled.Set(settling) // it goes on by itself when it was without supply
	}
	const step = "ask for a measurement"
	if err := d.port.Ask(ctx, step, cmdReady, commandTime, d.words[:1]); err != nil {
		return nil, err
	}
	switch d.words[0] {
	case 1:
	case 0:
		if d.late.Rang() {
			d.started = false
			return nil, d.port.Errorf(sensors.Timeout, step, "there was none for %v, the part will be started again", overdue)
		}
		if !d.settled.Rang() {
			return nil, d.warming
		}
		return nil, d.notYet
	default:
		return nil, d.port.Errorf(sensors.IO, step, "0x%04x is neither yes nor no", d.words[0])
	}
	if err := d.port.Ask(ctx, "read measurement", cmdRead, commandTime, d.words[:]); err != nil {
		return nil, err
	}
	d.late.Set(overdue)
	if !d.settled.Rang() {
		return nil, d.warming
	}
	return d.convert(d.words), nil
}

// convert turns the six words, three numbers in IEEE 754 single precision, into measurements. What cannot be is an error of its
// own; a concentration of 0 is how the part says that it failed.
func (d *Dev) convert(words [6]uint16) []sensors.Measurement {
	for i, r := range [...]struct {
		q         sensors.Quantity
		low, high float64 // datasheet "SCD30", chapter 1
		steps     float64 // in one unit: what is worth telling
	}{
		{sensors.CO2, 0.05, 10000, 10},
		{sensors.Temperature, -40, 70, 100},
		{sensors.RelativeHumidity, 0, 100, 100},
	} {
		v := float64(math.Float32frombits(uint32(words[2*i])<<16 | uint32(words[2*i+1])))
		d.out[i] = sensors.Measurement{Quantity: r.q}
		if v >= r.low && v <= r.high { // NaN is neither
			d.out[i].Value = math.Round(v*r.steps)/r.steps + 0 // no negative zero
		} else {
			d.out[i].Err = sensors.Range
		}
	}
	return d.out[:]
}

// Close stops the part, which then draws 5 mA instead of 19.
func (d *Dev) Close() error {
	if !d.started {
		return nil
	}
	d.started = false
	return d.port.Send(context.Background(), "stop", cmdStop)
}
