package doctor

import (
	"context"
	"errors"
	"fmt"

	"pinhole/publisher/route"
	"pinhole/publisher/session"
)

// checkIntercepted looks for somebody between this device and the broker who ends the TLS session. At AWS that is certain by the
// issuer, by ALPN, or by a server that has no interest in the client's certificate. Elsewhere such a server is suspicious; if it then
// does not speak MQTT either, it is not the broker.
func (d *doctor) checkIntercepted(ctx context.Context) []Check {
	if b := d.blocked(); b != "" {
		return []Check{skipAfter(b)}
	}
	if !d.p.Broker.Secure() {
		return []Check{skip("there is no TLS")}
	}
	exempt := "exempt " + d.target() + " from TLS inspection: a login by client certificate does not survive it"
	if route.StageOf(d.login.err) == route.StageIntercepted {
		e, _ := errors.AsType[*route.Error](d.login.err)
		what := exempt
		if len(d.tls.out.chain) == 0 && d.tls.out.err != nil { // not a TLS server at all
			what = e.Hint
		}
		return []Check{fail(e.Err.Error(), network, what)}
	}
	o := &d.tls.out
	if o.err != nil || len(o.chain) == 0 || !d.login.tried {
		return []Check{skip("no session to look at")}
	}
	issuer := name(o.chain[0].Issuer.String())
	switch {
	case d.key.have && !o.asked && mute(d.login.err):
		return []Check{fail(fmt.Sprintf("the server, certified by %s, did not ask for this device's certificate, and then did not speak MQTT: it is not "+
			"the broker", issuer), network, exempt)}
	case d.key.have && !o.asked:
		return []Check{warn("the server did not ask for this device's certificate; it was issued by "+issuer, you,
			"if this broker should ask for one, something stands in between; if not, remove publisher.tls.cert and key")}
	case o.asked:
		return []Check{ok("no: issued by " + issuer + ", and the client's certificate is asked for")}
	}
	return []Check{ok("no sign of it: issued by " + issuer)}
}

// mute reports whether a login ended without an answer in MQTT.
func mute(err error) bool {
	return errors.Is(err, session.ErrNoConnack) || errors.Is(err, session.ErrHungUp) || errors.Is(err, session.ErrProtocol)
}
