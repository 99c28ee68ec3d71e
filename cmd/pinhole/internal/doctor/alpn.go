package doctor

import (
	"context"
	"strings"

	"pinhole/publisher/route"
)

// checkALPN looks whether the broker has taken up the offered protocol.
func (d *doctor) checkALPN(context.Context) []Check {
	if d.tls.filter != nil {
		return []Check{*d.tls.filter}
	}
	if b := d.blocked(); b != "" {
		return []Check{skipAfter(b)}
	}
	if !d.p.Broker.Secure() {
		return []Check{skip("there is no TLS")}
	}
	offered := strings.Join(d.offered(), ", ")
	switch s, err := route.StageOf(d.login.err), d.login.err; {
	case s == route.StageALPN && strings.Contains(err.Error(), "no application protocol") && offered == "":
		return []Check{fail("the server refuses a session without ALPN", you, advice(err))}
	case s == route.StageALPN && strings.Contains(err.Error(), "no application protocol"):
		return []Check{fail("the server refuses ALPN "+offered, you, advice(err))}
	case s == route.StageALPN:
		return []Check{fail(err.Error(), network,
			"AWS IoT answers ALPN on port 443, so something before it took it away: exempt "+d.target()+
				" from TLS inspection")}
	case s == route.StageIntercepted, d.tls.out.err != nil, !d.login.tried:
		return []Check{skip("no session to look at")}
	case offered == "":
		return []Check{ok("none is offered, and none is needed here")}
	case d.tls.out.state.NegotiatedProtocol == "":
		return []Check{warn("offered "+offered+"; the server took no notice", you,
			"set publisher.tls.alpn to none if this broker needs none; if it "+
				"does, something on the way takes it away")}
	}
	return []Check{ok(d.tls.out.state.NegotiatedProtocol + " is answered")}
}
