package session

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/publisher/publishertest"
	"pinhole/publisher/route"
)

// script is a connection that delivers bytes in pieces of a given size and takes everything.
type script struct {
	net.Conn
	rest  []byte
	piece int
}

func (c *script) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.rest[:min(c.piece, len(c.rest))])
	c.rest = c.rest[n:]
	return n, nil
}

func (c *script) Write(p []byte) (int, error)      { return len(p), nil }
func (c *script) Close() error                     { return nil }
func (c *script) SetWriteDeadline(time.Time) error { return nil }
func (c *script) RemoteAddr() net.Addr             { return &net.TCPAddr{} }

// through runs a broker's bytes through a guard with the packet ids 1 to 3 in flight and one ping outstanding. It returns what paho
// would see, which ids were done and the error.
func through(t *testing.T, stream []byte, piece int) (seen []byte, done []uint16, err error) {
	t.Helper()
	s := &Session{conn: route.Wrap(&script{rest: stream, piece: piece}), over: make(chan struct{}), byID: map[uint16]*message{}}
	s.opt = Options{ClientID: "x"}
	if err := s.opt.complete(); err != nil {
		t.Fatal(err)
	}
	s.ack, s.ping, s.pings = stopped(func() {}), stopped(func() {}), 1
	for id := range uint16(3) {
		m := &message{id: id + 1, qos: 1, done: func(err error) {
			if err == nil {
				done = append(done, id+1)
			}
		}}
		s.flight.push(m)
		s.byID[id+1] = m
	}
	g := &guard{s: s, conn: s.conn}
	buf := make([]byte, 3)
	for {
		n, err := g.Read(buf)
		if n == 0 && err == nil {
			t.Fatal("read nothing without an error")
		}
		seen = append(seen, buf[:n]...)
		if err != nil {
			return seen, done, err
		}
	}
}

// FuzzGuard: whatever comes, and in whatever pieces, paho sees one CONNACK and then only answers to what was asked, each once.
func FuzzGuard(f *testing.F) {
	ok := "\x20\x02\x00\x00"
	for _, s := range []string{"", ok, ok + "\x40\x02\x00\x01\x40\x02\x00\x01\xd0\x00\xd0\x00", ok + ok, "\x40\x02\x00\x01" + ok,
		ok + "\x30\x05\x00\x01abc\x40\x02\x00\x02", ok + "\x30\xff\xff\xff\x7f", ok + "\x90\x03\x00\x01\x80", "\x20\x02\x00\x07",
		ok + "\x30\x80\x04" + string(make([]byte, 512)) + "\x40\x02\x00\x03", ok + "\xe0\x00"} {
		f.Add([]byte(s), 1)
		f.Add([]byte(s), 1000)
	}
	f.Fuzz(func(t *testing.T, stream []byte, piece int) {
		seen, done, err := through(t, stream, max(1, piece))
		if _, ok := err.(*route.Error); !ok {
			t.Fatalf("error %T %v", err, err)
		}
		again, doneAgain, errAgain := through(t, stream, 1)
		if !bytes.Equal(seen, again) || !slices.Equal(done, doneAgain) || err.Error() != errAgain.Error() {
			t.Fatalf("in pieces of %d: % x %v %v\nin pieces of 1: % x %v %v", piece, seen, done, err, again, doneAgain, errAgain)
		}
		if len(seen) == 0 {
			if len(done) > 0 {
				t.Fatal("done without a CONNACK")
			}
			return
		}
		if len(seen) < 4 || seen[0] != 0x20 || seen[3] != 0 {
			t.Fatalf("the first packet is % x", seen)
		}
		var acks []uint16
		pings := 0
		for rest := seen[4:]; len(rest) > 0; {
			switch f, n, err := scan(rest, 0xff); {
			case err != nil || n == 0:
				t.Fatalf("paho sees % x", rest)
			case f.kind == typePuback:
				acks = append(acks, f.id)
				rest = rest[n:]
			case f.kind == typePingresp && pings == 0:
				pings++
				rest = rest[n:]
			default:
				t.Fatalf("paho sees % x", rest)
			}
		}
		if !slices.Equal(acks, done) {
			t.Fatalf("paho sees PUBACKs of %v, done are %v", acks, done)
		}
		slices.Sort(acks)
		if len(slices.Compact(acks)) != len(done) {
			t.Fatalf("done more than once: %v", done)
		}
	})
}

