// Package shtc3 reads Sensirion's SHTC3 (temperature, humidity) on I2C.
//
// Datasheet: "Datasheet SHTC3". Address: 0x70, always. Range -40 to 125 Cel, 0 to 100 %RH.
//
// Each Sense wakes the part, measures once and puts it to sleep again, where it draws 0.3 uA. Nothing is kept in the part that
// a broken supply could take away, and an answer can be read once only, so none is ever stale.
//
// It leaves to others: the older SHTC1, which knows no sleep.
package shtc3

import (
	"context"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensirion"
)

// Commands: datasheet chapter 5.
const (
	cmdWake    = 0x3517
	cmdSleep   = 0xB098
	cmdReset   = 0x805D
	cmdID      = 0xEFC8
	cmdMeasure = 0x7866 // normal mode, temperature first, no clock stretching

	idMask, id = 0x083F, 0x0807 // datasheet chapter 5: the other bits vary
)

// Times: datasheet chapter 3, with a margin.
const (
	wakeTime    = time.Millisecond      // at most 0.24 ms, for the reset too
	idTime      = time.Millisecond      // none is needed
	measureTime = 14 * time.Millisecond // at most 12.1 ms
)

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	port  sensirion.Port
	ready bool // initialised, and no transfer has failed since
	awake bool // or perhaps so
	words [2]uint16
	out   [2]sensors.Measurement
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenPart(b, "shtc3", p)
	if err != nil {
		return nil, err
	}
	d := &Dev{port: sensirion.Port{Part: part}}
	if err := d.init(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// init wakes and resets the part, finds out that it is one, and leaves it awake.
func (d *Dev) init(ctx context.Context) error {
	if err := d.command(ctx, "wake up", cmdWake); err != nil {
		return err
	}
	d.awake = true
	if err := d.command(ctx, "reset", cmdReset); err != nil {
		return err
	}
	const step = "read id"
	if err := d.port.Ask(ctx, step, cmdID, idTime, d.words[:1]); err != nil {
		return err
	}
	if d.words[0]&idMask != id {
		e := d.port.Errorf(sensors.Wrong, step, "0x%04x: another part than an SHTC3 answers", d.words[0])
		e.Hint = "check which part is at this address with `pinhole scan`"
		return e
	}
	d.ready = true
	return nil
}

// command sends a command and gives it time.
func (d *Dev) command(ctx context.Context, step string, command uint16) error {
	if err := d.port.Send(ctx, step, command); err != nil {
		return err
	}
	return d.port.Wait(ctx, step, wakeTime)
}

// Sense makes one measurement. It takes 15 ms.
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
	if !d.awake {
		if err := d.command(ctx, "wake up", cmdWake); err != nil {
			return nil, err
		}
		d.awake = true
	}
	if err := d.port.Ask(ctx, "measure", cmdMeasure, measureTime, d.words[:]); err != nil {
		return nil, err
	}
	if err := d.port.Send(ctx, "put to sleep", cmdSleep); err != nil {
		return nil, err
	}
	d.ready, d.awake = true, false
	return d.convert(d.words[0], d.words[1])
}

// What the part measures: datasheet chapter 1.
const minCenti, maxCenti = -4000, 12500 // 1/100 Cel

// convert turns raw values of 16 bits into measurements, by the formulas of datasheet chapter 5. Without a temperature there is
// nothing.
func (d *Dev) convert(rawT, rawH uint16) ([]sensors.Measurement, error) {
	t := centiCelsius(rawT)
	if t < minCenti || t > maxCenti {
		return nil, d.port.Errorf(sensors.Range, "convert temperature", "%.2f Cel (raw 0x%04x) is outside of -40 to 125",
			float64(t)/100, rawT)
	}
	h := sensors.Measurement{Quantity: sensors.RelativeHumidity, Value: float64(centiHumidity(rawH)) / 100}
	if rawH == 0 { // not one step of 0.0015 %RH above nothing: a dead element, not dry air
		h.Err = sensors.Range
	}
	return append(d.out[:0], sensors.Measurement{Quantity: sensors.Temperature, Value: float64(t) / 100}, h), nil
}

// centiCelsius returns 1/100 Cel. The divisor is 65536 here, and 65535 in the datasheets of the part's relatives.
func centiCelsius(raw uint16) int64 { return (int64(raw)*17500+32768)>>16 - 4500 }

// centiHumidity returns 1/100 %RH.
func centiHumidity(raw uint16) int64 { return (int64(raw)*10000 + 32768) >> 16 }

// Close puts the part to sleep if it may be awake.
func (d *Dev) Close() error {
	d.ready = false
	if !d.awake {
		return nil
	}
	d.awake = false
	ctx := context.Background()
	if err := d.command(ctx, "wake up", cmdWake); err != nil { // asleep it would not take the next command
		return err
	}
	return d.port.Send(ctx, "put to sleep", cmdSleep)
}
