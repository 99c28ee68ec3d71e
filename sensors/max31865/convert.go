package max31865

import "math"

// Callendar-Van Dusen, IEC 60751 for a coefficient of 0.00385: R = R0 (1 + A t + B t² + C (t - 100) t³), C only below 0 Cel.
const (
	coefficientA = 3.9083e-3
	coefficientB = -5.775e-7
	coefficientC = -4.183e-12
)

// The standard's range.
const minCelsius, maxCelsius = -200.0, 850.0

// relative is R/R0 at a temperature.
func relative(t float64) float64 {
	r := 1 + t*(coefficientA+t*coefficientB)
	if t < 0 {
		r += coefficientC * (t - 100) * t * t * t
	}
	return r
}

// celsius is the temperature at which R/R0 is r; ok is false outside of the standard's range. From 0 Cel on it is the root of a square
// equation. Below, Newton's method starts from that root, 2.5 Cel off at most, and is exact to a billionth after three steps.
func celsius(r float64) (t float64, ok bool) {
	if !(r >= relative(minCelsius) && r <= relative(maxCelsius)) {
		return 0, false
	}
	t = (-coefficientA + math.Sqrt(coefficientA*coefficientA-4*coefficientB*(1-r))) / (2 * coefficientB)
	if r < 1 {
		for range 4 {
			slope := coefficientA + 2*coefficientB*t + coefficientC*t*t*(4*t-300)
			t -= (relative(t) - r) / slope
		}
	}
	return t, true
}
