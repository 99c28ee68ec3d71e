package session

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/publisher/publishertest"
	"pinhole/publisher/route"
)

// bare makes a session without an engine, to play what threads can do to its books in an order of choice.
func bare(t *testing.T) *Session {
	t.Helper()
	s := &Session{opt: Options{ClientID: "x"}, conn: route.Wrap(&script{}), kick: make(chan struct{}, 1), over: make(chan struct{}),
		byID: map[uint16]*message{}}
	if err := s.opt.complete(); err != nil {
		t.Fatal(err)
	}
	s.ack, s.ping = stopped(s.overdue), stopped(func() {})
	return s
}

// hand does what the sender does, without paho.
func (s *Session) hand(t *testing.T, id uint16) *message {
	t.Helper()
	m := s.waiting.head
	s.waiting.remove(m)
	s.handed.push(m)
	got, err := s.leaving(id)
	if err != nil || got != m {
		t.Fatalf("leaving: %v %v", got, err)
	}
	return m
}

// TestPubackBeforeItsWriteReturns: the message's place is in use again by the time the write of the first one returns.
func TestPubackBeforeItsWriteReturns(t *testing.T) {
	s, got := bare(t), make(outcomes, 8)
	publish(t, s, "a", 1, got)
	a := s.hand(t, 1)
	if !s.acked(1) {
		t.Fatal("not in flight")
	}
	publish(t, s, "b", 1, got)
	b := s.hand(t, 2)
	if a != b {
		t.Fatal("the test needs the same place")
	}
	s.left(a, 1)
	if b.written {
		t.Error("the second message counts as written")
	}
	s.left(b, 2)
	if !b.written || !s.acked(2) {
		t.Error("the second message is lost")
	}
	publish(t, s, "c", 0, got)
	c := s.hand(t, 0)
	s.left(c, 0)
	for _, name := range []string{"a", "b", "c"} {
		if o := <-got; o.name != name || o.err != nil {
			t.Errorf("got %v", o)
		}
	}
	got.none(t)
	if s.open != 0 || s.flight.head != nil {
		t.Errorf("%d open, flight %v", s.open, s.flight)
	}
}

// TestPubackAfterTheEnd: an acknowledgement that was read already when the session ended does not finish a message twice.
func TestPubackAfterTheEnd(t *testing.T) {
	s, got, cause := bare(t), make(outcomes, 8), errors.New("over")
	publish(t, s, "a", 1, got)
	publish(t, s, "b", 1, got)
	a := s.hand(t, 1)
	if err := s.fail(cause); err != cause {
		t.Fatal(err)
	}
	if s.acked(1) {
		t.Error("acknowledged after the end")
	}
	s.left(a, 1)
	if _, err := s.leaving(2); err != cause {
		t.Errorf("leaving after the end: %v", err)
	}
	if err := s.fail(errors.New("again")); err != cause {
		t.Errorf("second end: %v", err)
	}
	for _, name := range []string{"a", "b"} {
		if o := <-got; o.name != name || o.err != cause {
			t.Errorf("got %v", o)
		}
	}
	got.none(t)
}

// TestTheEngineIsNotTrusted with ids: one that is in use, one for QoS 0, none for QoS 1, and a message nobody gave it.
func TestTheEngineIsNotTrusted(t *testing.T) {
	s, got := bare(t), make(outcomes, 8)
	if _, err := s.leaving(1); err == nil {
		t.Error("a message out of nowhere")
	}
	publish(t, s, "a", 1, got)
	s.hand(t, 7)
	publish(t, s, "b", 1, got)
	s.handed, s.waiting = s.waiting, list{}
	for _, id := range []uint16{7, 0} {
		if _, err := s.leaving(id); err == nil {
			t.Errorf("packet id %d was taken", id)
		}
	}
	s.handed = list{}
	publish(t, s, "c", 0, got)
	s.handed, s.waiting = s.waiting, list{}
	if _, err := s.leaving(8); err == nil {
		t.Error("QoS 0 with a packet id")
	}
	got.none(t)
}

// TestTheClockOfAMessageStartsWhenItIsWritten: a peer that reads late is judged by the write's limit, not by the PUBACK's.
func TestTheClockOfAMessageStartsWhenItIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := startPeer(t, Options{AckTimeout: 3 * time.Second})
		got := make(outcomes, 8)
		publish(t, s, "a", 1, got)
		publish(t, s, "b", 1, got)
		a := p.message()
		synctest.Wait()                    // b is being written
		p.send(publishertest.Puback(a.ID)) // b is the oldest now, and its write waits
		time.Sleep(9 * time.Second)
		if err := s.Err(); err != nil {
			t.Fatalf("given up: %v", err)
		}
		p.message()
		start := time.Now()
		<-s.Done()
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("given up %v after the write, want 3s", took)
		}
		p.end(s)
	})
}
