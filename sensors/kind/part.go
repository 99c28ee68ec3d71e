package kind

import (
	"context"
	"fmt"
	"time"

	"pinhole/sensors"
)

// named is what a part on any bus has: the name that its errors carry, and a timer to wait by.
type named struct {
	name  string // "bme280 at i2c-1/0x76"
	timer *time.Timer
}

// Wait waits for d, or until ctx ends, which is an error that names what was waited for.
func (p *named) Wait(ctx context.Context, step string, d time.Duration) error {
	if p.timer == nil {
		p.timer = time.NewTimer(d)
	} else {
		p.timer.Reset(d)
	}
	select {
	case <-p.timer.C:
		return nil
	case <-ctx.Done():
		p.timer.Stop()
		return p.Fail(step, ctx.Err())
	}
}

// Fail names part and step in front of err and keeps its class and hint.
func (p *named) Fail(step string, err error) error { return Fail(p.name+": "+step, err) }

// Errorf is a failure that the driver itself has noticed. The driver may add a hint.
func (p *named) Errorf(class sensors.Class, step, format string, args ...any) *sensors.Error {
	return &sensors.Error{Class: class, Op: p.name + ": " + step, Err: fmt.Errorf(format, args...)}
}
