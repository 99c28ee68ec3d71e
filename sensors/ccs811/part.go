package ccs811

import (
	"context"
	"strings"

	"pinhole/sensors"
)

// identify finds out that the part is the right one.
func (d *Dev) identify(ctx context.Context) error {
	const step = "read id"
	if err := d.read(ctx, step, regID, d.r[:1]); err != nil {
		return err
	}
	switch id := d.r[0]; id {
	case idPart:
		return nil
	case 0xFF:
		return d.part.Errorf(sensors.Absent, step, "0xff: nothing drives the bus")
	default:
		e := d.part.Errorf(sensors.Wrong, step, "0x%02x: another part than a CCS811 answers", id)
		e.Hint = "check which part is at this address with `pinhole scan`"
		return e
	}
}

// twice reads a register of one byte two times. It must say the same.
func (d *Dev) twice(ctx context.Context, step string, reg byte) (byte, error) {
	if err := d.read(ctx, step, reg, d.r[:1]); err != nil {
		return 0, err
	}
	first := d.r[0]
	if err := d.read(ctx, step, reg, d.r[:1]); err != nil {
		return 0, err
	}
	if d.r[0] != first {
		return 0, d.part.Errorf(sensors.CRC, step, "read twice, it differs: 0x%02x and 0x%02x", first, d.r[0])
	}
	return first, nil
}

// status reads the status register. A result may become ready in between: then it is read once more.
func (d *Dev) status(ctx context.Context, step string) (byte, error) {
	v, err := d.twice(ctx, step, regStatus)
	if sensors.ClassOf(err) == sensors.CRC {
		v, err = d.twice(ctx, step, regStatus)
	}
	if err == nil && v&reserved != 0 {
		err = d.part.Errorf(sensors.IO, step, "0x%02x has bits that no CCS811 sets", v)
	}
	return v, err
}

// mode reads the mode register: DRIVE_MODE, with interrupts off.
func (d *Dev) mode(ctx context.Context) (byte, error) { return d.twice(ctx, "read mode", regMode) }

// set writes the mode register and reads it back.
func (d *Dev) set(ctx context.Context, mode byte) error {
	const step = "set mode"
	d.w = [2]byte{regMode, mode}
	if err := d.part.Tx(ctx, step, d.w[:], nil); err != nil {
		return err
	}
	got, err := d.mode(ctx)
	if err == nil && got != mode {
		err = d.part.Errorf(sensors.IO, step, "the part holds 0x%02x in place of 0x%02x", got, mode)
	}
	return err
}

// result fills was with the newest result. Another may come in between two reads; not twice in a row.
func (d *Dev) result(ctx context.Context) error {
	const step = "read result"
	for n := 0; ; n++ {
		if err := d.read(ctx, step, regResult, d.r[:]); err != nil {
			return err
		}
		if n > 0 && d.r == d.was {
			return nil
		}
		if n == 2 {
			return d.part.Errorf(sensors.CRC, step, "read three times, it differs each time")
		}
		d.was = d.r
	}
}

// errorBits are those of the error register.
var errorBits = [...]string{"write to a register that it does not have", "read of a register that it does not have", "mode that it does not have",
	"resistance beyond the scale", "heater current out of range", "heater without supply"}

// fault asks which error it is; that takes it away.
func (d *Dev) fault(ctx context.Context) error {
	const step = "read error"
	if err := d.read(ctx, step, regError, d.r[:1]); err != nil {
		return err
	}
	var all []string
	for i, text := range errorBits {
		if d.r[0]>>i&1 != 0 {
			all = append(all, text)
		}
	}
	return d.part.Errorf(sensors.IO, step, "0x%02x: the part reports %s", d.r[0], strings.Join(append(all, "a fault")[:max(len(all), 1)], ", "))
}

// What the part can say. The clean end, 400 ppm and 0 ppb, is where it lies in clean air; the other one is the end of the scale, which
// is 8192 ppm and 1187 ppb with the firmware of the first datasheet, and higher with later ones.
const (
	lowest, highest = 400, 32767 // ppm
	mostPPB         = 32767
)

// convert makes the measurements.
func (d *Dev) convert(equivalent, tvoc uint16) ([]sensors.Measurement, error) {
	if equivalent < lowest || equivalent > highest || tvoc > mostPPB {
		return nil, d.part.Errorf(sensors.Range, "convert", "%d ppm equivalent, %d ppb are outside of %d to %d and 0 to %d", equivalent, tvoc, lowest, highest, mostPPB)
	}
	if equivalent == 8192 || tvoc == 1187 {
		return nil, d.part.Errorf(sensors.Range, "convert", "%d ppm equivalent, %d ppb: the end of the scale", equivalent, tvoc)
	}
	d.out = [2]sensors.Measurement{
		{Quantity: sensors.TVOC, Value: float64(tvoc)},
		{Quantity: sensors.CO2Equivalent, Value: float64(equivalent)},
	}
	return d.out[:], nil
}

// Close has the part rest.
func (d *Dev) Close() error {
	if !d.used {
		return nil
	}
	d.used, d.ready = false, false
	d.w = [2]byte{regMode, 0}
	return d.part.Tx(context.Background(), "set mode", d.w[:], nil)
}

func (d *Dev) read(ctx context.Context, step string, reg byte, into []byte) error {
	d.w[0] = reg
	return d.part.Tx(ctx, step, d.w[:1], into)
}
