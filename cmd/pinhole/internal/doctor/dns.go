package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// checkDNS resolves the broker's name, both families at the same time. With a proxy the name is the proxy's to resolve.
func (d *doctor) checkDNS(ctx context.Context) []Check {
	if err := d.openTunnel(); err != nil {
		return []Check{skip("the proxy's address cannot be used, see proxy")}
	}
	host := d.p.Broker.Host
	if d.proxy != "" {
		return []Check{skip(host + " is resolved by the " + d.proxy)}
	}
	if a, err := netip.ParseAddr(host); err == nil {
		d.addrs = []netip.Addr{a.Unmap()}
		return []Check{ok(host + " is an address, nothing to resolve")}
	}
	ctx, cancel := context.WithTimeout(ctx, d.o.Limits.DNS)
	defer cancel()
	begin := time.Now()
	v4, err4, v6, err6 := d.resolve(ctx, host)
	d.addrs = append(v4, v6...)
	took := brief(time.Since(begin))
	if len(d.addrs) == 0 {
		return []Check{noName(host, errors.Join(err4, err6), d.o.Limits.DNS)}
	}
	evidence := fmt.Sprintf("%s is %s (%s)", host, list(d.addrs), took)
	if slow, found := timedOut(err4, err6); found {
		return []Check{warn(evidence+"; "+slow, network,
			"the name servers answer only half of the questions: each connect waits for the other half")}
	}
	for _, a := range d.addrs {
		if d.p.AWS && (a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast()) {
			return []Check{warn(evidence+"; that is an address of a private network", network,
				"is that a VPC endpoint of yours? If not, the network's name server sends the connection elsewhere")}
		}
	}
	return []Check{ok(evidence)}
}

// resolve asks for the IPv4 and the IPv6 addresses of a name.
func (d *doctor) resolve(ctx context.Context, host string) (v4 []netip.Addr, err4 error, v6 []netip.Addr, err6 error) {
	r := d.o.resolver
	if r == nil {
		r = net.DefaultResolver
	}
	var wg sync.WaitGroup
	wg.Go(func() { v4, err4 = r.LookupNetIP(ctx, "ip4", host) })
	wg.Go(func() { v6, err6 = r.LookupNetIP(ctx, "ip6", host) })
	wg.Wait()
	for i, a := range v4 {
		v4[i] = a.Unmap()
	}
	return v4, err4, v6, err6
}

// noName explains a name without any address.
func noName(host string, err error, limit time.Duration) Check {
	e, found := errors.AsType[*net.DNSError](err)
	server := ""
	if found && e.Server != "" {
		server = " (" + e.Server + ")"
	}
	switch {
	case found && e.IsNotFound:
		return fail(fmt.Sprintf("the name server%s says that %s does not exist", server, host), you,
			"compare publisher.broker letter by letter; if it is right, the network's name server hides it: ask the network team, or set "+
				"publisher.proxy, as a proxy resolves names by itself")
	case !found || e.IsTimeout:
		return fail(fmt.Sprintf("no name server%s answered for %s within %s", server, host, brief(limit)), network,
			"let this device reach a name server (port 53), see /etc/resolv.conf; or give it a proxy, which resolves names by itself")
	}
	return fail(fmt.Sprintf("the name server%s fails for %s: %s", server, host, e.Err), network,
		"see the name server's log, try: getent hosts "+host+"; or give this device a proxy, which resolves names by itself")
}

// timedOut says which family of addresses was never told.
func timedOut(err4, err6 error) (what string, found bool) {
	for family, err := range map[string]error{"IPv4": err4, "IPv6": err6} {
		if e, is := errors.AsType[*net.DNSError](err); is && e.IsTimeout {
			return "nobody answered for its " + family + " addresses", true
		}
	}
	return "", false
}

func list(addrs []netip.Addr) string {
	const most = 6
	var words []string
	for i, a := range addrs {
		if i == most {
			words = append(words, fmt.Sprintf("%d more", len(addrs)-most))
			break
		}
		words = append(words, a.String())
	}
	return strings.Join(words, ", ")
}
