package agent

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"pinhole/publisher"
)

const (
	patience = 2           // failures of a way, until it is the next one's turn
	lasting  = time.Minute // a session that lives shorter is a failure, as package publisher counts
	homesick = time.Hour   // without a try of the first way; then the next lost session is the occasion for one
)

// turns tries one way at each call, so that the pause between two attempts stays. A way that failed twice in a row makes room for
// the next, after the last comes the first. A run begins with the way that was the last to work in the run before. The first is the
// one that was meant: after an hour it has one attempt, and if that is a failure it goes on where it was.
type turns struct {
	names  []string // of the ways, for the memory; the first is preferred
	ways   []dial
	memory memory

	begun    bool
	turn     int
	failures int       // of this way in a row
	back     int       // where to go if the first fails; 0: it is no visit
	first    time.Time // when the first way was last tried, or the run began
	last     *trial    // the last link; nil if the last attempt made none
}

// dial makes a link. It is not for concurrent use.
func (t *turns) dial(ctx context.Context) (publisher.Link, error) {
	now := time.Now()
	if !t.begun {
		t.begun, t.first = true, now
		t.turn = max(0, slices.Index(t.names, t.memory.recall(t.names[0])))
	}
	if t.last != nil {
		t.count(t.last.lived() >= lasting)
		if t.turn > 0 && now.Sub(t.first) >= homesick {
			t.turn, t.back, t.failures = 0, t.turn, 0
		}
		t.last = nil
	}
	if t.turn == 0 {
		t.first = now
	}
	link, err := t.ways[t.turn](ctx)
	if err != nil {
		if ctx.Err() == nil { // else it says nothing about the way
			t.count(false)
		}
		return nil, err
	}
	name := t.names[t.turn]
	t.last = &trial{Link: link, began: now, works: func() { t.memory.keep(t.names[0], name) }, kept: make(chan struct{})}
	return t.last, nil
}

// count notes how a way did.
func (t *turns) count(well bool) {
	switch t.failures++; {
	case well:
		t.failures, t.back = 0, 0
	case t.back > 0:
		t.turn, t.back, t.failures = t.back, 0, 0
	case t.failures >= patience:
		t.turn, t.failures = (t.turn+1)%len(t.ways), 0
	}
}

// trial is a link that notes whether it is of use, and for how long.
type trial struct {
	publisher.Link
	began time.Time
	ended time.Time     // when it was closed
	works func()        // to be called when the first message has arrived
	acked atomic.Bool   // it has
	kept  chan struct{} // closed after works
}

// Publish implements publisher.Link.
func (l *trial) Publish(topic string, qos byte, payload []byte, done func(error)) error {
	if l.acked.Load() {
		return l.Link.Publish(topic, qos, payload, done)
	}
	return l.Link.Publish(topic, qos, payload, func(err error) {
		if err == nil && !l.acked.Swap(true) {
			go func() { // a disk that hangs must not hold up the delivery
				defer close(l.kept)
				l.works()
			}()
		}
		done(err)
	})
}

// Close implements publisher.Link.
func (l *trial) Close(ctx context.Context) error {
	err := l.Link.Close(ctx)
	l.ended = time.Now()
	if l.acked.Load() {
		select {
		case <-l.kept:
		case <-ctx.Done():
		}
	}
	return err
}

// lived is from the begin of the attempt to the end of the session.
func (l *trial) lived() time.Duration { return l.ended.Sub(l.began) }

// Attrs are attributes for the log.
func (l *trial) Attrs() []any {
	if d, ok := l.Link.(interface{ Attrs() []any }); ok {
		return d.Attrs()
	}
	return nil
}
