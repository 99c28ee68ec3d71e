package route

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"syscall"
	"time"
)

// proxyTimeout bounds everything up to the finished tunnel: the way to the proxy and all that is said to it. It is less than
// DialTimeout, so that a proxy which hangs is named, and not the broker behind it.
const proxyTimeout = 10 * time.Second

// leg is the way to a proxy: TCP or TLS over TCP. It makes errors of stage proxy of theirs, with hints that speak of the proxy.
type leg struct {
	over Dialer
	hop  *hop
	ca   string
}

// DialContext implements Dialer. The address is not used: it is always the proxy's.
func (l *leg) DialContext(ctx context.Context, network, _ string) (net.Conn, error) {
	conn, err := l.over.DialContext(ctx, network, l.hop.addr())
	if err == nil {
		return conn, nil
	}
	e := l.hop.fail("reach", err, l.hint(err))
	if StageOf(err) == StageClock {
		e.Stage = StageClock // that is what has to be mended
	}
	return nil, e
}

func (l *leg) hint(err error) string {
	below, _ := errors.AsType[*Error](err)
	switch StageOf(err) {
	case StageDNS:
		return "the proxy's name cannot be resolved; compare " + l.hop.from + " letter by letter, and see /etc/resolv.conf"
	case StageTCP:
		switch {
		case errors.Is(err, context.Canceled):
			return ""
		case errors.Is(err, syscall.ECONNREFUSED):
			return "nothing listens there; check host and port in " + l.hop.from
		case timedOut(err):
			return "no answer: the proxy is down, or it is another one in this network; check " + l.hop.from
		}
		return below.Hint
	case StageClock:
		return below.Hint
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		if l.ca != "" {
			return "the proxy's certificate does not come from an authority in " + l.ca
		}
		return "let this machine trust the authority that signed the proxy's certificate: put it into " +
			"/usr/local/share/ca-certificates and run update-ca-certificates"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "write the name that stands in the proxy's certificate into " + l.hop.from
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "this proxy does not speak TLS itself, as most do not; write http:// in " + l.hop.from
	}
	return "the TLS session with the proxy itself failed; if it has none, write http:// in " + l.hop.from
}

// bound makes reads and writes on conn end with ctx. done ends that; its error is why ctx ended, if it did meanwhile.
func bound(ctx context.Context, conn net.Conn) (done func() error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // a closed connection needs none
	return func() error {
		if !stop() {
			return context.Cause(ctx)
		}
		return nil
	}
}
