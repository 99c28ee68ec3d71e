package route

import (
	"context"
	"time"
)

// DialTimeout bounds one attempt to reach the broker: TCP, proxy and TLS together, with the second tries among them.
const DialTimeout = 15 * time.Second

// Route is one way to the broker, ready to be tried.
type Route struct {
	Name   string // for logs and the status page: "direct", "proxy http://10.0.0.1:3128"; without credentials
	Broker Broker
	Dialer Dialer // the whole stack; called with "tcp" and the broker's address
}

// Dial opens a stream to the broker within DialTimeout. The caller closes it. Every failure is an *Error.
func (r *Route) Dial(ctx context.Context) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, DialTimeout)
	defer cancel()
	conn, err := r.Dialer.DialContext(ctx, "tcp", r.Broker.Addr())
	if err != nil {
		return nil, err
	}
	c := Wrap(conn)
	if c.way == "" { // a route of several has the name of the one that worked
		c.way = r.Name
	}
	return c, nil
}

// Direct is the way without a proxy: TCP to the broker, and TLS over it where the broker's scheme says so.
func Direct(b Broker, o TLSOptions) *Route {
	r := &Route{Name: "direct", Broker: b, Dialer: TCP{}}
	if b.Secure() {
		r.Dialer = NewTLS(r.Dialer, b, o)
	}
	return r
}
