package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"pinhole/publisher"
	"pinhole/publisher/aws"
	"pinhole/publisher/route"
	"pinhole/publisher/session"
)

// loginFacts is what came of the agent's own way, up to the login.
type loginFacts struct {
	tried  bool
	safe   bool  // the TLS session came about
	dialed bool  // so did the stream that MQTT is spoken on
	err    error // a *route.Error; nil: s stands, or no login was to be made
	s      publisher.Link
	id     string
	took   time.Duration // from CONNECT to CONNACK
	last   time.Time     // of the last CONNECT
}

// suffix makes a client id of the doctor's own: with the agent's it would end the agent's session [MQTT-3.1.4-2].
const suffix = "-doctor"

// clientID is the configured one if no agent can have it in use.
func (d *doctor) clientID() string {
	if d.agent == absent {
		return d.p.ClientID
	}
	return d.ownID()
}

// ownID is a client id that is nobody else's.
func (d *doctor) ownID() string {
	return strings.ToValidUTF8(d.p.ClientID[:min(len(d.p.ClientID), aws.MaxClientID-len(suffix))], "") + suffix
}

// enter goes the way of the agent once and returns what stopped it.
func (d *doctor) enter(ctx context.Context) error {
	l := &d.login
	if l.tried {
		return l.err
	}
	l.tried, l.id = true, d.clientID()
	conn, err := d.dial(ctx, d.secured())
	if err != nil {
		l.err = d.unmask(ctx, err)
		return l.err
	}
	l.safe = true
	d.local = hostOf(conn.LocalAddr())
	if o, state := &d.tls.out, conn.TLS(); state != nil && o.err != nil { // a server of TLS 1.2 that insists on a certificate
		o.err, o.state, o.chain = nil, *state, state.PeerCertificates
	}
	if d.p.Broker.Secure() && !d.key.bad {
		if l.err = d.objection(conn); l.err != nil {
			conn.Close()
			return l.err
		}
	}
	conn.Close()
	if conn, l.err = d.dial(ctx, d.way()); l.err != nil {
		return l.err
	}
	l.dialed = true
	if d.key.bad || d.p.Broker.Scheme == route.HTTPS {
		conn.Close()
		return nil
	}
	s, took, err := d.logIn(ctx, conn, l.id)
	if busy(err) { // AWS says so of a client id that logged in less than a second ago, maybe on another device
		if again, late := d.again(ctx, l.id); late == nil {
			s, took, err = again, time.Since(l.last), nil
		}
	}
	if l.took, l.err = took, err; err == nil {
		l.s = s
	}
	return l.err
}

// busy reports whether the broker says that it takes no logins now.
func busy(err error) bool {
	e, found := errors.AsType[*session.Refused](err)
	return found && e.Code == 3
}

// objection listens on a fresh TLS session for what the server has against the client's certificate. With TLS 1.3 that comes after the
// handshake, and a client that speaks first may meet the reset that follows before it has read the alert.
func (d *doctor) objection(conn *route.Conn) error {
	wait := min(max(4*d.tls.out.took, 150*time.Millisecond), time.Second)
	_ = conn.SetReadDeadline(time.Now().Add(wait)) // a failure shows in Read
	var b [1]byte
	_, err := conn.Read(b[:])
	if route.StageOf(err) == route.StageTLS {
		return err
	}
	return nil
}

// unmask looks closer at a server that nobody knows.
func (d *doctor) unmask(ctx context.Context, err error) error {
	e, found := errors.AsType[*route.Error](err)
	if !found || e.Stage != route.StageTLS || !errors.As(err, new(x509.UnknownAuthorityError)) || aws.Legacy(d.p.Broker.Host) {
		return err
	}
	if sign := d.impostor(ctx, err); sign != "" {
		return &route.Error{Stage: route.StageIntercepted, Op: e.Op, Err: fmt.Errorf("%w; %s", e.Err, sign)}
	}
	return err
}

// logIn makes a session. AWS takes one CONNECT a second of a client id.
func (d *doctor) logIn(ctx context.Context, conn *route.Conn, id string) (*session.Session, time.Duration, error) {
	d.login.last = time.Now()
	o := session.Options{
		ClientID: id, Username: d.p.Username, KeepAlive: d.p.KeepAlive, ConnackTimeout: d.o.Limits.Connack, AckTimeout: d.o.Limits.Ack,
	}
	if d.p.PasswordFile != "" {
		o.Password = func() (string, error) { return secret(d.p.PasswordFile) }
	}
	s, err := session.Connect(ctx, conn, o)
	if err != nil {
		return nil, 0, err
	}
	return s, time.Since(d.login.last), nil
}

// again logs in anew, with a pause that keeps to a CONNECT a second.
func (d *doctor) again(ctx context.Context, id string) (*session.Session, error) {
	if !pause(ctx, time.Until(d.login.last.Add(1200*time.Millisecond))) {
		return nil, context.Cause(ctx)
	}
	conn, err := d.dial(ctx, d.way())
	if err != nil {
		return nil, err
	}
	s, _, err := d.logIn(ctx, conn, id)
	return s, err
}

// stands waits whether a session in which nothing is said stays. It returns how long it lived and why it ended, nil if it stays.
func (d *doctor) stands(ctx context.Context, s publisher.Link) (lived time.Duration, err error) {
	begin := time.Now()
	t := time.NewTimer(d.o.Limits.Idle)
	defer t.Stop()
	select {
	case <-s.Done():
		return time.Since(begin), s.Err()
	case <-ctx.Done():
	case <-t.C:
	}
	return time.Since(begin), nil
}

// hangUp says goodbye.
func (d *doctor) hangUp() {
	if d.login.s != nil {
		_ = d.login.s.Close(context.Background()) // bounded by itself; nothing depends on it
		d.login.s = nil
	}
}

func pause(ctx context.Context, wait time.Duration) bool {
	t := time.NewTimer(max(wait, 0))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
