package session

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"pinhole/publisher/publishertest"
	"pinhole/publisher/route"
)

// overWS dials a real broker inside WebSocket and logs in.
func overWS(t *testing.T, broker string, tls route.TLSOptions, o Options) (*Session, error) {
	t.Helper()
	b, err := route.ParseBroker(broker)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := route.OverWebSocket(route.Direct(b, tls), route.WSOptions{}).Dial(t.Context())
	if err != nil {
		return nil, err
	}
	return Connect(t.Context(), conn, o)
}

// TestMosquittoOverWebSocket sends messages of all sizes to a real broker, plain and over TLS.
func TestMosquittoOverWebSocket(t *testing.T) {
	m := publishertest.StartMosquitto(t)
	tls := route.TLSOptions{CA: m.Folder + "/ca.pem", ServerName: "localhost"}
	for name, broker := range map[string]string{"ws": "ws://" + m.WS + "/mqtt", "wss": "wss://" + m.WSS + "/any/path?and=query"} {
		t.Run(name, func(t *testing.T) {
			next := m.Subscribe(t, "lab/"+name)
			s, err := overWS(t, broker, tls, Options{ClientID: "device-" + name})
			if err != nil {
				t.Fatal(err)
			}
			const total = 200
			done := make(chan error, total)
			for i := range total {
				if err := s.Publish("lab/"+name, 1, fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", i*600)), func(err error) { done <- err }); err != nil {
					t.Fatal(err)
				}
			}
			for i := range total {
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				got := string(next().Payload)
				if n := fmt.Sprintf("%d ", i); !strings.HasPrefix(got, n) || len(got) != len(n)+i*600 {
					t.Fatalf("message %d is %.20s of %d bytes", i, got, len(got))
				}
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	if _, err := overWS(t, "ws://"+m.Plain, route.TLSOptions{}, Options{ClientID: "x"}); route.StageOf(err) != route.StageWS {
		t.Errorf("a port that speaks MQTT: %v at stage %s", err, route.StageOf(err))
	}
}

// TestCutsOverWebSocket delivers numbered messages although every connection is cut after some thousand bytes in either direction.
func TestCutsOverWebSocket(t *testing.T) {
	m := publishertest.StartMosquitto(t)
	next := m.Subscribe(t, "cuts")
	gate := cutter(t, m.WS, 7001)
	const total, window = 300, 16
	acked, first, sessions := make([]bool, total), 0, 0
	for ; first < total && sessions < 500; sessions++ {
		s, err := overWS(t, "ws://"+gate, route.TLSOptions{}, Options{ClientID: "cut"})
		if err != nil {
			continue // cut before the login was done
		}
		var mu sync.Mutex
		free := make(chan struct{}, window)
	messages:
		for i := first; i < total; i++ {
			select {
			case free <- struct{}{}:
			case <-s.Done():
				break messages
			}
			if s.Publish("cuts", 1, fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", 90)), func(err error) {
				mu.Lock()
				defer mu.Unlock()
				acked[i] = acked[i] || err == nil
				<-free
			}) != nil {
				break
			}
		}
		for range window { // all have had their answers
			select {
			case free <- struct{}{}:
			case <-s.Done():
			}
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		for first < total && acked[first] {
			first++
		}
	}
	if first < total || sessions < 3 {
		t.Fatalf("%d of %d acknowledged in %d sessions", first, total, sessions)
	}
	seen := map[string]bool{}
	for len(seen) < total { // what was acknowledged has arrived; next fails if nothing more comes
		n, _, _ := strings.Cut(string(next().Payload), " ")
		seen[n] = true
	}
	t.Logf("%d messages in %d sessions", total, sessions)
}

// cutter is a relay to addr that resets each connection after at most limit bytes, the first after the least.
func cutter(t *testing.T, addr string, limit int64) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for n := limit / 7; ; n = n%limit + limit/7 {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			end := func() { _, _ = near.Close(), far.Close() } // twice, at most
			open.Go(func() {
				_, err := io.CopyN(far, near, n)
				if err == nil && near.(*net.TCPConn).SetLinger(0) != nil {
					t.Error("no reset")
				}
				end()
			})
			open.Go(func() { _, _ = io.CopyN(near, far, n); end() }) // ends with either side
		}
	})
	t.Cleanup(func() { _ = l.Close(); open.Wait() })
	return l.Addr().String()
}

// TestTheReasonInACloseFrame reaches the one who reads the log.
func TestTheReasonInACloseFrame(t *testing.T) {
	s := &Session{opt: Options{ClientID: "x"}}
	err := s.linkError(&route.WSClosed{Code: 1008, Text: "policy"})
	e, ok := errors.AsType[*route.Error](err)
	if !ok || e.Stage != route.StageTCP || !errors.Is(err, ErrHungUp) || !strings.Contains(err.Error(), "code 1008 (policy)") {
		t.Errorf("got %v", err)
	}
}
