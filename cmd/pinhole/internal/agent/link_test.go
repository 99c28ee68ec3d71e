package agent

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pinhole/cmd/internal/lab"
	"pinhole/cmd/pinhole/internal/config"
	"pinhole/publisher/publishertest"
	"pinhole/publisher/route"
)

// TestTheConfiguredProxy delivers through squid, the last way of three, to an endpoint whose name only squid knows. The password comes from its file, which
// is read again at each link.
func TestTheConfiguredProxy(t *testing.T) {
	messages := make(chan string, 1)
	l, err := lab.Start(lab.Options{Dir: t.TempDir(), OnPayload: func(topic string, _ []byte) { messages <- topic }})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const password = "pa:ss wörd"
	ca := publishertest.NewCA(t, "proxy")
	pair := ca.Server(t, nil, "127.0.0.1")
	squid := publishertest.StartSquid(t, publishertest.Squid{Login: publishertest.SquidBasic, User: "me", Password: password,
		Hosts: map[string]string{"broker.test": "127.0.0.1"}, TLS: &pair})
	_, port, err := net.SplitHostPort(l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	c := linkConfig(t, "mqtts://broker.test:"+port)
	folder := t.TempDir()
	dead := &url.URL{Scheme: "socks5", Host: publishertest.FreeAddr(t)}
	c.Publisher.Proxy = config.Proxy{List: []*url.URL{dead, nil, {Scheme: "https", Host: squid, User: url.User("me")}},
		PasswordFile: publishertest.WriteFile(t, folder, "password", []byte("wrong\n")),
		CA:           publishertest.WriteFile(t, folder, "ca.pem", ca.PEM)}
	c.Publisher.TLS = config.TLS{CA: filepath.Join(l.Dir(), "ca.pem"), Cert: filepath.Join(l.Dir(), "device.crt"),
		Key: filepath.Join(l.Dir(), "device.key"), ServerName: "localhost", ALPN: config.ALPN{Names: []string{"x-amzn-mqtt-ca"}}}
	dial := dialer(c, time.Now, os.Getenv, slog.New(slog.DiscardHandler))

	_, err = dial(t.Context())
	if route.StageOf(err) != route.StageProxy || !strings.Contains(err.Error(), "407") {
		t.Fatalf("with the wrong password: %v", err)
	}
	publishertest.WriteFile(t, folder, "password", []byte(password+"\n"))
	link, err := dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close(t.Context())
	if attrs := fmt.Sprint(link.(*live).Attrs()); !strings.Contains(attrs, "proxy https://"+squid) || strings.Contains(attrs, "me") {
		t.Errorf("the log says %s", attrs)
	}
	acked := make(chan error, 1)
	if err := link.Publish("pinhole/x/readings", 1, []byte(`{}`), func(err error) { acked <- err }); err != nil {
		t.Fatal(err)
	}
	if err := <-acked; err != nil {
		t.Fatal(err)
	}
	if topic := <-messages; topic != "pinhole/x/readings" {
		t.Errorf("topic %s", topic)
	}
}

// TestTheEnvironmentsProxy: env asks the environment, none does not, and an address that cannot be used is no way round the proxy.
func TestTheEnvironmentsProxy(t *testing.T) {
	nobody := publishertest.FreeAddr(t)
	c := linkConfig(t, "mqtts://broker.invalid")
	fails := func(env string, proxy config.Proxy, want string) {
		t.Helper()
		for _, name := range []string{"http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "NO_PROXY"} {
			t.Setenv(name, "")
		}
		t.Setenv("HTTPS_PROXY", env)
		c.Publisher.Proxy = proxy
		dial := dialer(c, time.Now, os.Getenv, slog.New(slog.DiscardHandler))
		for range 2 {
			if _, err := dial(t.Context()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("HTTPS_PROXY=%s: %v, want %s", env, err, want)
			}
		}
	}
	fails("http://me:secret@"+nobody, config.Proxy{Env: true}, "reach proxy http://"+nobody)
	fails("socks4://me:secret@"+nobody, config.Proxy{Env: true}, `scheme "socks4" is not known`)
	fails("http://me:secret@"+nobody, config.Proxy{}, "resolve broker.invalid")
	fails("", config.Proxy{Env: true}, "resolve broker.invalid")
	fails("", config.Proxy{List: []*url.URL{{Scheme: "http", Host: nobody, User: url.User("me")}}, PasswordFile: "/does/not/exist"},
		"read the password: open /does/not/exist")
}

func linkConfig(t *testing.T, broker string) *config.Config {
	t.Helper()
	b, err := route.ParseBroker(broker)
	if err != nil {
		t.Fatal(err)
	}
	return &config.Config{Device: "x", Publisher: config.Publisher{Broker: b, ClientID: "x", KeepAlive: 30 * time.Second,
		TLS: config.TLS{KeyExchange: "auto"}, Queue: config.Queue{Dir: t.TempDir()}}}
}
