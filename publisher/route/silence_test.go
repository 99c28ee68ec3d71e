package route

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/publisher/publishertest"
)

// box is a network with something in it that dislikes certain ClientHellos. It dials in-memory pipes.
type box struct {
	server *tls.Config
	v6     bool                            // "tcp" leads to an IPv6 address
	treat  func(size int, v4 bool) outcome // by the size of the first record in bytes

	mu    sync.Mutex
	tried []string
}

// note records a try; take returns the record and clears it.
func (b *box) note(try string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tried = append(b.tried, try)
}

func (b *box) take() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	tried := b.tried
	b.tried = nil
	return tried
}

type outcome int

const (
	pass outcome = iota
	swallow
	hangUp
	reset
	refuse // no TCP connection
)

func (b *box) DialContext(_ context.Context, network, _ string) (net.Conn, error) {
	v4 := network == "tcp4" || !b.v6
	if b.treat(0, v4) == refuse {
		b.note(network + " refused")
		return nil, &Error{Stage: StageTCP, Op: "connect", Err: syscall.ECONNREFUSED}
	}
	near, far := net.Pipe()
	go b.pass(far, network, v4)
	return &pipeEnd{Conn: near, box: b, v4: v4}, nil
}

// pass reads the ClientHello as the box would, and then lets it through or not.
func (b *box) pass(far net.Conn, network string, v4 bool) {
	defer far.Close()
	r := bufio.NewReader(far)
	header, err := r.Peek(5)
	if err != nil {
		return
	}
	size := int(binary.BigEndian.Uint16(header[3:]))
	kind := "large"
	if size < 1000 {
		kind = "small"
	}
	b.note(network + " " + kind)
	switch b.treat(size, v4) {
	case swallow:
		_, _ = io.Copy(io.Discard, r) // until the client gives up
	case hangUp, reset:
		_, _ = r.Discard(5 + size)
	case pass:
		s := tls.Server(&readThrough{far, r}, b.server)
		if s.Handshake() == nil {
			_, _ = io.Copy(io.Discard, s) // until the client closes
		}
	}
}

type readThrough struct {
	net.Conn
	r io.Reader
}

func (c *readThrough) Read(p []byte) (int, error) { return c.r.Read(p) }

// pipeEnd is the client's end, with an address and with resets.
type pipeEnd struct {
	net.Conn
	box *box
	v4  bool
}

func (p *pipeEnd) RemoteAddr() net.Addr {
	if p.v4 {
		return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}
	}
	return &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 443}
}

func (p *pipeEnd) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if err == io.EOF && p.box.treat(2000, p.v4) == reset {
		err = syscall.ECONNRESET
	}
	return n, err
}

