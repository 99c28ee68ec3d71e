package route

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
)

const (
	// maxHead is the size in bytes of the status line and header fields of one answer. Real ones have a few hundred; proxies that add
	// cookies and policies reach 8 KiB.
	maxHead = 32 << 10
	// maxBody is how much of an error page is read to keep the connection for the next round. Real ones have a few thousand bytes.
	maxBody = 64 << 10
	// maxRounds is how many requests one tunnel may take. Basic in vain, then Digest with one stale nonce, or NTLM, take four.
	maxRounds = 6
)

// connect is the layer that asks an HTTP proxy for a tunnel (RFC 9110 section 9.3.6). It is safe for concurrent use.
type connect struct {
	over  Dialer // to the proxy
	hop   *hop
	habit atomic.Int32 // the scheme that this proxy wants, as far as is known: no password is sent in another one
}

// DialContext implements Dialer: the name in addr goes to the proxy as it is.
func (c *connect) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, proxyTimeout)
	defer cancel()
	user, password, err := c.hop.login()
	if err != nil {
		return nil, err
	}
	a := newAuth(user, password, scheme(c.habit.Load()))
	t := &talk{connect: c, network: network, addr: addr, auth: a}
	conn, err := t.run(ctx)
	if err != nil {
		t.hangUp()
		return nil, err
	}
	return conn, nil
}

// talk is the way to one tunnel: requests and answers, usually on one connection.
type talk struct {
	*connect
	network, addr string
	auth          *auth

	conn  net.Conn // nil: none yet, or the last one cannot be used again
	asked int      // requests on it
	limit *io.LimitedReader
	r     *bufio.Reader
	done  func() error // ends what bounds conn by the context
}

func (t *talk) run(ctx context.Context) (net.Conn, error) {
	for range maxRounds {
		t.auth.tie = endPoint(t.conn)
		header, err := t.auth.header(t.addr)
		if err != nil {
			return nil, t.failed(err, "check the user and the password of "+t.hop.from)
		}
		resp, err := t.ask(ctx, header)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode/100 == 2 {
			return t.tunnel(ctx)
		}
		answer := newAnswer(resp, t.auth.secrets)
		again := false
		if resp.StatusCode == http.StatusProxyAuthRequired {
			if again, err = t.auth.challenged(answer.challenges); err != nil {
				return nil, t.failed(errors.New(printable(err.Error(), t.auth.secrets)),
					"ask the proxy's operator for Basic, for NTLM, or for Digest with MD5 or SHA-256 and qop auth")
			}
		}
		if !again {
			return nil, t.failed(answer, answer.hint(t))
		}
		t.habit.Store(int32(t.auth.scheme)) // even if it fails now: the next dial must not begin with Basic
		if !t.drained(resp) {
			if ctx.Err() != nil {
				return nil, t.broken(ctx, ctx.Err())
			}
			if t.auth.bound() {
				return nil, t.failed(errors.New("the proxy closes the connection in the middle of an NTLM login"),
					"something between here and the proxy takes connections apart; ask its operator, or for another way to log in")
			}
			t.hangUp()
		}
	}
	return nil, t.failed(errors.New("the proxy keeps asking for a login and takes none"), "see the proxy's log")
}

// ask sends one request and reads the head of its final answer. Where a connection that was kept from an earlier round turns out to
// be closed, it is asked once more on a new one.
func (t *talk) ask(ctx context.Context, header string) (*http.Response, error) {
	for {
		if t.conn == nil {
			conn, err := t.over.DialContext(ctx, t.network, t.hop.addr())
			if err != nil {
				return nil, err
			}
			t.conn, t.asked, t.done = conn, 0, bound(ctx, conn)
			t.limit = &io.LimitedReader{R: conn}
			t.r = bufio.NewReader(t.limit)
		}
		t.asked++
		resp, err := t.exchange(header)
		if err == nil {
			return resp, nil
		}
		gone := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
			errors.Is(err, io.ErrClosedPipe)
		if gone && t.asked > 1 && !t.auth.bound() {
			t.hangUp()
			continue
		}
		return nil, t.broken(ctx, err)
	}
}

