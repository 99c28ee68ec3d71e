// Package sensors holds what every sensor has in common: the reading, the closed table of quantities and units, the two
// interfaces that a driver implements, the filters, and the sampler that calls drivers on time.
//
// It promises that a value which leaves it was measured, lies in its quantity's unit and is finite, and that a failure leaves
// it as an error with a class, never as a plausible value. It imports no hardware package: the drivers below this folder do,
// and package all lists them. What becomes of a reading afterwards is package publisher's business.
package sensors

import (
	"context"
	"time"

	"pinhole/sensors/clock"
)

// Measurement is what a driver returns: one value of one quantity, in that quantity's unit.
type Measurement struct {
	Quantity Quantity
	Value    float64 // finite; 1 or 0 for a boolean quantity
	Err      Class   // not "": this quantity alone failed (a saturated channel, say) and Value means nothing
	Cause    error   // beside Err, for the log: what happened; may be nil
	Channel  string  // appended to the sensor's name after a dot where a part has several of one quantity; "" as a rule

	// Where the source knows the instant better than the sampler. All zero: the sampler stamps it.
	Mono   int64     // CLOCK_MONOTONIC in nanoseconds, as the kernel stamped an event
	Time   time.Time // wall time carried by the source itself (replay)
	Sensor string    // replaces the configured name (replay)
}

// Reading is a measurement with its name and its time: what is numbered, stored and sent.
type Reading struct {
	Sensor   string
	Quantity Quantity
	Value    float64 // finite, unless Err is set; 1 or 0 for a boolean quantity
	Err      Class   // "" or why there is no value
	Stamp    clock.Stamp
}

// Sensor is a polled part. One Sense is one physical measurement: all its quantities belong to the same instant.
//
// The sampler calls Sense and Close from one goroutine at a time. The slice stays the driver's own and may be reused at the
// next call. On an error the slice is nil: a driver never hands out a plausible value beside an error. ctx carries the
// deadline of this one measurement; drivers bound their own waits by it. An error is classified by ClassOf.
type Sensor interface {
	Sense(ctx context.Context) ([]Measurement, error)
	Close() error // leaves the part idle; safe to call twice
}

// Watcher is an event-driven part: edges of a line, a file that is played back.
//
// Watch blocks until ctx ends (then it returns nil), the source ends (nil) or it fails (the error; the sampler opens the part
// again with backoff). emit may be called from Watch's goroutine only and does not keep m.
type Watcher interface {
	Watch(ctx context.Context, emit func(m Measurement)) error
	Close() error
}
