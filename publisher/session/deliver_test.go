package session

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/publisher/publishertest"
	"pinhole/publisher/route"
)

func TestDoneFollowsThePuback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := startPeer(t, Options{})
		got := make(outcomes, 8)
		payload := []byte("first")
		if err := s.Publish("a/b", 1, payload, got.note("first")); err != nil {
			t.Fatal(err)
		}
		copy(payload, "XXXXX") // it is the caller's again
		m := p.message()
		if m.Topic != "a/b" || m.QoS != 1 || m.Dup || m.Retain || m.ID == 0 || string(m.Payload) != "first" {
			t.Errorf("got %+v", m)
		}
		synctest.Wait()
		got.none(t)
		p.send(publishertest.Puback(m.ID))
		if o := <-got; o.name != "first" || o.err != nil {
			t.Errorf("got %v", o)
		}
		if err := s.PublishRetained("a/c", 1, nil, got.note("kept")); err != nil {
			t.Fatal(err)
		}
		if m := p.message(); !m.Retain || len(m.Payload) != 0 {
			t.Errorf("got %+v", m)
		}
		p.end(s)
		if o := <-got; o.name != "kept" || !errors.Is(o.err, ErrHungUp) {
			t.Errorf("got %v", o)
		}
		got.none(t)
	})
}

// TestHangUpUponAMessage: a broker whose policy denies the topic hangs up on what is published, and not before. That is not the same as
// a connection that breaks.
func TestHangUpUponAMessage(t *testing.T) {
	for _, c := range []struct {
		name               string
		publishes, answers int
		qos                byte
		stage              route.Stage
		text, hint         string
	}{
		{"nothing was said", 0, 0, 1, route.StageTCP, "the broker closed the connection: EOF", "the same client id"},
		{"on the first message", 1, 0, 1, route.StageAck, "has acknowledged none of its messages", "iot:Publish"},
		{"on one of several", 3, 0, 1, route.StageAck, "has acknowledged none of its messages", "iot:Publish"},
		{"after an acknowledgement", 3, 1, 1, route.StageTCP, "the broker closed the connection: EOF", "the same client id"},
		{"all acknowledged", 1, 1, 1, route.StageTCP, "the broker closed the connection: EOF", "the same client id"},
		{"without acknowledgements", 1, 0, 0, route.StageTCP, "the broker closed the connection: EOF", "the same client id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, s := startPeer(t, Options{})
				got := make(outcomes, 8)
				for i := range c.publishes {
					publish(t, s, fmt.Sprint(i), c.qos, got)
				}
				for i := range c.publishes {
					if m := p.message(); i < c.answers {
						p.send(publishertest.Puback(m.ID))
					}
				}
				synctest.Wait()
				p.end(s)
				e, ok := errors.AsType[*route.Error](s.Err())
				if !ok || e.Stage != c.stage || !errors.Is(e, ErrHungUp) || !errors.Is(e, io.EOF) || !strings.Contains(e.Error(), c.text) ||
					!strings.Contains(e.Hint, c.hint) {
					t.Errorf("%+v", s.Err())
				}
			})
		})
	}
}

func TestQoS0IsDoneWhenWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := startPeer(t, Options{})
		got := make(outcomes, 8)
		publish(t, s, "x", 0, got)
		synctest.Wait()
		got.none(t) // the peer has not read it yet
		if m := p.message(); m.QoS != 0 || m.ID != 0 || string(m.Payload) != "x" {
			t.Errorf("got %+v", m)
		}
		if o := <-got; o.err != nil {
			t.Error(o.err)
		}
		p.end(s)
		got.none(t)
	})
}

