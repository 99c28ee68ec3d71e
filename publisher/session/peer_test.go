package session

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"pinhole/publisher/publishertest"
)

// peer is the broker's end of an in-memory connection, which holds no bytes: a write waits until the other end reads.
type peer struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

// dialPeer begins a login inside a synctest bubble; result gives what Connect returned.
func dialPeer(t *testing.T, o Options) (p *peer, result func() (*Session, error)) {
	t.Helper()
	return dialPeerContext(t.Context(), t, o)
}

func dialPeerContext(ctx context.Context, t *testing.T, o Options) (p *peer, result func() (*Session, error)) {
	t.Helper()
	near, far := net.Pipe()
	if o.ClientID == "" {
		o.ClientID = "device"
	}
	o.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	type answer struct {
		s   *Session
		err error
	}
	t.Cleanup(func() { // runs in the bubble, which fails if a goroutine outlives it
		_ = far.Close() // it may be closed
		time.Sleep(time.Minute)
	})
	answers := make(chan answer, 1)
	go func() {
		s, err := Connect(ctx, near, o)
		answers <- answer{s, err}
	}()
	return &peer{t, far, bufio.NewReader(far)}, func() (*Session, error) {
		a := <-answers
		return a.s, a.err
	}
}

// startPeer does the login as well.
func startPeer(t *testing.T, o Options) (*peer, *Session) {
	t.Helper()
	p, result := dialPeer(t, o)
	p.expect(publishertest.CONNECT)
	p.send(publishertest.Connack(0))
	s, err := result()
	if err != nil {
		t.Fatal(err)
	}
	return p, s
}

// expect reads the next packet, which must be of that type.
func (p *peer) expect(kind byte) publishertest.Packet {
	p.t.Helper()
	packet, err := publishertest.ReadPacket(p.r)
	if err != nil {
		p.t.Fatalf("waiting for a packet of type %d: %v", kind, err)
	}
	if packet.Type != kind {
		p.t.Fatalf("a packet of type %d came, want %d", packet.Type, kind)
	}
	return packet
}

// message reads the next packet as a PUBLISH.
func (p *peer) message() publishertest.Message {
	p.t.Helper()
	m, err := p.expect(publishertest.PUBLISH).Message()
	if err != nil {
		p.t.Fatal(err)
	}
	return m
}

// send writes bytes; that the client hangs up in the middle is part of some tests and shows there.
func (p *peer) send(b []byte) { _, _ = p.conn.Write(b) }

// end closes the broker's end and waits for the session to be over.
func (p *peer) end(s *Session) {
	p.t.Helper()
	_ = p.conn.Close() // it may be closed
	<-s.Done()
}

// outcomes collects what became of messages, in order.
type outcomes chan outcome

type outcome struct {
	name string
	err  error
}

func (o outcomes) note(name string) func(error) { return func(err error) { o <- outcome{name, err} } }

// none checks that nothing more was reported.
func (o outcomes) none(t *testing.T) {
	t.Helper()
	select {
	case x := <-o:
		t.Errorf("%s was reported: %v", x.name, x.err)
	default:
	}
}

// publish hands over a message that must be taken.
func publish(t *testing.T, s *Session, name string, qos byte, o outcomes) {
	t.Helper()
	if err := s.Publish("t/"+name, qos, []byte(name), o.note(name)); err != nil {
		t.Fatalf("publish %s: %v", name, err)
	}
}

// acknowledge is a broker for one connection that answers each PUBLISH at once.
func acknowledge(l net.Listener) {
	conn, err := l.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 64*1024)
	for {
		p, err := publishertest.ReadPacket(r)
		if err != nil {
			return
		}
		answer := publishertest.Connack(0)
		switch p.Type {
		case publishertest.PUBLISH:
			m, err := p.Message()
			if err != nil {
				return
			}
			answer = publishertest.Puback(m.ID)
		case publishertest.PINGREQ:
			answer = publishertest.Pingresp()
		case publishertest.DISCONNECT:
			return
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}
