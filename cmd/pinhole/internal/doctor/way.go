package doctor

import (
	"context"
	"fmt"
	"os"
	"strings"

	"pinhole/publisher/route"
)

// tlsOptions are those of the agent; without the certificate if that cannot be used.
func (d *doctor) tlsOptions() route.TLSOptions {
	t := &d.p.TLS
	o := route.TLSOptions{
		CA: t.CA, Cert: t.Cert, Key: t.Key, ServerName: t.ServerName, Now: d.now, KeyExchange: route.KeyExchange(t.KeyExchange),
		ALPN: route.ALPN{None: !t.ALPN.Auto && len(t.ALPN.Names) == 0, Names: t.ALPN.Names},
	}
	if d.tls.classical {
		o.KeyExchange = route.Classical
	}
	if d.key.bad {
		o.Cert, o.Key = "", ""
	}
	return o
}

// way is the agent's way to the broker, from the socket to the stream that MQTT is spoken on.
func (d *doctor) way() *route.Route {
	r := &route.Route{Name: "doctor", Broker: d.p.Broker, Dialer: d.tunnel}
	if d.p.Broker.Secure() {
		o := d.tlsOptions()
		if d.key.bad { // the names are those of a login with a certificate
			o.ALPN.Names = d.offered()
			o.ALPN.None = len(o.ALPN.Names) == 0
		}
		r.Dialer = route.NewTLS(r.Dialer, d.p.Broker, o)
	}
	if d.webSocket() {
		r = route.OverWebSocket(r, route.WSOptions{Now: d.now})
	}
	return r
}

func (d *doctor) webSocket() bool {
	return d.p.Broker.Scheme == route.WSS || d.p.Broker.Scheme == route.WS
}

// dial opens a stream to the broker as the agent does.
func (d *doctor) dial(ctx context.Context) (*route.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.o.Limits.Dial)
	defer cancel()
	return d.way().Dial(ctx)
}

// secret reads a password file, without the line's end.
func secret(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}
