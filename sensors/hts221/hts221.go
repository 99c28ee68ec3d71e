package hts221

import (
	"context"
	"math"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Registers, DocID026333 chapter 6. With the highest bit of its number a transfer goes on with the next register (section 5.1.1).
const (
	regID          = 0x0F
	regControl1    = 0x20
	regControl2    = 0x21
	regStatus      = 0x27 // then 2 bytes of humidity, 2 of temperature
	regCalibration = 0x30 // 16 bytes
	further        = 0x80
	chipID         = 0xBC
)

// Bits of the control and status registers.
const (
	on      = 0x84 // active, both bytes of an output from the same measurement, measures only when told
	oneShot = 0x01
	ready   = 0x03 // humidity and temperature
)

// The datasheet gives no time for one measurement; the rates end at 12.5 a second.
const (
	takes     = 15 * time.Millisecond
	pollEvery = 5 * time.Millisecond
	polls     = 20
)

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	part  *kind.Part
	ready bool // identified and set up, and nothing has failed since
	used  bool // it may be active
	cal   calibration

	// Buffers: kept here so that a measurement allocates nothing.
	w     [2]byte
	reg   [2]byte
	burnt [2][16]byte
	data  [2][5]byte
	out   [2]sensors.Measurement
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenPart(b, "hts221", p)
	if err != nil {
		return nil, err
	}
	d := &Dev{part: part}
	if err := d.init(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// init finds out that the part is the right one, switches it on, reads its constants, and takes away what it has measured before.
func (d *Dev) init(ctx context.Context) error {
	const step = "read chip id"
	if err := d.read(ctx, step, regID, d.reg[:1]); err != nil {
		return err
	}
	switch id := d.reg[0]; id {
	case chipID:
	case 0xFF:
		return d.part.Errorf(sensors.Absent, step, "0xff: nothing drives the bus")
	default:
		e := d.part.Errorf(sensors.Wrong, step, "0x%02x: another part than an HTS221 answers", id)
		e.Hint = "check which part is at this address with `pinhole scan`"
		return e
	}
	d.used = true
	if err := d.write(ctx, "switch it on", regControl1, on); err != nil {
		return err
	}
	if err := d.constants(ctx); err != nil {
		return err
	}
	if err := d.rest(ctx); err != nil { // of a measurement that was broken off
		return err
	}
	if _, err := d.results(ctx, "take old results away"); err != nil {
		return err
	}
	d.ready = true
	return nil
}

// constants reads the calibration twice: a wrong bit in it would falsify every value from then on.
func (d *Dev) constants(ctx context.Context) error {
	const step = "read calibration"
	for i := range d.burnt {
		if err := d.read(ctx, step, regCalibration|further, d.burnt[i][:]); err != nil {
			return err
		}
	}
	if d.burnt[0] != d.burnt[1] {
		return d.part.Errorf(sensors.CRC, step, "read twice, it differs")
	}
	if !d.cal.parse(&d.burnt[0]) {
		return d.part.Errorf(sensors.IO, step, "it holds values that no part has")
	}
	return nil
}

// Sense makes one measurement of both.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	if !d.ready {
		if err := d.init(ctx); err != nil {
			return nil, err
		}
	}
	d.ready = false // until everything has gone well: what follows a failure begins from scratch
	const step = "measure"
	if err := d.write(ctx, step, regControl2, oneShot); err != nil {
		return nil, err
	}
	if err := d.part.Wait(ctx, step, takes); err != nil {
		return nil, err
	}
	if err := d.rest(ctx); err != nil {
		return nil, err
	}
	data, err := d.results(ctx, step)
	if err != nil {
		return nil, err
	}
	if data[0] != ready {
		return nil, d.part.Errorf(sensors.IO, step, "status 0x%02x, should be 0x%02x: it did not measure", data[0], ready)
	}
	d.ready = true
	word := func(i int) int16 { return int16(uint16(data[i]) | uint16(data[i+1])<<8) }
	return d.convert(word(3), word(1))
}

// rest waits for the end of a measurement, and makes sure that the part is as it was told to be.
func (d *Dev) rest(ctx context.Context) error {
	const step = "wait for the part"
	for n := 0; ; n++ {
		if err := d.read(ctx, step, regControl1|further, d.reg[:]); err != nil {
			return err
		}
		switch {
		case d.reg[0] != on:
			e := d.part.Errorf(sensors.IO, step, "control register 0x%02x, should be 0x%02x: the part was reset meanwhile", d.reg[0], on)
			e.Hint = "its supply breaks down now and then, or somebody else uses the part: check the wiring"
			return e
		case d.reg[1] == 0:
			return nil
		case n == polls:
			return d.part.Errorf(sensors.Timeout, step, "it still measures after %v", takes+polls*pollEvery)
		}
		if err := d.part.Wait(ctx, step, pollEvery); err != nil {
			return err
		}
	}
}

// results reads status and both outputs twice. The first reading takes both flags down.
func (d *Dev) results(ctx context.Context, step string) (*[5]byte, error) {
	first, second := &d.data[0], &d.data[1]
	if err := d.read(ctx, step, regStatus|further, first[:]); err != nil {
		return nil, err
	}
	if err := d.read(ctx, step, regStatus|further, second[:]); err != nil {
		return nil, err
	}
	if second[0] != 0 || [4]byte(first[1:]) != [4]byte(second[1:]) {
		return nil, d.part.Errorf(sensors.CRC, step, "read twice, it differs: % x, then % x", first[:], second[:])
	}
	return first, nil
}

// What the part measures: DocID026333 table 3.
const (
	minCelsius, maxCelsius = -40, 120
	beyond                 = 5 // %RH that noise and tolerance may exceed 0 and 100 by
)

// convert turns raw values into measurements. Without a temperature there is nothing.
func (d *Dev) convert(rawT, rawH int16) ([]sensors.Measurement, error) {
	t := round(d.cal.celsius(rawT))
	if t < minCelsius || t > maxCelsius {
		return nil, d.part.Errorf(sensors.Range, "convert temperature", "%.2f Cel (raw %d) is outside of %d to %d", t, rawT, minCelsius, maxCelsius)
	}
	m := sensors.Measurement{Quantity: sensors.RelativeHumidity}
	if h := d.cal.percent(rawH); h < -beyond || h > 100+beyond {
		m.Err = sensors.Range
	} else {
		m.Value = round(min(max(h, 0), 100))
	}
	return append(d.out[:0], sensors.Measurement{Quantity: sensors.Temperature, Value: t}, m), nil
}

// round is to 0.01, about a step of the converter.
func round(v float64) float64 { return math.Round(v*100) / 100 }

// Close switches the part off.
func (d *Dev) Close() error {
	if !d.used {
		return nil
	}
	d.used, d.ready = false, false
	return d.write(context.Background(), "switch it off", regControl1, 0)
}

func (d *Dev) write(ctx context.Context, step string, reg, v byte) error {
	d.w = [2]byte{reg, v}
	return d.part.Tx(ctx, step, d.w[:], nil)
}

func (d *Dev) read(ctx context.Context, step string, reg byte, into []byte) error {
	d.w[0] = reg
	return d.part.Tx(ctx, step, d.w[:1], into)
}
