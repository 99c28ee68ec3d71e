package doctor

import (
	"context"
	"fmt"
	"os"
	"strings"

	"pinhole/publisher/route"
)

// tlsOptions are those of the agent; without the certificate if that cannot be used, but with the names that belong to it.
func (d *doctor) tlsOptions() route.TLSOptions {
	o := d.layers.TLS
	if d.tls.classical {
		o.KeyExchange = route.Classical
	}
	if d.key.bad {
		o.ALPN.Names = d.offered()
		o.ALPN.None = len(o.ALPN.Names) == 0
		o.Cert, o.Key = "", ""
	}
	return o
}

// secured is the agent's way to the broker up to TLS.
func (d *doctor) secured() *route.Route {
	r := &route.Route{Name: "doctor", Broker: d.p.Broker, Dialer: d.tunnel}
	if d.p.Broker.Secure() {
		r.Dialer = route.NewTLS(r.Dialer, d.p.Broker, d.tlsOptions())
	}
	return r
}

// way is the whole of it: from the socket to the stream that MQTT is spoken on.
func (d *doctor) way() *route.Route {
	if !d.webSocket() {
		return d.secured()
	}
	return route.OverWebSocket(d.secured(), d.layers.WS)
}

func (d *doctor) webSocket() bool {
	return d.p.Broker.Scheme == route.WSS || d.p.Broker.Scheme == route.WS
}

// dial opens a stream as the agent does.
func (d *doctor) dial(ctx context.Context, r *route.Route) (*route.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.o.Limits.Dial)
	defer cancel()
	return r.Dial(ctx)
}

// secret reads a password file, without the line's end.
func secret(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}
