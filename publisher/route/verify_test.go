package route

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"pinhole/publisher/publishertest"
)

// TestServersThatAreNotTheBroker shows each kind of wrong certificate under both TLS versions: it is refused, with the right stage
// and reason, the server gets an alert, and no byte of MQTT is sent.
func TestServersThatAreNotTheBroker(t *testing.T) {
	ca, foreign := publishertest.NewCA(t, "Good CA"), publishertest.NewCA(t, "Corp TLS Inspection CA")
	file, now := caFile(t, ca), time.Now()
	change := func(f func(*x509.Certificate)) publishertest.Pair { return ca.Server(t, f, "broker.example") }
	day := func(d int) string { return now.AddDate(0, 0, d).UTC().Format(time.DateOnly) }
	for _, c := range []struct {
		name  string
		pair  publishertest.Pair
		stage Stage
		want  string // in the text
		hint  string // in the hint
	}{
		{"unknown authority", foreign.Server(t, nil, "broker.example"), StageTLS,
			`unknown authority, "CN=Corp TLS Inspection CA,O=Pinhole test"`, "is not in " + file},
		{"another name", ca.Server(t, nil, "portal.example"), StageTLS, "is not for broker.example", "captive portal"},
		{"name in CN only", ca.Server(t, func(c *x509.Certificate) { c.Subject.CommonName = "broker.example" }), StageTLS,
			"is not for broker.example", "publisher.tls.server_name"},
		{"expired", change(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.AddDate(0, 0, -9), now.AddDate(0, 0, -2) }), StageTLS,
			"expired on " + day(-2), "has to renew it"},
		{"not yet valid", change(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.AddDate(0, 0, 2), now.AddDate(0, 0, 9) }),
			StageClock, "begins on " + day(2), "the clock is behind"},
		{"for clients", change(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), StageTLS,
			"incompatible key usage", ""},
		{"self-signed", publishertest.Pair{TLS: selfSigned(t)}, StageTLS, "unknown authority", ""},
	} {
		for version, id := range map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
			t.Run(c.name+" TLS "+version, func(t *testing.T) {
				addr, visits := serve(t, tlsPeer(&tls.Config{Certificates: []tls.Certificate{c.pair.TLS}, MinVersion: id, MaxVersion: id}))
				layer, broker := client(t, addr, "broker.example", TLSOptions{CA: file})
				_, err := dial(t, layer, broker)
				checkContains(t, err, c.stage, c.want, c.hint)
				v := <-visits
				if v.data != 0 {
					t.Errorf("%d bytes were sent to it", v.data)
				}
				if v.err == nil || !strings.Contains(v.err.Error(), "remote error: tls: ") {
					t.Errorf("the server saw %v, want an alert", v.err)
				}
			})
		}
	}
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"broker.example"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func checkContains(t *testing.T, err error, stage Stage, want, hint string) {
	t.Helper()
	e, ok := err.(*Error)
	if !ok {
		t.Fatalf("got %T %v, want an Error", err, err)
	}
	if e.Stage != stage || !strings.Contains(e.Error(), want) || !strings.Contains(e.Advice(), hint) {
		t.Errorf("got  %s: %s\nhint %s\nwant %s: ...%s...\nhint ...%s...", e.Stage, e, e.Hint, stage, want, hint)
	}
}

func TestTheInjectedClockVerifies(t *testing.T) {
	ca := publishertest.NewCA(t, "CA")
	addr, _ := serve(t, tlsPeer(&tls.Config{Certificates: []tls.Certificate{ca.Server(t, nil, "broker.example").TLS}}))
	for name, c := range map[string]struct {
		now   time.Time
		stage Stage
	}{
		"1970":   {time.Unix(0, 0), StageClock},
		"now":    {time.Now(), ""},
		"future": {time.Now().AddDate(3, 0, 0), StageTLS},
	} {
		layer, broker := client(t, addr, "broker.example", TLSOptions{CA: caFile(t, ca), Now: func() time.Time { return c.now }})
		_, err := dial(t, layer, broker)
		if got := StageOf(err); got != c.stage {
			t.Errorf("%s: stage %q (%v), want %q", name, got, err, c.stage)
		}
	}
}

