package route

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// Dialer is a layer of a way out: it opens a stream to addr, HOST:PORT, over what lies below it. network is tcp, tcp4 or tcp6 and
// says which addresses may be used. Failures are *Error. The signature is that of net.Dialer and of net/http's DialContext.
type Dialer interface {
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
}

// TCP opens TCP connections; the lowest layer. It resolves the name itself and races IPv6 against IPv4 (RFC 8305).
type TCP struct {
	Resolver *net.Resolver // nil: the system's
}

// userTimeout is how long sent bytes may stay unacknowledged by the peer's kernel before the connection is given up, in place of
// the system's quarter of an hour (TCP_USER_TIMEOUT, RFC 5482).
const userTimeout = 20 * time.Second

// DialContext implements Dialer.
func (t TCP) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{
		Resolver:        t.Resolver,
		ControlContext:  setUserTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3},
	}
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, tcpError(addr, err)
	}
	return conn, nil
}

// tcpError sorts a failed dial into dns and tcp.
func tcpError(addr string, err error) *Error {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		e := &Error{Stage: StageDNS, Op: "resolve " + dns.Name, Err: dns}
		switch {
		case dns.IsNotFound:
			e.Hint = "the name does not exist, or the network's own name server hides it; compare publisher.broker letter by letter"
		case dns.IsTimeout:
			e.Hint = "no name server answers; see /etc/resolv.conf, and whether the network lets DNS (port 53) through"
		default:
			e.Hint = "the name server fails; try: getent hosts " + dns.Name
		}
		return e
	}
	e := &Error{Stage: StageTCP, Op: "connect to " + addr, Err: err}
	switch {
	case errors.Is(err, context.Canceled):
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Hint = "nothing listens there, or a firewall refuses; check host and port"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		e.Hint = "this machine has no way to that network; check the link and the gateway: ip route"
	case timedOut(err):
		e.Hint = "no answer: a firewall drops the packets; ask for outgoing TCP 443 to this host, or set publisher.proxy"
	}
	if oe, ok := errors.AsType[*net.OpError](err); ok && oe.Addr != nil && oe.Addr.String() != addr {
		e.Op = fmt.Sprintf("connect to %s (%s)", addr, oe.Addr)
		e.Err = oe.Err
	}
	return e
}
