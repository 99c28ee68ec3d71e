// Package htu21d reads TE Connectivity's HTU21D, Sensirion's SHT20, SHT21 and SHT25, and Silicon Labs' Si7021, Si7020 and
// Si7013 (temperature, humidity) on I2C. They speak the same language.
//
// Datasheets: "HTU21D(F) Sensor" HPC199, "Datasheet SHT21" version 4, "Si7021-A20" revision 1.2. Address: 0x40, always. Range
// -40 to 125 Cel, 0 to 100 %RH.
//
// Each Sense measures temperature, then humidity, without holding the master, which Raspberry Pis up to the 4 get wrong. The
// times are those of the slowest of the parts. Each answer carries a checksum; as it starts at 0, it is right for a bus that is
// held low, which is therefore looked for. Two bits of an answer should say which of the two it is, but the examples in
// HTU21D's datasheet have them otherwise than its text, so they are not relied on.
//
// It leaves to others: the heater, and resolutions below the highest.
package htu21d

import (
	"context"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensirion"
)

// Commands and bits: HTU21D section "Communication protocol", SHT21 chapter 5.
const (
	cmdReset       = 0xFE
	cmdTemperature = 0xF3 // no hold master
	cmdHumidity    = 0xF5
	cmdReadUser    = 0xE7
	cmdWriteUser   = 0xE6

	userOnce       = 1 << 1 // settings are not fetched anew before each measurement; set unless somebody cleared it
	userHeater     = 1 << 2
	userResolution = 1<<7 | 1<<0 // 0: 12 bits of humidity, 14 of temperature

	statusMask = 3 // of an answer
)

// Times, with a margin: the longest of the three datasheets, which is SHT21's.
const (
	resetTime       = 17 * time.Millisecond // at most 15 ms
	temperatureTime = 90 * time.Millisecond // at most 85 ms
	humidityTime    = 32 * time.Millisecond // at most 29 ms; Si7021 measures temperature too, at most 22.8 ms
)

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	part  *kind.Part
	ready bool // initialised, and no transfer has failed since
	w     [2]byte
	r     [2][3]byte
	out   [2]sensors.Measurement
}

func open(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
	part, err := kind.OpenPart(b, "htu21d", p)
	if err != nil {
		return nil, err
	}
	d := &Dev{part: part}
	if err := d.init(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// init resets the part, which sets the resolution, and switches the heater off, which the reset leaves as it is.
func (d *Dev) init(ctx context.Context) error {
	// A measurement may be under way from when things went wrong, or from another process.
	if err := d.part.Wait(ctx, "wait for the part", temperatureTime); err != nil {
		return err
	}
	d.w[0] = cmdReset
	if err := d.part.Tx(ctx, "reset", d.w[:1], nil); err != nil {
		return err
	}
	if err := d.part.Wait(ctx, "wait for the reset", resetTime); err != nil {
		return err
	}
	user, err := d.user(ctx)
	if err != nil {
		return err
	}
	const step = "switch the heater off"
	if user&(userHeater|userResolution) != 0 {
		d.w = [2]byte{cmdWriteUser, user &^ (userHeater | userResolution)}
		if err := d.part.Tx(ctx, step, d.w[:], nil); err != nil {
			return err
		}
		if user, err = d.user(ctx); err != nil {
			return err
		}
	}
	if user&(userHeater|userResolution) != 0 {
		return d.part.Errorf(sensors.IO, step, "user register 0x%02x: it stays on, or the resolution low", user)
	}
	d.ready = true
	return nil
}

// user reads the user register, twice as it has no checksum.
func (d *Dev) user(ctx context.Context) (byte, error) {
	const step = "read user register"
	for i := range d.r {
		d.w[0] = cmdReadUser
		if err := d.part.Tx(ctx, step, d.w[:1], d.r[i][:1]); err != nil {
			return 0, err
		}
	}
	if d.r[0][0] != d.r[1][0] {
		return 0, d.part.Errorf(sensors.CRC, step, "read twice, it differs")
	}
	return d.r[0][0], nil
}

// Sense makes one measurement of both. It takes 122 ms.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	if !d.ready {
		if err := d.init(ctx); err != nil {
			return nil, err
		}
	}
	d.ready = false // until everything has gone well: what follows a failure begins from scratch
	rawT, err := d.measure(ctx, "measure temperature", cmdTemperature, temperatureTime)
	if err != nil {
		return nil, err
	}
	rawH, err := d.measure(ctx, "measure humidity", cmdHumidity, humidityTime)
	if err != nil {
		return nil, err
	}
	d.ready = true
	return d.convert(rawT, rawH)
}

// measure returns a raw value of 16 bits, the two status bits cleared.
func (d *Dev) measure(ctx context.Context, step string, command byte, takes time.Duration) (uint16, error) {
	d.w[0] = command
	if err := d.part.Tx(ctx, step, d.w[:1], nil); err != nil {
		return 0, err
	}
	if err := d.part.Wait(ctx, step, takes); err != nil {
		return 0, err
	}
	b := d.r[0][:]
	if err := sensirion.Receive(ctx, d.part, step, b); err != nil {
		return 0, err
	}
	if sum := sensirion.Sum(0, b[:2]); sum != b[2] {
		return 0, d.part.Errorf(sensors.CRC, step, "checksum 0x%02x behind % x, should be 0x%02x", b[2], b[:2], sum)
	}
	raw := uint16(b[0])<<8 | uint16(b[1])
	if raw == 0 {
		return 0, d.part.Errorf(sensors.IO, step, "all bits are 0: something holds the data line low")
	}
	return raw &^ statusMask, nil
}

// What the parts measure: SHT21 chapter 1.
const (
	minCenti, maxCenti = -4000, 12500 // 1/100 Cel
	beyond             = 500          // 1/100 %RH that noise and tolerance may exceed 0 and 100 by
)

// convert turns raw values of 16 bits into measurements, by the formulas of SHT21 chapter 6, which are HTU21D's and Si7021's
// too. Without a temperature there is nothing.
func (d *Dev) convert(rawT, rawH uint16) ([]sensors.Measurement, error) {
	t := centiCelsius(rawT)
	if t < minCenti || t > maxCenti {
		return nil, d.part.Errorf(sensors.Range, "convert temperature", "%.2f Cel (raw 0x%04x) is outside of -40 to 125",
			float64(t)/100, rawT)
	}
	m := sensors.Measurement{Quantity: sensors.RelativeHumidity}
	if h := centiHumidity(rawH); h < -beyond || h > 10000+beyond {
		m.Err = sensors.Range
	} else {
		m.Value = float64(min(max(h, 0), 10000)) / 100
	}
	return append(d.out[:0], sensors.Measurement{Quantity: sensors.Temperature, Value: float64(t) / 100}, m), nil
}

// centiCelsius returns 1/100 Cel.
func centiCelsius(raw uint16) int64 { return (int64(raw)*17572+32768)>>16 - 4685 }

// centiHumidity returns 1/100 %RH, -600 to 11900.
func centiHumidity(raw uint16) int64 { return (int64(raw)*12500+32768)>>16 - 600 }

// Close has nothing to switch off: the part rests when it does not measure.
func (d *Dev) Close() error {
	d.ready = false
	return nil
}
