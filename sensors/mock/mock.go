// Package mock is the kind `mock`: a sensor without hardware, whose values are computed and whose faults are made to order. It is
// for trying out a configuration, for load tests and for end-to-end tests.
//
// It promises that its values are functions of its keys: of the time since it was opened (sine, ramp, square), or of the number
// of good readings before (walk, counter). A reading that fails changes nothing of what follows. Name, time and sending are
// left to others, as with every driver.
package mock

import (
	"context"
	"errors"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// mock is one opened sensor. It implements sensors.Sensor and allocates nothing per reading.
type mock struct {
	course course
	start  time.Time
	list   [1]sensors.Measurement

	every uint64 // every how manyth Sense fails; 0: none
	hang  bool   // it fails by hanging
	calls uint64
	good  uint64 // readings that did not fail
}

// open is the kind's Open.
func open(_ context.Context, _ kind.Board, p kind.Params) (any, error) {
	m := &mock{course: newCourse(p), start: time.Now()}
	m.list[0].Quantity = quantity(p)
	faults := p.Map("faults")
	m.every, m.hang = uint64(faults.Int("every")), faults.String("kind") == hang
	return m, nil
}

// errInjected is the cause of the failures that were asked for.
var errInjected = &sensors.Error{
	Class: sensors.IO, Op: "mock", Err: errors.New("injected fault"), Hint: "the key faults asked for it",
}

// Sense gives the next value, or fails, or hangs until ctx ends.
func (m *mock) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	m.calls++
	if m.every > 0 && m.calls%m.every == 0 {
		if !m.hang {
			return nil, errInjected
		}
		<-ctx.Done()
	}
	if err := ctx.Err(); err != nil {
		return nil, &sensors.Error{Class: sensors.Timeout, Op: "mock", Err: err}
	}
	m.list[0].Value = m.course.at(time.Since(m.start), m.good)
	m.good++
	return m.list[:], nil
}

// Close has nothing to let go of.
func (m *mock) Close() error { return nil }
