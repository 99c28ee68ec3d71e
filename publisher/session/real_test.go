package session

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"pinhole/publisher/aws"
	"pinhole/publisher/publishertest"
	"pinhole/publisher/route"
)

// login dials a real broker and logs in.
func login(t *testing.T, broker string, tls route.TLSOptions, o Options) (*Session, error) {
	t.Helper()
	b, err := route.ParseBroker(broker)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := route.Direct(b, tls).Dial(t.Context())
	if err != nil {
		return nil, err
	}
	return Connect(t.Context(), conn, o)
}

// TestMosquitto sends through a real broker, plain and with mutual TLS, and through a gate that lets only AWS's ALPN name pass.
func TestMosquitto(t *testing.T) {
	m := publishertest.StartMosquitto(t)
	cert, key := m.Client(t, "device")
	files := route.TLSOptions{CA: m.Folder + "/ca.pem", Cert: cert, Key: key, ServerName: "localhost"}
	named := files
	named.ALPN = route.ALPN{Names: []string{aws.ALPNMQTT}}
	for name, c := range map[string]struct {
		broker string
		tls    route.TLSOptions
	}{
		"plain":      {"mqtt://" + m.Plain, route.TLSOptions{}},
		"mutual TLS": {"mqtts://" + m.TLS, files},
		"ALPN gate":  {"mqtts://" + publishertest.StartNginx(t, map[string]string{aws.ALPNMQTT: m.TLS}), named},
	} {
		t.Run(name, func(t *testing.T) {
			topic := "lab/" + strings.ReplaceAll(name, " ", "-")
			next := m.Subscribe(t, topic)
			s, err := login(t, c.broker, c.tls, Options{ClientID: "device-" + name})
			if err != nil {
				t.Fatal(err)
			}
			const total = 200
			done := make(chan error, total)
			for i := range total {
				qos := byte(1)
				if i%10 == 0 {
					qos = 0
				}
				if err := s.Publish(topic, qos, fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", i*50)), func(err error) { done <- err }); err != nil {
					t.Fatal(err)
				}
			}
			for i := range total {
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				if got := string(next().Payload); !strings.HasPrefix(got, fmt.Sprintf("%d ", i)) {
					t.Fatalf("message %d is %.20s", i, got)
				}
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestMosquittoTakeover: a second login with the same client id ends the first session.
func TestMosquittoTakeover(t *testing.T) {
	m := publishertest.StartMosquitto(t)
	first, err := login(t, "mqtt://"+m.Plain, route.TLSOptions{}, Options{ClientID: "twin"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := login(t, "mqtt://"+m.Plain, route.TLSOptions{}, Options{ClientID: "twin"})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-first.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the first session goes on")
	}
	if err := first.Err(); !errors.Is(err, ErrHungUp) {
		t.Errorf("first session: %v", err)
	}
	if err := second.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestMosquittoWill: the broker publishes the will of a client that vanishes, and not of one that says goodbye.
func TestMosquittoWill(t *testing.T) {
	m := publishertest.StartMosquitto(t)
	next := m.Subscribe(t, "will/#")
	will := func(name string) Options {
		return Options{ClientID: name, Will: &Will{Topic: "will/" + name, Payload: []byte("gone"), QoS: 1}}
	}
	polite, err := login(t, "mqtt://"+m.Plain, route.TLSOptions{}, will("polite"))
	if err != nil {
		t.Fatal(err)
	}
	if err := polite.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	rude, err := login(t, "mqtt://"+m.Plain, route.TLSOptions{}, will("rude"))
	if err != nil {
		t.Fatal(err)
	}
	rude.conn.Fail(errors.New("cable pulled"))
	if got := next(); got.Topic != "will/rude" || string(got.Payload) != "gone" {
		t.Errorf("got %+v", got)
	}
	<-rude.Done()
}

// TestRefusedCertificateShowsAtTheLogin: with TLS 1.3 a server refuses the client's certificate after the client's handshake is
// done, so it is the session that hears of it.
func TestRefusedCertificateShowsAtTheLogin(t *testing.T) {
	ca, other := publishertest.NewCA(t, "CA"), publishertest.NewCA(t, "Other CA")
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{ca.Server(t, nil, "127.0.0.1").TLS},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool(), MinVersion: tls.VersionTLS13})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Read(make([]byte, 1)) // does the handshake, which fails
		_ = conn.(*tls.Conn).NetConn().(*net.TCPConn).CloseWrite()
		_, _ = conn.(*tls.Conn).NetConn().Read(make([]byte, 4096)) // so that closing sends no reset
		_ = conn.Close()
	}()
	t.Cleanup(func() { _ = l.Close(); <-served })
	dir := t.TempDir()
	cert, key := other.Client(t, "x").Files(t, dir, "x")
	_, err = login(t, "mqtts://"+l.Addr().String(), route.TLSOptions{CA: publishertest.WriteFile(t, dir, "ca.pem", ca.PEM), Cert: cert, Key: key},
		Options{ClientID: "x"})
	e, ok := errors.AsType[*route.Error](err)
	if !ok || e.Stage != route.StageTLS || !strings.Contains(e.Hint, "does not know the authority") {
		t.Errorf("got %v (%+v)", err, e)
	}
}

// BenchmarkPublish sends messages of 5,000 bytes with 16 in flight to a peer on loopback that acknowledges each.
func BenchmarkPublish(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go acknowledge(l)
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	s, err := Connect(b.Context(), conn, Options{ClientID: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	payload, window := make([]byte, 5000), make(chan struct{}, 16)
	done := func(err error) {
		if err != nil {
			b.Error(err)
		}
		<-window
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		window <- struct{}{}
		if err := s.Publish("pinhole/bench/readings", 1, payload, done); err != nil {
			b.Fatal(err)
		}
	}
	for range cap(window) {
		window <- struct{}{}
	}
	if err := s.Close(context.Background()); err != nil {
		b.Error(err)
	}
}
