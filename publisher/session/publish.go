package session

import (
	"errors"
	"fmt"
	"time"
)

// maxOpen is how many messages may be unfinished at once. A window is the caller's business; this only keeps packet ids (65,535)
// and memory out of danger.
const maxOpen = 4096

// maxPacket is the most that a packet's remaining length can say (section 2.2.3).
const maxPacket = 268435455

// Buffers kept for the next payloads: how many, and how large each may have become. Few messages wait at once, as paho makes a
// packet of each right away; 128 KiB is the largest message that AWS takes.
const (
	keepBuffers = 4
	keepBytes   = 128 * 1024
)

// message is one message on its way. It is in one list at a time.
type message struct {
	prev, next *message
	topic      string
	buf        []byte // the payload, copied; nil once it was written
	qos        byte
	retain     bool
	written    bool
	id         uint16
	done       func(error)
}

// list is a doubly linked list, in order.
type list struct{ head, tail *message }

func (l *list) push(m *message) {
	m.prev, m.next = l.tail, nil
	if l.tail != nil {
		l.tail.next = m
	} else {
		l.head = m
	}
	l.tail = m
}

func (l *list) remove(m *message) {
	if m.prev != nil {
		m.prev.next = m.next
	} else {
		l.head = m.next
	}
	if m.next != nil {
		m.next.prev = m.prev
	} else {
		l.tail = m.prev
	}
	m.prev, m.next = nil, nil
}

// Publish hands a message over and returns at once; payload is copied and free again. Messages leave in the order of the calls.
//
// done is called exactly once, and never at the same time as another done of this session: with nil when the broker's PUBACK for
// this message has come (with QoS 0: when it was written out), with the session's error otherwise. It must not block and must not
// call Close; it may call Publish. If Publish returns an error, done is not called.
//
// A message whose PUBACK does not come within Options.AckTimeout ends the session. The time counts from when the message was
// written and all before it were acknowledged: a slow link that still makes progress is not given up.
func (s *Session) Publish(topic string, qos byte, payload []byte, done func(error)) error {
	return s.publish(topic, qos, false, payload, done)
}

// PublishRetained is Publish of a message that the broker keeps for later subscribers.
func (s *Session) PublishRetained(topic string, qos byte, payload []byte, done func(error)) error {
	return s.publish(topic, qos, true, payload, done)
}

func (s *Session) publish(topic string, qos byte, retain bool, payload []byte, done func(error)) error {
	if err := CheckTopic(topic); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if qos > 1 {
		return fmt.Errorf("publish to %s: qos %d; 0 and 1 are supported", topic, qos)
	}
	if len(payload) > maxPacket-len(topic)-4 {
		return fmt.Errorf("publish to %s: %d bytes are more than an MQTT packet holds", topic, len(payload))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return s.err
	case s.closing.Load():
		return ErrClosed
	case s.open >= maxOpen:
		return ErrFull
	}
	m := s.spare
	if m == nil {
		m = new(message)
	} else {
		s.spare = m.next
	}
	var buf []byte
	if n := len(s.buffers); n > 0 {
		buf, s.buffers = s.buffers[n-1], s.buffers[:n-1]
	}
	*m = message{topic: topic, buf: append(buf[:0], payload...), qos: qos, retain: retain, done: done}
	s.waiting.push(m)
	s.open++
	select {
	case s.kick <- struct{}{}:
	default:
	}
	return nil
}

// send gives messages to paho, one after the other, until the session is over. paho may block, which is why a caller of Publish
// does not do it.
func (s *Session) send() {
	for {
		select {
		case <-s.over:
			return
		case <-s.kick:
		}
		for {
			s.mu.Lock()
			m := s.waiting.head
			if m == nil {
				s.mu.Unlock()
				break
			}
			s.waiting.remove(m)
			s.handed.push(m)
			topic, qos, retain, buf := m.topic, m.qos, m.retain, m.buf
			s.mu.Unlock()
			if err := s.engine.Publish(topic, qos, retain, buf).Error(); err != nil {
				_ = s.fail(s.linkError(fmt.Errorf("%w: %w", errNoUse, err)))
				return
			}
		}
	}
}

// leaving notes that paho is about to write its next PUBLISH, which got this packet id. paho has made its own copy by now.
func (s *Session) leaving(id uint16) (*message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.handed.head
	switch {
	case s.err != nil:
		return nil, s.err
	case m == nil:
		return nil, errors.New("the engine publishes what it was not given")
	case (m.qos > 0) != (id > 0), s.byID[id] != nil:
		return nil, fmt.Errorf("the engine gave packet id %d to a message of qos %d", id, m.qos)
	}
	s.handed.remove(m)
	if len(s.buffers) < keepBuffers && cap(m.buf) <= keepBytes {
		s.buffers = append(s.buffers, m.buf)
	}
	m.buf, m.id = nil, id
	s.flight.push(m)
	if id > 0 {
		s.byID[id] = m // before it is written: the PUBACK may be faster than the return of the write
	}
	return m, nil
}

// left notes that a message was written as a whole. With QoS 1 it may have been acknowledged before its write returned, and m may
// already be in use for another one: it counts only if it is still found by its id.
func (s *Session) left(m *message, id uint16) {
	s.mu.Lock()
	switch {
	case s.err != nil:
	case id == 0:
		s.flight.remove(m)
		s.settle(m)
		return
	case s.byID[id] == m:
		m.written = true
		if s.flight.head == m {
			s.watch()
		}
	}
	s.mu.Unlock()
}

// acked takes a PUBACK; false if no message with that id is in flight.
func (s *Session) acked(id uint16) bool {
	s.mu.Lock()
	m := s.byID[id]
	if m == nil {
		s.mu.Unlock()
		return false
	}
	delete(s.byID, id)
	s.taken = true
	head := s.flight.head == m
	s.flight.remove(m)
	if head {
		s.watch()
	}
	s.settle(m)
	return true
}

// settle finishes a message well. mu is held at the call and released.
func (s *Session) settle(m *message) {
	done := m.done
	s.open--
	*m = message{next: s.spare}
	s.spare = m
	s.mu.Unlock()
	s.calls.Lock()
	defer s.calls.Unlock()
	done(nil)
}

// watch starts the clock of the oldest unacknowledged message. mu is held.
func (s *Session) watch() {
	s.since = time.Now()
	if m := s.flight.head; m != nil && m.written {
		s.ack.Reset(s.opt.AckTimeout)
	} else {
		s.ack.Stop()
	}
}

// untaken reports whether messages are in flight of which the broker has acknowledged none, nor any before them.
func (s *Session) untaken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.taken && len(s.byID) > 0
}

// overdue runs when the oldest message's time is up. An acknowledgement may have come in the same moment.
func (s *Session) overdue() {
	s.mu.Lock()
	late := s.flight.head != nil && time.Since(s.since) >= s.opt.AckTimeout
	s.mu.Unlock()
	if late {
		_ = s.fail(s.linkError(ErrNoPuback))
	}
}

// pinging notes that a PINGREQ is about to be written.
func (s *Session) pinging() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pings++; s.pings == 1 && s.err == nil {
		s.ping.Reset(s.opt.PingTimeout)
	}
}

// pinged takes a PINGRESP; false if none was due.
func (s *Session) pinged() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pings == 0 {
		return false
	}
	s.pings = 0
	s.ping.Stop()
	return true
}
