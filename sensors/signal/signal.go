// Package signal computes the values of made-up signals: constant, sine, ramp and so on. The kind mock and the simulated board speak
// the same language by it, so whoever knows the keys of one knows those of the other.
//
// It promises that a Signal is a pure function of its fields and of the time since it began. Checking the fields, and what a value
// means, are left to others.
package signal

import (
	"math"
	"math/rand/v2"
	"time"
)

// The shapes.
const (
	Constant = "constant" // Value
	Sine     = "sine"     // begins in the middle and rises
	Ramp     = "ramp"     // rises from Min to Max and falls back at once
	Square   = "square"   // Max for half a period, then Min
	Walk     = "walk"     // wanders between Min and Max, by Step a second at most
	Points   = "points"   // straight from point to point
	Steps    = "steps"    // each point's value until the next
)

// The defaults of numeric quantities: a mild day.
const (
	DefaultValue  = 20
	DefaultMin    = 15
	DefaultMax    = 25
	DefaultPeriod = time.Minute
)

// Signal is a shape with its numbers.
type Signal struct {
	Shape    string
	Value    float64       // of Constant
	Min, Max float64       // of Sine, Ramp, Square and Walk
	Period   time.Duration // of Sine, Ramp and Square, above zero; Points and Steps begin anew after it unless it is 0
	Step     float64       // of Walk, above zero
	Seed     uint64        // of Walk
	Points   []Point       // of Points and Steps, in the order of time; at least one
}

// Point is a value at a time after the beginning. Before the first point its value holds, after the last one that one's.
type Point struct {
	At    time.Duration
	Value float64
}

// At returns the value at a time after the beginning.
func (s *Signal) At(t time.Duration) float64 {
	switch s.Shape {
	case Sine:
		return Tidy(s.Min + (s.Max-s.Min)*(1+math.Sin(2*math.Pi*s.phase(t)))/2)
	case Ramp:
		return Tidy(s.Min + (s.Max-s.Min)*s.phase(t))
	case Square:
		if s.phase(t) < 0.5 {
			return Tidy(s.Max)
		}
		return Tidy(s.Min)
	case Walk:
		return Tidy(s.walk(t))
	case Points, Steps:
		return Tidy(s.between(s.within(t)))
	}
	return Tidy(s.Value)
}

// Until tells how long after the beginning the value is sure to be what it is at t; ok is false if it stays so for ever. It is for
// shapes that jump; of the others it does not tell.
func (s *Signal) Until(t time.Duration) (until time.Duration, ok bool) {
	switch s.Shape {
	case Square:
		half := s.Period / 2
		begin := t - t%s.Period
		if t-begin < half {
			return begin + half, true
		}
		return begin + s.Period, true
	case Points, Steps:
		within := s.within(t)
		for _, p := range s.Points {
			if p.At > within {
				return t - within + p.At, true
			}
		}
		if s.Period > 0 {
			return t - within + s.Period, true
		}
	}
	return 0, false
}

// phase is the share of the period that has passed.
func (s *Signal) phase(t time.Duration) float64 { return float64(t%s.Period) / float64(s.Period) }

// within is the time since the points began, the last time.
func (s *Signal) within(t time.Duration) time.Duration {
	if s.Period > 0 {
		return t % s.Period
	}
	return t
}

func (s *Signal) between(t time.Duration) float64 {
	last := s.Points[0]
	for _, p := range s.Points {
		if p.At > t {
			if s.Shape == Steps || p.At == last.At {
				break
			}
			share := float64(t-last.At) / float64(p.At-last.At)
			return last.Value + (p.Value-last.Value)*min(max(share, 0), 1)
		}
		last = p
	}
	return last.Value
}

// walk goes smoothly from one random place to the next. On its steepest it rises half as fast again as on the average, which
// gives the time from place to place.
func (s *Signal) walk(t time.Duration) float64 {
	slots := t.Seconds() * s.Step / (1.5 * (s.Max - s.Min))
	n := math.Floor(slots)
	f := slots - n
	f = f * f * (3 - 2*f)
	place := func(n float64) float64 {
		p := rand.NewPCG(s.Seed, uint64(int64(n)))
		return float64(p.Uint64()>>11) / (1 << 53)
	}
	return s.Min + (s.Max-s.Min)*(place(n)*(1-f)+place(n+1)*f)
}

// Tidy rounds to six decimals: what is computed is no more exact than what a part measures. Beyond 1e9 there is nothing to round.
func Tidy(v float64) float64 {
	if math.Abs(v) >= 1e9 {
		return v
	}
	return math.Round(v*1e6) / 1e6
}
