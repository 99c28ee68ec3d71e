package route

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// WriteTimeout is how long one write may take. A peer that does not take a packet for so long is gone or stuck.
const WriteTimeout = 10 * time.Second

// closeTimeout bounds the farewell of a TLS session, which needs a peer that still reads.
const closeTimeout = time.Second

// Conn is a byte stream to the broker. Every write has a deadline, writes are done one after the other, bytes are counted, and
// it is closed once, for one cause, which every later Read and Write returns.
//
// A failed write closes it: half a packet may be out, so nothing sensible can follow.
type Conn struct {
	conn    net.Conn
	way     string        // the name of its route
	turn    chan struct{} // held by the one that writes; a channel, so that waiting for it ends when the Conn does
	over    chan struct{} // closed by the first Close or Fail
	ending  atomic.Bool
	cause   error // written before over is closed, read after
	in, out atomic.Int64
}

// Wrap makes a Conn of any connection. A Conn is returned as it is.
func Wrap(conn net.Conn) *Conn {
	if c, ok := conn.(*Conn); ok {
		return c
	}
	return &Conn{conn: conn, turn: make(chan struct{}, 1), over: make(chan struct{})}
}

// Read reads what has arrived. A TLS alert of the peer comes back as an *Error: with TLS 1.3 a server that refuses the client's
// certificate says so only after the handshake (RFC 8446 section 4.4.2.4 and figure 1).
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.conn.Read(p)
	c.in.Add(int64(n))
	if err == nil {
		return n, nil
	}
	select {
	case <-c.over:
		return n, c.cause
	default:
	}
	if e := alert(err, "read from "+c.conn.RemoteAddr().String()); e != nil {
		return n, e
	}
	return n, err
}

// Write writes p as a whole within WriteTimeout, after any write that is under way.
func (c *Conn) Write(p []byte) (int, error) {
	select {
	case <-c.over:
		return 0, c.cause
	case c.turn <- struct{}{}:
	}
	defer func() { <-c.turn }()
	if err := c.conn.SetWriteDeadline(time.Now().Add(WriteTimeout)); err != nil {
		return 0, c.broken(err)
	}
	n, err := c.conn.Write(p)
	c.out.Add(int64(n))
	if err != nil {
		return n, c.broken(err)
	}
	return n, nil
}

// broken ends the connection after a failed write and returns the cause that stands.
func (c *Conn) broken(err error) error {
	op := "write to " + c.conn.RemoteAddr().String()
	e := alert(err, op)
	if e == nil {
		if said := c.lastWords(err); said != nil {
			e = alert(said, op)
		}
	}
	switch {
	case e != nil:
	case errors.Is(err, os.ErrDeadlineExceeded):
		e = &Error{Stage: StageTCP, Op: op, Err: fmt.Errorf("the peer took nothing for %v: %w", WriteTimeout, err),
			Hint: "the network is too slow or gone; the connection is made again"}
	default:
		e = &Error{Stage: StageTCP, Op: op, Err: err}
	}
	c.Fail(e)
	<-c.over
	return c.cause
}

// Close ends the connection in good order. Calls after the first do nothing. It takes a second at most.
func (c *Conn) Close() error {
	if !c.end(net.ErrClosed) {
		return nil
	}
	defer time.AfterFunc(closeTimeout, c.abort).Stop()
	return c.conn.Close()
}

// lastWords reads what a TLS peer said before it reset the connection, for a write can meet the reset before anybody has read the
// alert that explains it. The bytes of an alert are still there: Linux keeps what was received before a reset.
func (c *Conn) lastWords(err error) error {
	session, ok := c.conn.(*tls.Conn) // it may be read from two goroutines, which not every layer above it allows
	if !ok || !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		return nil
	}
	if err := session.SetReadDeadline(time.Now().Add(lastWordsWithin)); err != nil {
		return nil
	}
	_, err = session.Read(make([]byte, 1))
	return err
}

// lastWordsWithin is how long lastWords may take. What it looks for has arrived already.
const lastWordsWithin = 200 * time.Millisecond

// Fail ends the connection at once because of cause, without a farewell to the peer. Calls after the first end do nothing.
func (c *Conn) Fail(cause error) {
	if c.end(cause) {
		c.abort()
	}
}

// end marks the connection as over; false if it was already.
func (c *Conn) end(cause error) bool {
	if !c.ending.CompareAndSwap(false, true) {
		return false
	}
	c.cause = cause
	close(c.over)
	return true
}

// abort closes the lowest connection that can be reached. Closing a TLS session would first say goodbye, and that waits for a
// peer which may be the reason for closing.
func (c *Conn) abort() {
	conn := c.conn
	for {
		upper, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		conn = upper.NetConn()
	}
	_ = conn.Close() // the connection is given up either way
}

// Cause returns why the connection is over, nil while it is not. net.ErrClosed means a call of Close.
func (c *Conn) Cause() error {
	select {
	case <-c.over:
		return c.cause
	default:
		return nil
	}
}

// Bytes returns how many bytes were read and written so far, above TLS.
func (c *Conn) Bytes() (in, out int64) { return c.in.Load(), c.out.Load() }

// TLS returns the state of the TLS session, nil if there is none.
func (c *Conn) TLS() *tls.ConnectionState {
	t, ok := c.conn.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return nil
	}
	return new(t.ConnectionState())
}

// Way returns the name of the route that it was dialed on, "" if it was wrapped without one.
func (c *Conn) Way() string { return c.way }

// NetConn returns the connection below.
func (c *Conn) NetConn() net.Conn { return c.conn }

// LocalAddr and RemoteAddr return the ends of the connection; the remote one is the proxy's where there is a proxy.
func (c *Conn) LocalAddr() net.Addr  { return c.conn.LocalAddr() }
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// SetDeadline sets the read deadline: the write deadline is set anew by every Write.
func (c *Conn) SetDeadline(t time.Time) error { return c.conn.SetReadDeadline(t) }

// SetReadDeadline bounds pending and later reads.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.conn.SetReadDeadline(t) }

// SetWriteDeadline does nothing: every Write has WriteTimeout.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }
