package route

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"

	"pinhole/publisher/aws"
	"pinhole/publisher/publishertest"
)

func TestProtocolsOffered(t *testing.T) {
	for _, c := range []struct {
		broker string
		opt    TLSOptions
		want   []string
	}{
		{awsHost, TLSOptions{Cert: "x"}, []string{"x-amzn-mqtt-ca"}},
		{awsHost, TLSOptions{}, []string{"mqtt"}},
		{awsHost + ":8883", TLSOptions{Cert: "x"}, nil},
		{"wss://" + awsHost + "/mqtt", TLSOptions{Cert: "x"}, nil},
		{"https://" + awsHost, TLSOptions{Cert: "x"}, []string{"x-amzn-http-ca"}},
		{"https://" + awsHost + ":8443", TLSOptions{Cert: "x"}, nil},
		{"https://" + awsHost, TLSOptions{}, nil},
		{awsHost, TLSOptions{ALPN: ALPN{None: true}}, nil},
		{awsHost, TLSOptions{ALPN: ALPN{Names: []string{"a", "b"}}}, []string{"a", "b"}},
		{"broker.example", TLSOptions{Cert: "x"}, nil},
		{"broker.example", TLSOptions{ALPN: ALPN{Names: []string{"mqtt"}}}, []string{"mqtt"}},
	} {
		layer, _ := client(t, "", c.broker, c.opt)
		if got := layer.Protocols(); !slices.Equal(got, c.want) {
			t.Errorf("%s %+v: %q, want %q", c.broker, c.opt.ALPN, got, c.want)
		}
	}
}

// TestALPNRefused: what helps depends on whether a name was offered.
func TestALPNRefused(t *testing.T) {
	for want, offer := range map[string]ALPN{
		"elsewhere set publisher.tls.alpn to none": {Names: []string{"mqtt"}},
		"set publisher.tls.alpn to its name":       {None: true},
	} {
		layer, _ := client(t, "", "broker.example", TLSOptions{ALPN: offer})
		e := layer.classify(errors.New("remote error: tls: no application protocol"), "192.0.2.1:443", "broker.example", false)
		if e.Stage != StageALPN || !strings.Contains(e.Hint, want) {
			t.Errorf("%+v: %+v", offer, e)
		}
	}
}

// TestALPNAndInterception: what a peer with a certificate that verifies can still do wrong, and whether that is the end.
func TestALPNAndInterception(t *testing.T) {
	ca, dir := publishertest.NewCA(t, "CA"), t.TempDir()
	cert, key := ca.Client(t, "device").Files(t, dir, "device")
	for _, c := range []struct {
		name   string
		broker string
		offer  ALPN
		server []string // ALPN names of the server
		asks   bool     // for a client certificate
		stage  Stage
		proto  string
	}{
		{"aws as it should be", awsHost, ALPN{}, []string{aws.ALPNMQTT, aws.ALPNHTTP}, true, "", aws.ALPNMQTT},
		{"aws, ALPN unanswered", awsHost, ALPN{}, nil, true, StageALPN, ""},
		{"aws, certificate not asked for", awsHost, ALPN{}, []string{aws.ALPNMQTT}, false, StageIntercepted, ""},
		{"aws, neither", awsHost, ALPN{}, nil, false, StageIntercepted, ""},
		{"aws, other name", awsHost, ALPN{}, []string{"h2"}, true, StageALPN, ""},
		{"aws, list unanswered", awsHost, ALPN{Names: []string{"mqtt"}}, nil, true, StageALPN, ""},
		{"aws, none offered", awsHost, ALPN{None: true}, nil, true, "", ""},
		{"elsewhere, list unanswered", "broker.example", ALPN{Names: []string{"mqtt"}}, nil, false, "", ""},
		{"elsewhere, answered", "broker.example", ALPN{Names: []string{"mqtt"}}, []string{"mqtt"}, true, "", "mqtt"},
		{"elsewhere, other name", "broker.example", ALPN{Names: []string{"mqtt"}}, []string{"h2"}, true, StageALPN, ""},
		{"elsewhere, none offered", "broker.example", ALPN{}, []string{"h2"}, true, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := &tls.Config{Certificates: []tls.Certificate{ca.Server(t, nil, awsHost, "broker.example").TLS}, NextProtos: c.server}
			if c.asks {
				config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool()
			}
			addr, visits := serve(t, tlsPeer(config))
			layer, broker := client(t, addr, c.broker, TLSOptions{CA: caFile(t, ca), Cert: cert, Key: key, ALPN: c.offer})
			state, err := dial(t, layer, broker)
			if got := StageOf(err); got != c.stage {
				t.Fatalf("stage %q (%v), want %q", got, err, c.stage)
			}
			if state != nil && state.NegotiatedProtocol != c.proto {
				t.Errorf("protocol %q, want %q", state.NegotiatedProtocol, c.proto)
			}
			if v := <-visits; v.data != 0 {
				t.Errorf("%d bytes were sent", v.data)
			}
		})
	}
}

