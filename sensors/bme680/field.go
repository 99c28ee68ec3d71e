package bme680

import (
	"math"

	"pinhole/sensors"
)

// What the parts measure: DS001 tables 2 to 6.
const (
	minCelsius, maxCelsius   = -40.0, 85.0
	minPressure, maxPressure = 30000.0, 110000.0
	beyond                   = 5.0 // %RH that noise and hysteresis may exceed 0 and 100 by
	skipped20, skipped16     = 0x80000, 0x8000
)

// convert turns the 17 registers of a measurement into values. Without a temperature there is nothing; another value that cannot
// be is an error of its own.
func (d *Dev) convert(f *[17]byte) ([]sensors.Measurement, error) {
	rawP := uint32(f[2])<<12 | uint32(f[3])<<4 | uint32(f[4])>>4
	rawT := uint32(f[5])<<12 | uint32(f[6])<<4 | uint32(f[7])>>4
	rawH := uint32(f[8])<<8 | uint32(f[9])
	fine := d.cal.fine(rawT)
	t := math.Round(fine/51.2) / 100
	if rawT == skipped20 || !(t >= minCelsius && t <= maxCelsius) {
		return nil, d.part.Errorf(sensors.Range, "convert temperature", "%.2f Cel (raw 0x%05x) is outside of -40 to 85", t, rawT)
	}
	humidity := sensors.Measurement{Quantity: sensors.RelativeHumidity}
	if h := d.cal.humidity(rawH, fine); rawH == skipped16 || !(h >= -beyond && h <= 100+beyond) {
		humidity.Err = sensors.Range
	} else {
		humidity.Value = math.Round(min(max(h, 0), 100)*100) / 100
	}
	pressure := sensors.Measurement{Quantity: sensors.Pressure}
	if p := math.Round(d.cal.pascal(rawP, fine)*10) / 10; rawP == skipped20 || !(p >= minPressure && p <= maxPressure) {
		pressure.Err = sensors.Range
	} else {
		pressure.Value = p
	}
	return append(d.out[:0], sensors.Measurement{Quantity: sensors.Temperature, Value: t}, humidity, pressure, d.gas(f)), nil
}

// gas is at other registers in a BME688. Both ends of its scale are no values.
func (d *Dev) gas(f *[17]byte) sensors.Measurement {
	m := sensors.Measurement{Quantity: sensors.GasResistance}
	hi, lo := f[13], f[14]
	if d.is688 {
		hi, lo = f[15], f[16]
	}
	raw, r := uint32(hi)<<2|uint32(lo)>>6, int(lo&15)
	switch {
	case lo&valid == 0, raw == 0, raw == 0x3FF:
		m.Err = sensors.Range
	case lo&stable == 0:
		m.Err = sensors.Warmup
	default:
		ohm := d.cal.ohm(raw, r)
		if d.is688 {
			ohm = ohm688(raw, r)
		}
		m.Value = math.Round(ohm)
	}
	return m
}
