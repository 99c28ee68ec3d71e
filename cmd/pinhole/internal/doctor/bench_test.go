package doctor

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"pinhole/cmd/internal/lab"
	"pinhole/cmd/pinhole/internal/config"
	"pinhole/publisher/publishertest"
	"pinhole/publisher/route"
	"pinhole/sensors/all"
	"pinhole/sensors/clock"
)

const (
	awsHost   = "abc123-ats.iot.eu-west-1.amazonaws.com"
	otherHost = "broker.example.org"
	canary    = "correct-horse-battery"
)

// TestMain lets many walks go at the same time: they wait for most of their lives.
func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "24")
	os.Exit(m.Run())
}

// bench is a small world around one walk: a lab behind names, ports and faults of the test's making.
type bench struct {
	t    *testing.T
	lab  *lab.Lab
	dir  string // with ca.pem, ca.key, device.crt, device.key
	yaml map[string]string
	o    Options

	names map[string][]string // what the name server knows; nil addresses: SERVFAIL
	ports map[string]string   // port: where it leads; "v6" instead of a port: all of IPv6
}

// newBench makes a world in which all is well: host resolves, and its port 443 is the lab.
func newBench(t *testing.T, host string) *bench {
	t.Helper()
	dir := t.TempDir()
	l, err := lab.Start(lab.Options{Dir: dir, Web: "127.0.0.1:0", Names: []string{host}, NoLimits: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	b := &bench{t: t, lab: l, dir: dir, names: map[string][]string{host: {"192.0.2.10"}}, ports: map[string]string{"443": l.Addr()}}
	b.yaml = map[string]string{
		"device": "pi-7", "board": "pi", "sensors": "[{name: m, kind: mock, quantity: voltage}]", "broker": host + ":443", "more": "",
		"ca": "ca.pem", "cert": "device.crt", "key": "device.key", "server_name": "", "alpn": "auto", "key_exchange": "auto", "proxy": "none",
	}
	if host != awsHost {
		b.yaml["alpn"] = "[x-amzn-mqtt-ca]"
	}
	b.o.Clock = func() clock.Stamp { return clock.Stamp{Wall: time.Now().UnixNano(), Synced: true} }
	b.o.Built = clock.Built("")
	b.o.Root = t.TempDir()
	// Short enough for the faults that say nothing, and long enough for a busy machine that runs two dozen walks at a time.
	b.o.Limits = Limits{DNS: 2500 * time.Millisecond, TCP: 2500 * time.Millisecond, Hello: 2500 * time.Millisecond, Dial: 8 * time.Second,
		Connack: 2500 * time.Millisecond, Ack: 2500 * time.Millisecond, Idle: 300 * time.Millisecond}
	return b
}

func (b *bench) fault(names ...string) {
	b.t.Helper()
	var faults []lab.Fault
	for _, n := range names {
		f, err := lab.ParseFault(n)
		if err != nil {
			b.t.Fatal(err)
		}
		faults = append(faults, f)
	}
	if err := b.lab.SetFaults(faults...); err != nil {
		b.t.Fatal(err)
	}
}

// config is the configuration as it stands.
func (b *bench) config() *config.Config {
	b.t.Helper()
	text := `
device: ` + b.yaml["device"] + `
board: ` + b.yaml["board"] + `
sensors: ` + b.yaml["sensors"] + `
publisher:
  broker: ` + b.yaml["broker"] + `
  tls: {ca: "` + b.yaml["ca"] + `", cert: "` + b.yaml["cert"] + `", key: "` + b.yaml["key"] + `", server_name: "` + b.yaml["server_name"] +
		`", alpn: ` + b.yaml["alpn"] + `, key_exchange: ` + b.yaml["key_exchange"] + `}
  proxy: ` + b.yaml["proxy"] + `
  queue: {dir: state}
` + b.yaml["more"]
	c, problems := config.Parse("pinhole.yaml", []byte(text), config.Options{Kinds: all.Kinds(), Dir: b.dir, NoFiles: true})
	for _, p := range problems {
		b.t.Errorf("%v", p)
	}
	if c == nil {
		b.t.FailNow()
	}
	return c
}

// run walks.
func (b *bench) run() Result {
	b.t.Helper()
	if b.o.Config == nil {
		b.o.Config = b.config()
	}
	if err := os.MkdirAll(b.o.Config.Publisher.Queue.Dir, 0o700); err != nil {
		b.t.Fatal(err)
	}
	b.o.resolver = b.resolver()
	b.o.dialer = world{b}
	r, err := Run(b.t.Context(), b.o)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// world dials by the bench's table; a port that is not in it is closed.
type world struct{ b *bench }

func (w world) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	to := w.b.ports[port]
	if strings.Contains(host, ":") {
		to = w.b.ports["v6"]
	}
	if to == "" {
		to = publishertest.FreeAddr(w.b.t)
	}
	return route.TCP{}.DialContext(ctx, "tcp", to)
}

// resolver asks a name server of the test's own.
func (b *bench) resolver() *net.Resolver {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { pc.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply := b.answer(buf[:n]); reply != nil {
				pc.WriteTo(reply, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}

// answer is the name server: "silent" among a name's addresses means no answer, none at all SERVFAIL, an unknown name NXDOMAIN.
func (b *bench) answer(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	addrs, known := b.names[strings.TrimSuffix(q.Name.String(), ".")]
	switch {
	case !known:
		m.RCode = dnsmessage.RCodeNameError
	case len(addrs) == 0:
		m.RCode = dnsmessage.RCodeServerFailure
	}
	for _, a := range addrs {
		if a == "silent" {
			return nil
		}
		h := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60}
		ip := net.ParseIP(a)
		switch {
		case q.Type == dnsmessage.TypeA && ip.To4() != nil:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: [4]byte(ip.To4())}})
		case q.Type == dnsmessage.TypeAAAA && ip.To4() == nil:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: [16]byte(ip)}})
		}
	}
	reply, err := m.Pack()
	if err != nil {
		return nil
	}
	return reply
}

// serve answers each connection by handle until the test ends.
func serve(t *testing.T, handle func(c net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(20 * time.Second))
				handle(c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); open.Wait() })
	return l.Addr().String()
}

// blackHole is an address that drops what begins a connection.
func blackHole(t *testing.T) string {
	t.Helper()
	dead, err := lab.ListenDead("127.0.0.1:0", true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dead.Close() })
	return dead.Addr().String()
}

// relay joins a connection with another one to the broker.
func relay(c net.Conn, broker string, first []byte) {
	to, err := net.Dial("tcp", broker)
	if err != nil {
		return
	}
	defer to.Close()
	if _, err := to.Write(first); err != nil {
		return
	}
	go func() { io.Copy(to, c); to.Close() }()
	io.Copy(c, to)
}

// issue makes the device a certificate of the lab's authority, valid between two times from now.
func (b *bench) issue(before, after time.Duration) {
	b.t.Helper()
	if err := b.lab.Device("device", before, after); err != nil {
		b.t.Fatal(err)
	}
}

// readHead reads the head of an HTTP request.
func readHead(c net.Conn) string {
	var head []byte
	var b [1]byte
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) && len(head) < 8192 {
		if _, err := c.Read(b[:]); err != nil {
			return ""
		}
		head = append(head, b[0])
	}
	return string(head)
}
