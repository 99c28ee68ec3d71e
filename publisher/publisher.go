// Package publisher takes readings and gets them to the broker: it packs them into the queue's blocks, makes messages of what the
// queue holds, keeps a window of them in flight on one link, and settles in the queue what the broker has acknowledged.
//
// It promises that a reading leaves the queue only when it was acknowledged, or is told of as lost; that what is sent again is
// the same; that the broker's limits are kept; and that attempts to connect are at least a second apart, with full jitter.
// How a link is made is the caller's business (packages route and session), and what is measured is package sensors'.
package publisher

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"pinhole/publisher/payload"
	"pinhole/publisher/queue"
	"pinhole/publisher/route"
	"pinhole/sensors"
	"pinhole/sensors/clock"
)

// Batch says when a message is due: when the first of the three is reached.
type Batch struct {
	Readings int           // also the most in any message
	Bytes    int           // payload and topic; a backlog is sent in multiples of it
	Age      time.Duration // of its oldest reading; a little less where it is as long as Options.Sync
}

// Options describe a Publisher. All but Rate and Log must be set.
type Options struct {
	Device    string
	Stream    queue.Stream // of this run
	Topic     string
	QoS       byte // 0 or 1
	Format    string
	Batch     Batch
	Max       int           // bytes of payload and topic in any message
	Sync      time.Duration // as the queue's
	Rate      Rate
	Window    int // messages in flight
	Reconnect Reconnect

	Queue   *queue.Queue
	Clock   *clock.Clock
	History *clock.History
	Dial    func(ctx context.Context) (Link, error)
	Log     *slog.Logger
}

// Publisher is safe for concurrent use.
type Publisher struct {
	o    Options
	in   *intake
	pack *packer
	wake chan struct{}

	suspect suspect
	said    map[string]bool // what of this outage was logged aloud
	spoke   time.Time       // when one of them last was
	drained chan struct{}

	mu    sync.Mutex
	flush bool
	stats Stats
}

// Stats is a snapshot of a Publisher.
type Stats struct {
	Connected bool
	Since     time.Time // of the present state
	Connects  uint64    // links made
	Failures  int       // attempts and short sessions in a row
	Error     string    // of the last failure
	Stage     string    // at which it happened, a route.Stage; "" if it does not say
	Retry     time.Time // of the next attempt while not connected
	Messages  uint64    // acknowledged
	Readings  uint64    // in them
	Bytes     uint64    // of their payloads
	InFlight  int
	LastAck   time.Time
}

// New makes a Publisher. It fails only if Options.Format is unknown.
func New(o Options) (*Publisher, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Batch.Age = sendAge(o.Batch.Age, o.Sync)
	p := &Publisher{o: o, wake: make(chan struct{}, 1), drained: make(chan struct{}), said: map[string]bool{}}
	p.in = newIntake(&p.o)
	var err error
	p.pack, err = newPacker(&p.o, p.in)
	p.stats.Since = time.Now()
	return p, err
}

// sendAge is the age at which a batch is sent. Where that would be the moment at which its readings are due for the disk, it is a
// fifth earlier: then a good link's acknowledgement comes first, and the card is spared.
func sendAge(age, sync time.Duration) time.Duration {
	if early := sync * 4 / 5; early < age && age <= sync {
		return early
	}
	return age
}

// Formats returns the names for Options.Format, the default first.
func Formats() []string { return payload.Formats() }

// Add takes readings. It never blocks on disk or network, keeps no reference to list, and ignores what comes after Finish.
func (p *Publisher) Add(list []sensors.Reading) { p.in.add(list) }

// Flush makes everything due whatever its age, from now on.
func (p *Publisher) Flush() {
	p.mu.Lock()
	p.flush = true
	p.mu.Unlock()
	p.in.cut()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Finish ends the stream: what has been added goes to the queue, and the end after it. Flush is implied.
func (p *Publisher) Finish() {
	p.in.end()
	p.Flush()
}

// Drained is closed when everything up to the end of the stream has been acknowledged. It takes a Finish.
func (p *Publisher) Drained() <-chan struct{} { return p.drained }

// Stats returns a snapshot.
func (p *Publisher) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

func (p *Publisher) update(f func(s *Stats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.stats)
}

func (p *Publisher) flushing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.flush
}

// Run connects, delivers and connects again until ctx ends; then it closes the link in order and returns nil.
func (p *Publisher) Run(ctx context.Context) error {
	for failures := 0; ctx.Err() == nil; {
		began := time.Now()
		link, err := p.o.Dial(ctx)
		if err == nil {
			p.update(func(s *Stats) {
				s.Connected, s.Since, s.Error, s.Stage, s.Retry = true, time.Now(), "", "", time.Time{}
				s.Connects++
			})
			p.connected(link, failures)
			err = p.serve(ctx, link)
		}
		if ctx.Err() != nil {
			return nil
		}
		if lived := time.Since(began); p.Stats().Connected && lived >= stable {
			failures = 0
		} else {
			failures++
		}
		wait := p.o.Reconnect.wait(failures)
		p.lost(err, failures, wait)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

// lost notes the end of a link or of an attempt.
func (p *Publisher) lost(err error, failures int, wait time.Duration) {
	text, stage := err.Error(), string(route.StageOf(err))
	var was Stats
	p.update(func(s *Stats) {
		was = *s
		s.Connected, s.Failures, s.Error, s.Stage, s.Retry, s.InFlight = false, failures, text, stage, time.Now().Add(wait), 0
		if was.Connected {
			s.Since = time.Now()
		}
	})
	attrs := []any{"stage", stage, "error", text, "retry", wait.Round(100 * time.Millisecond)}
	if h, ok := errors.AsType[interface {
		error
		Advice() string
	}](err); ok && h.Advice() != "" {
		attrs = append(attrs, "hint", h.Advice())
	}
	message := "cannot connect"
	if was.Connected {
		message = "disconnected"
	}
	level := slog.LevelDebug
	if p.aloud(message+stage, failures) {
		level = slog.LevelWarn
	}
	p.o.Log.Log(context.Background(), level, message, attrs...)
}

// connected logs a new link.
func (p *Publisher) connected(link Link, failures int) {
	attrs := []any{"backlog", p.o.Queue.Stats().Readings}
	if d, ok := link.(interface{ Attrs() []any }); ok {
		attrs = append(d.Attrs(), attrs...)
	}
	level := slog.LevelInfo
	if failures > fewFailures && p.said["connected"] {
		level = slog.LevelDebug // one that flaps: the line about what ends it is enough
	}
	p.said["connected"] = true
	p.o.Log.Log(context.Background(), level, "connected", attrs...)
}

// How the log of an outage is kept short: after a few failures only what is new, and twice an hour that it lasts.
const (
	fewFailures = 3
	remindAfter = 30 * time.Minute
)

// aloud reports whether a failure is worth a line in the log.
func (p *Publisher) aloud(what string, failures int) bool {
	now := time.Now()
	if failures > fewFailures && p.said[what] && now.Sub(p.spoke) < remindAfter {
		return false
	}
	if failures <= 1 {
		clear(p.said)
	}
	p.said[what], p.spoke = true, now
	return true
}
