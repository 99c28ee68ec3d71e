// Package pms5003 reads Plantower's PMS5003 and PMS7003 (particles in the air) at a serial port.
//
// Datasheet: "PMS5003 series data manual", V2.3, 2016, and that of the PMS7003, which is alike: 9600 baud, frames of 32 bytes with a
// sum at their end; the commands stand in appendix I. Range 0 to 500 ug/m3, 1000 at most.
//
// In the mode passive the part is asked for each measurement, and is silent otherwise. It comes back from a broken supply in its
// active mode, in which it sends by itself: bytes that nobody asked for so tell that it was reset, and must warm up again. In
// the mode active it is only listened to, for which one wire is enough, and a short break of its supply goes unnoticed.
//
// The fan needs 30 s after a start. Until then there are errors of class warmup; with the key sleep each measurement begins with a
// start and ends with a stop, as fan and laser wear out. Close puts the part to sleep if it can be told to.
package pms5003

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

const baud = 9600

// Commands, appendix I: a name and an argument.
const (
	cmdMode  = 0xE1 // 0 passive, 1 active
	cmdRead  = 0xE2
	cmdSleep = 0xE4 // 0 sleep, 1 wake

	frameData  = 28 // length field of a measurement
	frameReply = 4  // of the answer to a command
)

// Times.
const (
	startup    = time.Second             // from waking it until it takes the next command
	obey       = 200 * time.Millisecond  // a frame that was on its way when it was told to be silent
	answerTime = time.Second             // passive: it takes some 50 ms
	activeTime = 3500 * time.Millisecond // active: 2.3 s at most between two frames
)

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	part    *kind.UARTPart
	active  bool          // it is only listened to
	sleep   bool          // it rests between two measurements
	warmup  time.Duration // after each start
	ready   bool          // passive: it runs, silently, and must not have said anything since
	used    bool          // it has been told something
	warm    kind.Alarm
	warming *sensors.Error // made once, so that warming up costs nothing
	w       [7]byte
	out     [3]sensors.Measurement
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenUART(b, "pms5003", p, baud)
	if err != nil {
		return nil, err
	}
	d := &Dev{part: part, active: p.String("mode") == modeActive, sleep: p.Bool("sleep"), warmup: p.Duration("warmup")}
	d.warming = part.Errorf(sensors.Warmup, "measure", "values come %v after the start", d.warmup)
	switch {
	case d.active:
		d.warm.Set(d.warmup)
	case !d.sleep:
		err = d.start(ctx)
	}
	if err != nil {
		d.Close() // what may be running is stopped; why it failed is what matters
		return nil, err
	}
	return d, nil
}

// tell sends a command: its bytes are summed up, those of the beginning too.
func (d *Dev) tell(ctx context.Context, step string, command, argument byte) error {
	d.used = true
	d.w = [7]byte{0x42, 0x4D, command, 0, argument}
	binary.BigEndian.PutUint16(d.w[5:], sum(d.w[:5]))
	return d.part.Write(ctx, step, d.w[:])
}

// start wakes the part and makes it silent. What it says to that is not listened to: some of these parts say nothing.
func (d *Dev) start(ctx context.Context) error {
	step := "wake up"
	if err := d.tell(ctx, step, cmdSleep, 1); err != nil {
		return err
	}
	if err := d.part.Wait(ctx, step, startup); err != nil {
		return err
	}
	step = "make passive"
	if err := d.tell(ctx, step, cmdMode, 0); err != nil {
		return err
	}
	if err := d.part.Wait(ctx, step, obey); err != nil {
		return err
	}
	if _, err := d.part.Flush(step); err != nil {
		return err
	}
	d.warm.Set(d.warmup)
	if _, err := d.ask(ctx); err != nil { // it is there, and understands
		return err
	}
	d.ready = true
	return nil
}

// ask has the part send one measurement.
func (d *Dev) ask(ctx context.Context) ([]byte, error) {
	const step = "read measurement"
	if err := d.tell(ctx, step, cmdRead, 0); err != nil {
		return nil, err
	}
	return d.part.Frame(ctx, step, answerTime, scan)
}

// Sense makes one measurement. It takes 0.1 s in passive mode, up to 2.4 s in active mode, and 31 s with sleep.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	switch {
	case d.active:
		return d.listen(ctx)
	case d.sleep:
		return d.once(ctx)
	}
	if !d.ready {
		if err := d.start(ctx); err != nil {
			return nil, err
		}
	}
	frame, err := d.silent(ctx)
	if err != nil {
		return nil, err
	}
	if !d.warm.Rang() {
		return nil, d.warming
	}
	return d.convert(frame)
}

