package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"syscall"

	"pinhole/publisher/route"
	"pinhole/publisher/session"
)

// checkConnack looks at the login, and whether it stands: a broker ends the older of two sessions of one client id [MQTT-3.1.4-2], so a
// second device with the same id shows by a session that is cut while nothing is said.
func (d *doctor) checkConnack(ctx context.Context) []Check {
	switch b := d.blocked(); {
	case b != "":
		return []Check{skipAfter(b)}
	case d.failed[route.StageClock]:
		return []Check{skipAfter(route.StageClock)}
	case d.p.Broker.Scheme == route.HTTPS:
		return []Check{skip("https has no login: each message is judged by itself, see ack")}
	case d.key.bad:
		return []Check{skipAfter(route.StageKey)}
	}
	err := d.enter(ctx)
	l := &d.login
	if err != nil {
		return []Check{d.refused(err)}
	}
	evidence := fmt.Sprintf("logged in as %s in %s", l.id, brief(l.took))
	if d.agent != absent {
		return []Check{ok(evidence + ", as an agent has, or may have, " + d.p.ClientID)}
	}
	lived, err := d.stands(ctx, l.s)
	if err == nil {
		return []Check{ok(evidence)}
	}
	l.err = err
	if errors.Is(err, session.ErrProtocol) {
		return []Check{ok(evidence), d.unacknowledged(err)}
	}
	return []Check{d.cutOff(ctx, fmt.Sprintf("%s; the broker ended the session after %s, though nothing was said", evidence, brief(lived)))}
}

// refused is the line about a login that was refused. Under another id than the configured one that is no fault yet.
func (d *doctor) refused(err error) Check {
	if errors.Is(err, session.ErrProtocol) && route.StageOf(err) == route.StageAck { // in the moment of the login
		return d.unacknowledged(err)
	}
	who := d.operator()
	if s := route.StageOf(err); s == route.StageDNS || s == route.StageProxy {
		who = network
	}
	c := fail(err.Error(), who, cmp.Or(advice(err), "see the broker's log"))
	if route.StageOf(err) == route.StageTCP {
		c = fail("something on the way, or the broker, cuts connections around the login: "+err.Error(), network,
			"let connections to "+d.target()+" live")
	}
	if s := route.StageOf(err); s != "" {
		c.Stage = s
	}
	if d.agent != absent && c.Stage == route.StageConnack {
		c.Verdict = Warn
		c.Evidence = oneLine(fmt.Sprintf("%s. The agent's own id was not used, as an agent runs or may run with it", err))
		c.Hint = hint(you, "a policy may allow only "+d.p.ClientID+": ask the agent (`pinhole status`), or stop it and run this again")
	}
	return c
}

// cutOff finds out why a session was cut: with another client id it stays if the id is to blame.
func (d *doctor) cutOff(ctx context.Context, evidence string) Check {
	const unique = "give each device a client id of its own (publisher.client_id; it is the device's name unless set), and find the other one"
	s, err := d.again(ctx, d.ownID())
	in := err == nil
	if in {
		_, err = d.stands(ctx, s)
		_ = s.Close(ctx) // bounded by itself
	}
	switch {
	case err == nil:
		c := fail(evidence+"; as "+d.ownID()+" it stays: another client uses the same client id", you, unique)
		c.Stage = route.StageConnack
		return c
	case in || route.StageOf(err) == route.StageTCP || errors.Is(err, syscall.ECONNRESET): // after the login, or as soon
		c := fail(evidence+"; as "+d.ownID()+" as well: something on the way, or the broker, cuts connections", network,
			"let connections to "+d.target()+" live; the broker's log may know why they end")
		c.Stage = route.StageTCP
		return c
	}
	c := fail(evidence+"; another client probably uses the same client id (as "+d.ownID()+" no login was possible to prove it)", you,
		unique)
	c.Stage = route.StageConnack
	return c
}
