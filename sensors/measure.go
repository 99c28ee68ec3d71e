package sensors

import (
	"context"
	"sync"
	"time"
)

// measureCtx is the context of a bus worker's measurements, one after the other. Unlike context.WithTimeout it costs nothing
// per measurement: its channel is made anew only after a deadline has really passed.
type measureCtx struct {
	parent context.Context
	timer  *time.Timer

	mu       sync.Mutex
	done     chan struct{}
	err      error
	deadline time.Time
	expire   func() // called without the lock when a deadline passes
}

func newMeasureCtx(parent context.Context, expire func()) *measureCtx {
	c := &measureCtx{parent: parent, done: make(chan struct{}), expire: expire}
	c.timer = time.AfterFunc(time.Hour, c.fire)
	c.timer.Stop()
	context.AfterFunc(parent, func() { c.end(context.Cause(parent)) })
	return c
}

// arm starts a measurement's time.
func (c *measureCtx) arm(d time.Duration) {
	c.mu.Lock()
	if c.err != nil && c.parent.Err() == nil {
		c.done, c.err = make(chan struct{}), nil
	}
	c.deadline = time.Now().Add(d)
	c.mu.Unlock()
	c.timer.Reset(d)
}

func (c *measureCtx) disarm() { c.timer.Stop() }

func (c *measureCtx) fire() {
	c.end(context.DeadlineExceeded)
	c.expire()
}

func (c *measureCtx) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
		close(c.done)
	}
}

func (c *measureCtx) Deadline() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deadline, true
}

func (c *measureCtx) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done
}

func (c *measureCtx) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *measureCtx) Value(key any) any { return c.parent.Value(key) }
