package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"pinhole/cmd/pinhole/internal/agent"
	"pinhole/publisher/route"
)

// openTunnel finds out which proxy is on the way and prepares the layer that opens a stream through it. Nothing is dialed.
func (d *doctor) openTunnel() error {
	if d.proxy != "" {
		return nil
	}
	plain := d.p.Broker // without TLS of its own: the tunnel alone
	plain.Scheme, plain.Path = route.MQTT, ""
	r, err := route.Via(plain, route.TLSOptions{Now: d.now, KeyExchange: d.layers.TLS.KeyExchange}, agent.Proxies(d.c))
	if err != nil {
		return err
	}
	if r.Name != "direct" {
		d.proxy, d.tunnel = r.Name, r.Dialer
	}
	return nil
}

// meant is a check of the direct way. If that fails where the environment names a proxy that cannot be read, the proxy is to blame first: it
// was meant to be the way.
func (d *doctor) meant(check func(context.Context) []Check) func(context.Context) []Check {
	return func(ctx context.Context) []Check {
		lines := check(ctx)
		err := agent.Proxies(d.c).Misread()
		if err == nil || d.failed[route.StageProxy] || !slices.ContainsFunc(lines, func(c Check) bool { return c.Verdict == Fail }) {
			return lines
		}
		c := fail(err.Error(), you, advice(err))
		c.Stage = route.StageProxy
		return append([]Check{c}, lines...)
	}
}

// forbids reports whether a proxy's answer means that it does not allow the destination.
func forbids(status int) bool {
	return status == http.StatusForbidden || status == http.StatusUnauthorized || status == http.StatusUnavailableForLegalReasons
}

// checkProxy asks the proxy for a tunnel to the broker.
func (d *doctor) checkProxy(ctx context.Context) []Check {
	if err := d.openTunnel(); err != nil {
		return []Check{fail(err.Error(), you, advice(err))}
	}
	if d.proxy == "" {
		if d.failed[route.StageProxy] {
			return nil // it was said with the direct way's failure
		}
		if err := agent.Proxies(d.c).Misread(); err != nil {
			return []Check{warn(err.Error(), you, advice(err))}
		}
		why := "none is used: publisher.proxy is none"
		if d.p.Proxy.Env {
			why = "none is used: the environment names none for this broker"
		}
		return []Check{skip(why)}
	}
	ctx, cancel := context.WithTimeout(ctx, d.o.Limits.Dial)
	defer cancel()
	begin := time.Now()
	conn, err := d.tunnel.DialContext(ctx, "tcp", d.p.Broker.Addr())
	if err == nil {
		d.local = hostOf(conn.LocalAddr())
		way := d.proxy
		if one, several := conn.(*route.Conn); several {
			way = one.Way()
		}
		conn.Close()
		if way == "direct" {
			return []Check{ok(fmt.Sprintf("%s: the direct way reaches %s in %s", d.proxy, d.p.Broker.Addr(), brief(time.Since(begin))))}
		}
		return []Check{ok(fmt.Sprintf("%s opens a tunnel to %s in %s", way, d.p.Broker.Addr(), brief(time.Since(begin))))}
	}
	if route.StageOf(err) == route.StageClock {
		return []Check{d.lateClock(err), skip("see clock")}
	}
	c := fail(err.Error(), you, advice(err))
	if a, found := errors.AsType[*route.ProxyAnswer](err); found && forbids(a.Status) {
		c = fail(err.Error(), proxies, "allow CONNECT to "+d.target()+", without TLS inspection; this device's way is right, and its request arrives")
	}
	c.Stage = route.StageProxy
	return []Check{c}
}
