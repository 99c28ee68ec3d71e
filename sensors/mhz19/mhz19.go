// Package mhz19 reads Winsen's MH-Z19B and MH-Z19C (carbon dioxide) at a serial port.
//
// Datasheets: "Intelligent Infrared CO2 Module MH-Z19B user's manual", V1.0, 2016, and that of the MH-Z19C: 9600 baud, commands and answers of
// nine bytes with a checksum. Range 0 to 2000, 5000 or 10000 ppm, as the part is set.
//
// The part answers at once, and from the first second on: while it warms up, 3 min, what it says is not measured (0, 388, 400, 410 or
// 555 ppm, as users of different makes report). Nothing in the answer tells, so those minutes are counted from opening, and from a silence, and are errors of class warmup.
// A break of its supply that falls between two readings cannot be noticed; the manual says so.
//
// It leaves to others: calibration (0x87 and 0x88, which spoil a part that is not in the right gas), and the temperature that stands in
// the answer without being documented.
package mhz19

import (
	"context"
	"errors"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

const (
	baud   = 9600
	length = 9 // of a command and of an answer
)

// Commands, datasheet section "Commands".
const (
	cmdRead  = 0x86
	cmdABC   = 0x79 // self-calibration: 0xA0 on, 0 off
	cmdRange = 0x99 // ppm

	abcOn = 0xA0
)

// Times.
const (
	answerTime = 500 * time.Millisecond // it takes some 20 ms
	settleTime = 100 * time.Millisecond // after a command that is not answered
)

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	part     *kind.UARTPart
	settings []setting
	set      bool // the settings have been made
	limit    int  // ppm: the end of the range
	warmup   time.Duration
	warm     kind.Alarm
	warming  *sensors.Error // made once, so that warming up costs nothing
	w        [length]byte
	out      [1]sensors.Measurement
}

// setting is a command that is not answered.
type setting struct {
	step string
	w    [length]byte
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenUART(b, "mhz19", p, baud)
	if err != nil {
		return nil, err
	}
	d := &Dev{part: part, limit: usualRange, warmup: p.Duration("warmup"), w: command(cmdRead)}
	if p.Has("range") {
		d.limit = int(p.Int("range"))
		// The datasheet has the number in the bytes 3 and 4; the parts take it from 6 and 7.
		d.settings = append(d.settings, setting{"set range", command(cmdRange, 0, 0, 0, byte(d.limit>>8), byte(d.limit))})
	}
	if p.Has("self_calibration") {
		on := byte(0)
		if p.Bool("self_calibration") {
			on = abcOn
		}
		d.settings = append(d.settings, setting{"set self-calibration", command(cmdABC, on)})
	}
	d.warming = part.Errorf(sensors.Warmup, "read concentration", "values come %v after the start", d.warmup)
	d.warm.Set(d.warmup)
	if _, err := d.read(ctx); err != nil {
		part.Close()
		return nil, err
	}
	return d, nil
}

// command makes a command: a start byte, the part's number, the command, five bytes, and the checksum.
func command(name byte, arguments ...byte) (w [length]byte) {
	w[0], w[1], w[2] = 0xFF, 0x01, name
	copy(w[3:length-1], arguments)
	w[length-1] = sum(w[:])
	return w
}

// sum is the checksum of a command or an answer: what is missing to 0 in the sum of the bytes 1 to 7.
func sum(b []byte) (s byte) {
	for _, x := range b[1 : length-1] {
		s -= x
	}
	return s
}

// scan looks for an answer to cmdRead: a start byte, the command, and a checksum.
func scan(b []byte) (skip, n int, spoilt bool) {
	for ; skip < len(b); skip++ {
		c := b[skip:]
		switch {
		case c[0] != 0xFF, len(c) > 1 && c[1] != cmdRead:
		case len(c) < length:
			return skip, 0, spoilt
		case sum(c[:length]) != c[length-1]:
			spoilt = true
		default:
			return skip, length, spoilt
		}
	}
	return skip, 0, spoilt
}

// read makes the settings, if need be, and reads the concentration.
func (d *Dev) read(ctx context.Context) (ppm int, err error) {
	const step = "read concentration"
	if !d.set {
		for i := range d.settings {
			s := &d.settings[i]
			if err := d.part.Write(ctx, s.step, s.w[:]); err != nil {
				return 0, err
			}
			if err := d.part.Wait(ctx, s.step, settleTime); err != nil {
				return 0, err
			}
		}
		d.set = true
	}
	if _, err := d.part.Flush(step); err != nil {
		return 0, err
	}
	if err := d.part.Write(ctx, step, d.w[:]); err != nil {
		return 0, err
	}
	b, err := d.part.Frame(ctx, step, answerTime, scan)
	if err != nil {
		return 0, err
	}
	return int(b[2])<<8 | int(b[3]), nil
}

// Sense asks for the concentration. It takes 40 ms.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	ppm, err := d.read(ctx)
	if err != nil {
		if ctx.Err() == nil && sensors.ClassOf(err) == sensors.Timeout {
			d.set = false
			d.warm.Set(d.warmup) // it may have been without supply
		}
		return nil, err
	}
	if !d.warm.Rang() {
		return nil, d.warming
	}
	return d.convert(ppm), nil
}

var (
	errZero = errors.New("0 ppm: the part says that it cannot measure")
	errEnd  = errors.New("the part is at the end of its range: there may be more")
)

// convert makes the measurement.
func (d *Dev) convert(ppm int) []sensors.Measurement {
	m := sensors.Measurement{Quantity: sensors.CO2}
	switch {
	case ppm == 0:
		m.Err, m.Cause = sensors.Range, errZero
	case ppm >= d.limit:
		m.Err, m.Cause = sensors.Range, errEnd
	default:
		m.Value = float64(ppm)
	}
	return append(d.out[:0], m)
}

// Close gives the port back. The part goes on measuring; it cannot be stopped.
func (d *Dev) Close() error { return d.part.Close() }
