package route

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http/httpproxy"

	"pinhole/publisher/publishertest"
)

// TestTheEnvironmentsRules: as package httpproxy has them, for a broker as if it were an https server.
func TestTheEnvironmentsRules(t *testing.T) {
	const p = "http://me:c4nary@proxy.test:3128"
	for _, c := range []struct {
		name, broker string
		env          *httpproxy.Config
		want         string // of the route's name
		warn         bool
	}{
		{"not asked", "broker.test", nil, "direct", false},
		{"empty", "broker.test", &httpproxy.Config{}, "direct", false},
		{"proxy", "broker.test", &httpproxy.Config{HTTPSProxy: p}, "proxy http://proxy.test:3128", false},
		{"without a scheme", "broker.test", &httpproxy.Config{HTTPSProxy: "10.0.0.1:8080"}, "proxy http://10.0.0.1:8080", false},
		{"without a port", "broker.test", &httpproxy.Config{HTTPSProxy: "proxy.test"}, "proxy http://proxy.test:80", false},
		{"https", "broker.test", &httpproxy.Config{HTTPSProxy: "https://proxy.test"}, "proxy https://proxy.test:443", false},
		{"socks5", "broker.test", &httpproxy.Config{HTTPSProxy: "socks5h://[fe80::1]"}, "proxy socks5://[fe80::1]:1080", false},
		{"HTTP_PROXY is for others", "broker.test", &httpproxy.Config{HTTPProxy: p}, "direct", false},
		{"plain brokers as well", "mqtt://broker.test", &httpproxy.Config{HTTPSProxy: p}, "proxy http://proxy.test:3128", false},
		{"excepted name", "broker.test", &httpproxy.Config{HTTPSProxy: p, NoProxy: "broker.test"}, "direct", false},
		{"excepted domain", "a.broker.test", &httpproxy.Config{HTTPSProxy: p, NoProxy: "x, .broker.test"}, "direct", false},
		{"domain above", "a.broker.test", &httpproxy.Config{HTTPSProxy: p, NoProxy: "broker.test"}, "direct", false},
		{"another name", "mybroker.test", &httpproxy.Config{HTTPSProxy: p, NoProxy: "broker.test"}, "proxy http://proxy.test:3128", false},
		{"excepted port", "broker.test:8883", &httpproxy.Config{HTTPSProxy: p, NoProxy: "broker.test:8883"}, "direct", false},
		{"another port", "broker.test", &httpproxy.Config{HTTPSProxy: p, NoProxy: "broker.test:8883"}, "proxy http://proxy.test:3128", false},
		{"excepted network", "10.1.2.3", &httpproxy.Config{HTTPSProxy: p, NoProxy: "10.0.0.0/8"}, "direct", false},
		{"all excepted", "broker.test", &httpproxy.Config{HTTPSProxy: p, NoProxy: "*"}, "direct", false},
		{"loopback", "127.0.0.1:8443", &httpproxy.Config{HTTPSProxy: p}, "direct", false},
		{"localhost", "localhost:8443", &httpproxy.Config{HTTPSProxy: p}, "direct", false},
		{"no address", "broker.test", &httpproxy.Config{HTTPSProxy: "http://me:c4n%zz@proxy.test"}, "direct", true},
		{"no address, excepted", "localhost", &httpproxy.Config{HTTPSProxy: "http://me:c4n%zz@proxy.test"}, "direct", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := ParseBroker(c.broker)
			if err != nil {
				t.Fatal(err)
			}
			log, out := logged(t)
			r, err := Via(b, TLSOptions{Log: log}, ProxyOptions{Env: c.env})
			if err != nil {
				t.Fatal(err)
			}
			if r.Name != c.want || r.Broker != b {
				t.Errorf("%s to %v, want %s", r.Name, r.Broker, c.want)
			}
			if strings.Contains(out.String(), "HTTPS_PROXY") != c.warn {
				t.Errorf("log: %q", out.String())
			}
			if err := (ProxyOptions{Env: c.env}).Misread(); (err != nil) != c.warn || err != nil && strings.Contains(err.Error(), "c4n") {
				t.Errorf("misread: %v", err)
			}
		})
	}
}

