package doctor

import (
	"context"

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
	if route.StageOf(err) == route.StageWS {
		return []Check{fail(err.Error(), network, advice(err))}
	}
	if !d.login.dialed {
		return []Check{skip("no session to look at")}
	}
	return []Check{ok("the server agrees to a websocket with subprotocol mqtt")}
}
