package mock

import (
	"math/rand/v2"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/signal"
)

// counter is a shape that only a mock has.
const counter = "counter"

// course computes values: those of a signal, or for walk and counter by the number of readings.
type course struct {
	signal.Signal
	random *rand.Rand // walk
	place  float64    // walk: where it is
}

func newCourse(p kind.Params) course {
	keys := p.Map("signal")
	or := func(key string, v float64) float64 {
		if keys.Has(key) {
			return keys.Float(key)
		}
		return v
	}
	s := course{Signal: signal.Signal{Shape: shape(p), Period: keys.Duration("period")}}
	if quantity(p).Boolean() {
		s.Value, s.Min, s.Max = or("value", 1), 0, 1
	} else {
		s.Value = or("value", signal.DefaultValue)
		s.Min, s.Max = or("min", signal.DefaultMin), or("max", signal.DefaultMax)
	}
	if s.Period <= 0 {
		s.Period = signal.DefaultPeriod
	}
	s.Step = or("step", (s.Max-s.Min)/50)
	s.place = s.Min + (s.Max-s.Min)/2
	s.random = rand.New(rand.NewPCG(uint64(keys.Int("seed")), 0))
	return s
}

// shape is the configured shape; left out, it is one that suits the quantity.
func shape(p kind.Params) string {
	switch s := p.Map("signal").String("shape"); {
	case s != "":
		return s
	case quantity(p).Boolean():
		return signal.Square
	}
	return signal.Sine
}

// quantity is the configured quantity.
func quantity(p kind.Params) sensors.Quantity {
	if q := p.String("quantity"); q != "" {
		return sensors.Quantity(q)
	}
	return sensors.Temperature
}

// at returns the value at a time after the start, good readings having been taken before.
func (s *course) at(t time.Duration, good uint64) float64 {
	switch s.Shape {
	case counter:
		return float64(good)
	case signal.Walk:
		v := s.place
		s.place += s.Step * (2*s.random.Float64() - 1)
		if s.place > s.Max { // it bounces off its bounds
			s.place = max(2*s.Max-s.place, s.Min)
		}
		if s.place < s.Min {
			s.place = min(2*s.Min-s.place, s.Max)
		}
		return signal.Tidy(v)
	}
	return s.At(t)
}