func TestSilenceAfterTheClientHello(t *testing.T) {
	large := func(o outcome) func(int, bool) outcome {
		return func(size int, _ bool) outcome {
			if size > 1000 {
				return o
			}
			return pass
		}
	}
	always := func(o outcome) func(int, bool) outcome { return func(int, bool) outcome { return o } }
	for _, c := range []struct {
		name  string
		kx    KeyExchange
		v6    bool
		treat func(size int, v4 bool) outcome
		tried []string // at the first dial
		again []string // at the second
		took  time.Duration
		want  string // error of the first dial
	}{
		{"nothing in the way", Auto, false, always(pass), []string{"tcp large"}, []string{"tcp large"}, 0, ""},
		{"large dropped", Auto, false, large(swallow), []string{"tcp large", "tcp small"}, []string{"tcp small"}, helloTimeout, ""},
		{"large cut", Auto, false, large(hangUp), []string{"tcp large", "tcp small"}, []string{"tcp small"}, apart, ""},
		{"large reset", Auto, false, large(reset), []string{"tcp large", "tcp small"}, []string{"tcp small"}, apart, ""},
		{"large dropped, hybrid only", Hybrid, false, large(swallow), []string{"tcp large"}, []string{"tcp large"}, DialTimeout,
			"silence after the ClientHello"},
		{"all dropped", Auto, false, always(swallow), []string{"tcp large", "tcp small"}, []string{"tcp large", "tcp small"}, DialTimeout,
			"silence after the ClientHello"},
		{"all cut", Auto, false, always(hangUp), []string{"tcp large", "tcp small"}, []string{"tcp large", "tcp small"}, apart,
			"closed on the ClientHello"},
		{"all reset", Auto, false, always(reset), []string{"tcp large", "tcp small"}, []string{"tcp large", "tcp small"}, apart,
			"a reset in answer to the ClientHello"},
		{"classical dropped", Classical, false, always(swallow), []string{"tcp small"}, []string{"tcp small"}, DialTimeout,
			"silence after the ClientHello"},
		{"IPv6 stalls", Auto, true, func(_ int, v4 bool) outcome {
			if v4 {
				return pass
			}
			return swallow
		}, []string{"tcp large", "tcp small", "tcp4 small"}, []string{"tcp4 small"}, 2 * helloTimeout, ""},
		{"IPv6 stalls, classical", Classical, true, func(_ int, v4 bool) outcome {
			if v4 {
				return pass
			}
			return swallow
		}, []string{"tcp small", "tcp4 small"}, []string{"tcp4 small"}, helloTimeout, ""},
		{"IPv6 stalls and there is no IPv4", Auto, true, func(_ int, v4 bool) outcome {
			if v4 {
				return refuse
			}
			return swallow
		}, []string{"tcp large", "tcp small", "tcp4 refused"}, []string{"tcp large", "tcp small", "tcp4 refused"}, 2 * helloTimeout,
			"silence after the ClientHello"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ca := publishertest.NewCA(t, "CA")
				b := &box{v6: c.v6, treat: c.treat, server: &tls.Config{Certificates: []tls.Certificate{ca.Server(t, nil, "broker.example").TLS}}}
				layer := NewTLS(b, Broker{MQTTS, "broker.example", 443, ""}, TLSOptions{CA: caFile(t, ca), KeyExchange: c.kx})
				r := &Route{Broker: layer.peer, Dialer: layer}
				for n, want := range [][]string{c.tried, c.again} {
					start := time.Now()
					conn, err := r.Dial(t.Context())
					if took := time.Since(start); n == 0 && took != c.took {
						t.Errorf("took %v, want %v", took, c.took)
					}
					synctest.Wait()
					if tried := b.take(); !slices.Equal(tried, want) {
						t.Errorf("dial %d tried %q, want %q", n, tried, want)
					}
					if c.want == "" && err != nil {
						t.Fatal(err)
					}
					if c.want != "" {
						checkContains(t, err, StageTLS, c.want, "let through")
						continue
					}
					conn.Fail(errors.New("seen enough"))
				}
			})
		})
	}
}

// TestWhatHelpedOnceIsForgottenWhenItDoesNot: a network changes; then the first choice is tried again.
func TestWhatHelpedOnceIsForgottenWhenItDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := publishertest.NewCA(t, "CA")
		b := &box{server: &tls.Config{Certificates: []tls.Certificate{ca.Server(t, nil, "broker.example").TLS}}}
		layer := NewTLS(b, Broker{MQTTS, "broker.example", 443, ""}, TLSOptions{CA: caFile(t, ca)})
		r := &Route{Broker: layer.peer, Dialer: layer}
		step := func(name string, treat func(int, bool) outcome, want ...string) {
			t.Helper()
			b.treat = treat
			if conn, err := r.Dial(t.Context()); err == nil {
				conn.Fail(errors.New("seen enough"))
			}
			synctest.Wait()
			if tried := b.take(); !slices.Equal(tried, want) {
				t.Errorf("%s: tried %q, want %q", name, tried, want)
			}
		}
		step("large hated", func(size int, _ bool) outcome { return map[bool]outcome{true: hangUp, false: pass}[size > 1000] },
			"tcp large", "tcp small")
		step("all hated", func(int, bool) outcome { return hangUp }, "tcp small")
		step("nothing hated", func(int, bool) outcome { return pass }, "tcp large")
	})
}

