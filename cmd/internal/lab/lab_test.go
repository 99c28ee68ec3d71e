package lab

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pinhole/cmd/internal/judge"
)

const topic = "pinhole/d/readings"

func TestPublishIsBookedBeforeItIsAcknowledged(t *testing.T) {
	var seen []uint64
	l := startLab(t, Options{OnBatch: func(b *judge.Batch) { seen = append(seen, b.Seq) }})
	c := login(t, l, "a")
	for n := range 5 {
		c.send(publishPacket(1, topic, uint16(n+1), batch(n*10, n*10+10)))
		c.expect(0x40, 2, 0, byte(n+1))
		if got := l.Judge().Totals().Readings; got != uint64(n+1)*10 {
			t.Fatalf("%d readings booked at ack %d", got, n+1)
		}
	}
	c.send([]byte{0xc0, 0})
	c.expect(0xd0, 0)
	peers := l.Peers()
	if len(peers) != 1 || peers[0].Client != "a" || peers[0].TLS != "TLS 1.3" || peers[0].ALPN != ALPN || peers[0].Messages != 5 ||
		peers[0].Certificate != "pinhole-lab-device" {
		t.Errorf("peers %+v", peers)
	}
	c.send([]byte{0xe0, 0})
	c.expectClose()
	if err := l.Judge().Report().Err(); err != nil || len(seen) != 5 {
		t.Errorf("%v, batches seen: %v", err, seen)
	}
	s := l.Stats()
	if s.Accepted != 1 || s.Connects != 1 || s.Publishes != 5 || s.Discarded != 0 || s.Received == 0 {
		t.Errorf("stats %+v", s)
	}
}

// Each of these packets ends the connection without an answer.
func TestHangsUp(t *testing.T) {
	l := startLab(t, Options{})
	long := strings.Repeat("t", MaxTopic+1)
	tests := map[string][]byte{
		"qos 2":                publishPacket(2, topic, 1, "{}"),
		"qos 3":                publishPacket(3, topic, 1, "{}"),
		"wildcard +":           publishPacket(1, "a/+/b", 1, "{}"),
		"wildcard #":           publishPacket(1, "a/#", 1, "{}"),
		"empty topic":          publishPacket(1, "", 1, "{}"),
		"NUL in the topic":     publishPacket(1, "a\x00b", 1, "{}"),
		"topic not UTF-8":      publishPacket(1, "a\xff", 1, "{}"),
		"topic of 257 bytes":   publishPacket(1, long, 1, "{}"),
		"eight slashes":        publishPacket(1, "a/b/c/d/e/f/g/h/i", 1, "{}"),
		"reserved topic":       publishPacket(1, "$SYS/x", 1, "{}"),
		"rule without a topic": publishPacket(1, "$aws/rules/x", 1, "{}"),
		"packet id 0":          publishPacket(1, topic, 0, "{}"),
		"dup with qos 0":       packet(0x38, str(topic), []byte("{}")),
		"too big":              publishPacket(1, topic, 1, strings.Repeat("x", MaxPayload+1)),
		"length of five bytes": {0x30, 0xff, 0xff, 0xff, 0xff, 0x01},
		"publish cut short":    {0x32, 2, 0, 9},
		"second CONNECT":       connectPacket("b", 30),
		"CONNACK":              {0x20, 2, 0, 0},
		"PUBREC":               {0x50, 2, 0, 1},
		"type 0":               {0x00, 0},
		"type 15":              {0xf0, 0},
		"ping with a body":     {0xc0, 1, 0},
		"SUBSCRIBE flags":      packet(0x80, []byte{0, 1}, str("a"), []byte{0}),
		"SUBSCRIBE empty":      packet(0x82, []byte{0, 1}),
		"SUBSCRIBE nine":       subscribePacket(1, 0, strings.Split("a b c d e f g h i", " ")...),
		"SUBSCRIBE bad filter": subscribePacket(1, 0, "a/#/b"),
		"SUBSCRIBE qos 3":      subscribePacket(1, 3, "a"),
	}
	for name, b := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := login(t, l, name)
			c.send(b)
			c.expectClose()
		})
	}
	t.Cleanup(func() {
		if s := l.Stats(); s.Publishes != 0 {
			t.Errorf("%d of them were taken", s.Publishes)
		}
	})
}

