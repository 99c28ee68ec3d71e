// Package sht4x reads Sensirion's SHT40, SHT41, SHT43 and SHT45 (temperature, humidity) on I2C.
//
// Datasheet: "Datasheet SHT4x". Addresses are the order code's: 0x44 (-A), 0x45 (-B), 0x46 (-C). Range
// -40 to 125 Cel, 0 to 100 %RH.
//
// Each Sense is one measurement of high precision; between two the part rests and draws 0.1 uA. An answer can be read once
// only, so none is ever stale, and nothing is kept in the part that a broken supply could take away.
//
// It leaves to others: the heater.
package sht4x

import (
	"context"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensirion"
)

// Commands: datasheet chapter 4.
const (
	cmdReset   = 0x94
	cmdSerial  = 0x89
	cmdMeasure = 0xFD // high precision
)

// Times: datasheet chapter 3, with a margin.
const (
	resetTime   = 2 * time.Millisecond // at most 1 ms
	serialTime  = time.Millisecond
	measureTime = 10 * time.Millisecond // at most 8.3 ms
)

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	port  sensirion.Port
	ready bool // initialised, and no transfer has failed since
	words [2]uint16
	out   [2]sensors.Measurement
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenPart(b, "sht4x", p)
	if err != nil {
		return nil, err
	}
	d := &Dev{port: sensirion.Port{Part: part}}
	if err := d.init(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// init resets the part and reads its serial number, which has checksums: whatever answers otherwise is no SHT4x.
func (d *Dev) init(ctx context.Context) error {
	if err := d.port.SendByte(ctx, "reset", cmdReset); err != nil {
		return err
	}
	if err := d.port.Wait(ctx, "wait for the reset", resetTime); err != nil {
		return err
	}
	if err := d.ask(ctx, "read serial number", cmdSerial, serialTime); err != nil {
		return err
	}
	d.ready = true
	return nil
}

// ask sends a command and reads the two words that answer it.
func (d *Dev) ask(ctx context.Context, step string, command byte, after time.Duration) error {
	if err := d.port.SendByte(ctx, step, command); err != nil {
		return err
	}
	if err := d.port.Wait(ctx, step, after); err != nil {
		return err
	}
	return d.port.Read(ctx, step, d.words[:])
}

// Sense makes one measurement. It takes 10 ms.
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
	if err := d.ask(ctx, "measure", cmdMeasure, measureTime); err != nil {
		return nil, err
	}
	d.ready = true
	return d.convert(d.words[0], d.words[1])
}

// What the part measures: datasheet chapter 2.
const (
	minCenti, maxCenti = -4000, 12500 // 1/100 Cel
	beyond             = 500          // 1/100 %RH that noise and tolerance may exceed 0 and 100 by
)

// convert turns raw values of 16 bits into measurements, by the formulas of datasheet chapter 4,
// which allows humidities outside of 0 to 100 to be cropped. Without a temperature there is nothing.
func (d *Dev) convert(rawT, rawH uint16) ([]sensors.Measurement, error) {
	t := centiCelsius(rawT)
	if t < minCenti || t > maxCenti {
		return nil, d.port.Errorf(sensors.Range, "convert temperature", "%.2f Cel (raw 0x%04x) is outside of -40 to 125",
			float64(t)/100, rawT)
	}
	m := sensors.Measurement{Quantity: sensors.RelativeHumidity}
	if h := centiHumidity(rawH); h < -beyond || h > 10000+beyond {
		m.Err = sensors.Range
	} else {
		m.Value = float64(min(max(h, 0), 10000)) / 100
	}
	return append(d.out[:0], sensors.Measurement{Quantity: sensors.Temperature, Value: float64(t) / 100}, m), nil
}

// centiCelsius returns 1/100 Cel.
func centiCelsius(raw uint16) int64 { return (int64(raw)*17500+32767)/65535 - 4500 }

// centiHumidity returns 1/100 %RH, -600 to 11900.
func centiHumidity(raw uint16) int64 { return (int64(raw)*12500+32767)/65535 - 600 }

// Close has nothing to switch off: the part rests when it does not measure.
func (d *Dev) Close() error {
	d.ready = false
	return nil
}
