package session

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"pinhole/publisher/route"
)

// Session is one live MQTT connection. It is safe for concurrent use.
type Session struct {
	opt    Options
	conn   *route.Conn
	engine mqtt.Client

	closing atomic.Bool   // Close was called
	kick    chan struct{} // wakes the sender
	over    chan struct{} // closed when the session is over and every message has had its done
	calls   sync.Mutex    // held around each call of a done, so that two never run at once

	mu      sync.Mutex
	err     error // why the session is over
	waiting list  // published by the caller, not yet given to paho
	handed  list  // given to paho, not yet written
	flight  list  // written or being written, not yet acknowledged, in the order of writing
	byID    map[uint16]*message
	open    int         // messages in the three lists
	taken   bool        // the broker acknowledged a message
	since   time.Time   // when the head of flight became the oldest unacknowledged one
	ack     *time.Timer // runs while the head of flight is written
	ping    *time.Timer // runs while a PINGREQ is unanswered
	pings   int         // unanswered PINGREQs
	spare   *message    // free list
	buffers [][]byte    // free buffers
}

// Connect logs in over conn, which belongs to the session from now on and is closed if the login fails. It returns when the
// broker's CONNACK has come; ctx bounds that wait beside Options.ConnackTimeout and means nothing afterwards. Errors are *route.Error,
// at stage connack unless the connection broke; a refusal has a *Refused inside.
func Connect(ctx context.Context, conn net.Conn, o Options) (*Session, error) {
	s := &Session{opt: o, conn: route.Wrap(conn), kick: make(chan struct{}, 1), over: make(chan struct{}), byID: map[uint16]*message{}}
	password, err := s.prepare()
	if err != nil {
		err = &route.Error{Stage: route.StageConnack, Op: "prepare the login", Err: err}
		s.conn.Fail(err)
		return nil, err
	}
	s.ack = stopped(s.overdue)
	s.ping = stopped(func() { _ = s.fail(s.linkError(ErrNoPingresp)) })
	connack := time.AfterFunc(s.opt.ConnackTimeout, func() { _ = s.fail(s.loginError(ErrNoConnack)) })
	defer connack.Stop()
	stop := context.AfterFunc(ctx, func() { _ = s.fail(s.loginError(context.Cause(ctx))) })
	defer stop()

	s.engine = newEngine(&guard{s: s, conn: s.conn}, &s.opt, password)
	login := s.engine.Connect()
	select {
	case <-login.Done(): // well or not: when paho fails it closes the guard, and that ends the session
	case <-s.over:
	}
	if err := s.Err(); err != nil {
		<-s.over
		return nil, err
	}
	go s.send()
	return s, nil
}

// prepare completes the options and gets the password.
func (s *Session) prepare() (password string, err error) {
	if err := s.opt.complete(); err != nil {
		return "", err
	}
	if s.opt.Password == nil {
		return "", nil
	}
	if password, err = s.opt.Password(); err != nil {
		return "", fmt.Errorf("get the password: %w", err)
	}
	if len(password) > 65535 {
		return "", fmt.Errorf("the password has %d bytes; 65535 is the most", len(password))
	}
	return password, nil
}

// stopped makes a timer that does not run yet.
func stopped(f func()) *time.Timer {
	t := time.AfterFunc(forever, f)
	t.Stop()
	return t
}

// Done is closed when the session is over: every message has had its done by then.
func (s *Session) Done() <-chan struct{} { return s.over }

// Err returns why the session is over, nil while it is not: ErrClosed after Close, otherwise a *route.Error.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// goodbye bounds how long a DISCONNECT may take to leave.
const goodbye = 250 * time.Millisecond

// Close sends DISCONNECT and closes the connection; it does not wait for acknowledgements. What is in flight gets its done with
// ErrClosed. It takes a quarter of a second at most if the network takes nothing, and ends sooner if ctx does. Closing a session
// that is over does nothing.
func (s *Session) Close(ctx context.Context) error {
	s.closing.Store(true)
	wait := goodbye
	if t, ok := ctx.Deadline(); ok {
		wait = max(0, min(wait, time.Until(t)))
	}
	if ctx.Err() == nil && s.Err() == nil {
		s.engine.Disconnect(uint(wait.Milliseconds()))
	}
	_ = s.fail(ErrClosed)
	<-s.over
	return nil
}

// fail ends the session because of err, unless it is over already, and returns the reason that stands. It must not be called with mu
// or calls held.
func (s *Session) fail(err error) error {
	s.mu.Lock()
	if s.err != nil {
		defer s.mu.Unlock()
		return s.err
	}
	s.err = err
	lists := [...]list{s.flight, s.handed, s.waiting}
	s.flight, s.handed, s.waiting = list{}, list{}, list{}
	clear(s.byID)
	if s.ack != nil {
		s.ack.Stop()
		s.ping.Stop()
	}
	s.mu.Unlock()

	if err == ErrClosed {
		_ = s.conn.Close() // the goodbye was said; whether its end is heard is not our concern
	} else {
		s.conn.Fail(err)
	}
	s.calls.Lock()
	for _, l := range lists {
		for m := l.head; m != nil; m = m.next {
			m.done(err)
		}
	}
	s.calls.Unlock()
	close(s.over)
	return err
}
