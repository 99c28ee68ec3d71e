package doctor

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"pinhole/cmd/pinhole/internal/config"
	"pinhole/publisher/publishertest"
	"pinhole/publisher/route"
	"pinhole/sensors/all"
)

// TestMosquitto: nothing is wrong with a broker of another make, by any way to it; and what is wrong is found.
func TestMosquitto(t *testing.T) {
	t.Parallel()
	m := publishertest.StartMosquitto(t)
	m.Client(t, "pi-7")
	const files = `, tls: {ca: ca.pem, cert: pi-7.crt, key: pi-7.key}`
	for i, c := range []struct {
		broker, more string
		culprit      route.Stage
		note         string
	}{
		{"mqtts://" + m.TLS, files, "", "client's certificate is asked for"},
		{"mqtt://" + m.Plain, "", "", "acknowledged after"},
		{"ws://" + m.WS, "", "", "agrees to a websocket"},
		{"wss://" + m.WSS, `, tls: {ca: ca.pem}`, "", "agrees to a websocket"},
		{"mqtts://" + m.TLS, `, tls: {ca: ca.pem}`, "tls", "certificate"},
		{"mqtts://" + m.Plain, `, tls: {ca: ca.pem}`, "tls", ""},
		{"mqtts://" + m.TLS, `, tls: {cert: pi-7.crt, key: pi-7.key}`, "tls", "unknown authority"},
	} {
		// One after the other: a handshake that fails leaves an error in OpenSSL's queue, which mosquitto 2.0 then takes for one of whichever
		// connection it serves next, and ends that with "Protocol error" (EPROTO).
		t.Run(c.broker+c.more, func(t *testing.T) {
			text := fmt.Sprintf("device: pi-%d\n", i) + "sensors: [{name: m, kind: mock, quantity: voltage}]\npublisher: {broker: \"" + c.broker + "\", proxy: none, queue: {dir: q}" + c.more + "}\n"
			conf, problems := config.Parse("x", []byte(text), config.Options{Kinds: all.Kinds(), Dir: m.Folder, NoFiles: true})
			if conf == nil {
				t.Fatal(problems)
			}
			r, err := Run(t.Context(), Options{Config: conf, Limits: Limits{Idle: 300 * time.Millisecond}})
			if err != nil || r.Culprit != c.culprit || !strings.Contains(show(r), c.note) {
				t.Errorf("%v\n%s", err, show(r))
			}
			if c.culprit == "" {
				quiet(t, r)
			}
			sound(t, r)
		})
	}
}

// TestSquid: a real proxy that alone knows the broker's name, and what it refuses.
func TestSquid(t *testing.T) {
	t.Parallel()
	b := newBench(t, otherHost)
	_, port, err := net.SplitHostPort(b.lab.Addr())
	if err != nil {
		t.Fatal(err)
	}
	hosts := map[string]string{otherHost: "127.0.0.1"}
	addr := publishertest.StartSquid(t, publishertest.Squid{Login: publishertest.SquidBasic, User: "user", Password: canary, Hosts: hosts, Ports: []string{port}})
	walk := func(host, port, proxy, password string) string {
		t.Helper()
		publishertest.WriteFile(t, b.dir, "proxy.pw", []byte(password))
		b.yaml["alpn"], b.yaml["broker"], b.yaml["proxy"] = "[x-amzn-mqtt-ca]", host+":"+port, proxy
		b.yaml["more"] = ""
		if strings.Contains(proxy, "user@") {
			b.yaml["more"] = "  proxy_password_file: proxy.pw\n"
		}
		b.o.Config = nil
		r := b.run()
		sound(t, r)
		if strings.Contains(show(r), canary) {
			t.Error("the password shows")
		}
		return string(r.Culprit) + "\n" + show(r)
	}
	for _, c := range []struct{ host, port, proxy, password, want string }{
		{otherHost, port, "http://user@" + addr, canary, "\nok"},
		{otherHost, port, "http://user@" + addr, "wrong", "proxy\n"},
		{otherHost, port, "http://" + addr, "", "proxy\n"},
		{otherHost, "444", "http://user@" + addr, canary, "proxy\n"},
		{"unknown.example.org", port, "http://user@" + addr, canary, "proxy\n"},
	} {
		if got := walk(c.host, c.port, c.proxy, c.password); !strings.HasPrefix(got, c.want) {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// TestDante: through a real SOCKS proxy nothing is wrong, and one that wants a login which nobody has is named.
func TestDante(t *testing.T) {
	t.Parallel()
	for login, culprit := range map[bool]route.Stage{false: "", true: route.StageProxy} {
		b := newBench(t, awsHost)
		_, port, err := net.SplitHostPort(b.lab.Addr())
		if err != nil {
			t.Fatal(err)
		}
		b.yaml["proxy"], b.yaml["broker"], b.yaml["server_name"] = "socks5://"+publishertest.StartDante(t, login), "localhost:"+port, awsHost
		b.yaml["alpn"] = "[x-amzn-mqtt-ca]"
		r := b.run()
		sound(t, r)
		if culprit == "" {
			quiet(t, r)
		}
		if r.Culprit != culprit || culprit == "" && !strings.Contains(show(r), "localhost is resolved by the proxy socks5://") {
			t.Error(show(r))
		}
	}
}

// TestEnvironmentProxy: a password in the environment's address does not show.
func TestEnvironmentProxy(t *testing.T) {
	b := newBench(t, awsHost)
	b.throughProxy("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n", nil)
	t.Setenv("HTTPS_PROXY", strings.Replace(b.yaml["proxy"], "http://", "http://user:"+canary+"@", 1))
	t.Setenv("https_proxy", "")
	b.yaml["proxy"] = "env"
	r := b.run()
	if text := show(r); r.Culprit != route.StageProxy || strings.Contains(text, canary) || !strings.Contains(text, "check both") {
		t.Error(text)
	}
}

// TestEnvironmentProxyThatCannotBeRead: the agent goes the direct way then. If that is closed, the address is to blame, not the way that was
// not meant to be gone.
func TestEnvironmentProxyThatCannotBeRead(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://user:"+canary+"%zz@proxy.test:3128")
	t.Setenv("https_proxy", "")
	for name, c := range map[string]struct {
		stage   func(b *bench)
		culprit route.Stage
	}{
		"direct works":   {func(*bench) {}, ""},
		"no such name":   {func(b *bench) { delete(b.names, awsHost) }, route.StageProxy},
		"port is closed": {func(b *bench) { b.ports["443"] = "" }, route.StageProxy},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, awsHost)
			b.yaml["proxy"] = "env"
			c.stage(b)
			r := b.run()
			sound(t, r)
			text, said := show(r), 0
			for _, line := range r.Checks {
				if line.Stage == route.StageProxy && strings.Contains(line.Evidence, "HTTPS_PROXY in the environment is not an address") {
					said++
				}
			}
			if r.Culprit != c.culprit || said != 1 || strings.Contains(text, canary) || strings.Contains(r.Report, "tcp, proxy") {
				t.Error(text)
			}
		})
	}
}
