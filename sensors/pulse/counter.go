package pulse

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// counter counts the edges of one line. The kernel numbers them, so that those which its buffer could not hold are counted too.
type counter struct {
	name string // "pulse at GPIO5"
	line kind.Line

	n       uint64 // edges since the line was requested, dropped ones among them
	seq     uint32 // of the last one
	missing uint64 // dropped since the last tick
	lost    atomic.Uint64
	bad     error

	// The kernel's times of the first edge since the last tick and of the last one ever; 0: there was none. first is unknown where
	// edges were dropped before it.
	first, last int64
}

// unknown is a time that is not known.
const unknown = -1

// backwards is a step of the numbers that no number of dropped edges explains.
const backwards = 1 << 31

func (c *counter) edge(e kind.Event) {
	missing := e.Seq - c.seq - 1
	if missing >= backwards {
		if c.bad == nil {
			c.bad = fmt.Errorf("edge %d came after edge %d", e.Seq, c.seq)
		}
		return
	}
	switch {
	case c.first != 0:
	case missing > 0:
		c.first = unknown
	default:
		c.first = e.Mono
	}
	c.seq, c.last = e.Seq, e.Mono
	c.n += 1 + uint64(missing)
	c.missing += uint64(missing)
	if missing > 0 {
		c.lost.Add(uint64(missing))
	}
}

// watch counts until an instant, or until ctx ends.
func (c *counter) watch(ctx context.Context, until time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	if err := c.line.Events(ctx, c.edge); err != nil {
		return kind.Fail(c.name+": wait for edges", err)
	}
	if c.bad != nil {
		return &sensors.Error{Class: sensors.IO, Op: c.name + ": count edges", Err: c.bad}
	}
	return nil
}

// Lost is how many edges the kernel is known to have dropped. It may be called at any time.
func (c *counter) Lost() uint64 { return c.lost.Load() }

// Close gives the line back.
func (c *counter) Close() error {
	if err := c.line.Close(); err != nil {
		return kind.Fail(c.name+": release line", err)
	}
	return nil
}
