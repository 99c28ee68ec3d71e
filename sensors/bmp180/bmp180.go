package bmp180

import (
	"bytes"
	"context"
	"math/bits"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Registers, DS000 table 4.
const (
	regCalibration = 0xAA // 22 bytes
	regID          = 0xD0
	regControl     = 0xF4
	regOut         = 0xF6 // 3 bytes
	chipID         = 0x55
	controlToOut   = regOut - regControl
)

// Commands of the control register, DS000 section 3.3.1 and table 8.
const (
	cmdTemperature = 0x2E
	cmdPressure    = 0x34 // oss above bit 6
	running        = 1 << 5
)

// Times: the longest of DS000 table 8, with a margin.
const (
	temperatureTime = 5 * time.Millisecond // at most 4.5 ms
	pollEvery       = 2 * time.Millisecond
	polls           = 10 // after the longest time of the datasheet has passed
	rests           = 16 // for whatever was under way before: at most 25.5 ms
	starts          = 3  // attempts to start a measurement
)

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	part  *kind.Part
	oss   uint
	ready bool // identified, and no transfer has failed since
	burnt [22]byte
	cal   calibration

	// Buffers: kept here so that a measurement allocates nothing.
	w     [2]byte
	reg   [1]byte
	again [22]byte
	regs  [2][5]byte
	out   [2]sensors.Measurement
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenPart(b, "bmp180", p)
	if err != nil {
		return nil, err
	}
	d := &Dev{part: part, oss: uint(bits.Len64(uint64(p.Int("oversampling"))) - 1)}
	if err := d.init(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// init finds out that the part is the right one and reads its constants.
func (d *Dev) init(ctx context.Context) error {
	const step = "read chip id"
	if err := d.read(ctx, step, regID, d.reg[:]); err != nil {
		return err
	}
	switch id := d.reg[0]; id {
	case chipID:
	case 0xFF:
		return d.part.Errorf(sensors.Absent, step, "0xff: nothing drives the bus")
	default:
		e := d.part.Errorf(sensors.Wrong, step, "0x%02x: another part than a BMP180 or BMP085 answers", id)
		e.Hint = "check which part is at this address with `pinhole scan`: modules with a BMP280 (0x58) or BME280 (0x60) look alike"
		return e
	}
	if err := d.rest(ctx); err != nil {
		return err
	}
	return d.constants(ctx)
}

// rest waits for the end of what may still be under way from when things went wrong: a measurement cannot be interrupted.
func (d *Dev) rest(ctx context.Context) error {
	const step = "wait for the part"
	for n := 0; ; n++ {
		if err := d.read(ctx, step, regControl, d.reg[:]); err != nil {
			return err
		}
		if d.reg[0]&running == 0 {
			return nil
		}
		if n == rests {
			return d.part.Errorf(sensors.Timeout, step, "it still measures after %v", rests*pollEvery)
		}
		if err := d.part.Wait(ctx, step, pollEvery); err != nil {
			return err
		}
	}
}

// constants reads the calibration twice: a wrong bit in it would falsify every value from then on.
func (d *Dev) constants(ctx context.Context) error {
	const step = "read calibration"
	if err := d.read(ctx, step, regCalibration, d.burnt[:]); err != nil {
		return err
	}
	if err := d.read(ctx, step, regCalibration, d.again[:]); err != nil {
		return err
	}
	if d.burnt != d.again {
		return d.part.Errorf(sensors.CRC, step, "read twice, it differs")
	}
	if !d.cal.parse(&d.burnt) {
		return d.part.Errorf(sensors.IO, step, "it holds values that no part has")
	}
	d.ready = true
	return nil
}

// Sense measures temperature and pressure. It takes 11 ms with oversampling 1, 32 ms with 8.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	if d.ready {
		if err := d.same(ctx); err != nil {
			return nil, err
		}
	}
	if !d.ready {
		if err := d.init(ctx); err != nil {
			return nil, err
		}
	}
	d.ready = false // until everything has gone well: what follows a failure begins from scratch
	t, err := d.measure(ctx, "measure temperature", cmdTemperature, temperatureTime)
	if err != nil {
		return nil, err
	}
	// DS000 table 8: 4.5, 7.5, 13.5 and 25.5 ms.
	longest := (2 + 3<<d.oss) * time.Millisecond
	p, err := d.measure(ctx, "measure pressure", cmdPressure|byte(d.oss)<<6, longest)
	if err != nil {
		return nil, err
	}
	d.ready = true
	return d.convert(t>>8, p>>(8-d.oss))
}

