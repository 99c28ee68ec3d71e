package sensors

import (
	"context"
	"slices"
	"sync"
	"time"
)

// flushAt is how many readings a worker collects within one round before it hands them on.
const flushAt = 256

// worker measures the sensors of one bus, one after the other.
type worker struct {
	sampler *Sampler
	epoch   time.Time
	wake    chan struct{}

	mu      sync.Mutex
	desired []*source
	replace bool
	out     []Reading
	current *source // being measured
	number  uint64  // of that measurement
	hung    bool    // it was given up; what it still returns is stale

	groups []*group
	ctx    *measureCtx
	giveUp *time.Timer
}

// group is the sensors that share an interval.
type group struct {
	every time.Duration
	next  time.Time
	list  []*source
}

func newWorker(s *Sampler, epoch time.Time) *worker {
	return &worker{sampler: s, epoch: epoch, wake: make(chan struct{}, 1)}
}

// set says which sensors the worker has from its next round on.
func (w *worker) set(list []*source) {
	w.mu.Lock()
	w.desired, w.replace = list, true
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *worker) run(ctx context.Context) {
	w.ctx = newMeasureCtx(ctx, w.overdue)
	w.giveUp = time.AfterFunc(time.Hour, w.declare)
	w.giveUp.Stop()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	defer w.closeAll()
	for ctx.Err() == nil {
		w.regroup()
		next := w.round(ctx)
		timer.Reset(next)
		select {
		case <-ctx.Done():
		case <-w.wake:
		case <-timer.C:
		}
	}
}

// regroup takes over what set asked for.
func (w *worker) regroup() {
	w.mu.Lock()
	list, replace := w.desired, w.replace
	w.replace = false
	w.mu.Unlock()
	if !replace {
		return
	}
	keep := make(map[*source]bool, len(list))
	for _, src := range list {
		keep[src] = true
	}
	old := map[time.Duration]*group{}
	for _, g := range w.groups {
		for _, src := range g.list {
			if !keep[src] {
				src.close()
			}
		}
		g.list = nil
		old[g.every] = g
	}
	w.groups = w.groups[:0]
	for _, src := range list {
		g := old[src.Every]
		if g == nil {
			g = &group{every: src.Every, next: time.Now()}
			old[src.Every] = g
		}
		if g.list == nil {
			w.groups = append(w.groups, g)
		}
		g.list = append(g.list, src)
	}
	w.measureNew()
}

// measureNew measures sensors that have just been added at once, rather than at the next tick of their group.
func (w *worker) measureNew() {
	for _, g := range w.groups {
		if !g.next.After(time.Now()) {
			continue
		}
		for _, src := range g.list {
			if !src.started {
				w.measure(src)
			}
		}
	}
	w.flush()
}

// round measures everything that is due and returns how long nothing will be.
func (w *worker) round(ctx context.Context) time.Duration {
	slices.SortFunc(w.groups, func(a, b *group) int { return a.next.Compare(b.next) })
	for _, g := range w.groups {
		due := g.next
		if time.Until(due) > 0 {
			break
		}
		for _, src := range g.list {
			if ctx.Err() != nil {
				return 0
			}
			w.measure(src)
		}
		w.flush()
		g.advance(w.epoch, due)
	}
	if len(w.groups) == 0 {
		return time.Hour
	}
	next := w.groups[0].next
	for _, g := range w.groups[1:] {
		if g.next.Before(next) {
			next = g.next
		}
	}
	return time.Until(next)
}

// advance sets the next tick: the first one in the future on the grid that begins at epoch. Those passed over are counted.
func (g *group) advance(epoch, due time.Time) {
	ticks := time.Since(epoch)/g.every + 1
	g.next = epoch.Add(ticks * g.every)
	if missed := g.next.Sub(due)/g.every - 1; missed > 0 {
		for _, src := range g.list {
			src.skipped(uint64(missed))
		}
	}
}

// measure measures one sensor and collects its readings.
func (w *worker) measure(src *source) {
	src.started = true
	if src.dev == nil && time.Now().Before(src.retry) {
		return
	}
	w.mu.Lock()
	w.current, w.hung = src, false
	w.number++
	w.mu.Unlock()

	now, start := w.sampler.clock.Now(), time.Now()
	w.ctx.arm(src.Timeout)
	list, err := src.sense(w.ctx)
	w.ctx.disarm()
	w.giveUp.Stop()

	w.mu.Lock()
	defer w.mu.Unlock()
	w.current = nil
	if w.hung {
		list, err = nil, &Error{Class: Timeout, Op: src.Name, Err: errHung}
	}
	if err != nil && w.ctx.parent.Err() != nil {
		return // stopping: the measurement was broken off, the part did not fail
	}
	w.out = src.results(w.out, list, err, now, time.Since(start))
	if len(w.out) >= flushAt {
		w.flushLocked()
	}
}

func (w *worker) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flushLocked()
}

func (w *worker) flushLocked() {
	if len(w.out) > 0 {
		w.sampler.emit(w.out)
		w.out = w.out[:0]
	}
}

// overdue is called when a measurement's deadline has passed. Its context has ended; a good driver returns now.
func (w *worker) overdue() { w.giveUp.Reset(hangGrace) }

// declare is called when a driver has not returned although its context ended: the bus hangs. The sensor gets its timeout
// reading, the others on the bus theirs, and so on every ten minutes until the driver comes back.
func (w *worker) declare() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current == nil {
		return
	}
	now := w.sampler.clock.Now()
	if !w.hung {
		w.current.log.Error("sensor hangs, its bus stands still")
	}
	w.hung = true
	for _, g := range w.groups {
		for _, src := range g.list {
			err := &Error{Class: Busy, Op: src.Name, Err: errHung}
			if src == w.current {
				err.Class = Timeout
			}
			w.out = src.stuck(w.out, err, now)
		}
	}
	w.flushLocked()
	w.giveUp.Reset(errorEvery)
}

func (w *worker) closeAll() {
	w.ctx.disarm()
	w.giveUp.Stop()
	for _, g := range w.groups {
		for _, src := range g.list {
			src.close()
		}
	}
	w.flush()
}
