package sensors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"pinhole/sensors/clock"
)

// source is a configured sensor at work. Its worker, or its watch goroutine, owns it; health has a lock of its own.
type source struct {
	Source
	stage
	emit func([]Reading)

	dev     any // Sensor or Watcher; nil: to be opened
	retry   time.Time
	wait    time.Duration // between the last two attempts to open it
	fails   int           // in a row
	down    time.Time     // since when it fails
	aloud   bool          // that was logged aloud
	said    time.Time     // when a failure was last logged aloud
	pause   time.Duration // before the next one may be
	started bool

	mu     sync.Mutex
	health Health
}

func newSource(d Source, s *Sampler) *source {
	if d.Timeout <= 0 {
		d.Timeout = DefaultTimeout
	}
	src := &source{Source: d, emit: s.emit}
	src.stage = stage{name: d.Name, specs: d.Filters, clock: s.clock, log: s.log.With("sensor", d.Name)}
	src.health.Name = d.Name
	return src
}

func (src *source) snapshot() Health {
	src.mu.Lock()
	defer src.mu.Unlock()
	return src.health
}

// sense opens the part if need be and measures once. A driver's panic is that driver's failure and nobody else's.
func (src *source) sense(ctx context.Context) (list []Measurement, err error) {
	defer func() {
		if p := recover(); p != nil {
			src.log.Error("driver panicked", "panic", p, "stack", string(debug.Stack()))
			list, err = nil, &Error{Class: IO, Op: src.Name, Err: fmt.Errorf("driver panicked: %v", p)}
		}
	}()
	if src.dev == nil {
		if src.dev, err = src.Open(ctx); err != nil {
			src.dev = nil
			return nil, err
		}
	}
	return src.dev.(Sensor).Sense(ctx)
}

// close lets go of the part.
func (src *source) close() {
	defer func() {
		if p := recover(); p != nil {
			src.log.Error("driver panicked while closing", "panic", p)
		}
	}()
	if c, ok := src.dev.(interface{ Close() error }); ok {
		if err := c.Close(); err != nil {
			src.log.Debug("close", "error", err)
		}
	}
	src.dev = nil
}

// results turns what sense returned into readings, appended to out.
func (src *source) results(out []Reading, list []Measurement, err error, now clock.Stamp, took time.Duration) []Reading {
	before := len(out)
	if err != nil {
		out = src.failed(out, err, now, took)
	} else {
		for i := range list {
			if r, ok := src.reading(list[i], i, now); ok {
				out = append(out, r)
			}
		}
		src.good()
	}
	src.mu.Lock()
	defer src.mu.Unlock()
	src.health.Took = took
	src.health.Readings += uint64(len(out) - before)
	if err == nil {
		src.health.Good, src.health.Failures, src.health.Class, src.health.Error = now.Time(), 0, "", ""
	} else {
		src.health.Failures++
		src.health.Class, src.health.Error = ClassOf(err), err.Error()
	}
	return out
}

// failed gives every quantity of the sensor its error reading, and decides whether the part is opened anew: one bad answer is
// no reason, three in a row are.
func (src *source) failed(out []Reading, err error, now clock.Stamp, took time.Duration) []Reading {
	class := ClassOf(err)
	out = src.errors(out, class, now)
	level := slog.LevelDebug
	if src.fails++; src.fails == 1 {
		src.down = time.Now()
		if src.aloud = src.worth(src.down); src.aloud {
			level = slog.LevelWarn
		}
	}
	src.log.Log(context.Background(), level, "sensor fails", hinted([]any{"class", class, "error", err}, err)...)
	answers := class == CRC || class == Range || class == Warmup
	if src.dev != nil && (answers || src.fails < 3) {
		return out
	}
	src.close()
	limit := 2 * time.Second
	if took > limit/20 {
		limit = 30 * time.Second // an attempt that costs the bus time is made rarely
	}
	src.wait = min(max(2*src.wait, time.Second), limit)
	src.retry = time.Now().Add(src.wait)
	return out
}

