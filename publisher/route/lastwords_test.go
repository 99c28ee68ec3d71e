package route

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"pinhole/publisher/publishertest"
)

// TestAlertBeforeReset: with TLS 1.3 a server refuses the client's certificate after the client's handshake is done. The client
// that writes then meets the reset, and must say why all the same.
func TestAlertBeforeReset(t *testing.T) {
	ca, strangers := publishertest.NewCA(t, "broker CA"), publishertest.NewCA(t, "strangers' CA")
	server := ca.Server(t, nil, "localhost", "127.0.0.1")
	stranger := strangers.Client(t, "device")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	reset := make(chan struct{})
	go func() {
		defer close(reset)
		raw, err := l.Accept()
		if err != nil {
			return
		}
		conn := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{server.TLS}, MinVersion: tls.VersionTLS13,
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool()})
		if conn.Handshake() == nil {
			t.Error("the stranger's certificate was taken")
		}
		raw.(*net.TCPConn).SetLinger(0)
		raw.Close()
	}()
	cert, key := stranger.Files(t, t.TempDir(), "stranger")
	host, port, _ := net.SplitHostPort(l.Addr().String())
	b, err := ParseBroker("mqtts://" + net.JoinHostPort(host, port))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := Direct(b, TLSOptions{CA: caFile(t, ca), Cert: cert, Key: key}).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	<-reset
	for range 100 { // the first write may still go out
		if _, err = conn.Write([]byte("CONNECT")); err != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if StageOf(err) != StageTLS {
		t.Errorf("stage %q: %v; want tls", StageOf(err), err)
	}
}
