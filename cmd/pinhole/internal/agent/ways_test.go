package agent

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pinhole/cmd/internal/lab"
	"pinhole/cmd/pinhole/internal/config"
	"pinhole/publisher/publishertest"
	"pinhole/publisher/route"
)

// world is a lab with both listeners, and what happened there.
type world struct {
	*lab.Lab
	env      map[string]string
	messages chan string

	mu     sync.Mutex
	events []lab.Event
}

func newWorld(t *testing.T, faults ...lab.Fault) *world {
	t.Helper()
	w := &world{env: map[string]string{}, messages: make(chan string, 64)}
	var err error
	w.Lab, err = lab.Start(lab.Options{Web: "127.0.0.1:0", Dir: t.TempDir(), Faults: faults, NoLimits: true,
		OnPayload: func(topic string, _ []byte) { w.messages <- topic },
		OnEvent: func(e lab.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// keys writes the lab's access key into the environment.
func (w *world) keys(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.Dir(), "credentials"))
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(string(text))
	w.env["AWS_ACCESS_KEY_ID"], w.env["AWS_SECRET_ACCESS_KEY"] = f[3], f[6]
}

// config is one for the lab. cert: with the device's certificate.
func (w *world) config(t *testing.T, broker string, cert bool, alpn config.ALPN, sign config.AWS) *config.Config {
	t.Helper()
	c := linkConfig(t, broker)
	c.Publisher.TLS = config.TLS{CA: filepath.Join(w.Dir(), "ca.pem"), ServerName: "localhost", ALPN: alpn}
	if cert {
		c.Publisher.TLS.Cert, c.Publisher.TLS.Key = filepath.Join(w.Dir(), "device.crt"), filepath.Join(w.Dir(), "device.key")
	}
	if sign != (config.AWS{}) {
		sign.Given, sign.Region = true, lab.Region
	}
	c.Publisher.Sign = sign
	return c
}

func (w *world) dialer(c *config.Config, now func() time.Time) dial {
	return dialer(c, now, func(name string) string { return w.env[name] }, slog.New(slog.DiscardHandler))
}

// TestEveryWay takes a message to the lab by each way that AWS knows.
func TestEveryWay(t *testing.T) {
	auto, none := config.ALPN{Auto: true}, config.ALPN{}
	file := func(w *world) config.AWS { return config.AWS{CredentialsFile: filepath.Join(w.Dir(), "credentials")} }
	env := func(*world) config.AWS { return config.AWS{Region: lab.Region} }
	provider := func(w *world) config.AWS { return config.AWS{Provider: w.Web(), RoleAlias: "pinhole", Thing: "x"} }
	unsigned := func(*world) config.AWS { return config.AWS{} }
	for name, c := range map[string]struct {
		scheme string
		web    bool // the second listener
		cert   bool
		alpn   config.ALPN
		sign   func(*world) config.AWS
		keys   bool // in the environment
	}{
		"mqtts":                        {"mqtts", false, true, config.ALPN{Names: []string{lab.ALPN}}, unsigned, false},
		"wss, credentials file":        {"wss", true, false, auto, file, false},
		"wss, environment":             {"wss", true, false, none, env, true},
		"wss, provider":                {"wss", true, true, auto, provider, false},
		"wss, MQTT's ALPN name is not": {"wss", true, false, config.ALPN{Names: []string{lab.ALPN}}, file, false},
		"https, certificate and ALPN":  {"https", false, true, config.ALPN{Names: []string{lab.ALPNHTTP}}, unsigned, false},
		"https, certificate":           {"https", true, true, none, unsigned, false},
		"https, credentials file":      {"https", true, false, auto, file, false},
		"https, provider":              {"https", true, true, auto, provider, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			addr := w.Addr()
			if c.web {
				addr = w.Web()
			}
			if c.keys {
				w.keys(t)
			}
			link, err := w.dialer(w.config(t, c.scheme+"://"+addr, c.cert, c.alpn, c.sign(w)), time.Now)(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				acked := make(chan error, 1)
				if err := link.Publish("pinhole/x y/readings", 1, []byte(`{}`), func(err error) { acked <- err }); err != nil {
					t.Fatal(err)
				}
				if err := <-acked; err != nil {
					t.Fatal(err)
				}
				if topic := <-w.messages; topic != "pinhole/x y/readings" {
					t.Errorf("topic %s", topic)
				}
			}
			if err := link.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if attrs := fmt.Sprint(link.(*live).Attrs()); !strings.Contains(attrs, c.scheme+"://"+addr) || !strings.Contains(attrs, "tls 1.3") {
				t.Errorf("the log says %s", attrs)
			}
		})
	}
}

// TestWhatIsRefused says at which stage, and what to do.
func TestWhatIsRefused(t *testing.T) {
	w := newWorld(t)
	wrong := config.AWS{CredentialsFile: publishertest.WriteFile(t, t.TempDir(), "keys",
		[]byte("[default]\naws_access_key_id = AKIA\naws_secret_access_key = canary\n"))}
	right := config.AWS{CredentialsFile: filepath.Join(w.Dir(), "credentials")}
	late := func() time.Time { return time.Now().Add(-2 * 24 * time.Hour) }
	ahead := func() time.Time { return time.Now().Add(2 * time.Hour) }
	behind := func() time.Time { return time.Now().Add(-2 * time.Hour) }
	for _, c := range []struct {
		name, broker string
		cert         bool
		sign         config.AWS
		now          func() time.Time
		stage        route.Stage
		want, hint   string
	}{
		{"wss, another key", "wss://" + w.Web(), false, wrong, time.Now, route.StageWS, "unknown access key", "iot:Connect"},
		{"https, another key", "https://" + w.Web(), false, wrong, time.Now, route.StageAck, "unknown access key", "iot:Publish"},
		{"wss, no credentials", "wss://" + w.Web(), false, config.AWS{Region: "x"}, time.Now, route.StageWS, "no AWS credentials in the environment", "pinhole config"},
		{"https, no credentials", "https://" + w.Web(), false, config.AWS{Region: "x"}, time.Now, route.StageAck, "no AWS credentials", "pinhole config"},
		{"wss, no such profile", "wss://" + w.Web(), false, config.AWS{CredentialsFile: right.CredentialsFile, Profile: "field"}, time.Now, route.StageWS,
			"no profile [field]", ""},
		{"wss, a clock that is wrong", "wss://" + w.Web(), false, right, late, route.StageClock, "", "the clock"},
		{"wss, a clock that is ahead", "wss://" + w.Web(), false, right, ahead, route.StageClock, "not yet current", "a right clock"},
		{"https, a clock that is behind", "https://" + w.Web(), false, right, behind, route.StageClock, "signature expired", "a right clock"},
		{"wss, path", "wss://" + w.Web() + "/", false, right, time.Now, route.StageWS, `"404 Not Found"`, "/mqtt"},
		{"wss, provider without a certificate", "wss://" + w.Web(), false, config.AWS{Provider: w.Web(), RoleAlias: "r"}, time.Now, route.StageWS,
			"403 Forbidden", ""},
		{"wss, provider not there", "wss://" + w.Web(), true, config.AWS{Provider: publishertest.FreeAddr(t), RoleAlias: "r"}, time.Now, route.StageTCP,
			"connection refused", ""},
		{"https, not signed", "https://" + w.Web(), false, config.AWS{}, time.Now, route.StageAck, `"403 Forbidden" (missing authentication token)`, ""},
		{"https, elsewhere", "https://" + w.Web() + "/ingest", true, config.AWS{}, time.Now, route.StageAck, `"404 Not Found"`, "publisher.broker"},
	} {
		t.Run(c.name, func(t *testing.T) {
			link, err := w.dialer(w.config(t, c.broker, c.cert, config.ALPN{Auto: true}, c.sign), c.now)(t.Context())
			if err == nil {
				acked := make(chan error, 1)
				if err = link.Publish("pinhole/x/readings", 1, []byte(`{}`), func(err error) { acked <- err }); err == nil {
					err = <-acked
				}
				if link.Err() != err {
					t.Errorf("the link says %v", link.Err())
				}
				_ = link.Close(t.Context()) // it is over
			}
			e, ok := errors.AsType[*route.Error](err)
			if !ok || e.Stage != c.stage || !strings.Contains(err.Error(), c.want) || !strings.Contains(e.Hint, c.hint) || strings.Contains(err.Error(), "canary") {
				t.Errorf("got %v, %+v", err, e)
			}
		})
	}
}

// TestRoutes goes over to a further way after two failures, and a new run begins with it.
func TestRoutes(t *testing.T) {
	w := newWorld(t)
	c := w.config(t, "mqtts://"+publishertest.FreeAddr(t), true, config.ALPN{Names: []string{lab.ALPN}}, config.AWS{})
	further, err := route.ParseBroker("mqtts://" + w.Addr())
	if err != nil {
		t.Fatal(err)
	}
	c.Publisher.Routes, c.Publisher.Queue.Dir = []route.Broker{further}, t.TempDir()
	dial := w.dialer(c, time.Now)
	for range 2 {
		if _, err := dial(t.Context()); route.StageOf(err) != route.StageTCP {
			t.Fatal(err)
		}
	}
	for range 2 {
		link, err := dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		acked := make(chan error, 1)
		if err := errors.Join(link.Publish("pinhole/x/readings", 1, []byte(`{}`), func(err error) { acked <- err }), <-acked); err != nil {
			t.Fatal(err)
		}
		<-w.messages
		if err := link.Close(t.Context()); err != nil {
			t.Error(err)
		}
		dial = w.dialer(c, time.Now)
	}
}

// TestHeaders: the fields of the configuration stand in the request for a WebSocket, and nowhere in what is said about it.
func TestHeaders(t *testing.T) {
	got := make(chan http.Header, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header
		http.Error(w, "no", http.StatusForbidden)
	}))
	defer server.Close()
	c := linkConfig(t, "ws://"+server.Listener.Addr().String())
	c.Publisher.Headers = http.Header{"Authorization": {"Bearer canary"}}
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	_, err := dialer(c, time.Now, os.Getenv, log)(t.Context())
	if route.StageOf(err) != route.StageWS || strings.Contains(err.Error()+said.String(), "canary") {
		t.Errorf("got %v, log %s", err, &said)
	}
	if h := <-got; h.Get("Authorization") != "Bearer canary" || h.Get("Upgrade") != "websocket" {
		t.Errorf("the request's fields: %v", h)
	}
	if h := LayersOf(c, c.Publisher.Broker, time.Now, os.Getenv, log).WS.Header; h.Get("Authorization") != "Bearer canary" {
		t.Errorf("for a look: %v", h)
	}
}

// TestPasswords: a hub of Azure's gets one that is made anew of the device's key, everybody else what stands in the file.
func TestPasswords(t *testing.T) {
	file := publishertest.WriteFile(t, t.TempDir(), "password", []byte("c2VjcmV0\n"))
	now := time.Unix(1764000000, 0)
	l := &linker{c: &config.Publisher{ClientID: "x", PasswordFile: file}, now: func() time.Time { return now }}
	if got, err := l.password("broker.example"); got != "c2VjcmV0" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	first, err := l.password("hub.azure-devices.net")
	if !strings.HasPrefix(first, "SharedAccessSignature sr=hub.azure-devices.net%2Fdevices%2Fx&sig=") || err != nil {
		t.Errorf("got %q, %v", first, err)
	}
	now = now.Add(time.Hour)
	if second, err := l.password("hub.azure-devices.net"); second == first || err != nil {
		t.Errorf("the same again: %q, %v", second, err)
	}
}