func TestWhatIsConfiguredWins(t *testing.T) {
	env := &httpproxy.Config{HTTPSProxy: "http://env.test:1", NoProxy: "*"}
	b, _ := ParseBroker("localhost:8443")
	mine := Proxy{URL: &url.URL{Scheme: "HTTP", Host: "mine.test:2", User: url.UserPassword("me", canary)}}
	for want, list := range map[string][]Proxy{
		"proxy http://mine.test:2":              {mine},
		"direct":                                {{}},
		"proxy http://mine.test:2, then direct": {mine, {}},
		"direct, then proxy http://mine.test:2, then proxy http://h:80": {{}, mine, {URL: &url.URL{Scheme: "http", Host: "h"}}},
	} {
		r, err := Via(b, TLSOptions{}, ProxyOptions{List: list, Env: env})
		if err != nil || r.Name != want {
			t.Errorf("%v %v, want %s", r, err, want)
		}
	}
}

func TestProxiesThatCannotBeUsed(t *testing.T) {
	b, _ := ParseBroker("broker.test")
	for _, c := range []struct{ text, want string }{
		{"ftp://me:c4nary@h", `scheme "ftp" is not known`},
		{"socks4://me:c4nary@h", `scheme "socks4" is not known`},
		{"http://me:c4nary@", "host is missing"},
		{"http://me:c4nary@h:0", `port "0"`},
		{"http://me:c4nary@h:70000", `port "70000"`},
		{"http://me:c4nary@a..b", "empty part"},
	} {
		u, err := url.Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Via(b, TLSOptions{}, ProxyOptions{List: []Proxy{{URL: u}}})
		checkContains(t, err, StageProxy, c.want, "http://HOST:PORT")
		noSecrets(t, err)
	}
	_, err := Via(b, TLSOptions{}, ProxyOptions{Env: &httpproxy.Config{HTTPSProxy: "socks4://me:c4nary@h"}})
	checkContains(t, err, StageProxy, "use the proxy in HTTPS_PROXY: scheme", "http://HOST:PORT")
	noSecrets(t, err)
}

// TestPasswordInTheURL: the environment's URL may carry it, escaped.
func TestPasswordInTheURL(t *testing.T) {
	u, err := url.Parse("http://CORP%5Cme:p%40ss@proxy.test")
	if err != nil {
		t.Fatal(err)
	}
	h, err := newHop(Proxy{URL: u}, "HTTPS_PROXY")
	if err != nil {
		t.Fatal(err)
	}
	if user, password, err := h.login(); user != `CORP\me` || password != "p@ss" || err != nil {
		t.Errorf("%q %q %v", user, password, err)
	}
}

