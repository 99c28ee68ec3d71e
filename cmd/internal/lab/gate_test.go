package lab

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// greet makes a TLS session with the lab, by the usual configuration or a changed one.
func greet(t *testing.T, l *Lab, change func(*tls.Config)) (*tls.Conn, error) {
	t.Helper()
	cfg := clientTLS(t, l)
	change(cfg)
	conn, err := net.DialTimeout("tcp", l.Addr(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(500 * time.Millisecond))
	c := tls.Client(conn, cfg)
	return c, c.Handshake()
}

// TestFirewalls: each ends what it looks for in each of the three ways, and lets the rest through to the endpoint.
func TestFirewalls(t *testing.T) {
	usual := func(*tls.Config) {}
	for name, c := range map[string]struct {
		passes func(*tls.Config)
		answer string // of the endpoint to what passes
	}{
		"sni-block":   {func(c *tls.Config) { c.ServerName = "www.example.com" }, "not www.example.com"},
		"alpn-block":  {func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }, "no application protocol"},
		"hello-block": {func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.X25519} }, ""},
	} {
		for how, cut := range map[string]func(error) bool{
			howReset:   func(err error) bool { return errors.Is(err, syscall.ECONNRESET) },
			howClose:   func(err error) bool { return errors.Is(err, io.EOF) },
			howSilence: timeout,
		} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				l := startLab(t, Options{Faults: fault(t, name+"="+how)})
				if _, err := greet(t, l, usual); !cut(err) {
					t.Errorf("what is unwanted meets %v", err)
				}
				_, err := greet(t, l, c.passes)
				if c.answer == "" && err != nil || c.answer != "" && (err == nil || !strings.Contains(err.Error(), c.answer)) {
					t.Errorf("what passes meets %v, want %q", err, c.answer)
				}
			})
		}
	}
}

// TestInspection: it asks for no certificate, knows no ALPN, shows the same certificate each time, and answers nothing.
func TestInspection(t *testing.T) {
	l := startLab(t, Options{Dir: t.TempDir(), Faults: fault(t, "inspect-trusted")})
	corp, err := os.ReadFile(l.file(inspectionFile))
	if err != nil {
		t.Fatal(err)
	}
	var shown [2][]byte
	for i := range shown {
		asked := false
		c, err := greet(t, l, func(c *tls.Config) {
			c.RootCAs.AppendCertsFromPEM(corp)
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				asked = true
				return new(tls.Certificate), nil
			}
		})
		if err != nil || asked || c.ConnectionState().NegotiatedProtocol != "" {
			t.Fatalf("%v, certificate asked for: %v, %+v", err, asked, c.ConnectionState())
		}
		shown[i] = c.ConnectionState().PeerCertificates[0].Raw
		c.Write(connectPacket("a", 30))
		if _, err := c.Read(make([]byte, 1)); !timeout(err) {
			t.Errorf("CONNECT meets %v, want silence", err)
		}
	}
	if string(shown[0]) != string(shown[1]) {
		t.Error("another certificate each time")
	}
	if _, err := greet(t, l, func(*tls.Config) {}); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("who does not trust it meets %v", err)
	}
}
