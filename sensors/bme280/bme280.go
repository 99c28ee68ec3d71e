package bme280

import (
	"bytes"
	"context"
	"math"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Registers, DS002 table 18.
const (
	regCalibrationTP = 0x88 // 24 bytes
	regCalibrationH1 = 0xA1
	regID            = 0xD0
	regReset         = 0xE0
	regCalibrationH2 = 0xE1 // 7 bytes
	regCtrlHum       = 0xF2
	regStatus        = 0xF3
	regCtrlMeas      = 0xF4
	regConfig        = 0xF5
)

const (
	resetWord     = 0xB6
	statusUpdate  = 1 << 0 // the constants are being copied, DS002 section 5.4.4
	statusMeasure = 1 << 3
	modeMask      = 3
	modeForced    = 1

	// mark is what config holds while the part has not lost its supply: a standby time of 1 s, which matters in normal mode
	// only, and no filter. After power-on config is 0.
	mark = 5 << 5
)

// Times. The part answers 2 ms after power-on (DS002 table 1).
const (
	startup   = 3 * time.Millisecond
	pollEvery = 2 * time.Millisecond
	polls     = 10 // after the longest time of the datasheet has passed
	starts    = 3  // attempts to start a measurement
)

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	part  *kind.Part
	model model
	cal   calibration
	ready bool // initialised, and no transfer has failed since
	used  bool // it has been spoken to, so Close has something to do

	ctrlHum, ctrlMeas byte
	longest           time.Duration // one measurement, DS002 section 9.1

	// Buffers: kept here so that a measurement allocates nothing.
	w       [5]byte
	started [2]byte
	regs    [2][13]byte
	out     [3]sensors.Measurement
}

