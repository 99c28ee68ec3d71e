package max31865

import (
	"context"
	"encoding/binary"
	"math"
	"strings"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

const speed = 1_000_000 // 5 MHz at most

// Registers: datasheet table 1. Written at these addresses plus 0x80.
const (
	regConfig     = 0x00
	regThresholds = 0x03 // high, then low, of two bytes each
	write         = 0x80
	registers     = 8
)

// Bits of the configuration, datasheet table 2.
const (
	bias        = 1 << 7
	automatic   = 1 << 6
	threeWire   = 1 << 4
	cycleFirst  = 2 << 2 // 100X100Xb: the first part of the fault detection cycle
	cycleSecond = 3 << 2 // 100X110Xb: the second
	cycleMask   = 3 << 2
	clearFaults = 1 << 1
	filter50Hz  = 1 << 0
)

// The fault thresholds: one step inside of what the part can send. After power-on they are 0xFFFF and 0.
const highest, lowest = 0xFFFC, 0x0002

// Times, with a margin. The filter at the inputs settles in 10.5 of its time constants, which on modules are below 1 ms.
const (
	settle      = 12 * time.Millisecond
	cycleTime   = 6 * time.Millisecond  // 5 time constants
	convertTime = 95 * time.Millisecond // the first conversion at most 66 ms, a further one 21
)

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	part          *kind.SPIPart
	ready         bool // initialised, and nothing has failed since
	used          bool // it has been spoken to, so Close has something to do
	idle          byte // configuration between two measurements
	r0, reference float64
	w, r          [1 + registers]byte
	first, second [registers]byte
	out           [1]sensors.Measurement
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenSPI(b, "max31865", p, kind.SPIOptions{Mode: 1, Speed: speed})
	if err != nil {
		return nil, err
	}
	d := &Dev{part: part, r0: resistance(p), reference: reference(p)}
	if p.Int("wires") == 3 {
		d.idle |= threeWire
	}
	if p.String("mains") == mains50 {
		d.idle |= filter50Hz
	}
	if err := d.init(ctx); err != nil {
		part.Close()
		return nil, err
	}
	return d, nil
}

// send writes registers from an address on.
func (d *Dev) send(ctx context.Context, step string, register byte, values ...byte) error {
	d.w[0] = write | register
	n := 1 + copy(d.w[1:], values)
	return d.part.Tx(ctx, step, d.w[:n], d.r[:n])
}

// fetch reads all registers.
func (d *Dev) fetch(ctx context.Context, step string, into *[registers]byte) error {
	clear(d.w[:])
	if err := d.part.Tx(ctx, step, d.w[:], d.r[:]); err != nil {
		return err
	}
	copy(into[:], d.r[1:])
	return nil
}

// init sets the part and finds out that it is one.
func (d *Dev) init(ctx context.Context) error {
	d.used = true
	const step = "initialise"
	err := d.send(ctx, step, regThresholds, highest>>8, highest&0xFF, lowest>>8, lowest&0xFF)
	if err == nil {
		err = d.send(ctx, step, regConfig, d.idle|clearFaults)
	}
	if err == nil {
		err = d.fetch(ctx, step, &d.first)
	}
	if err != nil {
		return err
	}
	if err := d.verify(step, d.idle, &d.first); err != nil {
		return err
	}
	d.ready = true
	return nil
}

// verify compares what the registers hold with what was written.
func (d *Dev) verify(step string, config byte, r *[registers]byte) error {
	class := sensors.Wrong
	says := "another part answers, or its supply breaks down"
	switch {
	case r[regConfig] == config && binary.BigEndian.Uint16(r[regThresholds:]) == highest && binary.BigEndian.Uint16(r[regThresholds+2:]) == lowest:
		return nil
	case *r == [registers]byte{}, *r == [registers]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}:
		class, says = sensors.Absent, "nothing drives the bus"
	}
	e := d.part.Errorf(class, step, "the registers hold % x, not what was written: %s", r[:], says)
	e.Hint = "check power, the four wires, and which chip select the part is at"
	return e
}

// Sense makes one measurement. It takes 120 ms.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	if !d.ready {
		if err := d.init(ctx); err != nil {
			return nil, err
		}
	}
	d.ready = false // until everything has gone well: what follows a failure begins from scratch
	if err := d.wake(ctx); err != nil {
		return nil, err
	}
	if err := d.lookForFaults(ctx); err != nil {
		return nil, err
	}
	step := "convert"
	if err := d.send(ctx, step, regConfig, d.idle|bias|automatic); err != nil {
		return nil, err
	}
	if err := d.check(ctx, step, d.idle|bias|automatic); err != nil {
		return nil, err
	}
	if err := d.part.Wait(ctx, step, convertTime); err != nil {
		return nil, err
	}
	step = "read conversion"
	if err := d.fetch(ctx, step, &d.first); err != nil {
		return nil, err
	}
	// Off before it is read again, so that the next conversion does not come between.
	if err := d.send(ctx, "switch off", regConfig, d.idle); err != nil {
		return nil, err
	}
	if err := d.fetch(ctx, step, &d.second); err != nil {
		return nil, err
	}
	return d.result(step)
}

