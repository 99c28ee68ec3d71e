package sensors

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"pinhole/sensors/clock"
)

// watchOnceFor is how long a watcher may take for its first event when it is read once; one that reports at intervals, this long
// after the first of them.
const watchOnceFor = 2 * time.Second

// warmUpFor is how long a part that is read once may take to its first value. The slowest that comes to one by itself needs 32 s.
const warmUpFor = 40 * time.Second

// ReadOnce measures every sensor once, buses side by side, and closes it again. Of the filters only those that look at one
// value apply: calibrate and range. A watcher is watched until its first event; a part that must warm up is given warmUpFor. emit is
// called from several goroutines, never at the same time.
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
		wg.Go(func() { readBus(ctx, sources) })
	}
	wg.Wait()
}

// readBus measures the sensors of one bus once. Those that must warm up are asked again until they have a value, while the others
// are done with.
func readBus(ctx context.Context, sources []*source) {
	for start := time.Now(); len(sources) > 0; {
		var again []*source
		for _, src := range sources {
			mctx, cancel := context.WithTimeout(ctx, src.Timeout)
			now := src.clock.Now()
			m, err := src.sense(mctx)
			cancel()
			if e, ok := errors.AsType[*Error](err); ok && ctx.Err() != nil && e.Hint == "" {
				e.Hint = "the time for all readings was over before it had one: allow more, or have fewer slow parts on its bus"
			}
			if warming(m, err) && time.Since(start) < warmUpFor && ctx.Err() == nil {
				again = append(again, src)
				continue
			}
			if out := src.results(nil, m, err, now, 0); len(out) > 0 {
				src.emit(out)
			}
			src.close()
		}
		if sources = again; len(sources) > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
}

// warming reports whether a measurement failed for no other reason than that the part is not ready yet.
func warming(list []Measurement, err error) bool {
	if err != nil {
		return ClassOf(err) == Warmup
	}
	return slices.ContainsFunc(list, func(m Measurement) bool { return m.Err == Warmup })
}

// first watches until there was an event of every quantity, and reports a timeout if there is none at all. Once one has come, the
// others get no longer than watchOnceFor: they may have nothing to tell.
func (src *source) first(ctx context.Context) {
	wctx, cancel := context.WithCancel(ctx)
	defer cancel()
	patience := time.AfterFunc(min(src.Every, warmUpFor)+watchOnceFor, cancel)
	defer patience.Stop()
	missing := slices.Clone(src.Quantities)
	seen := false
	err := src.watchOnce(wctx, func(m Measurement) {
		if i := slices.Index(missing, m.Quantity); i >= 0 {
			missing = slices.Delete(missing, i, i+1)
		} else if seen {
			return
		}
		if r, ok := src.reading(m, 0, src.clock.Now()); ok {
			src.emit([]Reading{r})
		}
		if !seen {
			seen = true
			patience.Reset(watchOnceFor)
		}
		if len(missing) == 0 {
			cancel()
		}
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
