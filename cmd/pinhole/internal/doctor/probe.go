package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"pinhole/publisher/aws"
	"pinhole/publisher/route"
)

// hello is a ClientHello, by what is varied about it.
type hello struct {
	name      string   // to ask for (SNI) and to verify
	alpn      []string // offered
	classical bool     // no hybrid key share: the ClientHello fits into one packet
	network   string   // tcp or tcp4
	roots     *x509.CertPool
}

// outcome is what came of a ClientHello.
type outcome struct {
	err   error               // nil: a session
	dial  bool                // err is of the TCP connection or the tunnel below
	bytes int                 // that came back
	asked bool                // the server asked for a client certificate
	state tls.ConnectionState // of a session
	chain []*x509.Certificate // that the server showed
	local net.Addr            // this end
	took  time.Duration       // of the handshake
}

// mute reports whether nothing at all came back from a connection that stood.
func (o *outcome) mute() bool { return o.err != nil && !o.dial && o.bytes == 0 }

// answer words an outcome for the table of tries.
func (o *outcome) answer() string {
	switch {
	case o.err == nil:
		return "answered"
	case o.dial:
		return "no connection: " + words(o.err)
	case o.bytes > 0:
		return "answered"
	case isTimeout(o.err):
		return "silence"
	case errors.Is(o.err, syscall.ECONNRESET), errors.Is(o.err, syscall.EPIPE):
		return "reset"
	case errors.Is(o.err, io.EOF), errors.Is(o.err, io.ErrUnexpectedEOF):
		return "closed"
	}
	return o.err.Error()
}

// hello is the ClientHello that the agent begins with.
func (d *doctor) hello() hello {
	h := hello{name: d.p.TLS.ServerName, alpn: d.offered(), classical: d.p.TLS.KeyExchange == string(route.Classical), network: "tcp"}
	if h.name == "" {
		h.name = d.p.Broker.Host
	}
	return h
}

// offered lists the ALPN names that the agent offers.
func (d *doctor) offered() []string {
	return route.NewTLS(d.tunnel, d.p.Broker, d.layers.TLS).Protocols()
}

// probe makes one TLS handshake through the tunnel and says nothing on it. No client certificate is shown: what matters is whether
// it is asked for. The server is verified as ever, but an answer that is not trusted is an answer.
func (d *doctor) probe(ctx context.Context, h hello) (o outcome) {
	ctx, cancel := context.WithTimeout(ctx, d.o.Limits.Dial)
	defer cancel()
	conn, err := d.tunnel.DialContext(ctx, h.network, d.p.Broker.Addr())
	if err != nil {
		return outcome{err: err, dial: true}
	}
	defer conn.Close()
	o.local = conn.LocalAddr()
	if h.roots == nil {
		h.roots = d.roots()
	}
	below := &counted{Conn: conn}
	c := tls.Client(below, &tls.Config{
		ServerName: h.name, NextProtos: h.alpn, RootCAs: h.roots, Time: d.now, MinVersion: tls.VersionTLS12,
		CurvePreferences: groups(h.classical),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			o.asked = true
			return new(tls.Certificate), nil
		},
	})
	shake, stop := context.WithTimeout(ctx, d.o.Limits.Hello)
	defer stop()
	begin := time.Now()
	o.err = c.HandshakeContext(shake)
	o.took, o.bytes = time.Since(begin), below.n
	if o.err == nil {
		o.state = c.ConnectionState()
		o.chain = o.state.PeerCertificates
	} else if e, found := errors.AsType[*tls.CertificateVerificationError](o.err); found {
		o.chain = e.UnverifiedCertificates
	}
	return o
}

// groups are the key agreements of a ClientHello; package route offers the same.
func groups(classical bool) []tls.CurveID {
	if classical {
		return []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}
	}
	return []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384}
}

// roots are the authorities that the agent trusts; those that cannot be read are the key check's business and mean none here.
func (d *doctor) roots() *x509.CertPool {
	var pool *x509.CertPool
	var err error
	switch {
	case d.p.TLS.CA != "":
		pool, err = route.LoadCA(d.p.TLS.CA)
	case d.p.AWS:
		pool, err = aws.Pool()
	default:
		pool, err = x509.SystemCertPool()
	}
	if err != nil {
		return x509.NewCertPool()
	}
	return pool
}

// counted counts what comes back.
type counted struct {
	net.Conn
	n int
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.n += n
	return n, err
}