// TestASlowHandshakeIsAbandoned: a server that begins to answer and then sends a byte now and then costs DialTimeout, not more.
func TestASlowHandshakeIsAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			go io.Copy(io.Discard, far)
			for _, b := range append([]byte{0x16, 3, 3, 0x10, 0}, make([]byte, 100)...) {
				if _, err := far.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(5 * time.Second)
			}
		}()
		layer := NewTLS(dialerFunc(func() (net.Conn, error) { return near, nil }), Broker{MQTTS, "broker.example", 443, ""},
			TLSOptions{CA: caFile(t, publishertest.NewCA(t, "CA"))})
		r := &Route{Broker: layer.peer, Dialer: layer}
		start := time.Now()
		_, err := r.Dial(t.Context())
		if took := time.Since(start); took != DialTimeout {
			t.Errorf("took %v, want %v", took, DialTimeout)
		}
		checkContains(t, err, StageTLS, "deadline", "began to answer and stopped")
		<-ended
	})
}

// TestCancelIsNotAFault: giving up from outside is no fault of the network, and nothing is tried again.
func TestCancelIsNotAFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &box{treat: func(int, bool) outcome { return swallow }}
		layer := NewTLS(b, Broker{MQTTS, "broker.example", 443, ""}, TLSOptions{CA: caFile(t, publishertest.NewCA(t, "CA"))})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := (&Route{Broker: layer.peer, Dialer: layer}).Dial(ctx)
		e, ok := errors.AsType[*Error](err)
		if !ok || !errors.Is(err, context.Canceled) || e.Hint != "" {
			t.Errorf("got %v with hint %q", err, e.Hint)
		}
		synctest.Wait()
		if tried := b.take(); len(tried) != 1 {
			t.Errorf("tried %q", tried)
		}
	})
}

type dialerFunc func() (net.Conn, error)

func (f dialerFunc) DialContext(context.Context, string, string) (net.Conn, error) { return f() }

func TestTCPErrors(t *testing.T) {
	timeout := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}, Err: context.DeadlineExceeded}
	for _, c := range []struct {
		err   error
		stage Stage
		want  string
		hint  string
	}{
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "b", IsNotFound: true}}, StageDNS,
			"resolve b: lookup b: no such host", "letter by letter"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "i/o timeout", Name: "b", IsTimeout: true}}, StageDNS, "resolve b: ", "port 53"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "server misbehaving", Name: "b"}}, StageDNS, "resolve b: ", "getent hosts b"},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, StageTCP, "connect to b:443: ", "nothing listens"},
		{&net.OpError{Op: "dial", Err: syscall.ENETUNREACH}, StageTCP, "connect to b:443: ", "ip route"},
		{timeout, StageTCP, "connect to b:443 (192.0.2.1:443): context deadline exceeded", "outgoing TCP 443"},
		{&net.OpError{Op: "dial", Err: context.Canceled}, StageTCP, "connect to b:443: ", ""},
	} {
		e := tcpError("b:443", c.err)
		if e.Stage != c.stage || !strings.HasPrefix(e.Error(), c.want) || !strings.Contains(e.Hint, c.hint) || (c.hint == "") != (e.Hint == "") {
			t.Errorf("%v:\ngot  %s: %s (%s)\nwant %s: %s (%s)", c.err, e.Stage, e, e.Hint, c.stage, c.want, c.hint)
		}
	}
}

func TestRefusedOnLoopback(t *testing.T) {
	b, err := ParseBroker(fmt.Sprintf("mqtt://%s", publishertest.FreeAddr(t)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Direct(b, TLSOptions{}).Dial(t.Context())
	checkContains(t, err, StageTCP, "connection refused", "nothing listens there")
}