func TestWithinTheLimits(t *testing.T) {
	l := startLab(t, Options{})
	c := login(t, l, strings.Repeat("i", MaxClientID))
	for i, top := range []string{
		strings.Repeat("t", MaxTopic), "a/b/c/d/e/f/g/h", "$aws/rules/some_rule/a/b/c/d/e/f/g/h", "ü/ /x",
		"$aws/rules/" + strings.Repeat("r", 128) + "/" + strings.Repeat("t", MaxTopic),
	} {
		c.send(publishPacket(1, top, uint16(i+1), strings.Repeat("x", MaxPayload)))
		c.expect(0x40, 2, 0, byte(i+1))
	}
}

func TestConnectRefused(t *testing.T) {
	l := startLab(t, Options{})
	tests := map[string]struct {
		in   []byte
		code byte // 0: closed without CONNACK
	}{
		"MQTT 5":                {packet(0x10, str("MQTT"), []byte{5, 2, 0, 30, 0}, str("a")), 1},
		"MQTT 3.1":              {packet(0x10, str("MQIsdp"), []byte{3, 2, 0, 30}, str("a")), 1},
		"empty client id":       {connectPacket("", 30), 2},
		"client id of 129":      {connectPacket(strings.Repeat("i", MaxClientID+1), 30), 2},
		"another protocol":      {packet(0x10, str("HTTP"), []byte{4, 2, 0, 30}, str("a")), 0},
		"reserved flag":         {packet(0x10, str("MQTT"), []byte{4, 3, 0, 30}, str("a")), 0},
		"will flags alone":      {packet(0x10, str("MQTT"), []byte{4, 2 | 0x20, 0, 30}, str("a")), 0},
		"password alone":        {packet(0x10, str("MQTT"), []byte{4, 2 | 0x40, 0, 30}, str("a"), str("p")), 0},
		"trailing bytes":        {packet(0x10, str("MQTT"), []byte{4, 2, 0, 30}, str("a"), []byte{1}), 0},
		"will of qos 2":         {packet(0x10, str("MQTT"), []byte{4, 2 | 4 | 0x10, 0, 30}, str("a"), str("w"), str("x")), 0},
		"will with a wildcard":  {packet(0x10, str("MQTT"), []byte{4, 2 | 4, 0, 30}, str("a"), str("w/#"), str("x")), 0},
		"PUBLISH first":         {publishPacket(1, topic, 1, "{}"), 0},
		"client id not UTF-8":   {connectPacket("a\xff", 30), 0},
		"client id with a NUL":  {connectPacket("a\x00", 30), 0},
		"cut within the header": {packet(0x10, str("MQTT"), []byte{4}), 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, l)
			c.send(tt.in)
			if tt.code != 0 {
				c.expect(0x20, 2, 0, tt.code)
			}
			c.expectClose()
		})
	}
}

func TestOneConnectionAClientID(t *testing.T) {
	l := startLab(t, Options{NoLimits: true})
	first := login(t, l, "a")
	other := login(t, l, "b")
	second := login(t, l, "a")
	first.expectClose()
	second.send([]byte{0xc0, 0})
	second.expect(0xd0, 0)
	other.send([]byte{0xc0, 0})
	other.expect(0xd0, 0)
}

func TestConnectRate(t *testing.T) {
	l := startLab(t, Options{})
	first := login(t, l, "a")
	second := dial(t, l)
	second.send(connectPacket("a", 30))
	second.expect(0x20, 2, 0, 3)
	second.expectClose()
	login(t, l, "b") // another id is not concerned
	first.send([]byte{0xc0, 0})
	first.expect(0xd0, 0) // and the refused one took nothing over

	now := time.Now()
	x := &conn{lab: l, client: "x", gone: make(chan struct{})}
	for i, tt := range []struct {
		after   time.Duration
		refused bool
	}{{0, false}, {500 * time.Millisecond, true}, {940 * time.Millisecond, true}, {960 * time.Millisecond, false}, {1900 * time.Millisecond, true},
		{2 * time.Second, false}} {
		l.mu.Lock()
		delete(l.clients, "x")
		l.mu.Unlock()
		if wait := l.admit(x, now.Add(tt.after)); (wait > 0) != tt.refused {
			t.Errorf("step %d: wait %v", i, wait)
		}
	}
	l.forget(x)
}

