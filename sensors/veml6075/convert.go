package veml6075

import (
	"math"

	"pinhole/sensors"
)

// Vishay's coefficients for a part without a cover, 100 ms and the normal dynamic setting (document 84339). What leaks of visible
// light and of infrared into UVA and UVB:
const (
	lightInUVA, heatInUVA = 2.22, 1.33
	lightInUVB, heatInUVB = 2.95, 1.74
)

// UV index of a count.
const (
	perUVA = 0.001461
	perUVB = 0.002591
)

// What is believed: the index has never been measured above 43 on earth, and what lies below 0 by no more than this is noise of the
// channels that are taken off.
const (
	highest = 45
	noise   = 0.3
)

// convert makes the measurements. The index has an error of its own where the formula does not hold.
func (d *Dev) convert(c counts) ([]sensors.Measurement, error) {
	const step = "convert"
	if max(c.uva, c.uvb, c.light, c.heat) == saturated {
		return nil, d.part.Errorf(sensors.Range, step, "%d, %d, %d and %d counts: more light than the scale has", c.uva, c.uvb, c.light, c.heat)
	}
	d.out = [3]sensors.Measurement{
		{Quantity: sensors.UVIndex},
		{Quantity: sensors.Raw, Channel: "uva", Value: float64(c.uva)},
		{Quantity: sensors.Raw, Channel: "uvb", Value: float64(c.uvb)},
	}
	index := uvIndex(c)
	if index < -noise || index > highest {
		e := d.part.Errorf(sensors.Range, step, "a UV index of %.2f cannot be (%d, %d, %d and %d counts)", index, c.uva, c.uvb, c.light, c.heat)
		e.Hint = "the formula is for sunlight, and a part without a cover: lamps and glass upset it"
		d.out[0].Err, d.out[0].Cause = sensors.Range, e
		return d.out[:], nil
	}
	d.out[0].Value = max(math.Round(index*1000)/1000, 0)
	return d.out[:], nil
}

// uvIndex is the mean of what each band alone would say, after the leaks have been taken off.
func uvIndex(c counts) float64 {
	light, heat := float64(c.light), float64(c.heat)
	uva := float64(c.uva) - lightInUVA*light - heatInUVA*heat
	uvb := float64(c.uvb) - lightInUVB*light - heatInUVB*heat
	return (uva*perUVA + uvb*perUVB) / 2
}
