package route

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// InOrder makes one route of several to the same broker: each dial tries them until one works, in this order, but the one that
// worked last goes first. The time is shared: each may take an even part of what the ones before have left. One that got as far as the
// broker is followed by the next a second after it failed. Conn.Way says which one it was. log gets a line when the way changes; nil is silent. There must be one route at least.
func InOrder(log *slog.Logger, routes ...*Route) *Route {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	names := make([]string, len(routes))
	for i, r := range routes {
		names[i] = r.Name
	}
	return &Route{Name: strings.Join(names, ", then "), Broker: routes[0].Broker, Dialer: &inOrder{routes: routes, log: log}}
}

type inOrder struct {
	routes []*Route
	good   atomic.Int32 // index of the route that worked last
	log    *slog.Logger
}

// DialContext implements Dialer. The address is not used: each route has its own.
func (o *inOrder) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	first := int(o.good.Load())
	order := []int{first}
	for i := range o.routes {
		if i != first {
			order = append(order, i)
		}
	}
	var failures []failure
	for n, i := range order {
		r := o.routes[i]
		conn, err := o.dial(ctx, r, len(order)-n)
		if err == nil {
			if i != first {
				o.good.Store(int32(i))
				o.log.Info("route: another way works", "route", r.Name, "instead", o.routes[first].Name, "error", failures[0].err)
			}
			return conn, nil
		}
		failures = append(failures, failure{r.Name, err})
		if stage := StageOf(err); n < len(order)-1 && !slices.Contains([]Stage{StageDNS, StageTCP, StageProxy}, stage) {
			pause(ctx, time.Now()) // the broker may just have seen a connection
		}
		if ctx.Err() != nil {
			break
		}
	}
	e := &Error{Op: "every way failed", Err: allFailed(failures), Stage: StageOf(failures[0].err)}
	if first, ok := failures[0].err.(interface{ Advice() string }); ok {
		e.Hint = first.Advice()
	}
	return nil, e
}

// dial tries one route, of left that are still to be tried.
func (o *inOrder) dial(ctx context.Context, r *Route, left int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
		defer cancel()
	}
	conn, err := r.Dial(ctx)
	if err != nil {
		return nil, err // not the typed nil
	}
	return conn, nil
}

type failure struct {
	name string
	err  error
}

// allFailed is the errors of several routes in one line.
type allFailed []failure

func (a allFailed) Error() string {
	parts := make([]string, len(a))
	for i, f := range a {
		parts[i] = f.name + ": " + f.err.Error()
	}
	return strings.Join(parts, "; ")
}

func (a allFailed) Unwrap() []error {
	errs := make([]error, len(a))
	for i, f := range a {
		errs[i] = f.err
	}
	return errs
}
