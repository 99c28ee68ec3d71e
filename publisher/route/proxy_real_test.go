package route

import (
	"bufio"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"pinhole/publisher/aws"
	"pinhole/publisher/publishertest"
)

// canary is a password that must not show in any error or log. Its odd characters also try the ways in which it is written.
const canary = `c4n"ry\päss:w=rd`

// through makes a proxy of an address and a login.
func through(scheme, addr, user, password string) Proxy {
	u := &url.URL{Scheme: scheme, Host: addr}
	if user != "" {
		u.User = url.User(user)
	}
	return Proxy{URL: u, Password: func() (string, error) { return password, nil }}
}

// via makes the route through these proxies.
func via(t *testing.T, broker string, o TLSOptions, proxies ...Proxy) *Route {
	t.Helper()
	b, err := ParseBroker(broker)
	if err != nil {
		t.Fatal(err)
	}
	o.Log, _ = logged(t)
	r, err := Via(b, o, ProxyOptions{List: proxies})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// refused dials and expects an error of stage proxy, without the password in any of its forms.
func refused(t *testing.T, r *Route, want, hint string) {
	t.Helper()
	conn, err := r.Dial(t.Context())
	if err == nil {
		_ = conn.Close() // it must not be there
		t.Fatal("the tunnel was opened")
	}
	checkContains(t, err, StageProxy, want, hint)
	noSecrets(t, err)
}

func noSecrets(t *testing.T, err error) {
	t.Helper()
	text := fmt.Sprintf("%v %+v %#v %s", err, err, err, err.(*Error).Hint)
	for _, secret := range []string{canary, "c4n", "YzRu" /* base64 of c4n */} {
		if strings.Contains(text, secret) {
			t.Errorf("the error repeats the password: %s", text)
		}
	}
}

// deliver publishes numbered messages with QoS 1 and waits for each acknowledgement; next must bring them all, in order.
func deliver(t *testing.T, r *Route, topic string, next func() publishertest.Message) {
	t.Helper()
	const count = 20
	conn, err := r.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if conn.Way() != r.Name {
		t.Errorf("way %q, want %q", conn.Way(), r.Name)
	}
	in := bufio.NewReader(conn)
	send := func(packet []byte, answer byte) {
		t.Helper()
		if _, err := conn.Write(packet); err != nil {
			t.Fatal(err)
		}
		if p, err := publishertest.ReadPacket(in); err != nil || p.Type != answer {
			t.Fatalf("packet type %d, %v; want %d", p.Type, err, answer)
		}
	}
	send(publishertest.Connect("device-"+topic), publishertest.CONNACK)
	for n := range count {
		send(publishertest.Publish(publishertest.Message{Topic: topic, ID: uint16(n + 1), QoS: 1, Payload: fmt.Append(nil, n)}),
			publishertest.PUBACK)
	}
	for n := range count {
		if got := string(next().Payload); got != fmt.Sprint(n) {
			t.Fatalf("message %s arrived, want %d", got, n)
		}
	}
}

// TestDeliveryThroughRealProxies publishes through each real proxy, then through a gate that lets only AWS's ALPN name pass, to a
// real broker that demands a client certificate. Squid's brokers have a name that only squid knows.
func TestDeliveryThroughRealProxies(t *testing.T) {
	m := publishertest.StartMosquitto(t)
	gate := publishertest.StartHAProxy(t, aws.ALPNMQTT, m.TLS, false)
	_, port, err := net.SplitHostPort(gate)
	if err != nil {
		t.Fatal(err)
	}
	cert, key := m.Client(t, "device")
	o := TLSOptions{CA: m.Folder + "/ca.pem", Cert: cert, Key: key, ServerName: "localhost", ALPN: ALPN{Names: []string{aws.ALPNMQTT}}}
	hosts := map[string]string{"broker.test": "127.0.0.1"}

	run := func(name, broker string, p Proxy) {
		t.Run(name, func(t *testing.T) {
			next := m.Subscribe(t, name)
			deliver(t, via(t, broker, o, p), name, next)
		})
	}
	hidden, local := "broker.test:"+port, "localhost:"+port
	t.Run("squid", func(t *testing.T) {
		run("open", hidden, through("http", publishertest.StartSquid(t, publishertest.Squid{Hosts: hosts}), "", ""))
		run("login not needed", hidden, through("http", publishertest.StartSquid(t, publishertest.Squid{Hosts: hosts}), "me", canary))
		for _, login := range []publishertest.SquidLogin{publishertest.SquidBasic, publishertest.SquidDigest} {
			s := publishertest.Squid{Hosts: hosts, Login: login, User: "me", Password: canary}
			run(string(login), hidden, through("http", publishertest.StartSquid(t, s), "me", canary))
		}
		ca := publishertest.NewCA(t, "Proxy CA")
		pair := ca.Server(t, nil, "127.0.0.1")
		p := through("https", publishertest.StartSquid(t, publishertest.Squid{Hosts: hosts, TLS: &pair,
			Login: publishertest.SquidBasic, User: "me", Password: canary}), "me", canary)
		p.CA = caFile(t, ca)
		run("TLS", hidden, p)
	})
	t.Run("Kerberos by a local squid", func(t *testing.T) {
		k := publishertest.StartKerberos(t)
		corporate := publishertest.StartSquid(t, publishertest.Squid{Hosts: hosts, Login: publishertest.SquidNegotiate, Kerberos: k})
		refused(t, via(t, hidden, o, through("http", corporate, "me", canary)), "it wants Negotiate", "squid with login=NEGOTIATE")
		helper := publishertest.StartSquid(t, publishertest.Squid{Kerberos: k, Parent: corporate})
		run("delivery", hidden, through("http", helper, "", ""))
	})
	t.Run("dante", func(t *testing.T) {
		addr := publishertest.StartDante(t, false)
		run("open", local, through("socks5", addr, "", ""))
		run("login not needed", local, through("socks5h", addr, "me", canary))
		run("address", gate, through("socks5", addr, "", ""))
	})
	t.Run("dante with accounts", func(t *testing.T) {
		addr := publishertest.StartDanteAccount(t, "pinhole-test", canary)
		run("password", local, through("socks5", addr, "pinhole-test", canary))
		refused(t, via(t, local, o, through("socks5", addr, "pinhole-test", "wrong")), "does not take this user and password", "check both")
	})
	t.Run("microsocks", func(t *testing.T) {
		run("password", local, through("socks5", publishertest.StartMicrosocks(t, "me", canary), "me", canary))
	})
}

func TestRealSquidRefuses(t *testing.T) {
	closed := publishertest.FreeAddr(t)
	_, port, err := net.SplitHostPort(closed)
	if err != nil {
		t.Fatal(err)
	}
	open := publishertest.StartSquid(t, publishertest.Squid{Ports: []string{"443", port}, Hosts: map[string]string{"broker.test": "127.0.0.1"}})
	for _, c := range []struct{ name, broker, want, hint string }{
		{"port not allowed", "broker.test:8883", "answered 403 Forbidden (ERR_ACCESS_DENIED", "most let only port 443"},
		{"nobody listens", "broker.test:" + port, "503 Service Unavailable (ERR_CONNECT_FAIL", "cannot reach the broker"},
		{"name unknown", "nowhere.test", "500 Internal Server Error (ERR_CANNOT_FORWARD", "or resolve its name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused(t, via(t, c.broker, TLSOptions{}, through("http", open, "", "")), c.want, c.hint)
		})
	}
	for _, login := range []publishertest.SquidLogin{publishertest.SquidBasic, publishertest.SquidDigest} {
		t.Run(string(login), func(t *testing.T) {
			scheme := strings.ToUpper(string(login)[:1]) + string(login)[1:]
			addr := publishertest.StartSquid(t, publishertest.Squid{Login: login, User: "me", Password: "right"})
			want := "answered 407 Proxy Authentication Required (ERR_CACHE_ACCESS_DENIED 0); it wants " + scheme
			refused(t, via(t, "broker.test", TLSOptions{}, through("http", addr, "", "")), want, "http://USER@HOST:PORT")
			refused(t, via(t, "broker.test", TLSOptions{}, through("http", addr, "me", canary)), want, "does not take this user and password")
			refused(t, via(t, "broker.test", TLSOptions{}, through("http", addr, "you", "right")), want, "does not take this user and password")
		})
	}
	t.Run("TLS", func(t *testing.T) {
		ca := publishertest.NewCA(t, "Proxy CA")
		pair := ca.Server(t, nil, "127.0.0.1")
		addr := publishertest.StartSquid(t, publishertest.Squid{TLS: &pair})
		p := through("https", addr, "me", canary)
		refused(t, via(t, "broker.test", TLSOptions{}, p), "unknown authority", "update-ca-certificates")
		p.CA = caFile(t, publishertest.NewCA(t, "Other CA"))
		refused(t, via(t, "broker.test", TLSOptions{}, p), "unknown authority", p.CA)
		p.CA = caFile(t, ca)
		_, port, _ := net.SplitHostPort(addr)
		p.URL.Host = net.JoinHostPort("localhost", port)
		refused(t, via(t, "broker.test", TLSOptions{}, p), "is not for localhost", "write the name that stands in")
		refused(t, via(t, "broker.test", TLSOptions{}, through("http", addr, "", "")), "", "https:// in publisher.proxy")
		refused(t, via(t, "broker.test", TLSOptions{}, through("https", open, "", "")), "", "write http:// in publisher.proxy")
	})
}

