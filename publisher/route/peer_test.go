package route

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"pinhole/publisher/publishertest"
)

// awsHost is an endpoint name in AWS's form; redirect leads it to a local peer.
const awsHost = "abc123-ats.iot.eu-west-1.amazonaws.com"

// redirect dials one address whatever it is asked for, so that a test can use the names of the world.
type redirect string

func (r redirect) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	return TCP{}.DialContext(ctx, "tcp", string(r))
}

// visit is what a peer saw of one connection.
type visit struct {
	hello *tls.ClientHelloInfo
	err   error // of the handshake
	data  int   // bytes of application data that arrived
}

// serve runs a peer for each connection until the test ends. visits has one entry for each, after it ended.
func serve(t *testing.T, handle func(conn net.Conn) visit) (addr string, visits <-chan visit) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	out := make(chan visit, 16)
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				_ = conn.SetDeadline(time.Now().Add(20 * time.Second)) // a failure shows in what is read
				out <- handle(conn)
				_ = conn.Close() // the client may be gone
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close() // ends the loop
		open.Wait()
	})
	return l.Addr().String(), out
}

// tlsPeer does the server's side of a handshake and reads what comes after it, for a moment or until the client closes.
func tlsPeer(config *tls.Config) func(net.Conn) visit {
	return func(conn net.Conn) (v visit) {
		c := config.Clone()
		c.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			v.hello = h
			return nil, nil
		}
		s := tls.Server(conn, c)
		if v.err = s.Handshake(); v.err != nil {
			return v
		}
		n, _ := io.Copy(io.Discard, s) // ends with the client, in whatever way
		v.data = int(n)
		return v
	}
}

// client is a TLS layer over redirect.
func client(t *testing.T, addr, broker string, o TLSOptions) (*TLS, string) {
	t.Helper()
	b, err := ParseBroker(broker)
	if err != nil {
		t.Fatal(err)
	}
	o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	return NewTLS(redirect(addr), b, o), b.Addr()
}

// dial makes one connection and closes it again.
func dial(t *testing.T, l *TLS, addr string) (*tls.ConnectionState, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), DialTimeout)
	defer cancel()
	conn, err := l.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := Wrap(conn)
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	return c.TLS(), nil
}

// caFile writes an authority to a file.
func caFile(t *testing.T, ca *publishertest.CA) string {
	t.Helper()
	return publishertest.WriteFile(t, t.TempDir(), "ca.pem", ca.PEM)
}