// worth reports whether a failure at now is worth a line in the log: one that comes and goes is told of ever more rarely, until it
// has stayed away for an hour.
func (src *source) worth(now time.Time) bool {
	switch since := now.Sub(src.said); {
	case src.said.IsZero() || since >= time.Hour:
		src.pause = 10 * time.Second
	case since < src.pause:
		return false
	default:
		src.pause = min(2*src.pause, 30*time.Minute)
	}
	src.said = now
	return true
}

// errors gives every quantity of the sensor its error reading, where one is due.
func (src *source) errors(out []Reading, class Class, now clock.Stamp) []Reading {
	quantities := src.Quantities
	if len(quantities) == 0 && len(src.series) == 0 {
		quantities = []Quantity{Raw}
	}
	for i, q := range quantities {
		if !src.reports(q) { // by whatever channels, it has series already
			src.find(&Measurement{Quantity: q}, i)
		}
	}
	for _, s := range src.series {
		if r, ok := src.failure(s, class, now); ok {
			out = append(out, r)
		}
	}
	return out
}

// errHung is the failure of every sensor on a bus whose driver does not return.
var errHung = errors.New("the driver does not return")

// stuck reports the sensor of a hung bus. The worker that owns the sensor stands still, so nothing else touches it.
func (src *source) stuck(out []Reading, err *Error, now clock.Stamp) []Reading {
	before := len(out)
	out = src.errors(out, err.Class, now)
	src.mu.Lock()
	defer src.mu.Unlock()
	src.health.Readings += uint64(len(out) - before)
	src.health.Failures++
	src.health.Class, src.health.Error = err.Class, err.Error()
	return out
}

func (src *source) good() {
	if src.fails > 0 {
		level := slog.LevelDebug
		if src.aloud {
			level = slog.LevelInfo
		}
		src.log.Log(context.Background(), level, "sensor is back", "after", time.Since(src.down).Round(time.Second), "failures", src.fails)
		src.fails, src.wait = 0, 0
	}
}

// skipped counts ticks that were missed.
func (src *source) skipped(n uint64) {
	src.mu.Lock()
	src.health.Skipped += n
	src.mu.Unlock()
}

// watch runs a Watcher until ctx ends, opening it again with growing pauses when it fails.
func (src *source) watch(ctx context.Context) {
	one := make([]Reading, 1)
	hand := func(r Reading, ok bool) {
		if ok {
			one[0] = r
			src.emit(one)
			src.mu.Lock()
			src.health.Readings++
			src.mu.Unlock()
		}
	}
	for ctx.Err() == nil {
		err := src.watchOnce(ctx, func(m Measurement) {
			now := src.clock.Now()
			hand(src.reading(m, 0, now))
			src.mu.Lock()
			if l, ok := src.dev.(interface{ Lost() uint64 }); ok {
				src.health.Lost = l.Lost()
			}
			src.mu.Unlock()
			if m.Err != "" {
				src.mu.Lock()
				src.health.Failures++
				if src.health.Class = m.Err; m.Cause != nil {
					src.health.Error = m.Cause.Error()
				}
				src.mu.Unlock()
				return
			}
			src.good()
			src.mu.Lock()
			src.health.Good, src.health.Failures, src.health.Class, src.health.Error = now.Time(), 0, "", ""
			src.mu.Unlock()
		})
		if ctx.Err() != nil || err == nil {
			src.close()
			return
		}
		src.close() // whatever it failed of: opened again, it would be in its own way
		if out := src.results(nil, nil, err, src.clock.Now(), 0); len(out) > 0 {
			src.emit(out)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(src.retry)):
		}
	}
}

// watchOnce opens the part and watches it once.
func (src *source) watchOnce(ctx context.Context, emit func(Measurement)) (err error) {
	defer func() {
		if p := recover(); p != nil {
			src.log.Error("driver panicked", "panic", p, "stack", string(debug.Stack()))
			err = &Error{Class: IO, Op: src.Name, Err: fmt.Errorf("driver panicked: %v", p)}
		}
	}()
	if src.dev, err = src.Open(ctx); err != nil {
		src.dev = nil
		return err
	}
	return src.dev.(Watcher).Watch(ctx, emit)
}
