package sim

import (
	"math"
	"slices"
	"strings"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/signal"
)

// Script directs a simulated board: what holds where and when instead of the weather, and what goes wrong. The zero value directs
// nothing.
type Script struct {
	Seed     uint64        // of the weather
	Speed    float64       // how fast the script's time goes, and the day with it; 0 means 1
	Repeat   time.Duration // by its own time, the script begins anew after it; 0: never
	Settings []Setting     // where several hold, the last one counts
	Mishaps  []Mishap      // where several happen to one part, the first one counts
}

// When is a time in a script, counted from its beginning: from At on, for For, and again every Every.
type When struct {
	At    time.Duration
	For   time.Duration // 0: to the end, or for a moment where that makes sense
	Every time.Duration // from one beginning to the next; 0: once
}

// Setting says what a quantity is.
type Setting struct {
	When
	Quantity sensors.Quantity
	Places   []string // nil: everywhere; a place covers what lies below it: "i2c-1/0x40" covers "i2c-1/0x40.2"
	Channel  string   // only this channel of a part; "": all
	// Signal begins anew with each beginning of When. Of a quantity that is a rising total it is the rise in an hour.
	Signal signal.Signal
}

// flow is a rising total with its rate.
type flow struct {
	total, rate sensors.Quantity
	perHour     float64 // by how much the total rises in an hour at a rate of 1
}

var flows = [...]flow{
	{sensors.Energy, sensors.Power, 1},          // Wh, W
	{sensors.Volume, sensors.FlowRate, 3.6},     // m3, l/s
	{sensors.Rainfall, sensors.RainfallRate, 1}, // mm, mm/h
	{sensors.Count, sensors.Frequency, 3600},    // Hz
}

// flowOf finds what a quantity is the total or the rate of; nil for others.
func flowOf(q sensors.Quantity) *flow {
	for i := range flows {
		if f := &flows[i]; f.total == q || f.rate == q {
			return f
		}
	}
	return nil
}

// Rises reports whether a quantity is a total whose settings say how fast it rises.
func Rises(q sensors.Quantity) bool {
	f := flowOf(q)
	return f != nil && f.total == q
}

// covers reports whether a setting is about a quantity at a place.
func (s *Setting) covers(q sensors.Quantity, place string) bool {
	if s.Quantity != q {
		return false
	}
	if s.Places == nil {
		return true
	}
	return slices.ContainsFunc(s.Places, func(p string) bool {
		below, ok := strings.CutPrefix(place, p)
		if !ok {
			return false
		}
		if s.Channel != "" {
			return below == "."+s.Channel || below == "/"+s.Channel || below == "/ch"+s.Channel
		}
		return below == "" || below[0] == '.' || below[0] == '/' || strings.HasSuffix(p, "/")
	})
}

// moment is what a When says about an instant, in time since the script's beginning.
type moment struct {
	n     int64         // how many times it has begun
	on    bool          // it lasts
	start time.Duration // of the last one that has begun
	end   time.Duration // of that one; forever if it has none
	until time.Duration // nothing changes before; forever if nothing changes at all
}

const forever = time.Duration(math.MaxInt64)

// at tells what holds at t. repeat is the script's.
func (w *When) at(t, repeat time.Duration) (m moment) {
	if repeat <= 0 {
		return w.once(t)
	}
	round := t / repeat
	begin := round * repeat
	each := int64(0) // how many times it begins in a round
	switch {
	case w.At >= repeat:
	case w.Every > 0:
		each = int64((repeat-1-w.At)/w.Every) + 1
	default:
		each = 1
	}
	m = w.once(t - begin)
	if m.n == 0 && round > 0 && each > 0 { // the last one of the round before
		m = w.once(repeat - 1)
		m.on, m.n = false, 0
		begin -= repeat
		m.until = repeat + w.At
		m.end = min(m.end, repeat)
	} else {
		m.until, m.end = min(m.until, repeat), min(m.end, repeat)
	}
	m.n += int64(round) * each
	m.start, m.end, m.until = m.start+begin, m.end+begin, m.until+begin
	return m
}

// once is at without repeat.
func (w *When) once(t time.Duration) (m moment) {
	if t < w.At {
		return moment{end: forever, until: w.At}
	}
	m = moment{n: 1, start: w.At, end: forever, until: forever}
	if w.Every > 0 {
		n := (t - w.At) / w.Every
		m.n, m.start = int64(n)+1, w.At+n*w.Every
		m.until = m.start + w.Every
	}
	if w.For > 0 {
		m.end = m.start + w.For
	} else if w.Every > 0 {
		m.end = m.until
	}
	if m.on = t < m.end; m.on {
		m.until = min(m.until, m.end)
	}
	return m
}

// timing turns time into the script's and back.
type timing struct {
	begin  time.Time
	speed  float64
	repeat time.Duration
}

func (s *Script) timing(begin time.Time) timing {
	if s.Speed <= 0 {
		return timing{begin, 1, s.Repeat}
	}
	return timing{begin, s.Speed, s.Repeat}
}

// since is how much of the script has passed at an instant.
func (c *timing) since(t time.Time) time.Duration {
	d := max(t.Sub(c.begin), 0)
	if c.speed != 1 {
		d = time.Duration(float64(d) * c.speed)
	}
	return d
}

// when is the instant at which so much of the script has passed; never is the zero time.
func (c *timing) when(d time.Duration) time.Time {
	switch {
	case d == forever:
		return time.Time{}
	case c.speed != 1:
		real := math.Ceil(float64(d) / c.speed)
		if real >= math.MaxInt64 {
			return time.Time{}
		}
		d = time.Duration(real)
	}
	return c.begin.Add(d)
}
