package pulse

import (
	"math"
	"strconv"
	"time"
)

// rate tells how many edges came a second over the last window.
//
// Counting alone is as coarse as one edge a window. Where the signal was there from end to end, the kernel's times tell it to the
// microsecond: so many edges in the time between the edge before the window and the last one in it. Where it began or ended
// within the window, those times would tell of the part in which it was there; as that contradicts the count by more than the two
// edges at the ends of the window, the count is taken.
type rate struct {
	window time.Duration
	slack  time.Duration // how much less than a window is a window
	marks  []mark        // the oldest begins the window
}

// mark is how things stood at a tick.
type mark struct {
	at          time.Time
	n           uint64
	last, first int64 // the kernel's times of the last edge before and of the first one after; see counter
}

// tick ends an interval. ok is false while nothing can be said: until a whole window has gone by, silence means nothing and one
// edge does not make a rate.
func (r *rate) tick(now time.Time, c *counter) (perSecond float64, ok bool) {
	if k := len(r.marks); k > 0 {
		r.marks[k-1].first = c.first
		begin := 0
		for begin+1 < k && now.Sub(r.marks[begin+1].at) >= r.window-r.slack {
			begin++
		}
		r.marks = append(r.marks[:0], r.marks[begin:]...)
		perSecond, ok = r.over(now, c)
	}
	r.marks = append(r.marks, mark{at: now, n: c.n, last: c.last})
	c.first = 0
	return perSecond, ok
}

// over is the rate since the oldest mark.
func (r *rate) over(now time.Time, c *counter) (perSecond float64, ok bool) {
	begin := r.marks[0]
	span := now.Sub(begin.at)
	edges := c.n - begin.n
	whole := span >= r.window-r.slack
	if span <= 0 || !whole && edges < 2 {
		return 0, false
	}
	counted := float64(edges) / span.Seconds()
	timed, ok := timed(begin.last, r.firstEdge(), c.last, edges, span)
	if !ok || math.Abs(timed-counted)*span.Seconds() > 2 {
		return counted, true
	}
	return timed, true
}

// firstEdge is the kernel's time of the first edge since the oldest mark.
func (r *rate) firstEdge() int64 {
	for _, m := range r.marks {
		if m.first != 0 {
			return m.first
		}
	}
	return 0
}

// timed is the rate of edges by their times: before the window, the first and the last within. The one before counts if it is no
// further away than a window, or the signal has only just begun.
func timed(before, first, last int64, edges uint64, span time.Duration) (perSecond float64, ok bool) {
	switch {
	case edges == 0 || first <= 0:
	case before > 0 && first-before <= int64(span) && last > before:
		return float64(edges) / (float64(last-before) / 1e9), true
	case edges > 1 && last > first:
		return float64(edges-1) / (float64(last-first) / 1e9), true
	}
	return 0, false
}

// digits rounds to so many significant digits: what lies behind is noise of the arithmetic or of the times. It keeps the order of
// values.
func digits(v float64, n int) float64 {
	var b [32]byte
	v, err := strconv.ParseFloat(string(strconv.AppendFloat(b[:0], v, 'e', n-1, 64)), 64)
	if err != nil { // it reads what it has just written; only infinities go over
		return math.Inf(1)
	}
	return v
}
