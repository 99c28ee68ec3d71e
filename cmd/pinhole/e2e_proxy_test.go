package main

import (
	"net"
	"strings"
	"testing"
	"time"

	"pinhole/publisher/publishertest"
)

// TestE2EProxies: numbered readings through real proxies that want a login. With a wrong password they stay in the queue; with the
// right one they arrive, and go on arriving while the link behind the proxy is cut again and again. Squid's broker has a name that
// only squid knows.
func TestE2EProxies(t *testing.T) {
	t.Parallel()
	const user, password = "pinhole-test", "pa:ss wörd"
	ca := publishertest.NewCA(t, "Proxy CA")
	pair := ca.Server(t, nil, "127.0.0.1")
	// Tunnels are let through to the broker's port only, as most companies let them through to 443 only.
	squid := func(login publishertest.SquidLogin, pair *publishertest.Pair) func(t *testing.T, port string) string {
		return func(t *testing.T, port string) string {
			return publishertest.StartSquid(t, publishertest.Squid{Login: login, User: user, Password: password, Ports: []string{port}, TLS: pair,
				Hosts: map[string]string{"broker.test": "127.0.0.1"}})
		}
	}
	for name, c := range map[string]struct {
		scheme, host string
		start        func(t *testing.T, port string) string
	}{
		"squid":             {"http", "broker.test", squid(publishertest.SquidBasic, nil)},
		"squid with Digest": {"http", "broker.test", squid(publishertest.SquidDigest, nil)},
		"squid over TLS":    {"https", "broker.test", squid(publishertest.SquidBasic, &pair)},
		"dante":             {"socks5", "localhost", func(t *testing.T, _ string) string { return publishertest.StartDanteAccount(t, user, password) }},
		"microsocks": {"socks5", "localhost", func(t *testing.T, _ string) string {
			return publishertest.StartMicrosocks(t, user, password)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			_, port, err := net.SplitHostPort(d.gate.addr())
			if err != nil {
				t.Fatal(err)
			}
			proxy := c.start(t, port)
			s := settings{
				broker: "mqtts://" + net.JoinHostPort(c.host, port), proxy: c.scheme + "://" + user + "@" + proxy, more: "proxy_password_file: password",
			}
			if c.scheme == "https" {
				publishertest.WriteFile(t, d.dir, "proxy.pem", ca.PEM)
				s.more += "\nproxy_ca: proxy.pem"
			}
			publishertest.WriteFile(t, d.dir, "password", []byte("wrong\n"))
			d.refusedBy(s)
			if n := d.lab.Stats().Accepted; n != 0 {
				t.Errorf("%d connections at the lab with a wrong password", n)
			}
			publishertest.WriteFile(t, d.dir, "password", []byte(password+"\n"))
			s.sensors = counters(50, 20*time.Millisecond)
			d.run(d.configure(s))
			for range 3 * *campaign {
				d.arrived(30*time.Second, 500)
				d.cut(10 << 10)
			}
			d.arrived(30*time.Second, 500)
			r := d.finish()
			if len(r.Streams) != 2 { // the refused reading's, and this run's
				t.Errorf("%d streams, want 2", len(r.Streams))
			}
			if n := d.books.check(t); n != int(r.Readings) {
				t.Errorf("the counters have %d values, %d readings came", n, r.Readings)
			}
			log := d.live.log.String()
			if !strings.Contains(log, c.scheme+"://"+proxy) || strings.Contains(log, password) {
				t.Error("the log does not name the proxy, or repeats the password")
			}
		})
	}
}
