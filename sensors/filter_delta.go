package sensors

import "math"

// delta holds a value back until it differs from the last one that it let through by its change at least; the first value and
// the one after an error always pass. Of a boolean quantity every change passes. A percentage is one of the last value let
// through, and next to 0 every change is large enough. With a heartbeat a value also passes when the last one that did is that
// old: values must come oftener than the heartbeat for it to beat on time, for it repeats what was measured, not what was said.
type delta struct {
	change    float64
	percent   bool
	heartbeat int64 // ns; 0: none

	known bool // last is the value that was reported last
	last  float64
	at    int64
}

func (f *delta) apply(m *Measurement, now int64) verdict {
	if f.known && !f.large(m) && !f.due(now) {
		return hold
	}
	f.known, f.last, f.at = true, m.Value, now
	return pass
}

// large reports whether the value differs enough. Both sides are tidied: 21.4 differs from 21.2 by 0.2, though not in binary.
func (f *delta) large(m *Measurement) bool {
	change := f.change
	switch {
	case m.Quantity.Boolean():
		return m.Value != f.last
	case f.percent:
		change *= math.Abs(f.last) / 100
	}
	diff := math.Abs(m.Value - f.last)
	return diff > 0 && Tidy(diff) >= Tidy(change)
}

func (f *delta) due(now int64) bool {
	if now < f.at { // a source whose time went back
		f.at = now
	}
	return f.heartbeat > 0 && now+slackOf(f.heartbeat)-f.at >= f.heartbeat
}
