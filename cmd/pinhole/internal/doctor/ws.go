package doctor

import (
	"context"
	"strings"

	"pinhole/publisher/route"
)

// checkWS looks at the WebSocket, where there is one.
func (d *doctor) checkWS(ctx context.Context) []Check {
	if !d.webSocket() {
		return nil
	}
	if b := d.blocked(); b != "" {
		return []Check{skipAfter(b)}
	}
	err := d.enter(ctx)
	switch s := route.StageOf(err); {
	case s == route.StageClock && d.login.safe:
		c := d.lateClock(err)
		return []Check{c, skip("see clock")}
	case s == route.StageWS || err != nil && d.login.safe && !d.login.dialed:
		who := network
		switch {
		case strings.Contains(err.Error(), "credentials"):
			who = you
		case strings.Contains(err.Error(), "the server answered"):
			who = d.operator()
		}
		return []Check{fail(err.Error(), who, advice(err))}
	case !d.login.dialed:
		return []Check{skip("no session to look at")}
	}
	return []Check{ok("the server agrees to a websocket with subprotocol mqtt")}
}