// TestAWSTrustsAmazonAlone: without a CA file a certificate of any other authority is interception, whatever the system trusts.
func TestAWSTrustsAmazonAlone(t *testing.T) {
	corp := publishertest.NewCA(t, "Corp CA")
	t.Setenv("SSL_CERT_FILE", caFile(t, corp)) // what an administrator would have done to the whole machine
	addr, _ := serve(t, tlsPeer(&tls.Config{Certificates: []tls.Certificate{corp.Server(t, nil, awsHost).TLS}}))
	layer, broker := client(t, addr, awsHost, TLSOptions{})
	_, err := dial(t, layer, broker)
	checkContains(t, err, StageIntercepted, `"CN=Corp CA,O=Pinhole test"`, "exempted from TLS inspection")

	const legacy = "abc123.iot.eu-west-1.amazonaws.com"
	addr, _ = serve(t, tlsPeer(&tls.Config{Certificates: []tls.Certificate{corp.Server(t, nil, legacy).TLS}}))
	layer, broker = client(t, addr, legacy, TLSOptions{})
	_, err = dial(t, layer, broker)
	checkContains(t, err, StageTLS, "unknown authority", "iot:Data-ATS")
}

// TestClientHello: exactly the cipher suites that AWS lists, the right name and groups, TLS 1.2 at least, one segment if classical.
func TestClientHello(t *testing.T) {
	ca := publishertest.NewCA(t, "CA")
	for _, c := range []struct {
		kx     KeyExchange
		groups []tls.CurveID
		group  tls.CurveID
	}{
		{"", []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384}, tls.X25519MLKEM768},
		{Auto, []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384}, tls.X25519MLKEM768},
		{Hybrid, []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384}, tls.X25519MLKEM768},
		{Classical, []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}, tls.X25519},
	} {
		t.Run(string(c.kx), func(t *testing.T) {
			addr, visits := serve(t, tlsPeer(&tls.Config{Certificates: []tls.Certificate{ca.Server(t, nil, awsHost).TLS},
				NextProtos: []string{"x-amzn-mqtt-ca"}}))
			layer, broker := client(t, addr, awsHost, TLSOptions{CA: caFile(t, ca), KeyExchange: c.kx,
				ALPN: ALPN{Names: []string{"x-amzn-mqtt-ca"}}})
			state, err := dial(t, layer, broker)
			if err != nil {
				t.Fatal(err)
			}
			hello := (<-visits).hello
			want := []uint16{0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c, 0xc02f, 0xc030}
			got := slices.Clone(hello.CipherSuites)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("suites %#x, want %#x", got, want)
			}
			if hello.ServerName != awsHost || !slices.Equal(hello.SupportedProtos, []string{"x-amzn-mqtt-ca"}) {
				t.Errorf("name %s protocols %q", hello.ServerName, hello.SupportedProtos)
			}
			if slices.Min(hello.SupportedVersions) != tls.VersionTLS12 {
				t.Errorf("versions %#x", hello.SupportedVersions)
			}
			if !slices.Equal(hello.SupportedCurves, c.groups) || state.CurveID != c.group {
				t.Errorf("groups %v, agreed on %v", hello.SupportedCurves, state.CurveID)
			}
		})
	}
}

func TestServerName(t *testing.T) {
	ca := publishertest.NewCA(t, "CA")
	addr, visits := serve(t, tlsPeer(&tls.Config{Certificates: []tls.Certificate{ca.Server(t, nil, "real.example").TLS}}))
	layer, broker := client(t, addr, "10.0.0.7:8883", TLSOptions{CA: caFile(t, ca), ServerName: "real.example"})
	if _, err := dial(t, layer, broker); err != nil {
		t.Fatal(err)
	}
	if got := (<-visits).hello.ServerName; got != "real.example" {
		t.Errorf("asked for %q", got)
	}
}