// TestAcknowledgementsOutOfOrder: reordered, doubled and for ids never given out. Each done(nil) belongs to its own PUBACK.
func TestAcknowledgementsOutOfOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := startPeer(t, Options{})
		got := make(outcomes, 8)
		ids := map[string]uint16{}
		for _, name := range []string{"a", "b", "c", "d"} {
			publish(t, s, name, 1, got)
		}
		for range 4 {
			m := p.message()
			ids[string(m.Payload)] = m.ID
		}
		ack := func(id uint16) { p.send(publishertest.Puback(id)); synctest.Wait() }
		for _, id := range []uint16{999, 65535, ids["d"] + 1} {
			ack(id)
		}
		got.none(t)
		for _, name := range []string{"c", "a", "d"} {
			ack(ids[name])
			ack(ids[name])
			if o := <-got; o.name != name || o.err != nil {
				t.Errorf("PUBACK of %s finished %v", name, o)
			}
			got.none(t)
		}
		p.end(s)
		if o := <-got; o.name != "b" || o.err == nil {
			t.Errorf("got %v", o)
		}
	})
}

func TestPubackWithheld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := startPeer(t, Options{})
		got := make(outcomes, 8)
		for _, name := range []string{"a", "b", "c"} {
			publish(t, s, name, 1, got)
		}
		start := time.Now()
		p.message()
		b := p.message()
		p.message()
		time.Sleep(5 * time.Second)
		p.send(publishertest.Puback(b.ID))
		if o := <-got; o.name != "b" || o.err != nil {
			t.Errorf("got %v", o)
		}
		<-s.Done()
		if took := time.Since(start); took != AckTimeout {
			t.Errorf("given up after %v, want %v", took, AckTimeout)
		}
		for _, name := range []string{"a", "c"} {
			if o := <-got; o.name != name || o.err != s.Err() {
				t.Errorf("got %v, want %s with the session's error", o, name)
			}
		}
		if err := s.Err(); !errors.Is(err, ErrNoPuback) || route.StageOf(err) != route.StageAck {
			t.Errorf("error %v", err)
		}
		if err := s.Publish("t", 1, nil, got.note("late")); err != s.Err() {
			t.Errorf("publish afterwards: %v", err)
		}
		p.send(publishertest.Puback(1))
		p.end(s)
		got.none(t)
	})
}

// TestASlowLinkIsNotGivenUp: each PUBACK takes most of the limit, and all that wait for it are older.
func TestASlowLinkIsNotGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := startPeer(t, Options{KeepAlive: time.Hour})
		got := make(outcomes, 8)
		var ids []uint16
		for i := range 6 {
			publish(t, s, fmt.Sprint(i), 1, got)
			ids = append(ids, p.message().ID)
		}
		for _, id := range ids[:5] {
			time.Sleep(AckTimeout - time.Second)
			p.send(publishertest.Puback(id))
			if o := <-got; o.err != nil {
				t.Fatal(o)
			}
		}
		start := time.Now()
		<-s.Done()
		if took := time.Since(start); took != AckTimeout {
			t.Errorf("the last one was given up after %v, want %v", took, AckTimeout)
		}
		p.end(s)
	})
}

// TestCutAtEachByte cuts the connection after each byte of a PUBLISH, and after each byte of its PUBACK: only the whole PUBACK
// makes the message done.
func TestCutAtEachByte(t *testing.T) {
	size := len(publishertest.Publish(publishertest.Message{Topic: "t/x", ID: 1, QoS: 1, Payload: []byte("x")}))
	for n := range size + 5 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, s := startPeer(t, Options{})
				got := make(outcomes, 8)
				publish(t, s, "x", 1, got)
				read := make([]byte, min(n, size))
				if _, err := p.r.Read(read[:min(1, len(read))]); err != nil { // the whole packet is in the buffer now
					t.Fatal(err)
				}
				if n > size {
					p.send(publishertest.Puback(1)[:n-size])
				}
				p.end(s)
				o := <-got
				if whole := n == size+4; (o.err == nil) != whole {
					t.Errorf("after %d of %d+4 bytes: %v", n, size, o.err)
				}
				got.none(t)
			})
		})
	}
}

