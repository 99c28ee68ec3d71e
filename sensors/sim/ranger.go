package sim

import (
	"math"
	"sync"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// The times of an ultrasonic ranger: how long the trigger must be high, how long after it the echo line rises, and how long that
// is high when nothing comes back.
const (
	rangerTrigger = 10 * time.Microsecond
	rangerBurst   = 460 * time.Microsecond
	rangerGivesUp = 38 * time.Millisecond
)

// ranger is an HC-SR04: after a pulse on its trigger line, its echo line is high for as long as sound takes there and back.
type ranger struct {
	distance func(at time.Time) float64 // to what is in front of it, m
	speed    float64                    // of sound, m/s

	mu         sync.Mutex
	raised     time.Time // when the trigger went high; zero while it is low
	begin, end time.Time // of the echo
}

// attachRanger wires a ranger to its two lines. The air is as warm as its sensor was told.
func (b *Board) attachRanger(p kind.Params) error {
	trigger, err := b.pin(p.String("trigger"))
	if err != nil {
		return err
	}
	echo, err := b.pin(p.String("echo"))
	if err != nil {
		return err
	}
	const gamma, gas, molar = 1.4, 8.314462618, 0.0289645 // of air: an ideal diatomic gas
	place, world := p.String("echo"), &b.world
	r := &ranger{speed: math.Sqrt(gamma * gas * (p.Float("temperature") + 273.15) / molar)}
	r.distance = func(at time.Time) float64 { return world.Value(sensors.Distance, place, at) }
	echo.connect(r.level)
	trigger.wireOutput(func(at time.Time, high bool) {
		if r.trigger(at, high) {
			echo.touch()
		}
	})
	return nil
}

// trigger takes a change of the trigger line, and tells whether a burst goes out.
func (r *ranger) trigger(at time.Time, high bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if high {
		r.raised = at
		return false
	}
	long := !r.raised.IsZero() && at.Sub(r.raised) >= rangerTrigger
	r.raised = time.Time{}
	if !long || at.Before(r.end) {
		return false // too short, or it is still listening
	}
	flight := time.Duration(2 * r.distance(at) / r.speed * float64(time.Second))
	if flight <= 0 || flight > rangerGivesUp {
		flight = rangerGivesUp
	}
	r.begin = at.Add(rangerBurst)
	r.end = r.begin.Add(flight)
	return true
}

// level is that of the echo line.
func (r *ranger) level(at time.Time) (high bool, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case at.Before(r.begin):
		return false, r.begin
	case at.Before(r.end):
		return true, r.end
	}
	return false, at.Add(24 * time.Hour)
}
