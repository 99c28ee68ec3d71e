package publisher

import (
	"context"
	"errors"
	"io"
	"syscall"
	"time"

	"pinhole/publisher/queue"
)

// acked is a link's answer for the message with that serial number.
type acked struct {
	serial uint64
	err    error
}

// flight is the messages on their way on one link, oldest first.
type flight struct {
	list   []*message
	first  uint64 // serial number of list[0]
	open   int    // answers to come
	acks   chan acked
	spare  []*message
	bucket *bucket
}

// serve delivers over one link until it ends or ctx does. The error says why the link ended.
func (p *Publisher) serve(ctx context.Context, link Link) error {
	p.pack.limit, p.pack.skip, p.pack.skipping = p.suspect.limit, p.suspect.head, p.suspect.probing
	f := &flight{acks: make(chan acked, p.o.Window), bucket: newBucket(p.o.Rate, time.Now())}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait, err := p.send(link, f)
		if err != nil {
			return p.over(ctx, link, f, err)
		}
		var due <-chan time.Time
		if wait > 0 {
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-ctx.Done():
			return p.over(ctx, link, f, context.Cause(ctx))
		case <-link.Done():
			return p.over(ctx, link, f, link.Err())
		case a := <-f.acks:
			p.ack(f, a)
			for more := true; more; {
				select {
				case a = <-f.acks:
					p.ack(f, a)
				default:
					more = false
				}
			}
		case <-p.o.Queue.Ready():
		case <-p.wake:
		case <-due:
		}
	}
}

// send publishes what is due while the window and the rate allow. It returns how long to wait for the next; 0: for an event.
func (p *Publisher) send(link Link, f *flight) (time.Duration, error) {
	p.pack.flush = p.flushing()
	for len(f.list) < p.suspect.window(p.o.Window) {
		now := time.Now()
		if wait := f.bucket.delay(now); wait > 0 {
			return wait, nil
		}
		m := &message{}
		if n := len(f.spare); n > 0 {
			m, f.spare = f.spare[n-1], f.spare[:n-1]
		}
		ok, wait := p.pack.next(m, now)
		if !ok {
			f.spare = append(f.spare, m)
			if p.suspect.probing && wait == 0 && len(f.list) == 0 {
				p.suspect.unproven()
				p.pack.skipping = false
				p.pack.rewind()
				continue
			}
			return wait, nil
		}
		serial := f.first + uint64(len(f.list))
		f.list = append(f.list, m)
		f.bucket.take(len(m.payload) + len(p.o.Topic))
		if err := link.Publish(p.o.Topic, p.o.QoS, m.payload, func(err error) { f.acks <- acked{serial, err} }); err != nil {
			f.list = f.list[:len(f.list)-1]
			return 0, err
		}
		f.open++
	}
	p.update(func(s *Stats) { s.InFlight = len(f.list) })
	return 0, nil
}

// ack notes an answer. What is acknowledged without a gap from the oldest message on is settled in the queue.
func (p *Publisher) ack(f *flight, a acked) {
	f.open--
	if a.err != nil {
		return // the link is ending; its reason comes by Done
	}
	m := f.list[a.serial-f.first]
	m.done = true
	if p.suspect.accepted(m) {
		f.list, f.first = f.list[1:], f.first+1 // the only one in flight
		p.pack.skipping = false
		p.pack.rewind()
		return
	}
	p.pack.limit = p.suspect.limit
	p.update(func(s *Stats) {
		s.Messages++
		s.Readings += uint64(m.readings)
		s.Bytes += uint64(len(m.payload))
		s.LastAck = time.Now()
	})
	for len(f.list) > 0 && f.list[0].done {
		m := f.list[0]
		f.list, f.first = f.list[1:], f.first+1
		p.o.Queue.SettleLoss(m.losses...)
		if m.stop.Epoch != 0 || m.stop.Seq != 0 {
			p.o.Queue.Ack(m.stop)
		}
		if m.ends && m.stream == p.o.Stream {
			close(p.drained)
		}
		f.spare = append(f.spare, m)
	}
}

// over closes the link and collects the answers of everything in flight, so that no buffer is in use when the next link begins.
func (p *Publisher) over(ctx context.Context, link Link, f *flight, reason error) error {
	p.in.wanted.Store(0) // offline, blocks grow to their full size
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	link.Close(closing)
	for f.open > 0 {
		p.ack(f, <-f.acks)
	}
	if ctx.Err() == nil && len(f.list) > 0 {
		if m := f.list[0]; p.suspect.refused(m, hungUp(reason), p.o.Log) {
			p.giveUp(m)
		}
	}
	p.pack.rewind() // nothing is in flight any more, so a full queue may give up what was
	if reason == nil {
		reason = errors.New("the link ended without a reason")
	}
	return reason
}

// hungUp reports whether the other side ended the connection, or said of one message that it does not take it.
func hungUp(err error) bool {
	r, ok := errors.AsType[interface {
		error
		RefusedMessage() bool
	}](err)
	return ok && r.RefusedMessage() || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// giveUp sets the one reading of m aside.
func (p *Publisher) giveUp(m *message) {
	p.o.Log.Error("the broker refuses one reading and takes others: given up", "seq", m.start.Seq)
	p.o.Queue.Lose(queue.Loss{Stream: m.stream, Seq: m.start.Seq, Count: 1, Reason: queue.Rejected})
	p.o.Queue.Ack(queue.Position{Epoch: m.start.Epoch, Seq: m.start.Seq + 1})
	p.suspect = suspect{}
}
