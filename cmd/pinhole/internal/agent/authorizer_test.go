package agent

import (
	"fmt"
	"log/slog"
	"net/http"
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

// TestCustomAuthorizer delivers without a certificate and without a signature, by each way that AWS's custom authorizers know, and is
// refused with a wrong token, which nothing that is said repeats.
func TestCustomAuthorizer(t *testing.T) {
	const token = "canary token"
	messages := make(chan string, 1)
	l, err := lab.Start(lab.Options{Web: "127.0.0.1:0", Dir: t.TempDir(), NoLimits: true, OnPayload: func(topic string, _ []byte) { messages <- topic },
		Auth: lab.Authorizer{Name: "gate", User: "me", Password: token, TokenKey: "X-Token", Token: token}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const named = "x-amz-customauthorizer-name=gate"
	for name, c := range map[string]struct {
		broker   string
		user     string
		password string
		headers  http.Header
		stage    route.Stage // of the error; "": it is delivered
	}{
		"mqtts":                      {broker: "mqtts://" + l.Addr(), user: "me?" + named, password: token},
		"mqtts, wrong token":         {broker: "mqtts://" + l.Addr(), user: "me?" + named, password: "canary", stage: route.StageConnack},
		"mqtts, another authorizer":  {broker: "mqtts://" + l.Addr(), user: "me?" + named + "x", password: token, stage: route.StageConnack},
		"mqtts, nobody":              {broker: "mqtts://" + l.Addr(), stage: route.StageConnack},
		"wss, login":                 {broker: "wss://" + l.Web() + "/mqtt", user: "me?" + named, password: token},
		"wss, login, wrong token":    {broker: "wss://" + l.Web() + "/mqtt", user: "me?" + named, password: "canary", stage: route.StageConnack},
		"wss, headers":               {broker: "wss://" + l.Web() + "/mqtt", headers: http.Header{"X-Amz-Customauthorizer-Name": {"gate"}, "X-Token": {token}}},
		"wss, headers, wrong token":  {broker: "wss://" + l.Web() + "/mqtt", headers: http.Header{"X-Amz-Customauthorizer-Name": {"gate"}, "X-Token": {"canary"}}, stage: route.StageWS},
		"wss, query":                 {broker: "wss://" + l.Web() + "/mqtt?" + named + "&X-Token=canary%20token"},
		"wss, query, nobody's token": {broker: "wss://" + l.Web() + "/mqtt?" + named, stage: route.StageWS},
	} {
		t.Run(name, func(t *testing.T) {
			p := linkConfig(t, c.broker)
			alpn := config.ALPN{Names: []string{lab.ALPNAuth}} // what an AWS host gets by itself without a certificate
			if strings.HasPrefix(c.broker, "wss") {
				alpn = config.ALPN{}
			}
			p.Publisher.TLS = config.TLS{CA: filepath.Join(l.Dir(), "ca.pem"), ServerName: "localhost", ALPN: alpn}
			p.Publisher.Username, p.Publisher.Headers = c.user, c.headers
			if c.password != "" {
				p.Publisher.PasswordFile = publishertest.WriteFile(t, t.TempDir(), "token", []byte(c.password+"\n"))
			}
			link, err := dialer(p, time.Now, os.Getenv, slog.New(slog.DiscardHandler))(t.Context())
			if c.stage != "" {
				if route.StageOf(err) != c.stage || strings.Contains(err.Error(), "canary") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer link.Close(t.Context())
			if said := fmt.Sprint(link.(*live).Attrs()); strings.Contains(said, "canary") || !strings.Contains(said, l.Addr()) && !strings.Contains(said, l.Web()) {
				t.Errorf("the log says %s", said)
			}
			acked := make(chan error, 1)
			if err := link.Publish("pinhole/x/readings", 1, []byte(`{}`), func(err error) { acked <- err }); err != nil {
				t.Fatal(err)
			}
			if err := <-acked; err != nil {
				t.Fatal(err)
			}
			<-messages
		})
	}
}

// TestAuthorizersTakeTheSignaturesPlace: at AWS a WebSocket is signed unless somebody else answers for the device.
func TestAuthorizersTakeTheSignaturesPlace(t *testing.T) {
	const host = "wss://abc-ats.iot.eu-west-1.amazonaws.com/mqtt"
	for name, c := range map[string]struct {
		broker string
		change func(p *config.Publisher)
		signed bool
	}{
		"nobody":    {host, func(*config.Publisher) {}, true},
		"user":      {host, func(p *config.Publisher) { p.Username = "me" }, false},
		"header":    {host, func(p *config.Publisher) { p.Headers = http.Header{"X-Amz-Customauthorizer-Name": {"gate"}} }, false},
		"query":     {host + "?x-amz-customauthorizer-name=gate", func(*config.Publisher) {}, false},
		"both":      {host + "?x-amz-customauthorizer-name=gate", func(p *config.Publisher) { p.Sign.Given = true }, true},
		"elsewhere": {"wss://broker.example/mqtt", func(*config.Publisher) {}, false},
	} {
		p := linkConfig(t, c.broker)
		c.change(&p.Publisher)
		l := &linker{c: &p.Publisher, env: os.Getenv, now: time.Now, log: slog.New(slog.DiscardHandler)}
		if got := l.signed(p.Publisher.Broker); got != c.signed {
			t.Errorf("%s: signed %v", name, got)
		}
	}
}
