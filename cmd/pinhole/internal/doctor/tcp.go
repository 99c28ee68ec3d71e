package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// mostAddrs is how many addresses of each family are tried.
const mostAddrs = 3

// reach is one attempt to connect.
type reach struct {
	addr netip.AddrPort
	took time.Duration
	err  error
}

// checkTCP connects to the broker's addresses, all at once. Where none answers it tries other ports, to tell a blocked port from a
// blocked address.
func (d *doctor) checkTCP(ctx context.Context) []Check {
	switch b := d.blocked(); {
	case b != "":
		return []Check{skipAfter(b)}
	case d.proxy != "":
		return []Check{skip("the way leads through the " + d.proxy)}
	case len(d.addrs) == 0:
		return []Check{skip("no address is known")}
	}
	port := d.p.Broker.Port
	var v4, v6 []netip.AddrPort
	for _, a := range d.addrs {
		if a.Is4() && len(v4) < mostAddrs {
			v4 = append(v4, netip.AddrPortFrom(a, uint16(port)))
		} else if !a.Is4() && len(v6) < mostAddrs {
			v6 = append(v6, netip.AddrPortFrom(a, uint16(port)))
		}
	}
	all := d.connect(ctx, slices.Concat(v4, v6))
	good, best, bad4, bad6 := 0, reach{}, error(nil), error(nil)
	for _, r := range all {
		switch {
		case r.err == nil:
			if good++; good == 1 || r.took < best.took {
				best = r
			}
		case r.addr.Addr().Is4():
			bad4 = r.err
		default:
			bad6 = r.err
		}
	}
	if good == 0 {
		return []Check{d.noTCP(ctx, all)}
	}
	evidence := fmt.Sprintf("connected to %s in %s", best.addr, brief(best.took))
	if len(all) > 1 {
		evidence += fmt.Sprintf(", %d of %d addresses answer", good, len(all))
	}
	switch {
	case bad6 != nil && noWay(bad6) && bad4 == nil:
		return []Check{ok(evidence + "; this network has no IPv6")}
	case bad6 != nil && bad4 == nil:
		return []Check{warn(fmt.Sprintf("%s; IPv6 leads nowhere: %s", evidence, words(bad6)), network,
			"IPv6 is announced and not carried on: mend it, or announce none; connects are slower until then")}
	case bad4 != nil && !noWay(bad4):
		return []Check{warn(fmt.Sprintf("%s; others fail: %s", evidence, words(bad4)), network,
			"allow all addresses of this name; they change")}
	}
	return []Check{ok(evidence)}
}

// connect tries addresses at the same time.
func (d *doctor) connect(ctx context.Context, addrs []netip.AddrPort) []reach {
	ctx, cancel := context.WithTimeout(ctx, d.o.Limits.TCP)
	defer cancel()
	all := make([]reach, len(addrs))
	var wg sync.WaitGroup
	for i, a := range addrs {
		wg.Go(func() {
			begin := time.Now()
			conn, err := d.o.dialer.DialContext(ctx, "tcp", a.String())
			all[i] = reach{a, time.Since(begin), err}
			if err == nil {
				conn.Close()
			}
		})
	}
	wg.Wait()
	return all
}

// noTCP explains that no address can be reached.
func (d *doctor) noTCP(ctx context.Context, all []reach) Check {
	first := all[0]
	where := fmt.Sprintf("TCP port %d of %s", d.p.Broker.Port, d.p.Broker.Host)
	if d.p.Broker.Host != first.addr.Addr().String() {
		where += fmt.Sprintf(" (%s)", first.addr.Addr())
	}
	allow := fmt.Sprintf("allow outgoing TCP to %s port %d", d.p.Broker.Host, d.p.Broker.Port)
	var c Check
	switch {
	case noWay(first.err):
		return fail(where+": "+words(first.err), you,
			"this machine has no way to that network: check cable or Wi-Fi, address and gateway: ip addr, ip route")
	case isTimeout(first.err):
		c = fail(fmt.Sprintf("%s: no answer within %s, packets are dropped", where, brief(d.o.Limits.TCP)), network,
			allow+", or name the proxy that "+
				"this network has (publisher.proxy)")
	case errors.Is(first.err, syscall.ECONNREFUSED):
		c = fail(where+": refused; nothing listens there, or a firewall answers", network,
			allow+"; and check host and port in publisher.broker")
	default:
		c = fail(where+": "+words(first.err), network, allow)
	}
	c.Tries = d.tryPorts(ctx, first.addr.Addr())
	open := slices.ContainsFunc(c.Tries, func(t Try) bool { return t.Answer == "connected" })
	if len(c.Tries) > 0 && open {
		c.Evidence += "; other ports of the same address answer, so it is this port that is blocked"
	}
	return c
}

// tryPorts varies the port.
func (d *doctor) tryPorts(ctx context.Context, a netip.Addr) (tries []Try) {
	var addrs []netip.AddrPort
	for _, port := range []int{443, 8883, 80} {
		if port != d.p.Broker.Port {
			addrs = append(addrs, netip.AddrPortFrom(a, uint16(port)))
		}
	}
	for _, r := range d.connect(ctx, addrs) {
		answer := "connected"
		if r.err != nil {
			answer = words(r.err)
		}
		tries = append(tries, Try{"TCP port " + strconv.Itoa(int(r.addr.Port())), answer})
	}
	return tries
}

// words says in a word or two why there is no connection.
func words(err error) string {
	switch {
	case isTimeout(err):
		return "no answer"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "unreachable"
	}
	return err.Error()
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.ETIMEDOUT) {
		return true
	}
	ne, found := errors.AsType[net.Error](err)
	return found && ne.Timeout()
}

// noWay reports whether this machine itself has no way to an address.
func noWay(err error) bool {
	return errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.EADDRNOTAVAIL) ||
		errors.Is(err, syscall.EAFNOSUPPORT)
}
