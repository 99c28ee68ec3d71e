// Package aht20 reads Aosong's AHT20 and AHT21, and the older AHT10 (temperature, humidity) on I2C.
//
// Datasheets: "AHT20 Product manuals" version 1.1, "Data Sheet AHT21" version 1.0 and "AHT10 Technical Manual" version 1.1.
// Address: 0x38, always; an AHT10 may have 0x39. Range -40 to 85 Cel (AHT21: to 120), 0 to 100 %RH.
//
// What the part has measured can be read again and again, so each Sense makes sure that a measurement has begun, and that it
// has ended. The answer of an AHT20 has a checksum; that of an AHT10 has none and is read twice. A part that is not calibrated,
// as after its supply broke, gives no value before it has been calibrated anew.
//
// It leaves to others: the AM2301B and other parts that carry the chip behind one wire.
package aht20

import (
	"bytes"
	"context"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensirion"
)

// Commands and bits: AHT20 chapter 5.
const (
	cmdReset     = 0xBA
	cmdMeasure   = 0xAC // with 0x33, 0x00
	cmdCalibrate = 0xBE // with 0x08, 0x00; of an AHT10 0xE1

	statusBusy       = 1 << 7
	statusCalibrated = 1 << 3
	floating         = 0xFF // a status that no part has: nobody drives the bus
)

// Times: AHT20 section "Sensor reading process".
const (
	startup       = 40 * time.Millisecond // after power-on
	resetTime     = 25 * time.Millisecond // at most 20 ms
	calibrateTime = 10 * time.Millisecond
	measureTime   = 80 * time.Millisecond
	pollEvery     = 5 * time.Millisecond
	polls         = 8 // after that
	starts        = 3 // attempts to start a measurement
)

// model is what the parts differ in.
type model struct {
	name        string
	calibrate   byte
	sum         bool    // the answer has a checksum
	warmest     int64   // 1/100 Cel
	hintOnWrong string  // when the checksum is wrong
	addresses   []int64 // the usual one first
}

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	part  *kind.Part
	model model
	ready bool // initialised, and no transfer has failed since
	w     [3]byte
	r     [2][7]byte
	out   [2]sensors.Measurement
}

func open(ctx context.Context, b kind.Board, m model, p kind.Params) (any, error) {
	part, err := kind.OpenPart(b, m.name, p)
	if err != nil {
		return nil, err
	}
	d := &Dev{part: part, model: m}
	if err := d.init(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// init resets the part and calibrates it unless it has done so itself.
func (d *Dev) init(ctx context.Context) error {
	// It may have been switched on just now, or a measurement may be under way: then it would not hear the reset.
	if err := d.part.Wait(ctx, "wait for the part", startup+measureTime); err != nil {
		return err
	}
	d.w[0] = cmdReset
	if err := d.part.Tx(ctx, "reset", d.w[:1], nil); err != nil {
		return err
	}
	if err := d.part.Wait(ctx, "wait for the reset", resetTime); err != nil {
		return err
	}
	const step = "calibrate"
	for n := 0; ; n++ {
		status, err := d.status(ctx, step)
		if err != nil {
			return err
		}
		switch {
		case status == floating:
			return d.part.Errorf(sensors.Absent, step, "status 0xff: nothing drives the bus")
		case status&(statusBusy|statusCalibrated) == statusCalibrated:
			d.ready = true
			return nil
		case n == starts:
			return d.part.Errorf(sensors.IO, step, "status 0x%02x: not calibrated after %d attempts", status, starts)
		}
		d.w = [3]byte{d.model.calibrate, 0x08, 0x00}
		if err := d.part.Tx(ctx, step, d.w[:], nil); err != nil {
			return err
		}
		if err := d.part.Wait(ctx, step, calibrateTime); err != nil {
			return err
		}
	}
}

func (d *Dev) status(ctx context.Context, step string) (byte, error) {
	err := d.part.Tx(ctx, step, nil, d.r[0][:1])
	return d.r[0][0], err
}

// Sense makes one measurement. It takes 80 ms.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	if !d.ready {
		if err := d.init(ctx); err != nil {
			return nil, err
		}
	}
	d.ready = false // until everything has gone well: what follows a failure begins from scratch
	if err := d.start(ctx); err != nil {
		return nil, err
	}
	if err := d.part.Wait(ctx, "wait for the measurement", measureTime); err != nil {
		return nil, err
	}
	b, err := d.result(ctx)
	if err != nil {
		return nil, err
	}
	d.ready = true
	return d.convert(b)
}

