// Package scd4x reads Sensirion's SCD40, SCD41 and SCD43 (carbon dioxide, temperature, humidity) on I2C.
//
// Datasheet: "Data Sheet SCD40/SCD41". Address: 0x62, always. Range 0 to 40000 ppm, of which 400
// to 2000 (SCD41: 5000) are specified; -10 to 60 Cel; 0 to 100 %RH.
//
// The part measures by itself, every 5 s, and Sense takes the last measurement, once: it is up to 5 s old, and there is an
// error of class warmup, not a repetition, when there has been none since. The first three after the start are off and are
// dropped. When measurements stay away, as after a broken supply, the part is started again. Close stops it.
//
// It leaves to others: low power and single shot modes, forced calibration, and what is stored in the part for good: the keys
// altitude and self_calibration are set at each start and forgotten without supply.
package scd4x

import (
	"context"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensirion"
)

// Commands: datasheet chapter 3. While the part measures it takes the middle three only.
const (
	cmdSerial = 0x3682
	cmdStart  = 0x21B1 // periodic measurement

	cmdReady = 0xE4B8
	cmdRead  = 0xEC05
	cmdStop  = 0x3F86

	cmdSetAltitude, cmdGetAltitude       = 0x2427, 0x2322
	cmdSetCalibration, cmdGetCalibration = 0x2416, 0x2313

	readyMask = 0x07FF // not ready if all of these are 0
)

// Times: datasheet chapter 3.
const (
	startup     = time.Second            // 1000 ms; 30 ms in later datasheets
	stopTime    = 510 * time.Millisecond // at most 500 ms
	commandTime = 2 * time.Millisecond   // at most 1 ms

	// settling is three measurements and the time until the fourth has taken the place of the third, if nobody has read that.
	settling = 21 * time.Second
	// overdue is when there should have been two measurements.
	overdue = 12 * time.Second
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
	words    [3]uint16
	out      [3]sensors.Measurement
}

// setting is a value that is written before the start and read back.
type setting struct {
	step     string
	set, get uint16
	value    uint16
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenPart(b, "scd4x", p)
	if err != nil {
		return nil, err
	}
	d := &Dev{port: sensirion.Port{Part: part}}
	if p.Has("altitude") {
		d.settings = append(d.settings, setting{"set altitude", cmdSetAltitude, cmdGetAltitude, uint16(p.Int("altitude"))})
	}
	if p.Has("self_calibration") {
		on := uint16(0)
		if p.Bool("self_calibration") {
			on = 1
		}
		d.settings = append(d.settings, setting{"set self-calibration", cmdSetCalibration, cmdGetCalibration, on})
	}
	const step = "read measurement"
	d.notYet = part.Errorf(sensors.Warmup, step, "there is no new one yet")
	d.notYet.Hint = "the part measures every 5 s: every: 10s or more finds a new value each time"
	d.warming = part.Errorf(sensors.Warmup, step, "the first three after the start are off, values come after %v", settling)
	if err := d.start(ctx); err != nil {
		d.Close() // what may be running is stopped; why it failed is what matters
		return nil, err
	}
	return d, nil
}

// start stops whatever the part does, finds out that it is one, and starts it.
func (d *Dev) start(ctx context.Context) error {
	// It may have been switched on just now, or may still be stopping.
	if err := d.port.Wait(ctx, "wait for the part", startup); err != nil {
		return err
	}
	if err := d.port.Send(ctx, "stop", cmdStop); err != nil {
		return err
	}
	if err := d.port.Wait(ctx, "wait for the part to stop", stopTime); err != nil {
		return err
	}
	if err := d.port.Ask(ctx, "read serial number", cmdSerial, commandTime, d.words[:]); err != nil {
		return err
	}
	for _, s := range d.settings {
		if err := d.set(ctx, s); err != nil {
			return err
		}
	}
	d.started = true
	if err := d.port.Send(ctx, "start", cmdStart); err != nil {
		return err
	}
	d.settled.Set(settling)
	d.late.Set(overdue)
	return nil
}

// set makes a setting and reads it back: the part says nothing if it did not understand.
func (d *Dev) set(ctx context.Context, s setting) error {
	if err := d.port.Send(ctx, s.step, s.set, s.value); err != nil {
		return err
	}
	if err := d.port.Wait(ctx, s.step, commandTime); err != nil {
		return err
	}
	if err := d.port.Ask(ctx, s.step, s.get, commandTime, d.words[:1]); err != nil {
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
	}
	const step = "ask for a measurement"
	if err := d.port.Ask(ctx, step, cmdReady, commandTime, d.words[:1]); err != nil {
		return nil, err
	}
	if d.words[0]&readyMask == 0 {
		if d.late.Rang() {
			d.started = false
			e := d.port.Errorf(sensors.Timeout, step, "there was none for %v, the part will be started again", overdue)
			e.Hint = "its supply breaks down now and then: it draws 200 mA for moments"
			return nil, e
		}
		if !d.settled.Rang() {
			return nil, d.warming
		}
		return nil, d.notYet
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

// What the part measures: datasheet chapter 1.
const (
	maxPPM             = 40000
	minCenti, maxCenti = -1000, 6000 // 1/100 Cel
)

// convert turns the raw words into measurements, by the formulas of datasheet section 3.5.2. What cannot be is an error of its
// own; a concentration of 0 is how the part says that it failed.
func (d *Dev) convert(words [3]uint16) []sensors.Measurement {
	d.out = [3]sensors.Measurement{{Quantity: sensors.CO2}, {Quantity: sensors.Temperature}, {Quantity: sensors.RelativeHumidity}}
	if ppm := words[0]; ppm == 0 || ppm > maxPPM {
		d.out[0].Err = sensors.Range
	} else {
		d.out[0].Value = float64(ppm)
	}
	if t := centiCelsius(words[1]); t < minCenti || t > maxCenti {
		d.out[1].Err = sensors.Range
	} else {
		d.out[1].Value = float64(t) / 100
	}
	if words[2] == 0 { // not one step of 0.0015 %RH above nothing: a dead element, not dry air
		d.out[2].Err = sensors.Range
	} else {
		d.out[2].Value = float64(centiHumidity(words[2])) / 100
	}
	return d.out[:]
}

// centiCelsius returns 1/100 Cel.
func centiCelsius(raw uint16) int64 { return (int64(raw)*17500+32767)/65535 - 4500 }

// centiHumidity returns 1/100 %RH.
func centiHumidity(raw uint16) int64 { return (int64(raw)*10000 + 32767) / 65535 }

// Close stops the part, which then draws 0.5 mA instead of 15.
func (d *Dev) Close() error {
	if !d.started {
		return nil
	}
	d.started = false
	return d.port.Send(context.Background(), "stop", cmdStop)
}
