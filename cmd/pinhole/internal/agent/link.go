package agent

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"

	"pinhole/cmd/pinhole/internal/config"
	"pinhole/publisher"
	"pinhole/publisher/aws"
	"pinhole/publisher/azure"
	"pinhole/publisher/httppub"
	"pinhole/publisher/route"
	"pinhole/publisher/session"
)

// dial makes a link.
type dial func(ctx context.Context) (publisher.Link, error)

// linker knows what all ways out have in common.
type linker struct {
	c      *config.Publisher
	device string
	now    func() time.Time
	env    func(string) string
	log    *slog.Logger
	habits *route.Habits // nil: none are kept
}

// dialer returns the function that makes a link: by the broker's way, and when that fails by the further ways in their order.
// Certificates, keys and passwords are read again at every call. A proxy's address that cannot be used fails every call: sensing
// goes on.
func dialer(c *config.Config, now func() time.Time, env func(string) string, log *slog.Logger) dial {
	state := filepath.Join(c.Publisher.Queue.Dir, "state")
	l := &linker{c: &c.Publisher, device: c.Device, now: now, env: env, log: log, habits: habits(filepath.Join(state, "hello"), log)}
	if len(c.Publisher.Routes) == 0 {
		return l.way(c.Publisher.Broker)
	}
	t := &turns{memory: memory{path: filepath.Join(state, "route"), log: log}}
	for _, b := range append([]route.Broker{c.Publisher.Broker}, c.Publisher.Routes...) {
		t.names, t.ways = append(t.names, b.String()), append(t.ways, l.way(b))
	}
	return t.dial
}

// way makes the way to one address by its scheme.
func (l *linker) way(b route.Broker) dial {
	t, signer := l.layers(b)
	via, err := route.Via(b, t, proxies(l.c.Proxy))
	if err != nil {
		return func(context.Context) (publisher.Link, error) { return nil, err }
	}
	switch b.Scheme {
	case route.HTTPS:
		return l.https(via, signer)
	case route.WSS, route.WS:
		via = route.OverWebSocket(via, l.webSocket(signer))
	}
	return l.mqtt(via)
}

// webSocket are the settings for a WebSocket; signer is nil where nobody signs.
func (l *linker) webSocket(signer *aws.Signer) route.WSOptions {
	o := route.WSOptions{Header: l.c.Headers, Now: l.now}
	if signer != nil {
		o.Sign = signer.WebSocket
	}
	return o
}

// layers are the settings of TLS for one address, and who signs requests there; nil: nobody.
func (l *linker) layers(b route.Broker) (t route.TLSOptions, signer *aws.Signer) {
	t = l.tls(b)
	if l.signed(b) {
		signer = l.signer()
		t.Cert, t.Key = "", "" // AWS does not ask for them where requests are signed
	}
	return t, signer
}

// tls are the settings for one address. A list of ALPN names is meant for MQTT, and no server of WebSockets knows AWS's names.
func (l *linker) tls(b route.Broker) route.TLSOptions {
	t := &l.c.TLS
	names := t.ALPN.Names
	if b.Scheme == route.WSS {
		names = slices.DeleteFunc(slices.Clone(names), func(s string) bool { return strings.HasPrefix(s, "x-amzn-") })
	}
	if b.Scheme != l.c.Broker.Scheme && b.Scheme == route.HTTPS && slices.Contains(names, aws.ALPNMQTT) {
		names = []string{aws.ALPNHTTP} // the counterpart at a domain of one's own
	}
	return route.TLSOptions{
		CA: t.CA, Cert: t.Cert, Key: t.Key, ALPN: route.ALPN{None: !t.ALPN.Auto && len(names) == 0, Names: names},
		ServerName: t.ServerName, KeyExchange: route.KeyExchange(t.KeyExchange), Now: l.now, Log: l.log,
		Habits: l.habits,
	}
}

// mqtt makes an MQTT session on a route.
func (l *linker) mqtt(way *route.Route) dial {
	p := l.c
	status := presence{topic: "pinhole/" + l.device + "/status", device: l.device, log: l.log}
	return func(ctx context.Context) (publisher.Link, error) {
		conn, err := way.Dial(ctx)
		if err != nil {
			return nil, err
		}
		o := session.Options{ClientID: p.ClientID, Username: p.Username, KeepAlive: p.KeepAlive, Log: l.log}
		if p.PasswordFile != "" {
			o.Password = func() (string, error) { return l.password(way.Broker.Host) }
		}
		if p.Presence {
			o.Will = status.will()
		}
		s, err := session.Connect(ctx, conn, o)
		if err != nil {
			return nil, err
		}
		if p.Presence {
			return &live{status.announce(s), attrs(way.Broker, conn)}, nil
		}
		return &live{s, attrs(way.Broker, conn)}, nil
	}
}

// password is what the file says; Azure's hubs want one that is made of it.
func (l *linker) password(host string) (string, error) {
	text, err := password(l.c.PasswordFile)
	if err != nil || !azure.IsHub(host) {
		return text, err
	}
	return azure.Password(host, l.c.ClientID, text, l.now())
}

// https makes a link that posts. signer is nil where the certificate is enough.
func (l *linker) https(way *route.Route, signer *aws.Signer) dial {
	o := httppub.Options{Host: way.Broker.HostField(), Target: target(way.Broker.Path), Parallel: l.c.Parallel, Now: l.now, Log: l.log}
	if signer != nil {
		o.Sign = signer.Request
	}
	return func(ctx context.Context) (publisher.Link, error) {
		o, said := o, []any{}
		o.Dial = func(ctx context.Context) (*route.Conn, error) {
			conn, err := way.Dial(ctx)
			if err == nil && len(said) == 0 {
				said = attrs(way.Broker, conn) // of the first, before there are others
			}
			return conn, err
		}
		link, err := httppub.Connect(ctx, o)
		if err != nil {
			return nil, err
		}
		return &live{link, said}, nil
	}
}

// target makes a post's path and query: the one in the broker's address, or AWS's.
func target(path string) func(topic string, qos byte) string {
	if path != "" && path != "/" {
		return func(string, byte) string { return path }
	}
	return func(topic string, qos byte) string { return fmt.Sprintf("%s?qos=%d", aws.TopicPath(topic), qos) }
}

// attrs says for the log how a link was made.
func attrs(b route.Broker, conn *route.Conn) []any {
	list := []any{"broker", b.String(), "route", conn.Way()}
	if state := conn.TLS(); state != nil {
		list = append(list, "tls", tlsName(state.Version), "alpn", state.NegotiatedProtocol)
	}
	return list
}

// proxies says which proxies the configuration or the environment wants.
func proxies(p config.Proxy) (o route.ProxyOptions) {
	if p.Env {
		return route.ProxyOptions{Env: httpproxy.FromEnvironment()}
	}
	for _, u := range p.List {
		proxy := route.Proxy{URL: u, CA: p.CA}
		if p.PasswordFile != "" {
			proxy.Password = func() (string, error) { return password(p.PasswordFile) }
		}
		o.List = append(o.List, proxy)
	}
	return o
}

// live is a link that can say how it was made.
type live struct {
	publisher.Link
	attrs []any
}

// Attrs are attributes for the log.
func (l *live) Attrs() []any { return l.attrs }

// password reads the password file, without the line's end.
func password(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

func tlsName(version uint16) string {
	switch version {
	case 0x0303:
		return "1.2"
	case 0x0304:
		return "1.3"
	}
	return fmt.Sprintf("%#x", version)
}