func TestPeerThatTakesNothing(t *testing.T) {
	for _, qos := range []byte{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			p, s := startPeer(t, Options{})
			got := make(outcomes, 32)
			start := time.Now()
			for i := range 20 {
				publish(t, s, fmt.Sprint(i), qos, got)
			}
			<-s.Done()
			if took := time.Since(start); took != route.WriteTimeout {
				t.Errorf("noticed after %v, want %v", took, route.WriteTimeout)
			}
			if route.StageOf(s.Err()) != route.StageTCP {
				t.Errorf("error %v", s.Err())
			}
			for i := range 20 {
				if o := <-got; o.name != fmt.Sprint(i) || o.err == nil {
					t.Errorf("got %v", o)
				}
			}
			p.end(s)
			got.none(t)
		})
	}
}

// TestDeadPeerIsNoticed: a peer that went silent, without and with data in flight.
func TestDeadPeerIsNoticed(t *testing.T) {
	for _, c := range []struct{ keepAlive, within time.Duration }{
		{4 * time.Second, 6 * time.Second},
		{10 * time.Second, 15 * time.Second},
		{15 * time.Second, 24 * time.Second},
		{20 * time.Second, 30 * time.Second},
		{30 * time.Second, 45 * time.Second},
		{60 * time.Second, 75 * time.Second},
		{1200 * time.Second, 1215 * time.Second},
	} {
		for _, quiet := range []time.Duration{0, time.Millisecond, c.keepAlive / 7, c.keepAlive - time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				p, s := startPeer(t, Options{KeepAlive: c.keepAlive})
				got := make(outcomes, 1)
				time.Sleep(quiet)
				publish(t, s, "x", 1, got)
				p.send(publishertest.Puback(p.message().ID))
				start := time.Now() // the last sign of life
				p.expect(publishertest.PINGREQ)
				if at := time.Since(start); at > c.keepAlive*3/2 {
					t.Errorf("keepalive %v: PINGREQ after %v is too late for the broker", c.keepAlive, at)
				}
				<-s.Done()
				if took := time.Since(start); took > c.within {
					t.Errorf("keepalive %v, quiet %v: noticed after %v, want %v at most", c.keepAlive, quiet, took, c.within)
				}
				if !errors.Is(s.Err(), ErrNoPingresp) {
					t.Errorf("error %v", s.Err())
				}
				p.end(s)
			})
		}
	}
	synctest.Test(t, func(t *testing.T) {
		p, s := startPeer(t, Options{KeepAlive: 1200 * time.Second})
		publish(t, s, "x", 1, make(outcomes, 1))
		p.message()
		start := time.Now()
		<-s.Done()
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("with data in flight: noticed after %v", took)
		}
		p.end(s)
	})
}

// TestALivePeerIsKept answers pings at the last moment for a day.
func TestALivePeerIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := startPeer(t, Options{})
		start, pings := time.Now(), 0
		for time.Since(start) < 24*time.Hour {
			p.expect(publishertest.PINGREQ)
			pings++
			time.Sleep(PingTimeout - time.Millisecond)
			p.send(publishertest.Pingresp())
			p.send(publishertest.Pingresp()) // one that nobody asked for
		}
		if err := s.Err(); err != nil {
			t.Error(err)
		}
		if pings < 24*60 || pings > 24*60*2 {
			t.Errorf("%d pings a day", pings)
		}
		p.end(s)
	})
}

func TestBrokerSaysGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := startPeer(t, Options{})
		p.send([]byte{0xe0, 0})
		<-s.Done()
		if err := s.Err(); !errors.Is(err, ErrDisconnect) || route.StageOf(err) != route.StageAck {
			t.Errorf("error %v", err)
		}
		p.end(s)
	})
}

func TestCloseSaysGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := startPeer(t, Options{})
		got := make(outcomes, 1)
		publish(t, s, "x", 1, got)
		p.message()
		closed := make(chan error)
		go func() { closed <- s.Close(t.Context()) }()
		start := time.Now()
		p.expect(publishertest.DISCONNECT)
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if time.Since(start) != 0 {
			t.Errorf("took %v", time.Since(start))
		}
		if _, err := p.r.ReadByte(); err == nil {
			t.Error("something came after the DISCONNECT")
		}
		if o := <-got; o.err != ErrClosed {
			t.Errorf("got %v", o.err)
		}
		<-s.Done()
		if s.Err() != ErrClosed {
			t.Errorf("error %v", s.Err())
		}
		if err := s.Publish("t", 1, nil, nil); err != ErrClosed {
			t.Errorf("publish afterwards: %v", err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("second close: %v", err)
		}
		p.end(s)
	})
}

func TestCloseDoesNotWaitForAStuckPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := startPeer(t, Options{})
		got := make(outcomes, 3)
		for _, name := range []string{"a", "b", "c"} {
			publish(t, s, name, 1, got)
		}
		synctest.Wait()
		start := time.Now()
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > 300*time.Millisecond {
			t.Errorf("took %v", took)
		}
		for range 3 {
			if o := <-got; o.err != ErrClosed {
				t.Errorf("got %v", o)
			}
		}
		p.end(s)
		got.none(t)
	})
}

func TestMessagesThatCannotBeSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := startPeer(t, Options{})
		got := make(outcomes, 1)
		for _, c := range []struct {
			topic string
			qos   byte
			want  string
		}{
			{"", 1, "publish: the topic is empty"},
			{"a/+/b", 1, `publish: topic "a/+/b" has the wildcard '+', which is for subscribing only`},
			{"a/#", 1, `publish: topic "a/#" has the wildcard '#', which is for subscribing only`},
			{"a\x00", 1, `publish: the topic "a\x00" has a NUL character`},
			{"\xff", 1, `publish: the topic "\xff" is not UTF-8`},
			{strings.Repeat("x", 65536), 1, "publish: the topic has 65536 bytes; 65535 is the most"},
			{"a", 2, "publish to a: qos 2; 0 and 1 are supported"},
		} {
			if err := s.Publish(c.topic, c.qos, nil, got.note("x")); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		}
		n := 0
		for ; n < 2*maxOpen; n++ {
			if err := s.Publish("t", 1, nil, func(error) {}); err != nil {
				if err != ErrFull {
					t.Error(err)
				}
				break
			}
		}
		if n != maxOpen {
			t.Errorf("%d messages were taken, want %d", n, maxOpen)
		}
		p.end(s)
		got.none(t)
	})
}

func TestDoneMayPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := startPeer(t, Options{})
		got := make(outcomes, 1)
		if err := s.Publish("a", 1, nil, func(error) { publish(t, s, "next", 1, got) }); err != nil {
			t.Fatal(err)
		}
		p.send(publishertest.Puback(p.message().ID))
		p.send(publishertest.Puback(p.message().ID))
		if o := <-got; o.name != "next" || o.err != nil {
			t.Errorf("got %v", o)
		}
		p.end(s)
	})
}

// TestPayloadSizes sends the sizes at which the length field grows, up to AWS's largest, in order and unharmed.
func TestPayloadSizes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := startPeer(t, Options{})
		got := make(outcomes, 16)
		sizes := []int{0, 1, 121, 122, 16377, 16378, 131072, 300000}
		for _, n := range sizes {
			if err := s.Publish("t", 1, bytes.Repeat([]byte{byte(n)}, n), got.note(fmt.Sprint(n))); err != nil {
				t.Fatal(err)
			}
		}
		for _, n := range sizes {
			m := p.message()
			if !bytes.Equal(m.Payload, bytes.Repeat([]byte{byte(n)}, n)) {
				t.Errorf("payload of %d bytes came as %d others", n, len(m.Payload))
			}
			p.send(publishertest.Puback(m.ID))
			if o := <-got; o.name != fmt.Sprint(n) || o.err != nil {
				t.Errorf("got %v", o)
			}
		}
		p.end(s)
	})
}
