package bmp388

import (
	"bytes"
	"context"
	"math"
	"math/bits"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Registers, DS001 table 23.
const (
	regID          = 0x00
	regStatus      = 0x03
	regData        = 0x04 // pressure and temperature, 3 bytes each, lowest first
	regPower       = 0x1B
	regCalibration = 0x31 // 21 bytes
	regCommand     = 0x7E
)

const (
	idBMP388, idBMP390 = 0x50, 0x60

	resetWord = 0xB6
	awake     = 1 << 4 // cmd_rdy
	fresh     = 3 << 5 // drdy_temp and drdy_press: there until a data register is read
	enable    = 3      // press_en and temp_en
	forced    = 1 << 4

	// mark is what ODR holds while the part has not lost its supply: it matters in normal mode only, and is 0 after power-on.
	mark = 0x05
)

// Times. The part answers 2 ms after power-on and reset (DS001 table 2).
const (
	startup   = 3 * time.Millisecond
	pollEvery = 2 * time.Millisecond
	polls     = 10 // after the longest time of the datasheet has passed
)

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	part    *kind.Part
	settled [5]byte // PWR_CTRL, OSR, ODR, an unused register, CONFIG as they are between two measurements
	longest time.Duration
	cal     calibration
	ready   bool // initialised, and no transfer has failed since
	used    bool // it has been spoken to, so Close has something to do

	// Buffers: kept here so that a measurement allocates nothing.
	w       [8]byte
	one     [1]byte
	data    [2][6]byte
	control [5]byte
	out     [2]sensors.Measurement
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenPart(b, "bmp388", p)
	if err != nil {
		return nil, err
	}
	d := &Dev{part: part}
	d.oversample(int(p.Int("oversampling")))
	if err := d.init(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// oversample sets the control registers for n pressures (DS001 section 4.3.20), with as many temperatures as the datasheet
// recommends beside them (table 9), and the longest time of a measurement: 3.9.2, with a margin of 15 %.
func (d *Dev) oversample(n int) {
	osrP := bits.Len(uint(n)) - 1
	osrT := max(osrP-3, 0) // 2 at 16 and 4 at 32
	d.settled = [5]byte{enable, byte(osrT<<3 | osrP), mark, 0, 0}
	us := 234 + 392 + 2020<<osrP + 163 + 2020<<osrT
	d.longest = time.Duration(us*115/100) * time.Microsecond
}

// init finds out that the part is the right one, resets it, reads its constants and sets it up.
func (d *Dev) init(ctx context.Context) error {
	if err := d.identify(ctx); err != nil {
		return err
	}
	d.used = true
	d.w[0], d.w[1] = regCommand, resetWord
	if err := d.part.Tx(ctx, "reset", d.w[:2], nil); err != nil {
		return err
	}
	if err := d.part.Wait(ctx, "wait for the reset", startup); err != nil {
		return err
	}
	if err := d.constants(ctx); err != nil {
		return err
	}
	// Several registers at once: the part takes pairs of register and value, DS001 section 5.2.1.
	d.w = [8]byte{regPower, enable, regPower + 1, d.settled[1], regPower + 2, mark, regPower + 4, 0}
	if err := d.part.Tx(ctx, "configure", d.w[:], nil); err != nil {
		return err
	}
	if err := d.read(ctx, "configure", regPower, d.control[:]); err != nil {
		return err
	}
	if !d.isSettled() {
		return d.part.Errorf(sensors.IO, "configure", "the part holds % x", d.control)
	}
	d.ready = true
	return nil
}

// isSettled compares the control registers as they were read, without the unused one.
func (d *Dev) isSettled() bool {
	d.control[3] = 0
	return d.control == d.settled
}

func (d *Dev) identify(ctx context.Context) error {
	const step = "read chip id"
	if err := d.read(ctx, step, regID, d.one[:]); err != nil {
		return err
	}
	switch id := d.one[0]; id {
	case idBMP388, idBMP390:
		return nil
	case 0xFF:
		return d.part.Errorf(sensors.Absent, step, "0xff: nothing drives the bus")
	default:
		e := d.part.Errorf(sensors.Wrong, step, "0x%02x: another part than a BMP388 or BMP390 answers", id)
		e.Hint = "check which part is at this address with `pinhole scan`: for a BMP280 use kind: bmp280"
		return e
	}
}

// constants reads the calibration twice: a wrong bit in it would falsify every value from then on.
func (d *Dev) constants(ctx context.Context) error {
	const step = "read calibration"
	var burnt [2][21]byte
	for i := range burnt {
		if err := d.read(ctx, step, regCalibration, burnt[i][:]); err != nil {
			return err
		}
	}
	switch {
	case burnt[0] != burnt[1]:
		return d.part.Errorf(sensors.CRC, step, "read twice, it differs")
	case bytes.Count(burnt[0][:], burnt[0][:1]) == len(burnt[0]):
		return d.part.Errorf(sensors.IO, step, "it is empty")
	}
	d.cal.parse(&burnt[0])
	return nil
}

// Sense makes one measurement of temperature and pressure. It takes 6 ms with oversampling 1, 23 ms with 8, 86 ms with 32.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	if !d.ready {
		if err := d.init(ctx); err != nil {
			return nil, err
		}
	}
	d.ready = false // until everything has gone well: what follows a failure begins from scratch
	d.w[0], d.w[1] = regPower, enable|forced
	if err := d.part.Tx(ctx, "start measurement", d.w[:2], nil); err != nil {
		return nil, err
	}
	if err := d.part.Wait(ctx, "wait for the measurement", d.longest); err != nil {
		return nil, err
	}
	if err := d.result(ctx); err != nil {
		return nil, err
	}
	d.ready = true
	b := &d.data[0]
	return d.convert(uint32(b[0])|uint32(b[1])<<8|uint32(b[2])<<16, uint32(b[3])|uint32(b[4])<<8|uint32(b[5])<<16)
}

