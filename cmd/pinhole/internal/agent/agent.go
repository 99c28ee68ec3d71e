// Package agent puts the parts together: a board, the sampler, the queue and the publisher. It owns their goroutines and the
// order in which they start and stop, and nothing else.
//
// Stopping is an order: sensing ends, what was taken goes to the queue and the stream is ended, the queue goes to disk while the
// publisher tries to deliver it for at most five seconds, the link is closed with a DISCONNECT, then the queue and the buses.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"pinhole/cmd/pinhole/internal/config"
	"pinhole/publisher"
	"pinhole/publisher/aws"
	"pinhole/publisher/queue"
	"pinhole/sensors"
	"pinhole/sensors/clock"
)

// drainFor is how long a clean stop tries to deliver.
const drainFor = 5 * time.Second

// Options are what a run needs besides its configuration.
type Options struct {
	Config  *config.Config
	Built   string // the build time, RFC 3339; may be ""
	Version string
	Log     *slog.Logger
	Level   *slog.LevelVar // of Log; may be nil
	Env     func(string) string

	// Reload delivers a new configuration when the user asks for one; nil: never.
	Reload <-chan *config.Config
}

// Agent is one run.
type Agent struct {
	o       Options
	config  *config.Config
	board   *Board
	queue   *queue.Queue
	stream  queue.Stream
	history *clock.History
	sampler *sensors.Sampler

	started time.Time
	hub     hub

	mu  sync.RWMutex // of config and pub; held for reading while readings are added
	pub *publisher.Publisher
}

// New opens everything that a run needs. It fails where going on makes no sense: another agent has the queue.
func New(o Options) (*Agent, error) {
	if o.Env == nil {
		o.Env = os.Getenv
	}
	a := &Agent{o: o, config: o.Config, history: &clock.History{}, stream: newStream(time.Now()), started: time.Now()}
	var err error
	if a.board, err = OpenBoard(o.Config, o.Built); err != nil {
		return nil, err
	}
	q := &o.Config.Publisher.Queue
	a.queue, err = queue.Open(queue.Options{
		Dir: QueueDir(o.Config), Max: q.Max, WhenFull: policies[q.WhenFull], Sync: q.Sync, Stream: a.stream, Log: o.Log,
	})
	if err != nil {
		a.board.Close()
		if errors.Is(err, queue.ErrLocked) {
			return nil, fmt.Errorf("%w: another agent uses this queue; stop it, or set publisher.queue.dir", err)
		}
		return nil, err
	}
	if s := a.queue.Stats(); s.Disk != queue.DiskOK {
		o.Log.Warn("the queue's folder cannot be used, readings are kept in memory", "dir", q.Dir, "error", s.Why)
	}
	if err := a.history.UnmarshalBinary(a.queue.Meta()); err != nil {
		o.Log.Warn("what was known of earlier boots is lost", "error", err)
	}
	a.sampler = sensors.NewSampler(a.board.Clock, a.add, o.Log)
	return a, nil
}

// QueueDir is the folder of the queue's own files.
func QueueDir(c *config.Config) string { return filepath.Join(c.Publisher.Queue.Dir, "queue") }

var policies = map[string]queue.Policy{"drop-oldest": queue.DropOldest, "drop-newest": queue.DropNewest, "thin": queue.Thin}

// add hands readings to the publisher.
func (a *Agent) add(list []sensors.Reading) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	a.pub.Add(list)
	a.hub.send(list)
}

// newPublisher makes the publisher for a configuration.
func (a *Agent) newPublisher(c *config.Config) (*publisher.Publisher, error) {
	p := &c.Publisher
	most := 120000
	if p.AWS {
		most = min(most, aws.MaxPayload)
	}
	now := func() time.Time { return a.board.Clock.Now().Time() }
	return publisher.New(publisher.Options{
		Device: c.Device, Stream: a.stream, Topic: p.Topic, QoS: p.QoS, Format: p.Format,
		Batch: publisher.Batch{Readings: p.Batch.Readings, Bytes: p.Batch.Bytes, Age: p.Batch.Age},
		Max:   most, Sync: a.config.Publisher.Queue.Sync,
		Rate:      publisher.Rate{Messages: p.Rate.Messages, Bytes: p.Rate.Bytes},
		Window:    p.Window,
		Reconnect: publisher.Reconnect{Min: p.Reconnect.Min, Max: p.Reconnect.Max, Spread: p.Reconnect.Spread},
		Queue:     a.queue, Clock: a.board.Clock, History: a.history,
		Dial: dialer(c, now, a.o.Env, a.o.Log), Log: a.o.Log,
	})
}

// Run runs the agent until ctx ends, then stops it in order.
func (a *Agent) Run(ctx context.Context) error {
	sources, err := a.start()
	if err != nil {
		return errors.Join(err, a.close())
	}
	a.sampler.Set(sources)
	notify := newNotifier(a.o.Env)
	var sampling, delivering sync.WaitGroup
	sctx, stopSampling := context.WithCancel(ctx)
	dctx, stopDelivery := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSampling()
	defer stopDelivery()

	delivering.Go(func() { a.queue.Run(dctx) })
	delivering.Go(func() { a.board.Run(dctx) })
	delivering.Go(func() { notify.watchdog(dctx, a.alive) })
	delivering.Go(func() { a.serveLocal(dctx) })
	pub := a.runPublisher(dctx)
	sampling.Go(func() { a.sampler.Run(sctx) })
	a.o.Log.Info("started", "device", a.config.Device, "sensors", len(a.config.Sensors), "broker", a.config.Publisher.Broker.String(),
		"topic", a.config.Publisher.Topic)
	notify.send("READY=1")

	for running := true; running; {
		select {
		case <-ctx.Done():
			running = false
		case c := <-a.o.Reload:
			notify.send("RELOADING=1")
			pub = a.reload(dctx, c, pub)
			notify.send("READY=1")
		}
	}
	notify.send("STOPPING=1")
	stopSampling()
	sampling.Wait()
	a.pub.Finish()
	a.drain(context.WithoutCancel(ctx), drainFor)
	pub.end()
	stopDelivery()
	delivering.Wait()
	a.logEnd()
	return a.close()
}

