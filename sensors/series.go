package sensors

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"pinhole/sensors/clock"
)

// errorEvery is how often a failure that lasts is reported again.
const errorEvery = 10 * time.Minute

// maxBump is the largest step back of a trusted clock that is bridged by numbering on from the last time. A larger one makes
// the time doubtful, and the reading says so.
const maxBump = time.Second

// series is one quantity of one sensor, between two readings of it.
type series struct {
	sensor   string // as published
	from     string // Measurement.Sensor and Channel, to find it again
	channel  string
	quantity Quantity
	chain    *Chain

	failing  Class // of the last measurement; "" while it is good
	reported int64 // when the failure was last reported, boot time in ns
	last     int64 // wall time of the last trusted reading, ns
}

// stage turns the measurements of one sensor into readings: filters, the throttle of errors, names and times.
type stage struct {
	name   string
	specs  []FilterSpec
	clock  *clock.Clock
	log    *slog.Logger
	series []*series
	index  map[[3]string]*series // nil: few enough to look through
	work   Measurement           // the one in hand; here, because what filters see would otherwise be allocated for each
}

// fewSeries are looked through faster than a map is, and cost no memory. Most sensors have one to three, a 1-Wire bus or a tape many.
const fewSeries = 8

// find returns the series of m; hint is its place in the usual order.
func (st *stage) find(m *Measurement, hint int) *series {
	if hint < len(st.series) {
		if s := st.series[hint]; s.quantity == m.Quantity && s.channel == m.Channel && s.from == m.Sensor {
			return s
		}
	}
	key := func(s *series) [3]string { return [3]string{s.from, s.channel, string(s.quantity)} }
	if st.index == nil {
		for _, s := range st.series {
			if s.quantity == m.Quantity && s.channel == m.Channel && s.from == m.Sensor {
				return s
			}
		}
	} else if s := st.index[[3]string{m.Sensor, m.Channel, string(m.Quantity)}]; s != nil {
		return s
	}
	name := st.name
	if m.Sensor != "" {
		name = m.Sensor
	}
	if m.Channel != "" {
		name += "." + m.Channel
	}
	s := &series{sensor: name, from: m.Sensor, channel: m.Channel, quantity: m.Quantity, chain: NewChain(st.specs)}
	st.series = append(st.series, s)
	switch {
	case st.index != nil:
		st.index[key(s)] = s
	case len(st.series) > fewSeries:
		st.index = make(map[[3]string]*series, len(st.series))
		for _, s := range st.series {
			st.index[key(s)] = s
		}
	}
	return s
}

// reports tells whether there is a series of q.
func (st *stage) reports(q Quantity) bool {
	for _, s := range st.series {
		if s.quantity == q {
			return true
		}
	}
	return false
}

// reading applies everything to one measurement that was taken at now. ok is false when nothing is to be reported: a filter holds
// the value back, or the failure is known already.
func (st *stage) reading(m Measurement, hint int, now clock.Stamp) (r Reading, ok bool) {
	st.work = m
	s, w := st.find(&st.work, hint), &st.work
	pass := true
	if w.Err == "" {
		pass = s.chain.Apply(w, now.Boot)
	}
	if w.Err != "" {
		if w.Cause != nil {
			st.explain(s, w)
		}
		return st.failure(s, w.Err, now)
	}
	s.failing = ""
	if !pass {
		return Reading{}, false
	}
	return Reading{Sensor: s.sensor, Quantity: s.quantity, Value: w.Value, Stamp: st.stamp(s, w, now)}, true
}

// explain logs why a quantity has no value: the first time aloud.
func (st *stage) explain(s *series, m *Measurement) {
	level := slog.LevelDebug
	if s.failing == "" {
		level = slog.LevelWarn
	}
	attrs := []any{"quantity", m.Quantity, "class", m.Err, "error", m.Cause}
	st.log.Log(context.Background(), level, "no value", hinted(attrs, m.Cause)...)
}

// hinted adds what a person can do about err.
func hinted(attrs []any, err error) []any {
	if e, ok := errors.AsType[*Error](err); ok && e.Hint != "" {
		attrs = append(attrs, "hint", e.Hint)
	}
	return attrs
}

// failure reports that s has no value: at the first failure and every errorEvery while it lasts.
func (st *stage) failure(s *series, c Class, now clock.Stamp) (r Reading, ok bool) {
	if s.failing != "" && now.Boot-s.reported < int64(errorEvery) {
		s.failing = c
		return Reading{}, false
	}
	s.failing, s.reported = c, now.Boot
	s.chain.Fail()
	return Reading{Sensor: s.sensor, Quantity: s.quantity, Err: c, Stamp: st.stamp(s, &Measurement{}, now)}, true
}

// stamp gives the reading its time: the source's own where it has one, else now to the millisecond. Trusted times of one series
// strictly increase.
func (st *stage) stamp(s *series, m *Measurement, now clock.Stamp) clock.Stamp {
	step := int64(time.Microsecond)
	t := now
	switch {
	case !m.Time.IsZero():
		t.Wall, t.Synced = m.Time.UnixNano()/step*step, true
	case m.Mono != 0:
		t = st.clock.At(m.Mono)
		cut := t.Wall % step
		t.Wall, t.Boot = t.Wall-cut, t.Boot-cut
	default:
		step = int64(time.Millisecond)
		cut := t.Wall % step
		t.Wall, t.Boot = t.Wall-cut, t.Boot-cut
	}
	if !t.Synced {
		return t
	}
	if t.Wall <= s.last {
		if s.last-t.Wall >= int64(maxBump) && m.Time.IsZero() {
			t.Synced = false
			return t
		}
		t.Wall = s.last + step
	}
	s.last = t.Wall
	return t
}
