package veml7700

import (
	"context"
	"math"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Registers, datasheet table 1: 16 bits each, lower byte first.
const (
	regConfig = 0x00
	regSaving = 0x03
	regLight  = 0x04
	regID     = 0x07

	shutdown = 1 << 0
	// mark is a number of measurements before an interrupt, which is switched off.
	mark = 3 << 4
)

// The low byte of the id is the part's, the high one its address option (datasheet table 8).
const (
	idPart              = 0x81
	optionA4, optionD4  = 0xC4, 0xD4
	nobody, saturated   = 0xFFFF, 0xFFFF
	startup             = 3 * time.Millisecond // at least 2.5 ms before the first integration begins
	clockError, percent = 115, 100             // the part's clock may be slow
)

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	part    *kind.Part
	config  uint16        // while it measures
	perUnit float64       // lx of one count
	bent    bool          // to be straightened
	whole   time.Duration // one integration from the start on
	ready   bool          // identified, and no transfer has failed since
	used    bool          // it has been spoken to, so Close has something to do

	// Buffers: kept here so that a measurement allocates nothing.
	w   [3]byte
	r   [2]byte
	out [1]sensors.Measurement
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenPart(b, "veml7700", p)
	if err != nil {
		return nil, err
	}
	g, it := gains()[p.String("gain")], integrations()[p.String("integration")]
	d := &Dev{part: part, config: g.code<<11 | it.code<<6 | mark, perUnit: p.Float("resolution") * 100 / float64(it.ms) / g.factor,
		whole: startup + time.Duration(it.ms)*time.Millisecond*clockError/percent}
	d.bent = g.factor < 1 && p.Bool("straighten")
	if err := d.init(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// init finds out that the part is the right one and switches its power saving off, which would stretch the integration.
func (d *Dev) init(ctx context.Context) error {
	const step = "read id"
	id, err := d.read(ctx, step, regID)
	switch {
	case err != nil:
		return err
	case id == nobody:
		return d.part.Errorf(sensors.Absent, step, "0xffff: nothing drives the bus")
	case id&0xFF != idPart || id>>8 != optionA4 && id>>8 != optionD4:
		e := d.part.Errorf(sensors.Wrong, step, "0x%04x: another part than a VEML7700 answers", id)
		e.Hint = "check which part is at this address with `pinhole scan`"
		return e
	}
	d.used = true
	if err := d.write(ctx, "switch off", regConfig, d.config|shutdown); err != nil {
		return err
	}
	if err := d.write(ctx, "end power saving", regSaving, 0); err != nil {
		return err
	}
	d.ready = true
	return nil
}

// Sense makes one measurement. It takes the integration and 15 % more.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	if !d.ready {
		if err := d.init(ctx); err != nil {
			return nil, err
		}
	}
	d.ready = false // until everything has gone well: what follows a failure begins from scratch
	if err := d.confirm(ctx, "still switched off", d.config|shutdown); err != nil {
		return nil, err
	}
	if err := d.write(ctx, "switch on", regConfig, d.config); err != nil {
		return nil, err
	}
	if err := d.confirm(ctx, "switch on", d.config); err != nil {
		return nil, err
	}
	if err := d.part.Wait(ctx, "wait for the measurement", d.whole); err != nil {
		return nil, err
	}
	const step = "read light"
	counts, err := d.read(ctx, step, regLight)
	if err != nil {
		return nil, err
	}
	if err := d.confirm(ctx, step, d.config); err != nil {
		return nil, err
	}
	again, err := d.read(ctx, step, regLight)
	if err != nil {
		return nil, err
	}
	if counts != again {
		return nil, d.part.Errorf(sensors.CRC, step, "read twice, it differs")
	}
	if err := d.write(ctx, "switch off", regConfig, d.config|shutdown); err != nil {
		return nil, err
	}
	d.ready = true
	return d.convert(counts)
}

// confirm makes sure of the configuration.
func (d *Dev) confirm(ctx context.Context, step string, want uint16) error {
	got, err := d.read(ctx, step, regConfig)
	if err != nil || got == want {
		return err
	}
	e := d.part.Errorf(sensors.IO, step, "the configuration is 0x%04x in place of 0x%04x", got, want)
	e.Hint = "the part's supply breaks down now and then, or somebody else uses the part: check the wiring"
	return e
}

// brightest is what the part is made for, in lx: the application note, section "Resolution and maximum detection range". The
// polynomial holds no further.
const brightest = 120000

// convert turns counts into lx: application note, section "Calculating the lux level".
func (d *Dev) convert(counts uint16) ([]sensors.Measurement, error) {
	lx := float64(counts) * d.perUnit
	if d.bent {
		lx *= 1.0023 + lx*(8.1488e-5+lx*(-9.3924e-9+lx*6.0135e-13))
	}
	if counts == saturated || lx > brightest {
		e := d.part.Errorf(sensors.Range, "convert", "%d counts: more light than the scale has", counts)
		e.Hint = "choose a smaller gain, or a shorter integration"
		return nil, e
	}
	return append(d.out[:0], sensors.Measurement{Quantity: sensors.Illuminance, Value: math.Round(lx*1000) / 1000}), nil
}

// Close switches the part off.
func (d *Dev) Close() error {
	if !d.used {
		return nil
	}
	d.used, d.ready = false, false
	return d.write(context.Background(), "switch off", regConfig, d.config|shutdown)
}

func (d *Dev) read(ctx context.Context, step string, reg byte) (uint16, error) {
	d.w[0] = reg
	err := d.part.Tx(ctx, step, d.w[:1], d.r[:])
	return uint16(d.r[0]) | uint16(d.r[1])<<8, err
}

func (d *Dev) write(ctx context.Context, step string, reg byte, v uint16) error {
	d.w = [3]byte{reg, byte(v), byte(v >> 8)}
	return d.part.Tx(ctx, step, d.w[:], nil)
}