func TestAnswersThatAreNotTLS(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		stage        Stage
		want, hint   string
	}{
		{"HTTP", "HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n", StageIntercepted, "an HTTP server answered", "captive portal"},
		{"CONNACK", "\x20\x02\x00\x01\x00", StageTLS, "a broker without TLS answered", "plain MQTT"},
		{"SSH", "SSH-2.0-OpenSSH_9.2\r\n", StageTLS, "does not speak TLS", "is the port right?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr, _ := serve(t, func(conn net.Conn) visit {
				_, err := conn.Write([]byte(c.answer))
				_, _ = conn.Read(make([]byte, 4096)) // let the hello arrive, so that closing sends no reset
				return visit{err: err}
			})
			layer, broker := client(t, addr, "broker.example", TLSOptions{})
			_, err := dial(t, layer, broker)
			checkContains(t, err, c.stage, c.want, c.hint)
		})
	}
}

func TestOldServersAreRefused(t *testing.T) {
	ca := publishertest.NewCA(t, "CA")
	pair := ca.Server(t, nil, "broker.example").TLS
	for name, config := range map[string]*tls.Config{
		"TLS 1.1":          {MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		"RSA key exchange": {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}},
		"ChaCha on 1.2":    {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}},
	} {
		config.Certificates = []tls.Certificate{pair}
		addr, visits := serve(t, tlsPeer(config))
		layer, broker := client(t, addr, "broker.example", TLSOptions{CA: caFile(t, ca)})
		if _, err := dial(t, layer, broker); StageOf(err) != StageTLS {
			t.Errorf("%s: %v", name, err)
		}
		if v := <-visits; v.data != 0 {
			t.Errorf("%s: %d bytes sent", name, v.data)
		}
	}
}

// TestClientCertificateRefused: with TLS 1.2 the refusal ends the handshake, with TLS 1.3 it arrives with the first read.
func TestClientCertificateRefused(t *testing.T) {
	ca, other := publishertest.NewCA(t, "CA"), publishertest.NewCA(t, "Other CA")
	dir := t.TempDir()
	cert, key := other.Client(t, "device").Files(t, dir, "foreign")
	for version, id := range map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		for _, c := range []struct{ name, cert, key, want, hint string }{
			{"none", "", "", "certificate", "publisher.tls.cert"},
			{"foreign", cert, key, "unknown certificate authority", "does not know the authority"},
		} {
			if c.name == "none" && version == "1.2" {
				c.want = "handshake failure" // what this server says; RFC 5246 section 7.4.6 leaves it to that
			}
			t.Run(fmt.Sprintf("%s TLS %s", c.name, version), func(t *testing.T) {
				addr, _ := serve(t, tlsPeer(&tls.Config{Certificates: []tls.Certificate{ca.Server(t, nil, "broker.example").TLS},
					ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool(), MinVersion: id, MaxVersion: id}))
				layer, _ := client(t, addr, "broker.example", TLSOptions{CA: caFile(t, ca), Cert: c.cert, Key: c.key})
				r := &Route{Broker: layer.peer, Dialer: layer}
				conn, err := r.Dial(t.Context())
				if err == nil {
					_, err = conn.Read(make([]byte, 1))
					_ = conn.Close() // the server has closed it
				}
				if strings.Contains(err.Error(), "bad certificate") { // another word for the same with TLS 1.2
					c.want, c.hint = "bad certificate", ""
				}
				checkContains(t, err, StageTLS, c.want, c.hint)
			})
		}
	}
}

func TestKeysAreReadAgainAtEachDial(t *testing.T) {
	ca, dir := publishertest.NewCA(t, "CA"), t.TempDir()
	seen := make(chan string, 2)
	config := &tls.Config{Certificates: []tls.Certificate{ca.Server(t, nil, "broker.example").TLS},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool(),
		VerifyConnection: func(s tls.ConnectionState) error {
			seen <- s.PeerCertificates[0].Subject.CommonName
			return nil
		}}
	addr, _ := serve(t, tlsPeer(config))
	cert, key := ca.Client(t, "first").Files(t, dir, "device")
	layer, broker := client(t, addr, "broker.example", TLSOptions{CA: caFile(t, ca), Cert: cert, Key: key})
	for _, name := range []string{"first", "second"} {
		ca.Client(t, name).Files(t, dir, "device")
		if _, err := dial(t, layer, broker); err != nil {
			t.Fatal(err)
		}
		if got := <-seen; got != name {
			t.Errorf("the server saw %s, want %s", got, name)
		}
	}
}
