// Package max31855 reads Maxim's MAX31855 (thermocouple) on SPI.
//
// Datasheet: "MAX31855 Cold-Junction Compensated Thermocouple-to-Digital Converter", 19-5793 rev. 5, 2015. Range of the
// thermocouple -270 to 1800 Cel in steps of 0.25, of the part itself -55 to 125 in steps of 0.0625.
//
// The part is only read, 32 bits at a time, and each read starts a conversion, which takes up to 100 ms. Sense therefore reads
// three times: once to start a conversion, and after 110 ms twice, which must give the same, as the next is not done by then. The
// value so is of now, whatever the part did before, and two readings of one conversion stand in for the checksum that there is
// none of.
//
// It has no id. A data line that is held low looks like 0 Cel everywhere and one that floats high like nothing that can be; both are
// class absent. It keeps no settings, so a broken supply leaves no trace but a conversion that is not done, which reads as zeros.
package max31855

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

const (
	speed       = 1_000_000              // 5 MHz at most, table "Serial interface timing"; long wires want less
	convertTime = 110 * time.Millisecond // at most 100 ms, table "Thermal characteristics"
)

// Bits of a frame, datasheet tables 2 and 3.
const (
	bitFault    = 1 << 16
	bitVCC      = 1 << 2
	bitGND      = 1 << 1
	bitOpen     = 1 << 0
	bitReserved = 1<<17 | 1<<3 // always 0
)

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	part          *kind.SPIPart
	w             [4]byte // nothing is sent: the part has no data input
	first, second [4]byte
	out           [2]sensors.Measurement
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenSPI(b, "max31855", p, kind.SPIOptions{Mode: 0, Speed: speed})
	if err != nil {
		return nil, err
	}
	return &Dev{part: part}, nil
}

// Sense makes one conversion. It takes 110 ms.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	if err := d.part.Tx(ctx, "start conversion", d.w[:], d.first[:]); err != nil {
		return nil, err
	}
	if err := d.part.Wait(ctx, "wait for the conversion", convertTime); err != nil {
		return nil, err
	}
	const step = "read conversion"
	for _, r := range []*[4]byte{&d.first, &d.second} {
		if err := d.part.Tx(ctx, step, d.w[:], r[:]); err != nil {
			return nil, err
		}
	}
	if d.first != d.second {
		e := d.part.Errorf(sensors.CRC, step, "read twice, it differs: % x, % x", d.first[:], d.second[:])
		e.Hint = "check the wires: they spoil bits"
		return nil, e
	}
	return d.convert(binary.BigEndian.Uint32(d.first[:]))
}

// What the part measures.
const (
	minQuarters, maxQuarters     = -270 * 4, 1800 * 4 // 1/4 Cel
	minSixteenths, maxSixteenths = -55 * 16, 125 * 16 // 1/16 Cel
)

// What is the matter with the thermocouple.
var (
	errOpen  = errors.New("open circuit: no thermocouple is connected, or it is broken")
	errGND   = errors.New("the thermocouple touches ground")
	errVCC   = errors.New("the thermocouple touches the supply")
	errRange = errors.New("beyond what the part measures, -270 to 1800 Cel")
)

// convert turns a frame into the temperature of the thermocouple and that of the part. The latter is good where only the
// former is not.
func (d *Dev) convert(x uint32) ([]sensors.Measurement, error) {
	const step = "read conversion"
	fail := func(class sensors.Class, format string, args ...any) error {
		e := d.part.Errorf(class, step, format, args...)
		e.Hint = "check power, wires, and which chip select the part is at"
		return e
	}
	switch {
	case x == 0xFFFFFFFF:
		return nil, fail(sensors.Absent, "ff ff ff ff: nothing drives the bus")
	case x == 0:
		return nil, fail(sensors.Absent, "00 00 00 00: nothing drives the bus, or the part has just been switched on")
	case x&bitReserved != 0:
		return nil, fail(sensors.Wrong, "0x%08x: bits are set that a MAX31855 never sets", x)
	case x&bitFault != 0 != (x&(bitVCC|bitGND|bitOpen) != 0):
		return nil, fail(sensors.CRC, "0x%08x: there is a fault without a cause, or a cause without a fault", x)
	}
	inner := int32(int16(x)) >> 4
	if inner < minSixteenths || inner > maxSixteenths {
		return nil, fail(sensors.Range, "the part's own temperature is %v Cel, outside of -55 to 125", float64(inner)/16)
	}
	outer := int32(x) >> 18
	hot := sensors.Measurement{Quantity: sensors.Temperature}
	switch {
	case x&bitOpen != 0:
		hot.Err, hot.Cause = sensors.Absent, errOpen
	case x&bitGND != 0:
		hot.Err, hot.Cause = sensors.IO, errGND
	case x&bitVCC != 0:
		hot.Err, hot.Cause = sensors.IO, errVCC
	case outer < minQuarters || outer > maxQuarters:
		hot.Err, hot.Cause = sensors.Range, errRange
	default:
		hot.Value = float64(outer) / 4
	}
	return append(d.out[:0], hot, sensors.Measurement{Quantity: sensors.Temperature, Value: float64(inner) / 16, Channel: "internal"}), nil
}

// Close gives the chip select back. The part goes on converting, at 1 mA; it cannot be stopped.
func (d *Dev) Close() error { return d.part.Close() }
