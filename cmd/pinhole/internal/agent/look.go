package agent

import (
	"context"
	"log/slog"
	"time"

	"pinhole/cmd/pinhole/internal/config"
	"pinhole/publisher"
	"pinhole/publisher/aws"
	"pinhole/publisher/route"
)

// Layers are the parts of the agent's way to one of its addresses, for a look at each of them.
type Layers struct {
	TLS  route.TLSOptions
	WS   route.WSOptions // where the address is one of a WebSocket
	Sign *aws.Signer     // signs requests; nil: nobody does

	// Post makes a link that posts over a stream to an https address.
	Post func(ctx context.Context, over *route.Route) (publisher.Link, error)
}

// LayersOf tells how the agent speaks to an address: the broker's, or one of the further ways.
func LayersOf(c *config.Config, b route.Broker, now func() time.Time, env func(string) string, log *slog.Logger) Layers {
	l := &linker{c: &c.Publisher, device: c.Device, now: now, env: env, log: log}
	t, signer := l.layers(b)
	return Layers{TLS: t, WS: l.webSocket(signer), Sign: signer, Post: func(ctx context.Context, over *route.Route) (publisher.Link, error) {
		return l.https(over, signer)(ctx)
	}}
}

// Proxies says which proxy the configuration wants, or the environment where the configuration leaves it to that.
func Proxies(c *config.Config) route.ProxyOptions { return proxies(c.Publisher.Proxy) }