// same looks whether the part still is the one whose constants are known.
func (d *Dev) same(ctx context.Context) error {
	d.ready = false
	if err := d.read(ctx, "read calibration", regCalibration, d.again[:]); err != nil {
		return err
	}
	d.ready = d.again == d.burnt
	return nil
}

// measure makes one measurement and returns the 24 bits of the output register.
func (d *Dev) measure(ctx context.Context, step string, command byte, longest time.Duration) (int64, error) {
	if err := d.start(ctx, step, command); err != nil {
		return 0, err
	}
	if err := d.part.Wait(ctx, step, longest); err != nil {
		return 0, err
	}
	a, b := &d.regs[0], &d.regs[1]
	for n := 0; ; n++ {
		if err := d.read(ctx, step, regControl, a[:]); err != nil {
			return 0, err
		}
		if a[0]&running == 0 {
			break
		}
		if n == polls {
			return 0, d.part.Errorf(sensors.Timeout, step, "the part still measures after %v", longest+polls*pollEvery)
		}
		if err := d.part.Wait(ctx, step, pollEvery); err != nil {
			return 0, err
		}
	}
	if err := d.read(ctx, step, regControl, b[:]); err != nil {
		return 0, err
	}
	if !bytes.Equal(a[:], b[:]) {
		return 0, d.part.Errorf(sensors.CRC, step, "read twice, it differs")
	}
	raw := a[controlToOut:]
	switch {
	case a[0] != command&^running, raw[0] == 0x80 && raw[1] == 0 && raw[2] == 0:
		e := d.part.Errorf(sensors.IO, step, "the part was reset meanwhile")
		e.Hint = "its supply breaks down now and then, or somebody else uses the part: check the wiring"
		return 0, e
	}
	return int64(raw[0])<<16 | int64(raw[1])<<8 | int64(raw[2]), nil
}

// start has the part begin, and makes sure that it did: otherwise the register would hold the previous measurement.
func (d *Dev) start(ctx context.Context, step string, command byte) error {
	for range starts { // a process that is held up for the whole measurement does not see it run
		d.w = [2]byte{regControl, command}
		if err := d.part.Tx(ctx, step, d.w[:], nil); err != nil {
			return err
		}
		if err := d.read(ctx, step, regControl, d.reg[:]); err != nil {
			return err
		}
		if d.reg[0] == command {
			return nil
		}
	}
	return d.part.Errorf(sensors.IO, step, "the part does not start, attempted %d times", starts)
}

// What the parts measure: DS000 table 1.
const (
	minDeci, maxDeci         = -400, 850 // 1/10 Cel
	minPressure, maxPressure = 30000, 110000
)

// convert turns raw values, of 16 bits and of 16+oss bits, into measurements. Without a temperature there is nothing.
func (d *Dev) convert(rawT, rawP int64) ([]sensors.Measurement, error) {
	b5, ok := d.cal.fine(rawT)
	t := deciCelsius(b5)
	if !ok || t < minDeci || t > maxDeci {
		return nil, d.part.Errorf(sensors.Range, "convert temperature", "%.1f Cel (raw 0x%04x) is outside of -40 to 85",
			float64(t)/10, rawT)
	}
	m := sensors.Measurement{Quantity: sensors.Pressure}
	if p, ok := d.cal.pressure(rawP, b5, d.oss); !ok || p < minPressure || p > maxPressure {
		m.Err = sensors.Range
	} else {
		m.Value = float64(p)
	}
	return append(d.out[:0], sensors.Measurement{Quantity: sensors.Temperature, Value: float64(t) / 10}, m), nil
}

// Close has nothing to switch off: the part sleeps when it does not measure.
func (d *Dev) Close() error {
	d.ready = false
	return nil
}

func (d *Dev) read(ctx context.Context, step string, reg byte, into []byte) error {
	d.w[0] = reg
	return d.part.Tx(ctx, step, d.w[:1], into)
}
