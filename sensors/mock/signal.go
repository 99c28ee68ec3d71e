package mock

import (
	"math"
	"math/rand/v2"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// The shapes.
const (
	constant = "constant"
	sine     = "sine"
	ramp     = "ramp"
	square   = "square"
	walk     = "walk"
	counter  = "counter"
)

// The defaults of numeric quantities: a mild day.
const (
	defaultValue  = 20
	defaultMin    = 15
	defaultMax    = 25
	defaultPeriod = time.Minute
)

// signal computes values.
type signal struct {
	shape    string
	boolean  bool
	value    float64 // constant
	min, max float64
	period   time.Duration
	step     float64    // walk: the longest, either way
	random   *rand.Rand // walk
	place    float64    // walk: where it is
}

func newSignal(p kind.Params) signal {
	keys := p.Map("signal")
	or := func(key string, v float64) float64 {
		if keys.Has(key) {
			return keys.Float(key)
		}
		return v
	}
	s := signal{shape: shape(p), boolean: quantity(p).Boolean(), period: keys.Duration("period")}
	if s.boolean {
		s.value, s.min, s.max = or("value", 1), 0, 1
	} else {
		s.value, s.min, s.max = or("value", defaultValue), or("min", defaultMin), or("max", defaultMax)
	}
	if s.period <= 0 {
		s.period = defaultPeriod
	}
	s.step = or("step", (s.max-s.min)/50)
	s.place = s.min + (s.max-s.min)/2
	s.random = rand.New(rand.NewPCG(uint64(keys.Int("seed")), 0))
	return s
}

// shape is the configured shape; left out, it is one that suits the quantity.
func shape(p kind.Params) string {
	switch s := p.Map("signal").String("shape"); {
	case s != "":
		return s
	case quantity(p).Boolean():
		return square
	}
	return sine
}

// quantity is the configured quantity.
func quantity(p kind.Params) sensors.Quantity {
	if q := p.String("quantity"); q != "" {
		return sensors.Quantity(q)
	}
	return sensors.Temperature
}

// at returns the value at a time after the start, good readings having been taken before.
func (s *signal) at(t time.Duration, good uint64) float64 {
	phase := float64(t%s.period) / float64(s.period)
	var v float64
	switch s.shape {
	case counter:
		return float64(good)
	case sine:
		v = s.min + (s.max-s.min)*(1+math.Sin(2*math.Pi*phase))/2
	case ramp:
		v = s.min + (s.max-s.min)*phase
	case square:
		v = s.min
		if phase < 0.5 {
			v = s.max
		}
	case walk:
		v = s.place
		s.place += s.step * (2*s.random.Float64() - 1)
		if s.place > s.max { // it bounces off its bounds
			s.place = max(2*s.max-s.place, s.min)
		}
		if s.place < s.min {
			s.place = min(2*s.min-s.place, s.max)
		}
	default:
		v = s.value
	}
	return tidy(v)
}

// tidy rounds to six decimals: what is computed is no more exact than what a part measures. Beyond 1e9 there is nothing to round.
func tidy(v float64) float64 {
	if math.Abs(v) >= 1e9 {
		return v
	}
	return math.Round(v*1e6) / 1e6
}
