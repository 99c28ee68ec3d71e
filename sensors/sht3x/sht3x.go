// Package sht3x reads Sensirion's SHT30, SHT31 and SHT35 (temperature, humidity) on I2C.
//
// Datasheet: "Datasheet SHT3x-DIS". Addresses: 0x44 with ADDR at ground, 0x45 with ADDR at the supply.
// Range -40 to 125 Cel, 0 to 100 %RH.
//
// Each Sense is one single shot of high repeatability, without clock stretching, which Raspberry Pis up to the 4 get wrong;
// between two the part rests and draws 0.2 uA. A part that somebody has left in periodic mode or heating is reset first, so its
// warmth is nobody's temperature. An answer can be read once only, so none is ever stale.
//
// It leaves to others: the heater, the alert pin and periodic mode.
package sht3x

import (
	"context"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensirion"
)

// Commands: datasheet tables 9 and following.
const (
	cmdBreak   = 0x3093 // end periodic mode
	cmdReset   = 0x30A2
	cmdStatus  = 0xF32D
	cmdMeasure = 0x2400 // single shot, high repeatability, no clock stretching

	statusHeater = 1 << 13
)

// Times: datasheet chapter 2, with a margin for boards whose timers run early.
const (
	resetTime   = 2 * time.Millisecond  // at most 1.5 ms
	commandTime = 2 * time.Millisecond  // at least 1 ms between two commands
	measureTime = 18 * time.Millisecond // at most 15.5 ms
)

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	port  sensirion.Port
	ready bool // initialised, and no transfer has failed since
	words [2]uint16
	out   [2]sensors.Measurement
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenPart(b, "sht3x", p)
	if err != nil {
		return nil, err
	}
	d := &Dev{port: sensirion.Port{Part: part}}
	if err := d.init(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// init ends whatever the part does and finds out that it is one.
func (d *Dev) init(ctx context.Context) error {
	if err := d.port.Send(ctx, "end periodic mode", cmdBreak); err != nil {
		return err
	}
	if err := d.port.Wait(ctx, "end periodic mode", commandTime); err != nil {
		return err
	}
	if err := d.port.Send(ctx, "reset", cmdReset); err != nil {
		return err
	}
	if err := d.port.Wait(ctx, "wait for the reset", resetTime); err != nil {
		return err
	}
	const step = "read status"
	if err := d.port.Ask(ctx, step, cmdStatus, commandTime, d.words[:1]); err != nil {
		return err
	}
	if d.words[0]&statusHeater != 0 {
		return d.port.Errorf(sensors.IO, step, "0x%04x: the part still heats after a reset", d.words[0])
	}
	d.ready = true
	return nil
}

// Sense makes one measurement. It takes 18 ms.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	if !d.ready {
		// A measurement may still be under way from when things went wrong.
		if err := d.port.Wait(ctx, "wait for the part", measureTime); err != nil {
			return nil, err
		}
		if err := d.init(ctx); err != nil {
			return nil, err
		}
	}
	d.ready = false // until everything has gone well: what follows a failure begins from scratch
	if err := d.port.Ask(ctx, "measure", cmdMeasure, measureTime, d.words[:]); err != nil {
		return nil, err
	}
	d.ready = true
	return d.convert(d.words[0], d.words[1])
}

// What the part measures: datasheet chapter 1.
const minCenti, maxCenti = -4000, 12500 // 1/100 Cel

// convert turns raw values of 16 bits into measurements, by the formulas of datasheet section 4.13.
// Without a temperature there is nothing.
func (d *Dev) convert(rawT, rawH uint16) ([]sensors.Measurement, error) {
	t := centiCelsius(rawT)
	if t < minCenti || t > maxCenti {
		return nil, d.port.Errorf(sensors.Range, "convert temperature", "%.2f Cel (raw 0x%04x) is outside of -40 to 125",
			float64(t)/100, rawT)
	}
	h := sensors.Measurement{Quantity: sensors.RelativeHumidity, Value: float64(centiHumidity(rawH)) / 100}
	if rawH == 0 { // not one step of 0.0015 %RH above nothing: a dead element, not dry air
		h.Value, h.Err = 0, sensors.Range
	}
	return append(d.out[:0], sensors.Measurement{Quantity: sensors.Temperature, Value: float64(t) / 100}, h), nil
}

// centiCelsius returns 1/100 Cel.
func centiCelsius(raw uint16) int64 { return (int64(raw)*17500+32767)/65535 - 4500 }

// centiHumidity returns 1/100 %RH.
func centiHumidity(raw uint16) int64 { return (int64(raw)*10000 + 32767) / 65535 }

// Close has nothing to switch off: the part rests when it does not measure.
func (d *Dev) Close() error {
	d.ready = false
	return nil
}
