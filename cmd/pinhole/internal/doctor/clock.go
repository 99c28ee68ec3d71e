package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"pinhole/cmd/pinhole/internal/config"
	"pinhole/publisher/route"
)

const setClock = "let the board reach a time server (timedatectl; NTP is UDP port 123, often blocked: the network may have a server of its own), " +
	"or set the clock: sudo date -s"

// checkClock looks at the clock as far as that goes without the network. A clock that is behind shows by the program's and the
// certificate's age; one that is ahead makes other people's certificates look expired, the broker's among them.
func (d *doctor) checkClock(ctx context.Context) []Check {
	stamp := d.o.Clock()
	now := stamp.Time()
	d.trusted = stamp.Synced || d.c.Board == config.Sim
	says := "the clock says " + now.Format(time.DateTime) + " UTC"
	if now.Before(d.o.Built) {
		d.trusted = false
		return []Check{fail(fmt.Sprintf("%s, but this program was built on %s or later", says, d.o.Built.UTC().Format(time.DateOnly)), you,
			setClock)}
	}
	var cert *x509.Certificate
	if chain, err := d.certificates(); err == nil && len(chain) > 0 { // what is wrong with it is told by the key check
		cert = chain[0]
	}
	switch {
	case d.trusted:
		return []Check{ok(says + ", and something keeps it right")}
	case cert != nil && now.Before(cert.NotBefore):
		return []Check{fail(fmt.Sprintf("%s and nothing keeps it right; the device's certificate begins on %s", says,
			cert.NotBefore.UTC().Format(time.DateTime)), you, setClock)}
	case cert != nil && now.After(cert.NotAfter):
		if end, shown := d.peek(ctx); shown && now.After(end) {
			return []Check{fail(fmt.Sprintf("%s and nothing keeps it right; the device's and the broker's certificates both look expired",
				says), you, setClock)}
		}
	}
	return []Check{warn(says+", and nothing keeps it right: readings are marked unsynced", you, setClock)}
}

// peek returns the end of the certificate that the broker shows.
func (d *doctor) peek(ctx context.Context) (end time.Time, shown bool) {
	if !d.p.Broker.Secure() || d.openTunnel() != nil {
		return end, false
	}
	o := d.probe(ctx, d.hello())
	if len(o.chain) == 0 {
		return end, false
	}
	return o.chain[0].NotAfter, true
}

// lateClock is the line about a clock that only the broker's certificate has shown to be wrong.
func (d *doctor) lateClock(err error) Check {
	if e, found := errors.AsType[*route.Error](err); found && e.Stage == route.StageClock {
		c := fail(e.Err.Error(), you, setClock)
		c.Stage = route.StageClock
		return c
	}
	c := fail("the broker's certificate looks expired by a clock that nothing keeps right: "+err.Error(), you, setClock)
	c.Stage = route.StageClock
	return c
}
