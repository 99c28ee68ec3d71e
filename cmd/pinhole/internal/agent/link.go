package agent

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"

	"pinhole/cmd/pinhole/internal/config"
	"pinhole/publisher"
	"pinhole/publisher/route"
	"pinhole/publisher/session"
)

// dialer returns the function that makes a link: a route to the broker and an MQTT session on it. Certificates, keys and
// passwords are read again at every call. A proxy's address that cannot be used fails every call: sensing goes on.
func dialer(c *config.Config, now func() time.Time, log *slog.Logger) func(ctx context.Context) (publisher.Link, error) {
	p := &c.Publisher
	way, err := route.Via(p.Broker, route.TLSOptions{
		CA: p.TLS.CA, Cert: p.TLS.Cert, Key: p.TLS.Key,
		ALPN:       route.ALPN{None: !p.TLS.ALPN.Auto && len(p.TLS.ALPN.Names) == 0, Names: p.TLS.ALPN.Names},
		ServerName: p.TLS.ServerName, KeyExchange: route.KeyExchange(p.TLS.KeyExchange), Now: now, Log: log,
	}, proxies(p.Proxy))
	if err != nil {
		return func(context.Context) (publisher.Link, error) { return nil, err }
	}
	status := presence{topic: "pinhole/" + c.Device + "/status", device: c.Device, log: log}
	return func(ctx context.Context) (publisher.Link, error) {
		conn, err := way.Dial(ctx)
		if err != nil {
			return nil, err
		}
		o := session.Options{ClientID: p.ClientID, Username: p.Username, KeepAlive: p.KeepAlive, Log: log}
		if p.PasswordFile != "" {
			o.Password = func() (string, error) { return password(p.PasswordFile) }
		}
		if p.Presence {
			o.Will = status.will()
		}
		s, err := session.Connect(ctx, conn, o)
		if err != nil {
			return nil, err
		}
		attrs := []any{"broker", p.Broker.String(), "route", conn.Way()}
		if state := conn.TLS(); state != nil {
			attrs = append(attrs, "tls", tlsName(state.Version), "alpn", state.NegotiatedProtocol)
		}
		if p.Presence {
			return &live{status.announce(s), attrs}, nil
		}
		return &live{s, attrs}, nil
	}
}

// proxies says which proxy the configuration or the environment wants.
func proxies(p config.Proxy) route.ProxyOptions {
	switch {
	case p.URL != nil:
		proxy := route.Proxy{URL: p.URL}
		if p.PasswordFile != "" {
			proxy.Password = func() (string, error) { return password(p.PasswordFile) }
		}
		return route.ProxyOptions{List: []route.Proxy{proxy}}
	case p.Env:
		return route.ProxyOptions{Env: httpproxy.FromEnvironment()}
	}
	return route.ProxyOptions{}
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