// result fills data once the part says that there is something new.
func (d *Dev) result(ctx context.Context) error {
	const step = "read measurement"
	for n := 0; ; n++ {
		if err := d.read(ctx, step, regStatus, d.one[:]); err != nil {
			return err
		}
		if d.one[0] == fresh|awake {
			break
		}
		if n == polls {
			return d.part.Errorf(sensors.Timeout, step, "there is none after %v", d.longest+polls*pollEvery)
		}
		if err := d.part.Wait(ctx, step, pollEvery); err != nil {
			return err
		}
	}
	if err := d.read(ctx, step, regData, d.data[0][:]); err != nil {
		return err
	}
	if err := d.read(ctx, step, regPower, d.control[:]); err != nil {
		return err
	}
	if err := d.read(ctx, step, regData, d.data[1][:]); err != nil {
		return err
	}
	if d.data[0] != d.data[1] {
		return d.part.Errorf(sensors.CRC, step, "read twice, it differs")
	}
	if !d.isSettled() {
		e := d.part.Errorf(sensors.IO, step, "the part was reset since the last reading")
		e.Hint = "its supply breaks down now and then, or somebody else uses the part: check the wiring"
		return e
	}
	return nil
}

// What the parts measure: DS001 table 2.
const (
	minCelsius, maxCelsius   = -40.0, 85.0
	minPressure, maxPressure = 30000.0, 125000.0
	unmeasured               = 0x800000 // a raw value that was not measured, DS001 section 4.3.5
)

// convert turns raw values of 24 bits into measurements. Without a temperature there is nothing.
func (d *Dev) convert(rawP, rawT uint32) ([]sensors.Measurement, error) {
	exact := d.cal.celsius(rawT)
	t := math.Round(exact*100) / 100
	if rawT == unmeasured || !(t >= minCelsius && t <= maxCelsius) {
		return nil, d.part.Errorf(sensors.Range, "convert temperature", "%.2f Cel (raw 0x%06x) is outside of -40 to 85", t, rawT)
	}
	m := sensors.Measurement{Quantity: sensors.Pressure}
	if p := math.Round(d.cal.pascal(rawP, exact)*10) / 10; rawP == unmeasured || !(p >= minPressure && p <= maxPressure) {
		m.Err = sensors.Range
	} else {
		m.Value = p
	}
	return append(d.out[:0], sensors.Measurement{Quantity: sensors.Temperature, Value: t}, m), nil
}

// Close puts the part to sleep.
func (d *Dev) Close() error {
	if !d.used {
		return nil
	}
	d.used, d.ready = false, false
	d.w[0], d.w[1] = regPower, 0
	return d.part.Tx(context.Background(), "put to sleep", d.w[:2], nil)
}

func (d *Dev) read(ctx context.Context, step string, reg byte, into []byte) error {
	d.w[0] = reg
	return d.part.Tx(ctx, step, d.w[:1], into)
}