// open initialises the part. oversampling is 1, 2, 4, 8 or 16.
func open(ctx context.Context, b kind.Board, m model, p kind.Params) (*Dev, error) {
	part, err := kind.OpenPart(b, m.name, p)
	if err != nil {
		return nil, err
	}
	d := &Dev{part: part, model: m}
	d.oversample(int(p.Int("oversampling")))
	if err := d.init(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// oversample sets the control registers (DS002 tables 20, 22 and 23) and the longest time of a measurement (section 9.1).
func (d *Dev) oversample(n int) {
	code := byte(1)
	for 1<<(code-1) < n {
		code++
	}
	d.ctrlMeas = code<<5 | code<<2
	us := 1250 + 2300*n + 2300*n + 575
	if d.model.humid {
		d.ctrlHum = code
		us += 2300*n + 575
	}
	d.longest = time.Duration(us) * time.Microsecond
}

// init finds out that the part is the right one, resets it and reads its constants.
func (d *Dev) init(ctx context.Context) error {
	if err := d.identify(ctx); err != nil {
		return err
	}
	d.used = true
	if err := d.write(ctx, "reset", regReset, resetWord); err != nil {
		return err
	}
	if err := d.part.Wait(ctx, "wait for the reset", startup); err != nil {
		return err
	}
	if err := d.constants(ctx); err != nil {
		return err
	}
	if err := d.write(ctx, "write config", regConfig, mark); err != nil {
		return err
	}
	d.ready = true
	return nil
}

func (d *Dev) identify(ctx context.Context) error {
	const step = "read chip id"
	id := d.regs[0][:1]
	if err := d.read(ctx, step, regID, id); err != nil {
		return err
	}
	if d.model.is(id[0]) {
		return nil
	}
	if id[0] == 0xFF {
		return d.part.Errorf(sensors.Absent, step, "0xff: nothing drives the bus")
	}
	e := d.part.Errorf(sensors.Wrong, step, "0x%02x: %s answers, not a %s", id[0], whoIs(id[0]), d.model.title)
	e.Hint = d.model.hint(id[0])
	return e
}

// constants reads the calibration twice: a wrong bit in it would falsify every value from then on.
func (d *Dev) constants(ctx context.Context) error {
	const step = "read calibration"
	status := d.started[:1]
	for n := 0; ; n++ {
		if err := d.read(ctx, step, regStatus, status); err != nil {
			return err
		}
		if status[0]&statusUpdate == 0 {
			break
		}
		if n == polls {
			return d.part.Errorf(sensors.Timeout, step, "the part still copies it after %v", startup+polls*pollEvery)
		}
		if err := d.part.Wait(ctx, step, pollEvery); err != nil {
			return err
		}
	}
	type blocks struct {
		tp [24]byte
		h1 [1]byte
		h2 [7]byte
	}
	var first, second blocks
	for _, b := range []*blocks{&first, &second} {
		if err := d.read(ctx, step, regCalibrationTP, b.tp[:]); err != nil {
			return err
		}
		if !d.model.humid {
			continue
		}
		if err := d.read(ctx, step, regCalibrationH1, b.h1[:]); err != nil {
			return err
		}
		if err := d.read(ctx, step, regCalibrationH2, b.h2[:]); err != nil {
			return err
		}
	}
	switch {
	case first != second:
		return d.part.Errorf(sensors.CRC, step, "read twice, it differs")
	case uniform(first.tp[:]), d.model.humid && uniform(first.h2[:]):
		return d.part.Errorf(sensors.IO, step, "it is empty")
	}
	d.cal.parseTP(&first.tp)
	d.cal.parseH(first.h1[0], &first.h2)
	return nil
}

// uniform reports whether all bytes are the same: a bus that floats or is held, or a part without constants.
func uniform(b []byte) bool { return bytes.Count(b, b[:1]) == len(b) }

// Sense makes one measurement of everything the part has. It takes 8 ms with oversampling 1, 113 ms with 16.
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
	if err := d.part.Wait(ctx, "wait for the measurement", d.longest); err != nil {
		return nil, err
	}
	b, err := d.result(ctx)
	if err != nil {
		return nil, err
	}
	d.ready = true
	return d.convert(b)
}

// start has the part begin, and makes sure that it did: otherwise the registers would hold the previous measurement.
func (d *Dev) start(ctx context.Context) error {
	const step = "start measurement"
	d.w = [5]byte{regCtrlHum, d.ctrlHum, regCtrlMeas, d.ctrlMeas | modeForced}
	w := d.w[:4] // ctrl_hum first: it comes into force with ctrl_meas, DS002 section 5.4.3
	if !d.model.humid {
		w = d.w[2:4]
	}
	for range starts { // a process that is held up for the whole measurement does not see it run
		if err := d.part.Tx(ctx, step, w, nil); err != nil {
			return err
		}
		if err := d.read(ctx, step, regStatus, d.started[:]); err != nil {
			return err
		}
		// Nothing but a running measurement looks like this, least of all a bus that floats.
		running := d.started[0]&statusMeasure != 0 || d.started[1]&modeMask == modeForced
		if running && d.started[0]&^(statusMeasure|statusUpdate) == 0 && d.started[1]&^modeMask == d.ctrlMeas {
			return nil
		}
	}
	return d.part.Errorf(sensors.IO, step, "the part does not start, attempted %d times", starts)
}

// result returns the registers from ctrl_hum to the last data byte once the measurement has ended, read twice.
func (d *Dev) result(ctx context.Context) ([]byte, error) {
	const step = "read measurement"
	size := 13
	if !d.model.humid {
		size = 11
	}
	a, b := d.regs[0][:size], d.regs[1][:size]
	for n := 0; ; n++ {
		if err := d.read(ctx, step, regCtrlHum, a); err != nil {
			return nil, err
		}
		if a[regStatus-regCtrlHum]&statusMeasure == 0 && a[regCtrlMeas-regCtrlHum]&modeMask == 0 {
			break
		}
		if n == polls {
			return nil, d.part.Errorf(sensors.Timeout, step, "the part still measures after %v", d.longest+polls*pollEvery)
		}
		if err := d.part.Wait(ctx, step, pollEvery); err != nil {
			return nil, err
		}
	}
	if err := d.read(ctx, step, regCtrlHum, b); err != nil {
		return nil, err
	}
	if !bytes.Equal(a, b) {
		return nil, d.part.Errorf(sensors.CRC, step, "read twice, it differs")
	}
	if d.model.humid && a[0]&7 != d.ctrlHum || a[regCtrlMeas-regCtrlHum] != d.ctrlMeas || a[regConfig-regCtrlHum] != mark {
		e := d.part.Errorf(sensors.IO, step, "the part was reset since the last reading")
		e.Hint = "its supply breaks down now and then, or somebody else uses the part: check the wiring"
		return nil, e
	}
	return a, nil
}

// What the parts measure: DS002 section 1.
const (
	minCenti, maxCenti       = -4000, 8500       // 1/100 Cel
	minPressure, maxPressure = 30000.0, 110000.0 // Pa
	beyond                   = 5 * 1024          // 1/1024 %RH that noise and hysteresis may exceed 0 and 100 by
	skipped20, skipped16     = 0x80000, 0x8000   // raw values of what was not measured, DS002 section 4.2.2
	fullHumidity             = 100 * 1024        // 1/1024 %RH
)

// convert turns registers, from ctrl_hum on, into values. Without a temperature there is nothing; a humidity or pressure that
// cannot be is an error of its own.
func (d *Dev) convert(b []byte) ([]sensors.Measurement, error) {
	b = b[regConfig+2-regCtrlHum:]
	rawP := int64(b[0])<<12 | int64(b[1])<<4 | int64(b[2])>>4
	rawT := int64(b[3])<<12 | int64(b[4])<<4 | int64(b[5])>>4
	fine := d.cal.fine(rawT)
	centi := centiCelsius(fine)
	if rawT == skipped20 {
		return nil, d.part.Errorf(sensors.Range, "convert temperature", "the part did not measure it")
	}
	if centi < minCenti || centi > maxCenti {
		return nil, d.part.Errorf(sensors.Range, "convert temperature", "%.2f Cel (raw 0x%05x) is outside of -40 to 85",
			float64(centi)/100, rawT)
	}
	out := append(d.out[:0], sensors.Measurement{Quantity: sensors.Temperature, Value: float64(centi) / 100})
	if d.model.humid {
		m := sensors.Measurement{Quantity: sensors.RelativeHumidity}
		raw := int64(b[6])<<8 | int64(b[7])
		h := d.cal.humidity(raw, fine)
		if raw == skipped16 || h < -beyond || h > fullHumidity+beyond {
			m.Err = sensors.Range
		} else {
			m.Value = math.Round(float64(min(max(h, 0), fullHumidity))*100/1024) / 100
		}
		out = append(out, m)
	}
	m := sensors.Measurement{Quantity: sensors.Pressure}
	p, ok := d.cal.pressure(rawP, fine)
	if pa := math.Round(float64(p)*10/256) / 10; !ok || rawP == skipped20 || pa < minPressure || pa > maxPressure {
		m.Err = sensors.Range
	} else {
		m.Value = pa
	}
	return append(out, m), nil
}

// Close puts the part to sleep.
func (d *Dev) Close() error {
	if !d.used {
		return nil
	}
	d.used, d.ready = false, false
	return d.write(context.Background(), "put to sleep", regCtrlMeas, 0)
}

func (d *Dev) read(ctx context.Context, step string, reg byte, into []byte) error {
	d.w[4] = reg
	return d.part.Tx(ctx, step, d.w[4:5], into)
}

func (d *Dev) write(ctx context.Context, step string, reg, value byte) error {
	d.w[0], d.w[1] = reg, value
	return d.part.Tx(ctx, step, d.w[:2], nil)
}
