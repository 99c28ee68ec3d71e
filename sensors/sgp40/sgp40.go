// Package sgp40 reads Sensirion's SGP40 (raw signal of volatile organic compounds) on I2C.
//
// Datasheet: "Datasheet SGP40", version 1.0, July 2020. Address: 0x59, always. Range 0 to 65535 ticks, without a unit.
//
// The part measures the logarithm of a resistance and calls it ticks; less is more gas. What its maker sells it for, the VOC
// index, is an algorithm outside of the part, which compares with the air of the last day. It is not reproduced here: an index
// that starts anew with each restart of the agent would be worth less than the ticks, from which anybody can compute it. The
// ticks are those at 50 %RH and 25 Cel, as the part is not told the humidity.
//
// The heater is on from the first measurement to Close. It leaves the SGP41, which measures two signals, to others.
package sgp40

import (
	"context"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensirion"
)

// Commands: datasheet chapter 4.
const (
	cmdMeasure = 0x260F // with humidity and temperature
	cmdHeatOff = 0x3615
	cmdSerial  = 0x3682

	halfHumid = 0x8000 // 50 %RH, datasheet table 10: with both defaults there is no compensation
	roomWarm  = 0x6666 // 25 Cel
)

// Times: datasheet chapter 4, with a margin.
const (
	commandTime = 2 * time.Millisecond  // at most 1 ms
	measureTime = 32 * time.Millisecond // at most 30 ms
)

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	port  sensirion.Port
	ready bool // initialised, and no transfer has failed since
	hot   bool // or perhaps so
	words [3]uint16
	out   [1]sensors.Measurement
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenPart(b, "sgp40", p)
	if err != nil {
		return nil, err
	}
	d := &Dev{port: sensirion.Port{Part: part}}
	if err := d.init(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// init reads the serial number, which has checksums: whatever answers otherwise is no SGP40.
func (d *Dev) init(ctx context.Context) error {
	if err := d.port.Ask(ctx, "read serial number", cmdSerial, commandTime, d.words[:]); err != nil {
		return err
	}
	d.ready = true
	return nil
}

// Sense makes one measurement. It takes 32 ms.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	const step = "measure"
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
	d.hot = true
	if err := d.port.Send(ctx, step, cmdMeasure, halfHumid, roomWarm); err != nil {
		return nil, err
	}
	if err := d.port.Wait(ctx, step, measureTime); err != nil {
		return nil, err
	}
	if err := d.port.Read(ctx, step, d.words[:1]); err != nil {
		return nil, err
	}
	d.ready = true
	return d.convert(d.words[0])
}

// convert makes the measurement. Both ends of the scale are what a dead layer gives.
func (d *Dev) convert(ticks uint16) ([]sensors.Measurement, error) {
	if ticks == 0 || ticks == 0xFFFF {
		return nil, d.port.Errorf(sensors.Range, "convert", "%d ticks is an end of the scale", ticks)
	}
	return append(d.out[:0], sensors.Measurement{Quantity: sensors.Raw, Value: float64(ticks)}), nil
}

// Close switches the heater off.
func (d *Dev) Close() error {
	d.ready = false
	if !d.hot {
		return nil
	}
	d.hot = false
	return d.port.Send(context.Background(), "switch the heater off", cmdHeatOff)
}
