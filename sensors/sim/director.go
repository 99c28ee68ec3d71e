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
	if Rises(q) {
		if v, ok := d.total(q, place, since); ok {
			return v
		}
		return d.base.Value(q, place, t)
	}
	if s, within := d.setting(q, place, since); s != nil {
		return s.Signal.At(within)
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
	first float64   // what the weather's meter showed
	kept  []float64 // sums at each ten minutes
	n     int64     // ticks that are in sum
	sum   float64
}

// total is what a meter shows; ok is false if no setting is about it.
func (d *director) total(q sensors.Quantity, place string, since time.Duration) (v float64, ok bool) {
	for i := range d.script.Settings {
		if ok = d.script.Settings[i].covers(q, place); ok {
			break
		}
	}
	if !ok {
		return 0, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.meters[meterKey{q, place}]
	if m == nil {
		m = &meter{first: d.base.Value(q, place, d.begin), kept: []float64{0}}
		d.meters[meterKey{q, place}] = m
	}
	n := int64(max(since, 0) / tick)
	if n < m.n {
		k := n / tenMinutes
		m.n, m.sum = k*tenMinutes, m.kept[k]
	}
	for ; m.n < n; m.n++ {
		if m.n%tenMinutes == 0 && m.n/tenMinutes == int64(len(m.kept)) {
			m.kept = append(m.kept, m.sum)
		}
		m.sum += d.rise(q, place, m.n)
	}
	v = m.first + m.sum + d.rise(q, place, n)*float64(max(since, 0)%tick)/float64(tick)
	if q == sensors.Count {
		v = math.Floor(v + 1e-9)
	}
	return v, true
}

// rise is by how much a total rises in its n-th tick.
func (d *director) rise(q sensors.Quantity, place string, n int64) float64 {
	at := time.Duration(n) * tick
	if s, within := d.setting(q, place, at+tick/2); s != nil {
		return max(s.Signal.At(within), 0) * tick.Hours()
	}
	from, to := d.begin.Add(at), d.begin.Add(at+tick)
	return d.base.Value(q, place, to) - d.base.Value(q, place, from)
}
