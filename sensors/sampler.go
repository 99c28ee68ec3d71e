package sensors

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"pinhole/sensors/clock"
)

// Source is one configured sensor, as the sampler sees it.
type Source struct {
	Name       string        // the configured name
	Key        string        // fingerprint of the whole configuration of this sensor: equal keys are the same sensor
	Every      time.Duration // between two measurements; of a watcher: between two reports, 0 if it has none
	Bus        string        // the worker that serialises it with others; "" is the worker of parts that answer at once
	Watch      bool          // Open returns a Watcher
	Quantities []Quantity    // what it reports: each gets the error reading when a measurement fails as a whole
	Filters    []FilterSpec
	Timeout    time.Duration // for one measurement, opening included; 0: DefaultTimeout
	Open       func(ctx context.Context) (any, error)
}

// DefaultTimeout bounds one measurement. The slowest part of the catalogue needs a little over two seconds.
const DefaultTimeout = 5 * time.Second

// hangGrace is how long a driver may take to notice that its context has ended before its bus counts as hung.
const hangGrace = time.Second

// Health is what is known of one sensor.
type Health struct {
	Name     string
	Good     time.Time     // of the last good measurement; zero: none yet
	Took     time.Duration // the last measurement
	Failures int           // in a row
	Class    Class         // of the last failure, "" while it is good
	Error    string        // its text
	Readings uint64        // handed on, errors included
	Skipped  uint64        // ticks that came while the bus was still at work
	Lost     uint64        // events that the source says it lost
}

// Sampler calls every sensor on time, a worker per bus, and hands the readings on.
//
// Sensors with the same interval are measured in the same breath, so that a board with twenty of them wakes up once a second
// and not twenty times. A measurement that is late for its next tick skips it: ticks neither overlap nor drift.
type Sampler struct {
	clock *clock.Clock
	emit  func([]Reading)
	log   *slog.Logger

	mu      sync.Mutex
	desired []Source
	live    []*source
	changed chan struct{}
}

// NewSampler makes a sampler without sensors. emit takes readings in the order of their making and does not keep the slice; it
// must be safe for concurrent use and must not block.
func NewSampler(c *clock.Clock, emit func([]Reading), log *slog.Logger) *Sampler {
	return &Sampler{clock: c, emit: emit, log: log, changed: make(chan struct{}, 1)}
}

// Set says which sensors there are from now on. A sensor whose Key was there before goes on undisturbed.
func (s *Sampler) Set(list []Source) {
	s.mu.Lock()
	s.desired = slices.Clone(list)
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Health returns what is known of each sensor, sorted by name.
func (s *Sampler) Health() []Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Health, 0, len(s.live))
	for _, src := range s.live {
		list = append(list, src.snapshot())
	}
	slices.SortFunc(list, func(a, b Health) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Run samples until ctx ends, then closes every part and returns nil. A part that hangs in its driver is left behind after two
// seconds.
func (s *Sampler) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	r := &rounds{sampler: s, wg: &wg, epoch: time.Now(), workers: map[string]*worker{}, watches: map[string]watching{}}
	for {
		r.apply(ctx)
		select {
		case <-ctx.Done():
			done := make(chan struct{})
			go func() { wg.Wait(); close(done) }()
			select {
			case <-done:
			case <-time.After(hangGrace + time.Second):
				s.log.Warn("a sensor hangs in its driver and is left behind")
			}
			return nil
		case <-s.changed:
		}
	}
}

// rounds is what a running sampler has started.
type rounds struct {
	sampler *Sampler
	wg      *sync.WaitGroup
	epoch   time.Time
	workers map[string]*worker
	watches map[string]watching
}

// watching is a watcher at work.
type watching struct {
	stop context.CancelFunc
	done chan struct{}
}

// apply starts and stops workers and watchers until they are what Set asked for.
func (r *rounds) apply(ctx context.Context) {
	s := r.sampler
	s.mu.Lock()
	known := make(map[string]*source, len(s.live))
	for _, src := range s.live {
		known[src.Key] = src
	}
	live := make([]*source, 0, len(s.desired))
	for _, d := range s.desired {
		src := known[d.Key]
		if src == nil {
			src = newSource(d, s)
		}
		live = append(live, src)
	}
	s.live = live
	s.mu.Unlock()

	buses := map[string][]*source{}
	var watchers []*source
	for _, src := range live {
		if src.Watch {
			watchers = append(watchers, src)
		} else {
			buses[src.Bus] = append(buses[src.Bus], src)
		}
	}
	r.watch(ctx, watchers)
	for bus := range buses {
		if r.workers[bus] == nil {
			w := newWorker(s, r.epoch)
			r.workers[bus] = w
			r.wg.Go(func() { w.run(ctx) })
		}
	}
	for bus, w := range r.workers {
		w.set(buses[bus])
	}
}

// watch ends the watchers that are not among list, and then starts those that are new: one may want the line that another has.
func (r *rounds) watch(ctx context.Context, list []*source) {
	wanted := make(map[string]bool, len(list))
	for _, src := range list {
		wanted[src.Key] = true
	}
	var ending []watching
	for key, w := range r.watches {
		if !wanted[key] {
			w.stop()
			ending = append(ending, w)
			delete(r.watches, key)
		}
	}
	for _, src := range list {
		if _, runs := r.watches[src.Key]; runs {
			continue
		}
		wctx, stop := context.WithCancel(ctx)
		w := watching{stop: stop, done: make(chan struct{})}
		r.watches[src.Key] = w
		r.wg.Go(func() {
			defer close(w.done)
			patience := time.After(hangGrace)
			for _, old := range ending {
				select {
				case <-old.done:
				case <-patience:
				}
			}
			src.watch(wctx)
		})
	}
}