func TestPublishRate(t *testing.T) {
	var w window
	now := time.Now()
	admitted := 0
	for n := range 3000 { // one a millisecond
		if w.admit(now.Add(time.Duration(n) * time.Millisecond)) {
			admitted++
		}
	}
	if admitted != 300 {
		t.Errorf("%d of 3000 in three seconds", admitted)
	}

	l := startLab(t, Options{})
	c := login(t, l, "a")
	start := time.Now()
	var all []byte
	for n := range 150 {
		all = append(all, publishPacket(1, topic, uint16(n+1), batch(n, n+1))...)
	}
	c.send(append(all, 0xc0, 0))
	for n := range 100 {
		c.expect(0x40, 2, 0, byte(n+1))
	}
	c.expect(0xd0, 0) // 50 went without a trace, and the connection lives
	if took := time.Since(start); took > 900*time.Millisecond {
		t.Skipf("the machine is too busy to judge: %v", took)
	}
	if got := l.Stats(); got.Publishes != 100 || got.Discarded != 50 {
		t.Errorf("%+v", got)
	}
}

func TestThroughput(t *testing.T) {
	var b bucket
	now := time.Now()
	if d := b.spend(MaxThroughput, now); d != 0 {
		t.Errorf("the first second's worth waits %v", d)
	}
	if d := b.spend(MaxThroughput/2, now); d != time.Second/2 {
		t.Errorf("half a second's worth too much waits %v", d)
	}
	if d := b.spend(MaxThroughput/4, now.Add(time.Second)); d != 0 {
		t.Errorf("after a second: waits %v", d)
	}

	l := startLab(t, Options{})
	c := login(t, l, "a")
	start := time.Now()
	for n := range 6 { // 768 KiB: a quarter of a second over 512 KiB, at the least
		c.send(publishPacket(1, topic, uint16(n+1), strings.Repeat("x", MaxPayload)))
	}
	for n := range 6 {
		c.expect(0x40, 2, 0, byte(n+1))
	}
	if took := time.Since(start); took < 450*time.Millisecond {
		t.Errorf("768 KiB went through in %v", took)
	}
}

func TestUnacknowledged(t *testing.T) {
	l := startLab(t, Options{Faults: fault(t, "mute-ack")})
	c := login(t, l, "a")
	publish := func(id uint16) {
		c.send(append(publishPacket(1, topic, id, batch(int(id), int(id)+1)), 0xc0, 0))
		c.expect(0xd0, 0)
	}
	publish(1)
	l.mu.Lock()
	inside := l.clients["a"]
	l.mu.Unlock()
	if got := inside.unacked.Load(); got != 1 {
		t.Fatalf("%d unacknowledged after one", got)
	}
	inside.unacked.Store(MaxUnacked - 1)
	publish(2)
	publish(3) // one too many
	if got := l.Stats(); got.Publishes != 2 || got.Discarded != 1 {
		t.Errorf("%+v", got)
	}
}

func TestKeepAlive(t *testing.T) {
	l := startLab(t, Options{})
	c := dial(t, l)
	c.send(connectPacket("a", 1))
	c.expect(0x20, 2, 0, 0)
	start := time.Now()
	c.expectClose()
	if took := time.Since(start); took < 1400*time.Millisecond || took > 3*time.Second {
		t.Errorf("closed after %v of silence at a keepalive of 1 s", took)
	}
}

func TestNoLimits(t *testing.T) {
	l := startLab(t, Options{NoLimits: true})
	c := login(t, l, "a")
	var all []byte
	for n := range 500 {
		all = append(all, publishPacket(1, topic, uint16(n+1), batch(n, n+1))...)
	}
	c.send(all)
	for n := range 500 {
		if id, err := c.puback(); err != nil || id != uint16(n+1) {
			t.Fatalf("ack %d: %d, %v", n+1, id, err)
		}
	}
}

