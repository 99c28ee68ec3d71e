package httppub

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"pinhole/publisher/aws"
	"pinhole/publisher/route"
)

// peer is an HTTP server behind in-memory connections.
type peer struct {
	server *http.Server
	conns  chan net.Conn
	over   chan struct{}

	mu     sync.Mutex
	dialed []time.Time
	far    []net.Conn // the server's ends
	refuse error      // of dials
	deaf   bool       // nobody reads from the connections
}

func startPeer(t *testing.T, handle http.HandlerFunc) *peer {
	t.Helper()
	p := &peer{conns: make(chan net.Conn, 64), over: make(chan struct{}),
		server: &http.Server{Handler: handle, ErrorLog: log.New(t.Output(), "", 0)}}
	served := make(chan struct{})
	go func() { defer close(served); _ = p.server.Serve(p) }() // ends with the test
	t.Cleanup(func() { _ = p.server.Close(); <-served })
	return p
}

func (p *peer) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.over:
		return nil, net.ErrClosed
	}
}

func (p *peer) Close() error   { close(p.over); return nil }
func (p *peer) Addr() net.Addr { return &net.TCPAddr{} }

func (p *peer) dial(context.Context) (*route.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialed = append(p.dialed, time.Now())
	if p.refuse != nil {
		return nil, p.refuse
	}
	near, far := net.Pipe()
	p.far = append(p.far, far)
	if !p.deaf {
		p.conns <- far
	}
	return route.Wrap(near), nil
}

// cut ends every connection.
func (p *peer) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.far {
		_ = c.Close() // it may be closed already
	}
	p.far = nil
}

func (p *peer) dials() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dialed
}

// connect makes a link to the peer as to AWS.
func (p *peer) connect(t *testing.T, o Options) *Link {
	t.Helper()
	o.Dial, o.Host = p.dial, "data.example"
	o.Target = func(topic string, qos byte) string { return aws.TopicPath(topic) + "?qos=" + string('0'+qos) }
	l, err := Connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// outcome is what a done was called with.
type outcome struct {
	name string
	err  error
}

type outcomes chan outcome

func (o outcomes) publish(t *testing.T, l *Link, name string) {
	t.Helper()
	if err := l.Publish("t", 1, []byte(name), func(err error) { o <- outcome{name, err} }); err != nil {
		t.Fatalf("publish %s: %v", name, err)
	}
}

// end closes a link and demands that it is over.
func end(t *testing.T, l *Link) {
	t.Helper()
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
	<-l.Done()
	if err := l.Publish("t", 1, nil, func(error) { t.Error("done after the end") }); err == nil || !errors.Is(err, l.Err()) {
		t.Errorf("publish after the end: %v", err)
	}
}

func body(r *http.Request) string {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
