package veml6075

import (
	"context"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Registers: 16 bits each, lower byte first.
const (
	regConfig = 0x00
	regUVA    = 0x07
	regUVB    = 0x09
	regLight  = 0x0A // UVcomp1: visible light
	regHeat   = 0x0B // UVcomp2: infrared
	regID     = 0x0C

	idPart    = 0x26 // the low byte
	nobody    = 0xFFFF
	saturated = 0xFFFF

	shutdown = 1 << 0
	config   = 1 << 4 // UV_IT: 100 ms; normal dynamic setting, no active force
)

// whole is from switching on until one integration has certainly ended, at most 1.4 times as long as it is called, and the second
// one has not.
const whole = 160 * time.Millisecond

// counts are one look at the channels.
type counts struct{ uva, uvb, light, heat uint16 }

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	part  *kind.Part
	ready bool // identified, and no transfer has failed since
	used  bool // it has been spoken to, so Close has something to do

	// Buffers: kept here so that a measurement allocates nothing.
	w   [3]byte
	r   [2]byte
	out [3]sensors.Measurement
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenPart(b, "veml6075", p)
	if err != nil {
		return nil, err
	}
	d := &Dev{part: part}
	if err := d.init(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// init finds out that the part is the right one.
func (d *Dev) init(ctx context.Context) error {
	const step = "read id"
	id, err := d.read(ctx, step, regID)
	switch {
	case err != nil:
		return err
	case id == nobody:
		return d.part.Errorf(sensors.Absent, step, "0xffff: nothing drives the bus")
	case id&0xFF != idPart:
		e := d.part.Errorf(sensors.Wrong, step, "0x%04x: another part than a VEML6075 answers", id)
		e.Hint = "check which part is at this address with `pinhole scan`: a VEML7700 has a kind of its own"
		return e
	}
	d.used = true
	if err := d.write(ctx, "switch off", config|shutdown); err != nil {
		return err
	}
	d.ready = true
	return nil
}

// Sense makes one measurement. It takes 160 ms.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	if !d.ready {
		if err := d.init(ctx); err != nil {
			return nil, err
		}
	}
	d.ready = false // until everything has gone well: what follows a failure begins from scratch
	if err := d.confirm(ctx, "still switched off", config|shutdown); err != nil {
		return nil, err
	}
	if err := d.write(ctx, "switch on", config); err != nil {
		return nil, err
	}
	if err := d.confirm(ctx, "switch on", config); err != nil {
		return nil, err
	}
	if err := d.part.Wait(ctx, "wait for the measurement", whole); err != nil {
		return nil, err
	}
	const step = "read light"
	c, err := d.look(ctx, step)
	if err != nil {
		return nil, err
	}
	if err := d.confirm(ctx, step, config); err != nil {
		return nil, err
	}
	again, err := d.look(ctx, step)
	if err != nil {
		return nil, err
	}
	if c != again {
		return nil, d.part.Errorf(sensors.CRC, step, "read twice, it differs")
	}
	if err := d.write(ctx, "switch off", config|shutdown); err != nil {
		return nil, err
	}
	d.ready = true
	return d.convert(c)
}

// look reads the four channels.
func (d *Dev) look(ctx context.Context, step string) (c counts, err error) {
	for _, x := range [...]struct {
		reg  byte
		into *uint16
	}{{regUVA, &c.uva}, {regUVB, &c.uvb}, {regLight, &c.light}, {regHeat, &c.heat}} {
		if *x.into, err = d.read(ctx, step, x.reg); err != nil {
			break
		}
	}
	return c, err
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

// Close switches the part off.
func (d *Dev) Close() error {
	if !d.used {
		return nil
	}
	d.used, d.ready = false, false
	return d.write(context.Background(), "switch off", config|shutdown)
}

func (d *Dev) read(ctx context.Context, step string, reg byte) (uint16, error) {
	d.w[0] = reg
	err := d.part.Tx(ctx, step, d.w[:1], d.r[:])
	return uint16(d.r[0]) | uint16(d.r[1])<<8, err
}

func (d *Dev) write(ctx context.Context, step string, v uint16) error {
	d.w = [3]byte{regConfig, byte(v), byte(v >> 8)}
	return d.part.Tx(ctx, step, d.w[:], nil)
}