func TestTLSRules(t *testing.T) {
	l := startLab(t, Options{})
	tests := map[string]struct {
		change func(*tls.Config)
		want   string // part of the error; "": connects
	}{
		"TLS 1.3":             {func(*tls.Config) {}, ""},
		"TLS 1.2":             {func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, ""},
		"TLS 1.1":             {func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, "protocol version"},
		"no ALPN":             {func(c *tls.Config) { c.NextProtos = nil }, "no application protocol"},
		"no ALPN, TLS 1.2":    {func(c *tls.Config) { c.NextProtos, c.MaxVersion = nil, tls.VersionTLS12 }, "no application protocol"},
		"another ALPN":        {func(c *tls.Config) { c.NextProtos = []string{"mqtt", "http/1.1"} }, "no application protocol"},
		"both":                {func(c *tls.Config) { c.NextProtos = []string{ALPNHTTP, ALPN} }, ""},
		"no certificate":      {func(c *tls.Config) { c.Certificates = nil }, "certificate required"},
		"no certificate, 1.2": {func(c *tls.Config) { c.Certificates, c.MaxVersion = nil, tls.VersionTLS12 }, "handshake failure"},
		"foreign certificate": {func(c *tls.Config) { // sent although the server names other authorities
			cert := foreign(t)
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
		}, "unknown certificate authority"},
		"our name is checked": {func(c *tls.Config) { c.ServerName = "elsewhere.example" }, "certificate is valid for"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := clientTLS(t, l)
			tt.change(cfg)
			c, err := dialTLS(t, l, cfg)
			if err == nil { // in TLS 1.3 the server looks at the certificate when the client is done
				c.conn.Write(connectPacket(name, 30))
				var b [4]byte
				_, err = c.r.Read(b[:])
			}
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// foreign is a client certificate of an authority that signed nothing else.
func foreign(t *testing.T) tls.Certificate {
	ca, err := newAuthority("foreign", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.issue(leaf{name: "x", before: time.Now().Add(-early), after: time.Now().Add(validity)})
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	l := startLab(t, Options{Dir: dir})
	files := map[string]fs.FileMode{caFile: 0o644, caKeyFile: 0o600, certFile: 0o644, keyFile: 0o600, configFile: 0o644}
	before := map[string]string{}
	for name, mode := range files {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode() != mode {
			t.Fatalf("%s: %v, %v", name, info, err)
		}
		b, _ := os.ReadFile(filepath.Join(dir, name))
		before[name] = string(b)
	}
	if !strings.Contains(before[configFile], "broker: mqtts://"+l.Addr()+"\n") {
		t.Errorf("configuration:\n%s", before[configFile])
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = startLab(t, Options{Dir: dir})
	login(t, l, "same identity")
	for name, was := range before {
		if b, _ := os.ReadFile(filepath.Join(dir, name)); string(b) != was && name != configFile {
			t.Errorf("%s was written again", name)
		}
	}
	l.Close()

	// The configuration follows the lab until somebody edits it. A fault that needs one of its own does not do without.
	conf := filepath.Join(dir, configFile)
	b, _ := os.ReadFile(conf)
	if !strings.Contains(string(b), "broker: mqtts://"+l.Addr()+"\n") {
		t.Errorf("the configuration leads elsewhere than to %s:\n%s", l.Addr(), b)
	}
	edited := string(b) + "# mine\n"
	os.WriteFile(conf, []byte(edited), 0o644)
	startLab(t, Options{Dir: dir}).Close()
	if b, _ := os.ReadFile(conf); string(b) != edited {
		t.Errorf("what was edited is gone:\n%s", b)
	}
	if l, err := Start(Options{Dir: dir, Faults: fault(t, "key-open")}); err == nil || !strings.Contains(err.Error(), "edited") {
		t.Errorf("%v", err)
		l.Close()
	}
	os.Remove(conf)

	for _, gone := range []string{caKeyFile, keyFile} {
		path := filepath.Join(dir, gone)
		b, _ := os.ReadFile(path)
		os.Remove(path)
		if l, err := Start(Options{Dir: dir}); err == nil {
			l.Close()
			t.Errorf("started without %s", gone)
		}
		os.WriteFile(path, b, 0o600)
	}
}

func TestTemporaryFolderGoes(t *testing.T) {
	l := startLab(t, Options{})
	if _, err := os.Stat(l.Config()); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := os.Stat(l.Dir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", l.Dir(), err)
	}
}

func TestLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:0", "nonsense"} {
		if l, err := Start(Options{Listen: addr}); err == nil {
			l.Close()
			t.Errorf("listened on %s", addr)
		}
	}
	l := startLab(t, Options{Listen: "0.0.0.0:0", Anywhere: true})
	if b, err := os.ReadFile(l.Config()); err != nil || strings.Contains(string(b), "0.0.0.0") {
		t.Errorf("the configuration leads nowhere: %v\n%s", err, b)
	}
}

func TestManyClients(t *testing.T) {
	l := startLab(t, Options{})
	for n := range 20 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			c := login(t, l, fmt.Sprint("c", n))
			c.send(publishPacket(1, topic, 1, batch(n, n+1)))
			c.expect(0x40, 2, 0, 1)
		})
	}
	t.Cleanup(func() {
		if err := l.Judge().Report().Err(); err != nil {
			t.Error(err)
		}
	})
}