func TestRealSOCKSRefuses(t *testing.T) {
	closed := publishertest.FreeAddr(t)
	open, login := publishertest.StartDante(t, false), publishertest.StartDante(t, true)
	micro := publishertest.StartMicrosocks(t, "me", "right")
	for _, c := range []struct {
		name, broker string
		proxy        Proxy
		want, hint   string
	}{
		{"nobody listens", closed, through("socks5", open, "", ""), "5, connection refused", "cannot reach the broker"},
		{"name unknown", "nowhere.test", through("socks5", open, "", ""), "the proxy answered", "broker"},
		{"blocked", "blocked.test", through("socks5", open, "", ""), "the proxy answered", ""},
		{"login missing", closed, through("socks5", login, "", ""), "wants a login", "socks5://USER@HOST:PORT"},
		{"login wrong", closed, through("socks5", login, "me", canary), "does not take this user and password", "check both"},
		{"login missing, microsocks", closed, through("socks5", micro, "", ""), "wants a login", "socks5://USER@HOST:PORT"},
		{"login wrong, microsocks", closed, through("socks5", micro, "me", canary), "does not take this user and password", "check both"},
		{"HTTP to SOCKS", closed, through("http", open, "", ""), "", "publisher.proxy"},
		{"nobody there", closed, through("socks5", closed, "", ""), "reach proxy socks5://" + closed + ": connect to", "nothing listens there"},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, via(t, c.broker, TLSOptions{}, c.proxy), c.want, c.hint) })
	}
}