// TestTheProxysOwnTLS: the session with the proxy asks for the proxy's name, offers no ALPN, shows no client certificate, and
// trusts other authorities than the one with the broker inside it.
func TestTheProxysOwnTLS(t *testing.T) {
	proxyCA, brokerCA := publishertest.NewCA(t, "Proxy CA"), publishertest.NewCA(t, "Broker CA")
	cert, key := brokerCA.Client(t, "device").Files(t, t.TempDir(), "device")
	inside, insides := serve(t, tlsPeer(&tls.Config{Certificates: []tls.Certificate{brokerCA.Server(t, nil, "broker.test").TLS},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: brokerCA.Pool(), NextProtos: []string{"mqtt"}}))
	outer, outers := serve(t, func(conn net.Conn) (v visit) {
		s := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{proxyCA.Server(t, nil, "localhost").TLS},
			ClientAuth: tls.RequestClientCert, GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
				v.hello = h
				return nil, nil
			}})
		for range anyRequests(s) {
			v.data = len(s.ConnectionState().PeerCertificates)
			far, err := net.Dial("tcp", inside)
			if err != nil {
				v.err = err
				return v
			}
			defer far.Close()
			_, _ = s.Write([]byte("HTTP/1.1 200 OK\r\n\r\n")) // the client shows it
			go func() { _, _ = io.Copy(far, s) }()            // ends with either
			_, _ = io.Copy(s, far)
			break
		}
		return v
	})
	_, port, _ := net.SplitHostPort(outer)
	p := through("https", "localhost:"+port, "", "")
	p.CA = caFile(t, proxyCA)
	o := TLSOptions{CA: caFile(t, brokerCA), Cert: cert, Key: key, ALPN: ALPN{Names: []string{"mqtt"}}}
	conn, err := via(t, "broker.test", o, p).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if state := conn.TLS(); state.NegotiatedProtocol != "mqtt" {
		t.Errorf("protocol %q", state.NegotiatedProtocol)
	}
	_ = conn.Close() // the proxy may be gone already
	if v := <-insides; v.hello == nil || v.hello.ServerName != "broker.test" {
		t.Errorf("the broker saw %+v", v)
	}
	v := <-outers
	if v.err != nil || v.hello.ServerName != "localhost" || len(v.hello.SupportedProtos) != 0 || v.data != 0 {
		t.Errorf("the proxy saw name %q, ALPN %q, %d certificates, %v", v.hello.ServerName, v.hello.SupportedProtos, v.data, v.err)
	}
	p.CA = o.CA
	refused(t, via(t, "broker.test", o, p), "unknown authority", "does not come from an authority in "+o.CA)
}

// TestTheClockAtAnHTTPSProxy: a wrong clock is named where it shows first, at the proxy's certificate.
func TestTheClockAtAnHTTPSProxy(t *testing.T) {
	ca := publishertest.NewCA(t, "Proxy CA")
	addr, _ := serve(t, tlsPeer(&tls.Config{Certificates: []tls.Certificate{ca.Server(t, nil, "127.0.0.1").TLS}}))
	p := through("https", addr, "", "")
	p.CA = caFile(t, ca)
	_, err := via(t, "broker.test", TLSOptions{Now: func() time.Time { return time.Unix(0, 0) }}, p).Dial(t.Context())
	checkContains(t, err, StageClock, "reach proxy https://"+addr+": tls handshake with", "the clock is behind")
}

// TestASilentBrokerBehindAProxy: silence after the ClientHello is what counts, not that the proxy refuses the second try.
func TestASilentBrokerBehindAProxy(t *testing.T) {
	tries := 0
	over := dialFunc(func(context.Context) (net.Conn, error) {
		if tries++; tries > 1 {
			return nil, testHop("http", "", "").fail("reach", errors.New("connection refused"), "")
		}
		near, far := net.Pipe()
		go func() {
			_, _ = far.Read(make([]byte, 1<<14)) // the ClientHello
			_ = far.Close()
		}()
		return near, nil
	})
	b, _ := ParseBroker("broker.test")
	_, err := NewTLS(over, b, TLSOptions{}).DialContext(t.Context(), "tcp", b.Addr())
	checkContains(t, err, StageTLS, "the connection was closed on the ClientHello", "")
	if tries != 2 {
		t.Errorf("%d tries", tries)
	}
}

// TestAProxyThatIsNotThere: the failure on the way to it is the proxy's, and its cause is kept.
func TestAProxyThatIsNotThere(t *testing.T) {
	r := via(t, "broker.test", TLSOptions{}, through("http", "no-such-proxy.invalid:3128", "me", canary))
	refused(t, r, "reach proxy http://no-such-proxy.invalid:3128: resolve no-such-proxy.invalid", "compare publisher.proxy")
	_, err := r.Dial(t.Context())
	if _, ok := errors.AsType[*net.DNSError](err); !ok {
		t.Errorf("the cause is lost: %v", err)
	}
}