// Once reads every sensor once, delivers and ends. The error says what was not delivered; it stays in the queue.
func (a *Agent) Once(ctx context.Context, timeout time.Duration) error {
	sources, err := a.start()
	if err != nil {
		return errors.Join(err, a.close())
	}
	dctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { a.queue.Run(dctx) })
	wg.Go(func() { a.board.Run(dctx) })
	pub := a.runPublisher(dctx)
	limit, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	sensors.ReadOnce(limit, a.board.Clock, sources, a.o.Log, a.add)
	a.pub.Finish()
	err = nil
	select {
	case <-a.pub.Drained():
	case <-limit.Done():
		err = a.undelivered(limit)
	}
	a.drain(context.WithoutCancel(ctx), time.Second)
	pub.end()
	stop()
	wg.Wait()
	return errors.Join(err, a.close())
}

func (a *Agent) undelivered(ctx context.Context) error {
	why := a.pub.Stats().Error
	if why == "" {
		why = "not acknowledged in time"
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		why = "interrupted"
	}
	return fmt.Errorf("%d readings stay in the queue: %s", a.queue.Stats().Readings, why)
}

// start attaches the sensors and makes the first publisher.
func (a *Agent) start() ([]sensors.Source, error) {
	sources, err := a.board.Sources(a.config.Sensors)
	if err != nil {
		return nil, err
	}
	a.pub, err = a.newPublisher(a.config)
	return sources, err
}

// running is a publisher at work.
type running struct {
	stop context.CancelFunc
	done chan struct{}
}

func (a *Agent) runPublisher(ctx context.Context) *running {
	ctx, stop := context.WithCancel(ctx)
	r := &running{stop: stop, done: make(chan struct{})}
	pub := a.pub
	go func() { defer close(r.done); pub.Run(ctx) }()
	return r
}

func (r *running) end() {
	r.stop()
	<-r.done
}

// drain waits until everything is delivered, for at most d, while the queue goes to disk: whatever happens then, it is safe.
func (a *Agent) drain(ctx context.Context, d time.Duration) {
	limit, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	if err := a.queue.Flush(limit); err != nil {
		a.o.Log.Error("the queue could not be written", "error", err)
	}
	select {
	case <-a.pub.Drained():
	case <-limit.Done():
	}
}

// reload goes over to another configuration in the same stream. Unchanged sensors go on undisturbed, and so does the link if
// nothing about it changed.
func (a *Agent) reload(ctx context.Context, c *config.Config, pub *running) *running {
	old := a.config
	if fixed := needsRestart(old, c); fixed != "" {
		a.o.Log.Warn("this change takes a restart, until then the old value counts", "key", fixed)
		c.Device, c.Board, c.Publisher.Queue, c.Status = old.Device, old.Board, old.Publisher.Queue, old.Status
	}
	sources, err := a.board.Sources(c.Sensors)
	if err != nil {
		a.o.Log.Error("configuration refused, the old one goes on", "error", err)
		return pub
	}
	if !reflect.DeepEqual(old.Publisher, c.Publisher) {
		next, err := a.newPublisher(c)
		if err != nil {
			a.o.Log.Error("configuration refused, the old one goes on", "error", err)
			return pub
		}
		a.mu.Lock()
		last := a.pub
		a.pub = next
		a.mu.Unlock()
		last.Flush()
		pub.end()
		pub = a.runPublisher(ctx)
	}
	if a.o.Level != nil {
		a.o.Level.Set(c.Log.Level)
	}
	a.mu.Lock()
	a.config = c
	a.mu.Unlock()
	a.board.Direct(old.Sim, c.Sim)
	a.sampler.Set(sources)
	a.o.Log.Info("configuration read again", "sensors", len(c.Sensors))
	return pub
}

// needsRestart names the first key that cannot change while the agent runs; "" if none did.
func needsRestart(old, c *config.Config) string {
	switch {
	case old.Device != c.Device:
		return "device"
	case old.Board != c.Board:
		return "board"
	case old.Publisher.Queue != c.Publisher.Queue:
		return "publisher.queue"
	case old.Status != c.Status:
		return "status"
	}
	return ""
}

// alive reports whether the parts that a watchdog should watch still answer: the queue's and the sampler's locks can be had.
func (a *Agent) alive() bool {
	a.queue.Stats()
	a.sampler.Health()
	return true
}

func (a *Agent) logEnd() {
	q, p := a.queue.Stats(), a.pub.Stats()
	a.o.Log.Info("stopped", "taken", q.Appended, "delivered", p.Readings, "queued", q.Readings)
}

// close lets go of the queue and the buses. A disk that takes nothing is a failure only if readings were left for it.
func (a *Agent) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainFor)
	defer cancel()
	left := a.queue.Stats().Readings
	err := a.queue.Close(ctx)
	if err != nil && left == 0 {
		a.o.Log.Warn("the queue could not be closed in order; it was empty", "error", err)
		err = nil
	}
	return errors.Join(err, a.board.Close())
}
