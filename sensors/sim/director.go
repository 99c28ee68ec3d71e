package sim

import (
	"math"
	"sync"
	"time"

	"pinhole/sensors"
)

// direct makes the world of a script that begins at an instant.
func direct(s *Script, begin time.Time) World {
	d := &director{script: s, timing: s.timing(begin), meters: map[meterKey]*meter{}}
	d.base = weather{seed: s.Seed, top: d}
	if d.speed == 1 {
		return d
	}
	return quick{d}
}

// director is a world that a script directs. It counts by the script's time: begin plus what of the script has passed.
type director struct {
	script *Script
	timing
	base weather

	mu     sync.Mutex
	meters map[meterKey]*meter
}

// quick is a director for whom time goes at another speed.
type quick struct{ d *director }

func (w quick) scripted(t time.Time) time.Time { return w.d.begin.Add(w.d.since(t)) }

func (w quick) Value(q sensors.Quantity, place string, t time.Time) float64 {
	return w.d.Value(q, place, w.scripted(t))
}

func (w quick) Switch(q sensors.Quantity, place string, t time.Time) (bool, time.Time) {
	on, until := w.d.Switch(q, place, w.scripted(t))
	real := w.d.when(until.Sub(w.d.begin))
	if !real.After(t) { // rounding
		real = t.Add(1)
	}
	return on, real
}

// Value implements World.
func (d *director) Value(q sensors.Quantity, place string, t time.Time) float64 {
	since := t.Sub(d.begin)
	f := flowOf(q)
	if f != nil && q == f.total {
		if v, ok := d.total(f, place, since); ok {
			return v
		}
		return d.base.Value(q, place, t)
	}
	if s, within := d.setting(q, place, since); s != nil {
		return s.Signal.At(within)
	}
	if f != nil {
		if s, within := d.setting(f.total, place, since); s != nil {
			return s.Signal.At(within) / f.perHour
		}
	}
	return d.base.Value(q, place, t)
}

// setting finds the last setting that holds, and how long it has.
func (d *director) setting(q sensors.Quantity, place string, since time.Duration) (s *Setting, within time.Duration) {
	for i := len(d.script.Settings) - 1; i >= 0; i-- {
		if s := &d.script.Settings[i]; s.covers(q, place) {
			if m := s.at(since, d.repeat); m.on {
				return s, since - m.start
			}
		}
	}
	return nil, 0
}

// rate tells how fast a total rises in an hour by the last setting that holds, of the total or of its rate; ok is false if none does.
func (d *director) rate(f *flow, place string, since time.Duration) (perHour float64, ok bool) {
	for i := len(d.script.Settings) - 1; i >= 0; i-- {
		s := &d.script.Settings[i]
		own := s.covers(f.total, place)
		if !own && !s.covers(f.rate, place) {
			continue
		}
		if m := s.at(since, d.repeat); m.on {
			v := max(s.Signal.At(since-m.start), 0)
			if !own {
				v *= f.perHour
			}
			return v, true
		}
	}
	return 0, false
}

// Switch implements World.
func (d *director) Switch(q sensors.Quantity, place string, t time.Time) (on bool, until time.Time) {
	on, until = d.base.Switch(q, place, t)
	since := t.Sub(d.begin)
	last := max(until.Sub(d.begin), 1)
	for i := range d.script.Settings {
		s := &d.script.Settings[i]
		if !s.covers(q, place) {
			continue
		}
		m := s.at(since, d.repeat)
		if m.on {
			on, last = s.Signal.At(since-m.start) != 0, forever
			if u, ok := s.Signal.Until(since - m.start); ok {
				last = m.start + u
			}
		}
		last = min(last, m.until)
	}
	return on, d.begin.Add(min(last, since+24*time.Hour))
}

// tick is the step in which rises are added up, and tenMinutes how many of them are between two sums that are kept.
const (
	tick       = 100 * time.Millisecond
	tenMinutes = int64(10 * time.Minute / tick)
)

type meterKey struct {
	q     sensors.Quantity
	place string
}

// meter adds up the rises of a total since the beginning of the script. Asked for an earlier time, it begins again at the last sum
// kept before, so that it is a function of time like everything here.
type meter struct {
	first  float64   // what the weather's meter showed
	kept   []float64 // sums at each ten minutes
	n      int64     // ticks that are in sum
	sum    float64
	before float64 // sum without the last tick: lines ask what is now and what is a little later
}

// total is what a meter shows; ok is false if no setting is about it.
func (d *director) total(f *flow, place string, since time.Duration) (v float64, ok bool) {
	for i := range d.script.Settings {
		if s := &d.script.Settings[i]; s.covers(f.total, place) || s.covers(f.rate, place) {
			ok = true
			break
		}
	}
	if !ok {
		return 0, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.meters[meterKey{f.total, place}]
	if m == nil {
		m = &meter{first: d.base.Value(f.total, place, d.begin), kept: []float64{0}}
		d.meters[meterKey{f.total, place}] = m
	}
	n := int64(max(since, 0) / tick)
	if n == m.n-1 && !math.IsNaN(m.before) {
		v = m.before
	} else {
		v = d.advance(m, f, place, n)
	}
	v += m.first + d.rise(f, place, n)*float64(max(since, 0)%tick)/float64(tick)
	if f.total == sensors.Count {
		v = math.Floor(v + 1e-6) // sums of tenths come out a little short
	}
	return v, true
}

// advance brings a meter to its n-th tick, forwards or back.
func (d *director) advance(m *meter, f *flow, place string, n int64) (sum float64) {
	if n < m.n {
		k := n / tenMinutes
		m.n, m.sum, m.before = k*tenMinutes, m.kept[k], math.NaN()
	}
	for ; m.n < n; m.n++ {
		if m.n%tenMinutes == 0 && m.n/tenMinutes == int64(len(m.kept)) {
			m.kept = append(m.kept, m.sum)
		}
		m.before = m.sum
		m.sum += d.rise(f, place, m.n)
	}
	return m.sum
}

// rise is by how much a total rises in its n-th tick.
func (d *director) rise(f *flow, place string, n int64) float64 {
	at := time.Duration(n) * tick
	if perHour, ok := d.rate(f, place, at+tick/2); ok {
		return perHour * tick.Hours()
	}
	from, to := d.begin.Add(at), d.begin.Add(at+tick)
	return d.base.Value(f.total, place, to) - d.base.Value(f.total, place, from)
}