// wake sees that the part is as it was left, and switches the current on.
func (d *Dev) wake(ctx context.Context) error {
	const step = "switch on"
	if err := d.check(ctx, step, d.idle); err != nil {
		return err
	}
	if err := d.send(ctx, step, regConfig, d.idle|bias|clearFaults); err != nil {
		return err
	}
	return d.part.Wait(ctx, step, settle)
}

// check reads the registers back.
func (d *Dev) check(ctx context.Context, step string, config byte) error {
	if err := d.fetch(ctx, step, &d.first); err != nil {
		return err
	}
	return d.verify(step, config, &d.first)
}

// lookForFaults runs the fault detection cycle, section "Fault Detection Cycle". What it finds stays in the fault register. That it
// ran shows in the configuration: the first half remains set, the second takes its bits away.
func (d *Dev) lookForFaults(ctx context.Context) error {
	const step = "look for broken wires"
	for _, half := range [...]struct{ set, then byte }{{cycleFirst, cycleFirst}, {cycleSecond, 0}} {
		if err := d.send(ctx, step, regConfig, d.idle|bias|half.set); err != nil {
			return err
		}
		if err := d.part.Wait(ctx, step, cycleTime); err != nil {
			return err
		}
		if err := d.check(ctx, step, d.idle|bias|half.then); err != nil {
			return err
		}
	}
	return nil
}

// result judges what was read twice: with the conversions on, and off.
func (d *Dev) result(step string) ([]sensors.Measurement, error) {
	if err := d.verify(step, d.idle|bias|automatic, &d.first); err != nil {
		return nil, err
	}
	if err := d.verify(step, d.idle, &d.second); err != nil {
		return nil, err
	}
	d.ready = true // the part is as it should be; what follows is the thermometer's
	if *(*[7]byte)(d.first[1:]) != *(*[7]byte)(d.second[1:]) {
		return nil, d.part.Errorf(sensors.CRC, step, "read twice, it differs: % x, % x", d.first[1:], d.second[1:])
	}
	return d.convert(binary.BigEndian.Uint16(d.first[1:]), d.first[7])
}

// convert turns the ratio register, 15 bits and the fault bit, and the fault register into a temperature.
func (d *Dev) convert(raw uint16, faults byte) ([]sensors.Measurement, error) {
	const step = "convert"
	if faults != 0 || raw&1 != 0 {
		e := d.part.Errorf(sensors.IO, step, "%s", strings.Join(wrong(faults), "; "))
		e.Hint = "check the thermometer's wires, and that `wires` says how many there are and the module's bridges agree"
		return nil, e
	}
	ohms := float64(raw>>1) * d.reference / 32768
	t, ok := celsius(ohms / d.r0)
	if !ok {
		e := d.part.Errorf(sensors.Range, step, "%.2f Ohm is no temperature from -200 to 850 Cel of a thermometer of %g Ohm", ohms, d.r0)
		e.Hint = "check `rtd` and `reference`: the reference resistor is 430 Ohm on modules for PT100, 4300 for PT1000"
		return nil, e
	}
	return append(d.out[:0], sensors.Measurement{Quantity: sensors.Temperature, Value: math.Round(t*1000) / 1000}), nil
}

// wrong tells what the bits of the fault register mean, tables 7 and 9 to 11.
func wrong(faults byte) (list []string) {
	for i, text := range [...]string{
		7: "the resistance is too high: the thermometer is broken or not connected",
		6: "the resistance is nothing: the thermometer's wires touch",
		5: "REFIN- is too high: a wire of the thermometer is broken",
		4: "REFIN- is too low: RTDIN- touches ground",
		3: "RTDIN- is too low: a wire touches ground",
		2: "a wire carries a voltage above the supply or below ground",
	} {
		if text != "" && faults>>i&1 != 0 {
			list = append(list, text)
		}
	}
	if list == nil {
		list = append(list, "the part reports a fault without a cause")
	}
	return list
}

// Close switches the current off and gives the chip select back.
func (d *Dev) Close() error {
	if !d.used {
		return d.part.Close()
	}
	d.used, d.ready = false, false
	err := d.send(context.Background(), "switch off", regConfig, d.idle)
	if cerr := d.part.Close(); err == nil {
		err = cerr
	}
	return err
}