// start has the part begin, and makes sure that it did.
func (d *Dev) start(ctx context.Context) error {
	const step = "start measurement"
	for range starts { // a process that is held up for the whole measurement does not see it run
		d.w = [3]byte{cmdMeasure, 0x33, 0x00}
		if err := d.part.Tx(ctx, step, d.w[:], nil); err != nil {
			return err
		}
		status, err := d.status(ctx, step)
		if err != nil {
			return err
		}
		if status&statusBusy != 0 && status != floating {
			return nil
		}
	}
	return d.part.Errorf(sensors.IO, step, "the part does not start, attempted %d times", starts)
}

// result returns the part's answer: status, 20 bits of humidity, 20 bits of temperature.
func (d *Dev) result(ctx context.Context) ([]byte, error) {
	const step = "read measurement"
	size := 6
	if d.model.sum {
		size = 7
	}
	b := d.r[0][:size]
	for n := 0; ; n++ {
		if err := d.part.Tx(ctx, step, nil, b); err != nil {
			return nil, err
		}
		if b[0]&statusBusy == 0 {
			break
		}
		if n == polls {
			return nil, d.part.Errorf(sensors.Timeout, step, "the part still measures after %v", measureTime+polls*pollEvery)
		}
		if err := d.part.Wait(ctx, step, pollEvery); err != nil {
			return nil, err
		}
	}
	if d.model.sum {
		if sum := sensirion.Sum(0xFF, b[:6]); sum != b[6] {
			e := d.part.Errorf(sensors.CRC, step, "checksum 0x%02x, should be 0x%02x", b[6], sum)
			e.Hint = d.model.hintOnWrong
			return nil, e
		}
	} else {
		again := d.r[1][:size]
		if err := d.part.Tx(ctx, step, nil, again); err != nil {
			return nil, err
		}
		if !bytes.Equal(b, again) {
			return nil, d.part.Errorf(sensors.CRC, step, "read twice, it differs")
		}
	}
	if b[0]&statusCalibrated == 0 {
		e := d.part.Errorf(sensors.IO, step, "the part was reset since the last reading")
		e.Hint = "its supply breaks down now and then: check the wiring"
		return nil, e
	}
	return b, nil
}

const coldest = -4000 // 1/100 Cel

// convert turns the answer into measurements, by the formulas of AHT20 chapter 6. Without a temperature there is nothing.
func (d *Dev) convert(b []byte) ([]sensors.Measurement, error) {
	rawH := int64(b[1])<<12 | int64(b[2])<<4 | int64(b[3])>>4
	rawT := int64(b[3]&0x0F)<<16 | int64(b[4])<<8 | int64(b[5])
	t := centiCelsius(rawT)
	if t < coldest || t > d.model.warmest {
		return nil, d.part.Errorf(sensors.Range, "convert temperature", "%.2f Cel (raw 0x%05x) is outside of -40 to %d",
			float64(t)/100, rawT, d.model.warmest/100)
	}
	h := sensors.Measurement{Quantity: sensors.RelativeHumidity, Value: float64(centiHumidity(rawH)) / 100}
	if rawH == 0 { // not one step of 0.0001 %RH above nothing: a dead element, not dry air
		h.Err = sensors.Range
	}
	return append(d.out[:0], sensors.Measurement{Quantity: sensors.Temperature, Value: float64(t) / 100}, h), nil
}

// centiCelsius returns 1/100 Cel from a raw value of 20 bits.
func centiCelsius(raw int64) int64 { return (raw*20000+1<<19)>>20 - 5000 }

// centiHumidity returns 1/100 %RH from a raw value of 20 bits.
func centiHumidity(raw int64) int64 { return (raw*10000 + 1<<19) >> 20 }

// Close has nothing to switch off: the part rests when it does not measure.
func (d *Dev) Close() error {
	d.ready = false
	return nil
}
