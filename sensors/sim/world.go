package sim

import (
	"time"

	"pinhole/sensors"
)

// World is the physical truth around the board. Both methods are pure functions of time: asked again, they say the same.
// They are called concurrently.
type World interface {
	// Value is a quantity at a place, in the quantity's unit.
	Value(q sensors.Quantity, place string, t time.Time) float64
	// Switch tells whether a two-state quantity is on at a place (a contact closed, something moving), and until when at least.
	Switch(q sensors.Quantity, place string, t time.Time) (on bool, until time.Time)
}

// Still is a world in which nothing moves, for tests: a value for each quantity, and switches that are off.
type Still map[sensors.Quantity]float64

// Value returns the quantity's value, 0 if it has none.
func (s Still) Value(q sensors.Quantity, _ string, _ time.Time) float64 { return s[q] }

// Switch is on where the quantity's value is not 0.
func (s Still) Switch(q sensors.Quantity, _ string, t time.Time) (on bool, until time.Time) {
	return s[q] != 0, t.Add(24 * time.Hour)
}