// silent asks a part that must have been silent since it was asked last. After a failure it is started again: its supply may be
// what failed.
func (d *Dev) silent(ctx context.Context) ([]byte, error) {
	d.ready = false
	const step = "measure"
	n, err := d.part.Flush(step)
	if err != nil {
		return nil, err
	}
	if n > 0 {
		e := d.part.Errorf(sensors.IO, step, "%d bytes came that nobody asked for: the part was reset, or does not hear what it is told", n)
		e.Hint = "its supply breaks down now and then; or its RXD is not connected to TXD (pin 8): connect it, or use mode: active"
		return nil, e
	}
	frame, err := d.ask(ctx)
	d.ready = err == nil
	return frame, err
}

// listen waits for a frame that begins from now on.
func (d *Dev) listen(ctx context.Context) ([]sensors.Measurement, error) {
	const step = "listen"
	if _, err := d.part.Flush(step); err != nil {
		return nil, err
	}
	frame, err := d.part.Frame(ctx, step, activeTime, scan)
	if err != nil {
		if sensors.ClassOf(err) == sensors.Timeout && ctx.Err() == nil {
			d.warm.Set(d.warmup) // it may have been without supply
		}
		return nil, err
	}
	if !d.warm.Rang() {
		return nil, d.warming
	}
	return d.convert(frame)
}

// once starts the part, measures when the fan has come to speed, and stops it.
func (d *Dev) once(ctx context.Context) ([]sensors.Measurement, error) {
	if err := d.start(ctx); err != nil {
		return nil, err
	}
	if err := d.part.Wait(ctx, "warm up", d.warmup); err != nil {
		return nil, err
	}
	frame, err := d.silent(ctx)
	if err != nil {
		return nil, err
	}
	list, err := d.convert(frame)
	if serr := d.stop(ctx); serr != nil {
		return nil, serr
	}
	return list, err
}

// stop puts the part to sleep.
func (d *Dev) stop(ctx context.Context) error {
	d.ready = false
	return d.tell(ctx, "put to sleep", cmdSleep, 0)
}

// sum is the checksum of a frame.
func sum(b []byte) (s uint16) {
	for _, x := range b {
		s += uint16(x)
	}
	return s
}

// scan looks for a measurement: 42 4D, the length of what follows, and a sum over everything before it. Answers to commands are
// passed over.
func scan(b []byte) (skip, n int, spoilt bool) {
	for ; skip < len(b); skip++ {
		c := b[skip:]
		switch {
		case c[0] != 0x42, len(c) > 1 && c[1] != 0x4D:
			continue
		case len(c) < 4:
			return skip, 0, spoilt
		}
		length := int(binary.BigEndian.Uint16(c[2:]))
		switch {
		case length != frameData && length != frameReply:
			continue
		case len(c) < 4+length:
			return skip, 0, spoilt
		case sum(c[:2+length]) != binary.BigEndian.Uint16(c[2+length:]):
			spoilt = true
		case length == frameData:
			return skip, 4 + length, spoilt
		default:
			skip += 4 + length - 1
		}
	}
	return skip, 0, spoilt
}

// Places of the words in a frame, appendix I: mass at the conditions of the air outside, and how many particles above 0.3 um are in 0.1 l.
const (
	placePM1, placePM25, placePM10 = 10, 12, 14
	placeCount                     = 16
)

const maxMass = 1000 // ug/m3, "Technical Index"

var (
	errMass  = errors.New("more than the 1000 ug/m3 that the part measures")
	errCount = errors.New("not one particle is counted: the fan or the laser stands still, or the part has just started")
)

// convert reads a measurement.
func (d *Dev) convert(frame []byte) ([]sensors.Measurement, error) {
	word := func(i int) uint16 { return binary.BigEndian.Uint16(frame[i:]) }
	d.out = [3]sensors.Measurement{{Quantity: sensors.PM1}, {Quantity: sensors.PM25}, {Quantity: sensors.PM10}}
	for i, place := range [...]int{placePM1, placePM25, placePM10} {
		m := &d.out[i]
		switch mass := word(place); {
		case word(placeCount) == 0:
			m.Err, m.Cause = sensors.Range, errCount
		case mass > maxMass:
			m.Err, m.Cause = sensors.Range, errMass
		default:
			m.Value = float64(mass)
		}
	}
	return d.out[:], nil
}

// Close puts the part to sleep, unless it is only listened to, and gives the port back.
func (d *Dev) Close() error {
	var err error
	if d.used {
		err = d.stop(context.Background())
		d.used = false
	}
	if cerr := d.part.Close(); err == nil {
		err = cerr
	}
	return err
}
