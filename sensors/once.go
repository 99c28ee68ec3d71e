package sensors

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"pinhole/sensors/clock"
)

// watchOnceFor is how long a watcher may take for its first event when it is read once.
const watchOnceFor = 2 * time.Second

// ReadOnce measures every sensor once, buses side by side, and closes it again. Of the filters only those that look at one
// value apply: calibrate and range. A watcher is watched until its first event. emit is called from several goroutines, never at
// the same time.
func ReadOnce(ctx context.Context, c *clock.Clock, list []Source, log *slog.Logger, emit func([]Reading)) {
	var lock sync.Mutex
	s := NewSampler(c, func(r []Reading) {
		lock.Lock()
		defer lock.Unlock()
		emit(r)
	}, log)
	buses := map[string][]*source{}
	var wg sync.WaitGroup
	for _, d := range list {
		d.Filters = immediate(d.Filters)
		src := newSource(d, s)
		if d.Watch {
			wg.Go(func() { src.first(ctx) })
			continue
		}
		buses[d.Bus] = append(buses[d.Bus], src)
	}
	for _, sources := range buses {
		wg.Go(func() {
			for _, src := range sources {
				mctx, cancel := context.WithTimeout(ctx, src.Timeout)
				now := c.Now()
				m, err := src.sense(mctx)
				if out := src.results(nil, m, err, now, 0); len(out) > 0 {
					s.emit(out)
				}
				cancel()
				src.close()
			}
		})
	}
	wg.Wait()
}

// first watches until the first event and reports a timeout if there is none.
func (src *source) first(ctx context.Context) {
	wctx, cancel := context.WithTimeout(ctx, watchOnceFor)
	defer cancel()
	seen := false
	err := src.watchOnce(wctx, func(m Measurement) {
		if seen {
			return
		}
		if r, ok := src.reading(m, 0, src.clock.Now()); ok {
			src.emit([]Reading{r})
		}
		seen = true
		cancel()
	})
	if !seen {
		if err == nil {
			err = &Error{Class: Timeout, Op: src.Name, Err: context.DeadlineExceeded}
		}
		if out := src.results(nil, nil, err, src.clock.Now(), 0); len(out) > 0 {
			src.emit(out)
		}
	}
	src.close()
}

// immediate keeps the filters that need no history.
func immediate(specs []FilterSpec) []FilterSpec {
	var keep []FilterSpec
	for _, f := range specs {
		if f.Name == FilterCalibrate || f.Name == FilterRange {
			keep = append(keep, f)
		}
	}
	return keep
}