// TestHostileLengths: no length that a broker announces costs memory, and one beyond the limit ends the session at once.
func TestHostileLengths(t *testing.T) {
	for name, c := range map[string]struct {
		bytes []byte
		ends  bool
	}{
		"PUBLISH of 256 MiB":          {[]byte{0x30, 0xff, 0xff, 0xff, 0x7f}, true},
		"PUBLISH of 256 KiB + 1":      {[]byte{0x30, 0x81, 0x80, 0x10}, true},
		"PUBLISH of 256 KiB, a start": {[]byte{0x30, 0x80, 0x80, 0x10, 0, 1, 'a'}, false},
		"SUBACK of 256 MiB":           {[]byte{0x90, 0xff, 0xff, 0xff, 0x7f}, true},
		"100 PUBLISHes of 256 KiB": {bytes.Repeat(append([]byte{0x31, 0x80, 0x80, 0x10, 0, 1, 'a'}, make([]byte, 256*1024-3)...), 100),
			false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, s := startPeer(t, Options{})
				synctest.Wait()
				before := heap()
				p.send(c.bytes)
				synctest.Wait()
				if grown := heap() - before; grown > MaxInbound {
					t.Errorf("the heap grew by %d bytes", grown)
				}
				if err := s.Err(); (err != nil) != c.ends || c.ends && !errors.Is(err, ErrProtocol) {
					t.Errorf("error %v", err)
				}
				p.end(s)
			})
		})
	}
}

// heap returns the bytes ever allocated: garbage counts as well.
func heap() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.TotalAlloc)
}

func TestMessagesOfTheBrokerAreSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := startPeer(t, Options{})
		got := make(outcomes, 1)
		publish(t, s, "x", 1, got)
		id := p.message().ID
		p.send(publishertest.Publish(publishertest.Message{Topic: "surprise", QoS: 1, ID: id, Payload: make([]byte, 5000)}))
		p.send(publishertest.Publish(publishertest.Message{Topic: "", Payload: publishertest.Puback(id)}))
		synctest.Wait()
		got.none(t) // the PUBACK in the payload is none
		p.send(publishertest.Puback(id))
		if o := <-got; o.err != nil {
			t.Error(o.err)
		}
		p.end(s)
	})
}

// TestRandomFrames lets a broker say anything after the login, many times: nothing is done that was not acknowledged, everything is
// done once, nothing is left behind (the bubble fails if a goroutine is), and memory stays small.
func TestRandomFrames(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			p, s := startPeer(t, Options{})
			got := make(outcomes, 3)
			ids := map[uint16]string{}
			for _, name := range []string{"a", "b", "c"} {
				publish(t, s, name, 1, got)
				ids[p.message().ID] = name
			}
			before := heap()
			acked := map[string]bool{}
			for range random.IntN(20) {
				switch random.IntN(4) {
				case 0:
					id := uint16(random.IntN(6))
					p.send(publishertest.Puback(id))
					synctest.Wait()
					if name := ids[id]; name != "" && s.Err() == nil {
						acked[name] = true
					}
				case 1:
					p.send(publishertest.Packet{Type: byte(random.IntN(16)), Flags: byte(random.IntN(16)),
						Body: make([]byte, random.IntN(4))}.Bytes())
				case 2:
					p.send(publishertest.Pingresp())
				case 3:
					junk := make([]byte, random.IntN(10))
					for i := range junk {
						junk[i] = byte(random.IntN(256))
					}
					p.send(junk)
				}
				synctest.Wait()
			}
			if grown := heap() - before; grown > MaxInbound {
				t.Errorf("allocated %d bytes", grown)
			}
			p.end(s)
			for range 3 {
				// A random frame may be a PUBACK as well, so a done message is not always in acked; the reverse always holds.
				if o := <-got; o.err != nil && acked[o.name] {
					t.Errorf("%s was acknowledged and failed: %v", o.name, o.err)
				}
			}
			got.none(t)
		})
	}
}

// TestPacketIDsWrap publishes more messages than there are ids, with some unacknowledged all the time.
func TestPacketIDsWrap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const total, window = 70000, 8
		p, s := startPeer(t, Options{AckTimeout: time.Hour})
		free := make(chan struct{}, window)
		done := 0
		go func() {
			inUse := map[uint16]bool{}
			var order []uint16
			for range total {
				m := p.message()
				if m.ID == 0 || inUse[m.ID] {
					t.Errorf("packet id %d is in use", m.ID)
				}
				inUse[m.ID] = true
				if order = append(order, m.ID); len(order) == window {
					p.send(publishertest.Puback(order[1])) // the oldest waits once more
					delete(inUse, order[1])
					order = append(order[:1], order[2:]...)
				}
			}
			for _, id := range order {
				p.send(publishertest.Puback(id))
			}
		}()
		for range total {
			free <- struct{}{}
			if err := s.Publish("t", 1, nil, func(err error) {
				if err == nil {
					done++
				}
				<-free
			}); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if done != total {
			t.Errorf("%d of %d are done: %v", done, total, s.Err())
		}
		p.end(s)
	})
}

// TestManySessionsLeaveNothing: a thousand logins and losses, one after the other.
func TestManySessionsLeaveNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	for i := range 1000 {
		synctest.Test(t, func(t *testing.T) {
			p, s := startPeer(t, Options{})
			got := make(outcomes, 1)
			publish(t, s, "x", 1, got)
			if i%2 == 0 {
				p.message()
			}
			p.end(s)
			if o := <-got; o.err == nil {
				t.Error("done without a PUBACK")
			}
		})
	}
	if after := runtime.NumGoroutine(); after > before+2 {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}
