// Package pulse counts the pulses of a line: water, gas and electricity meters, rain gauges, anemometers; and it tells the frequency of
// those that have no total, fans and flow sensors.
//
// The kernel numbers and times edges and keeps 1024 of them, so nothing is lost while the agent is busy: a second's worth at 1 kHz.
// The package promises that a pulse is counted once; that a total is on disk before it is reported, so that no later one is less,
// whatever is cut in between; that edges which the kernel had to drop, as their numbers tell, are counted, and that an error of class
// io says where that was; and that a rate of 0 means that nothing came for a whole window.
//
// It leaves to others: what comes while nobody runs it, bounces longer than the kernel was told to ignore, and edges that the kernel
// itself never told apart. Their numbers are given by a thread of the line's interrupt, which runs once for all interrupts that came
// before its turn: where it has to wait, behind a busy line of the same priority for example, edges are merged and leave no gap.
package pulse

import (
	"context"
	"fmt"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// early is when the first rate is told, if the signal is fast enough to have one by then.
const early = time.Second

// Dev is a counted line. It implements sensors.Watcher.
type Dev struct {
	counter
	every time.Duration

	total *total // nil: not reported
	save  *saving

	rate     *rate // nil: not reported
	quantity sensors.Quantity
	factor   float64 // from edges a second to the rate's unit
	most     float64 // a larger rate is no signal; 0: any is
}

// Watch counts, and reports every interval, until ctx ends.
func (d *Dev) Watch(ctx context.Context, emit func(sensors.Measurement)) error {
	begin := time.Now()
	if d.rate != nil {
		d.rate.tick(begin, &d.counter)
	}
	d.reportTotal(ctx, begin, emit)
	next := begin.Add(min(d.every, early))
	for {
		err := d.watch(d.until(ctx), next)
		d.finishSave(emit)
		if err != nil || ctx.Err() != nil {
			d.keepTotal(emit)
			return err
		}
		if now := time.Now(); !now.Before(next) {
			d.reportRate(now, emit)
			if passed := now.Sub(begin); passed >= d.every || d.every <= early {
				d.reportTotal(ctx, now, emit)
			}
			next = begin.Add((now.Sub(begin)/d.every + 1) * d.every)
		}
	}
}

// until is the context of the next stretch of counting: it is interrupted when a save ends.
func (d *Dev) until(ctx context.Context) context.Context {
	if d.save != nil {
		return d.save.ctx
	}
	return ctx
}

// reportRate tells the rate of the interval that ends now. Where edges were dropped it says so instead.
func (d *Dev) reportRate(now time.Time, emit func(sensors.Measurement)) {
	dropped := d.missing
	d.missing = 0
	if d.rate == nil {
		if dropped > 0 {
			emit(d.dropped(d.total.quantity, dropped))
		}
		return
	}
	perSecond, ok := d.rate.tick(now, &d.counter)
	value := digits(perSecond*d.factor, 7)
	switch {
	case dropped > 0:
		emit(d.dropped(d.quantity, dropped))
	case ok && d.most > 0 && value > d.most:
		emit(sensors.Measurement{Quantity: d.quantity, Err: sensors.Range, Cause: fmt.Errorf("%s: %v Hz is more than `max`, %v Hz", d.name, value, d.most)})
	case ok:
		emit(sensors.Measurement{Quantity: d.quantity, Value: value})
	}
}

func (d *Dev) dropped(q sensors.Quantity, n uint64) sensors.Measurement {
	return sensors.Measurement{Quantity: q, Err: sensors.IO,
		Cause: fmt.Errorf("%s: the kernel dropped %d edges; their numbers tell, so they are counted", d.name, n)}
}

// reportTotal tells the total, if need be once it is on disk.
func (d *Dev) reportTotal(ctx context.Context, now time.Time, emit func(sensors.Measurement)) {
	t := d.total
	if t == nil || d.save != nil {
		return
	}
	if !t.loaded {
		if err := t.load(); err != nil {
			emit(t.failure(kind.Fail(d.name+": read", err)))
			return
		}
	}
	switch {
	case !t.unsaved(d.n):
		emit(t.measurement(d.n))
	case t.tried.IsZero() || now.Sub(t.tried) >= t.pause-d.every/2:
		t.tried = now
		d.save = t.save(ctx, d.n)
	}
}

// finishSave reports the total that has come to be on disk.
func (d *Dev) finishSave(emit func(sensors.Measurement)) {
	if d.save == nil {
		return
	}
	select {
	case <-d.save.done:
	default:
		return
	}
	s := d.save
	d.save = nil
	if s.err != nil {
		emit(d.total.failure(kind.Fail(d.name+": save the total", s.err)))
		return
	}
	d.total.saved(s)
	emit(d.total.measurement(s.n))
}

// keepTotal brings to disk what is counted when counting ends.
func (d *Dev) keepTotal(emit func(sensors.Measurement)) {
	t := d.total
	if t == nil || !t.loaded {
		return
	}
	if d.save != nil {
		<-d.save.done
		d.finishSave(emit)
	}
	if !t.unsaved(d.n) {
		return
	}
	d.save = t.save(context.Background(), d.n)
	<-d.save.done
	d.finishSave(emit)
}
