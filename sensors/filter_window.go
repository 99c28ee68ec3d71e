package sensors

import "slices"

// slackOf is how much too early a tick may come and still end a window or a heartbeat: ticks jitter by milliseconds, and without
// slack every other window would be a whole interval too long.
func slackOf(d int64) int64 { return d / 32 }

// median gives the median of the last values for each value that comes; of an even number, the mean of the two in the middle. Until
// the window is full it is the median of those there are.
type median struct {
	ring   []float64 // in the order of their coming
	next   int       // where the next one goes
	sorted []float64
}

func newMedian(n int) filter {
	return &median{ring: make([]float64, 0, n), sorted: make([]float64, 0, n)}
}

func (f *median) apply(m *Measurement, _ int64) verdict {
	if len(f.ring) < cap(f.ring) {
		f.ring = append(f.ring, m.Value)
	} else {
		i, _ := slices.BinarySearch(f.sorted, f.ring[f.next])
		f.sorted = slices.Delete(f.sorted, i, i+1)
		f.ring[f.next] = m.Value
		f.next = (f.next + 1) % len(f.ring)
	}
	i, _ := slices.BinarySearch(f.sorted, m.Value)
	f.sorted = slices.Insert(f.sorted, i, m.Value)
	mid := len(f.sorted) / 2
	m.Value = f.sorted[mid]
	if len(f.sorted)%2 == 0 {
		a, b := f.sorted[mid-1], f.sorted[mid]
		m.Value = a + (b-a)/2
	}
	return pass
}

// average gives the mean of the values of one window when its last value comes, and holds the others. Windows follow each other
// without a gap on a grid that starts at the first value. A value that comes more than a window after the one before it starts
// afresh: a mean must not reach across a time in which nothing was measured. What a stopped agent had gathered is not reported.
type average struct {
	window int64 // ns

	started bool
	from    int64 // where the present window begins
	last    int64 // the last value
	mean    float64
	n       float64
}

func (f *average) apply(m *Measurement, now int64) verdict {
	switch {
	case !f.started || now < f.last: // the first one, or a source whose time went back
		f.started, f.from, f.n = true, now, 0
	case now-f.last > f.window:
		f.n = 0
	}
	f.last = now
	f.n++
	if f.n == 1 {
		f.mean = m.Value
	} else {
		f.mean += m.Value/f.n - f.mean/f.n // no sum that could overflow
	}
	elapsed := now + slackOf(f.window) - f.from
	if elapsed < f.window {
		return hold
	}
	m.Value = f.mean
	f.from += elapsed / f.window * f.window
	f.n = 0
	return pass
}
