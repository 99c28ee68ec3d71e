// Package httppub publishes messages by HTTP POST requests: the way out that is left where no MQTT passes, not even in WebSocket.
//
// A Link is a publisher's link to an HTTPS endpoint such as AWS IoT's. It promises that a message counts as acknowledged only after
// its own answer with status 200; that each done is called once; that no wait is without a limit and no answer costs more than
// MaxAnswer of memory; and that connections are kept alive and opened at least a second apart. Messages arrive in the order in
// which they were published unless several may be under way at once.
//
// Order and several at once exclude each other here. HTTP/1.1 knows requests sent ahead of the answers on one connection, which would
// have both; but a client should not do that with POST (RFC 9112 section 9.3.2), what stands between often does not bear it, and AWS
// does not promise it. One at a time costs little: what piles up meanwhile travels as a larger message.
//
// The connection comes from package route, the signature from package aws. A failed post ends the link: when to try again is package
// publisher's business.
package httppub

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"pinhole/publisher/route"
)

// Defaults and bounds.
const (
	AckTimeout = 20 * time.Second // from a request that was written to its answer
	MaxAnswer  = 64 << 10         // bytes of an answer's head, and of its body
	maxOpen    = 4096             // messages waiting
	apart      = time.Second      // between two connections
	// idle is how long a connection is kept without a post. Load balancers drop idle ones after 60 s and more, many of them without a
	// word.
	idle = 50 * time.Second
	// stale is how old a connection may get before its first post; nothing watches it until then.
	stale = 5 * time.Second
)

// ErrClosed is a link's end by Close; ErrFull is from Publish, which did nothing.
var (
	ErrClosed = errors.New("link closed")
	ErrFull   = errors.New("too many messages waiting")
)

// Options are the settings of a Link. Dial, Host and Target must be set.
type Options struct {
	Dial   func(ctx context.Context) (*route.Conn, error) // a stream on which HTTP/1.1 can be spoken; Dial of a Route
	Host   string                                         // value of the Host field
	Target func(topic string, qos byte) string            // path and query to post to, escaped

	// Sign completes a request shortly before it is sent; nil: nothing is missing.
	Sign func(ctx context.Context, r *http.Request, payload []byte) error
	// Parallel is how many posts may be under way at once, each on a connection of its own; 0: one. With more, messages overtake
	// each other.
	Parallel   int
	AckTimeout time.Duration    // 0: AckTimeout
	Now        func() time.Time // to tell a clock that is wrong; nil: the system's
	Log        *slog.Logger     // nil: silent
}

// Link is one publisher's link. It is safe for concurrent use.
type Link struct {
	o         Options
	transport *http.Transport
	ctx       context.Context // of everything that is under way
	cancel    context.CancelCauseFunc
	posts     chan post
	stop      chan struct{} // closed when nothing new is to be posted
	over      chan struct{} // closed when every message has had its done
	workers   sync.WaitGroup
	calls     sync.Mutex // held around each done, so that two never run at once

	mu    sync.Mutex
	err   error       // why the link is over
	first *route.Conn // the connection that Connect made, until it is used
	born  time.Time   // when first was made
	next  time.Time   // when the next connection may be opened
}

type post struct {
	target  string
	payload []byte
	done    func(error)
}

// Connect makes a link and its first connection: what stands in the way shows here, as a *route.Error. ctx bounds that alone.
func Connect(ctx context.Context, o Options) (*Link, error) {
	if o.AckTimeout <= 0 {
		o.AckTimeout = AckTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Parallel = max(o.Parallel, 1)
	conn, err := o.Dial(ctx)
	if err != nil {
		return nil, err
	}
	l := &Link{o: o, posts: make(chan post, maxOpen), stop: make(chan struct{}), over: make(chan struct{}), first: conn, born: time.Now(),
		next: time.Now().Add(apart)}
	l.ctx, l.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	l.transport = &http.Transport{
		DialTLSContext: l.dial, DisableCompression: true, MaxConnsPerHost: o.Parallel, MaxIdleConnsPerHost: o.Parallel, IdleConnTimeout: idle,
		ResponseHeaderTimeout: o.AckTimeout, MaxResponseHeaderBytes: MaxAnswer,
	}
	for range o.Parallel {
		l.workers.Go(l.work)
	}
	go l.end()
	return l, nil
}

// dial gives the transport a connection: the one that Connect made, or a new one.
func (l *Link) dial(context.Context, string, string) (net.Conn, error) {
	l.mu.Lock()
	conn, fresh := l.first, time.Since(l.born) < stale
	l.first = nil
	if conn != nil && fresh {
		l.mu.Unlock()
		return conn, nil
	}
	wait := max(0, time.Until(l.next))
	l.next = time.Now().Add(wait + apart)
	l.mu.Unlock()
	if conn != nil {
		_ = conn.Close() // unused
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.ctx.Done():
		return nil, context.Cause(l.ctx)
	}
	c, err := l.o.Dial(l.ctx)
	if err != nil {
		return nil, err // not the typed nil
	}
	return c, nil
}

// Publish hands a message over and returns at once. payload must stay as it is until done is called: with nil when the answer was
// 200, whatever qos, else with why the link is over. done must not block and must not call Close.
func (l *Link) Publish(topic string, qos byte, payload []byte, done func(error)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	select {
	case l.posts <- post{l.o.Target(topic, qos), payload, done}:
		return nil
	default:
		return ErrFull
	}
}

// work posts one message after the other until the link is over.
func (l *Link) work() {
	for {
		select {
		case <-l.stop:
			return
		default:
		}
		select {
		case <-l.stop:
			return
		case p := <-l.posts:
			err := l.post(p)
			if err != nil {
				err = l.fail(err)
			}
			l.done(p, err)
		}
	}
}

func (l *Link) done(p post, err error) {
	l.calls.Lock()
	defer l.calls.Unlock()
	p.done(err)
}

// fail notes why the link is over, unless it is already, and returns the reason that stands. After an answer that refuses a message
// the others that are under way may finish: they were sent before, and it helps to know which one was meant.
func (l *Link) fail(err error) error {
	l.mu.Lock()
	if l.err == nil {
		l.err = err
		close(l.stop)
	}
	reason := l.err
	l.mu.Unlock()
	if _, answered := errors.AsType[*Refused](err); !answered {
		l.cancel(err)
	}
	return reason
}

// end cleans up when the link is over.
func (l *Link) end() {
	l.workers.Wait()
	l.mu.Lock()
	err, conn := l.err, l.first
	l.first = nil
	l.mu.Unlock()
	l.cancel(err)
	l.transport.CloseIdleConnections()
	if conn != nil {
		_ = conn.Close() // unused
	}
	for {
		select {
		case p := <-l.posts:
			l.done(p, err)
		default:
			close(l.over)
			return
		}
	}
}

// Done is closed when the link is over: every message has had its done by then.
func (l *Link) Done() <-chan struct{} { return l.over }

// Err returns why the link is over, nil while it is not: ErrClosed after Close, otherwise a *route.Error.
func (l *Link) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Close ends the link; it does not wait for answers. What is under way gets its done with ErrClosed.
func (l *Link) Close(context.Context) error {
	_ = l.fail(ErrClosed)
	<-l.over
	return nil
}