// exchange writes a request and reads the head of its answer. io.EOF means that nothing at all came.
func (t *talk) exchange(header string) (*http.Response, error) {
	request := "CONNECT " + t.addr + " HTTP/1.1\r\nHost: " + t.addr + "\r\nUser-Agent: pinhole\r\nProxy-Connection: Keep-Alive\r\n"
	if header != "" {
		request += "Proxy-Authorization: " + header + "\r\n"
	}
	t.limit.N = maxHead
	if _, err := io.WriteString(t.conn, request+"\r\n"); err != nil {
		return nil, err
	}
	for {
		start, err := t.r.Peek(5)
		if err != nil && (len(start) == 0 || !errors.Is(err, io.EOF)) {
			return nil, err
		}
		if string(start) != "HTTP/" {
			return nil, newNotHTTP(t.r, t.auth.secrets)
		}
		resp, err := http.ReadResponse(t.r, &http.Request{Method: http.MethodConnect})
		switch {
		case err == nil && resp.StatusCode/100 == 1: // an interim answer; what counts comes after it
			continue
		case err == nil:
			return resp, nil
		case t.limit.N <= 0:
			return nil, errLongHead
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, errCutOff
		}
		if _, ok := errors.AsType[net.Error](err); ok {
			return nil, err
		}
		return nil, malformed(err)
	}
}

// drained reads what is left of an answer and reports whether the connection can be used again (RFC 9112 section 9.3).
func (t *talk) drained(resp *http.Response) bool {
	keep := !resp.Close
	switch field := strings.ToLower(resp.Header.Get("Proxy-Connection")); {
	case field == "close":
		keep = false
	case field == "keep-alive" && !resp.ProtoAtLeast(1, 1): // how proxies of HTTP/1.0 say it
		keep = !strings.EqualFold(resp.Header.Get("Connection"), "close")
	}
	if !keep || resp.ContentLength < 0 && len(resp.TransferEncoding) == 0 { // the latter ends with the connection
		return false
	}
	t.limit.N = maxBody
	n, err := io.Copy(io.Discard, resp.Body)
	return err == nil && n < maxBody
}

// tunnel hands out the connection. What the proxy sent after its answer belongs to the tunnel.
func (t *talk) tunnel(ctx context.Context) (net.Conn, error) {
	if err := t.done(); err != nil {
		return nil, t.broken(ctx, err)
	}
	n := t.r.Buffered()
	if n == 0 {
		return t.conn, nil
	}
	early, err := t.r.Peek(n)
	if err != nil {
		return nil, t.broken(ctx, err)
	}
	return &preread{Conn: t.conn, early: early}, nil
}

// hangUp gives the connection up.
func (t *talk) hangUp() {
	if t.conn != nil {
		_ = t.done()
		_ = t.conn.Close() // what matters is in another error
		t.conn = nil
	}
}

// broken explains a connection that ended, or an answer that was none.
func (t *talk) broken(ctx context.Context, err error) *Error {
	other := "https"
	if t.hop.scheme == "https" {
		other = "http"
	}
	if e, ok := errors.AsType[*notHTTP](err); ok {
		return t.failed(e, e.hint(t.hop.from))
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return t.failed(context.Cause(ctx), "")
	case ctx.Err() != nil:
		return t.failed(fmt.Errorf("no answer in time: %w", context.DeadlineExceeded),
			"the proxy takes the connection and then says nothing, or too slowly; see its log, and whether it can reach the broker")
	case errors.Is(err, errLongHead):
		return t.failed(err, "that is not how a proxy answers; check host and port in "+t.hop.from)
	case t.asked == 1 && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		return t.failed(fmt.Errorf("the proxy hung up without an answer: %w", err),
			"is it a proxy, and does it want "+other+":// in "+t.hop.from+"?")
	}
	return t.failed(err, "see the proxy's log")
}

// failed makes the error of this tunnel.
func (t *talk) failed(err error, hint string) *Error {
	return &Error{Stage: StageProxy, Op: "tunnel to " + t.addr + " through " + t.hop.String(), Err: err, Hint: hint}
}

// preread is a connection of which some bytes were read too early.
type preread struct {
	net.Conn
	early []byte
}

func (p *preread) Read(b []byte) (int, error) {
	if len(p.early) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.early)
	p.early = p.early[n:]
	return n, nil
}

// NetConn returns the connection below.
func (p *preread) NetConn() net.Conn { return p.Conn }
