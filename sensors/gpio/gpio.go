// Package gpio watches one input line: a door or window contact, a button, a motion detector, a float switch, any level.
//
// The kernel notes every edge with its time and number and removes bounces, so nothing is lost while the agent is busy, and a
// reading tells when the door opened, not when somebody came to look. The package promises that the present state is reported at
// the start and every change after it, none twice. Edges that were lost after all show as a gap in the kernel's numbers, or as a
// level that no edge announced; then an error of class io stands in the series where the history has a hole, followed by the
// state as it is, and Lost counts. Two edges that the kernel took for one, as its interrupt thread came late, leave neither.
//
// A line of a chip without interrupts is looked at instead (key poll): then a change is seen at the next look, and one that is over by
// then is not.
//
// It leaves to others: counting pulses, and how lines are had from the kernel.
package gpio

import (
	"context"
	"sync/atomic"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

const (
	// lookEvery is how often the level is compared with what the edges told. (With debouncing, the kernel's level is itself made of
	// edges: that finds edges which were dropped on the way here, not interrupts that never came.)
	lookEvery = time.Second
	// late is how long an edge may take to arrive after the level could already be read.
	late = 50 * time.Millisecond
)

// Dev is one watched line. It implements sensors.Watcher.
type Dev struct {
	name     string // "gpio at GPIO17"
	quantity sensors.Quantity
	line     kind.Line
	poll     time.Duration // between two looks; 0: edges tell
	debounce time.Duration // where it is polled

	state bool   // as last reported
	seq   uint32 // of the last edge
	gap   bool   // edges are missing since the last look
	told  uint32 // edges that a look has found missing, and whose numbers have not been passed yet
	lost  atomic.Uint64
}

func open(b kind.Board, p kind.Params) (*Dev, error) {
	q := sensors.Quantity(p.String("quantity"))
	d := &Dev{name: "gpio at " + p.String("pin"), quantity: q, poll: p.Duration("poll"), debounce: p.Duration("debounce")}
	line, err := b.Line(p.String("pin"), options(p))
	if err != nil {
		return nil, kind.Fail(d.name+": request line", err)
	}
	d.line = line
	return d, nil
}

// options fills in what depends on the quantity. A contact connects the line with ground, so it is pulled up and low means closed,
// unless it is pulled down and thus connects it with the supply. A motion detector drives its line high; pulled down, a loose
// wire reads as no motion.
func options(p kind.Params) kind.LineOptions {
	o := kind.LineOptions{Pull: kind.PullAsIs, Debounce: p.Duration("debounce"), Edges: kind.BothEdges, Consumer: "pinhole"}
	switch sensors.Quantity(p.String("quantity")) {
	case sensors.Contact:
		o.Pull = kind.PullUp
	case sensors.Motion:
		o.Pull = kind.PullDown
	}
	if p.Has("pull") {
		o.Pull = kind.Pull(p.String("pull"))
	}
	o.ActiveLow = sensors.Quantity(p.String("quantity")) == sensors.Contact && o.Pull != kind.PullDown
	if p.Has("active_low") {
		o.ActiveLow = p.Bool("active_low")
	}
	if p.Has("poll") { // the kernel's debouncing takes interrupts too
		o.Edges, o.Debounce = kind.NoEdges, 0
	}
	return o
}

// Watch reports the present state, then every change, until ctx ends.
func (d *Dev) Watch(ctx context.Context, emit func(sensors.Measurement)) error {
	var err error
	if d.state, err = d.line.Read(); err != nil {
		return kind.Fail(d.name+": read level", err)
	}
	d.report(emit, 0)
	if d.poll > 0 {
		return d.watchPolled(ctx, emit)
	}
	edge := func(e kind.Event) { d.edge(e, emit) }
	for {
		if err := d.edges(ctx, lookEvery, edge); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := d.look(ctx, edge, emit); err != nil {
			return err
		}
	}
}

// watchPolled looks at the level again and again. A new one counts when it has been seen for the debounce time.
func (d *Dev) watchPolled(ctx context.Context, emit func(sensors.Measurement)) error {
	tick := time.NewTicker(d.poll)
	defer tick.Stop()
	var since time.Time // when the level was first seen to differ; zero: it does not
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		level, err := d.line.Read()
		if err != nil {
			return kind.Fail(d.name+": read level", err)
		}
		now := time.Now()
		switch {
		case level == d.state:
			since = time.Time{}
			continue
		case since.IsZero():
			since = now
		}
		if now.Sub(since) >= d.debounce {
			d.state, since = level, time.Time{}
			d.report(emit, 0)
		}
	}
}

// edges takes edges for a while, or until ctx ends.
func (d *Dev) edges(ctx context.Context, span time.Duration, edge func(kind.Event)) error {
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	if err := d.line.Events(ctx, edge); err != nil {
		return kind.Fail(d.name+": wait for edges", err)
	}
	return nil
}

func (d *Dev) edge(e kind.Event, emit func(sensors.Measurement)) {
	if missing := e.Seq - d.seq - 1; missing > d.told {
		d.lost.Add(uint64(missing - d.told))
		d.gap = true
	}
	d.seq, d.told = e.Seq, 0
	if e.Rising != d.state { // otherwise the state has been reported already, at the start or by a look
		d.state = e.Rising
		d.report(emit, e.Mono)
	}
}

// look compares the level with the reported state. Where they differ although no edge is under way, or edges are missing, it
// reports the hole and what is now.
func (d *Dev) look(ctx context.Context, edge func(kind.Event), emit func(sensors.Measurement)) error {
	level, err := d.line.Read()
	if err != nil {
		return kind.Fail(d.name+": read level", err)
	}
	if level != d.state {
		seq := d.seq
		if err := d.edges(ctx, late, edge); err != nil {
			return err
		}
		switch {
		case d.seq != seq: // edges come, and they know better: the level is that of a moment which they have passed or will reach
			level = d.state
		case ctx.Err() == nil && !d.gap:
			d.lost.Add(1)
			d.gap = true
			d.told++
		}
	}
	if d.gap {
		emit(sensors.Measurement{Quantity: d.quantity, Err: sensors.IO})
		d.gap, d.state = false, level
		d.report(emit, 0)
	}
	return nil
}

func (d *Dev) report(emit func(sensors.Measurement), mono int64) {
	m := sensors.Measurement{Quantity: d.quantity, Mono: mono}
	if d.state {
		m.Value = 1
	}
	emit(m)
}

// Lost is how many edges are known to be lost. It may be called at any time.
func (d *Dev) Lost() uint64 { return d.lost.Load() }

// Close gives the line back.
func (d *Dev) Close() error {
	if err := d.line.Close(); err != nil {
		return kind.Fail(d.name+": release line", err)
	}
	return nil
}
