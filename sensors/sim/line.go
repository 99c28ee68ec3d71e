package sim

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// header is the label of the simulated board's header chip: that of a Raspberry Pi 3.
const header = "pinctrl-bcm2835"

// lineBuffer is how many edges wait to be taken; the oldest go first, as in the kernel.
const lineBuffer = 1024

// pin is a place where a line ends: its level comes from the world (what Attach wired), from Drive, or from its pull.
type pin struct {
	name string
	key  string // the same for all names of a line
	now  func() time.Time
	mono func() int64

	mu    sync.Mutex
	level func(at time.Time) (high bool, until time.Time) // of what is wired; nil: nothing
	pull  bool                                            // what an open line reads
	line  *line                                           // nil: not requested
	out   *output                                         // likewise; a pin is one or the other
	drive func(at time.Time, high bool)                   // of what is wired to an output; nil: nothing

	mishaps []*running
}

// line is a requested pin. Its fields are guarded by the pin's mutex.
type line struct {
	pin   *pin
	opts  kind.LineOptions
	fail  error
	pulls int64         // how often its chip had been unplugged when it was requested
	wake  chan struct{} // something changed: one token is enough
	clock time.Time     // everything before has been looked at

	stable    bool      // level after debouncing
	candidate bool      // level before
	since     time.Time // of the candidate
	until     time.Time // the level stays until then at least
	seq       uint32
	drop      int
	queue     []kind.Event
}

func (b *Board) pin(name string) (*pin, error) {
	if _, _, err := kind.ParsePin(name); err != nil {
		return nil, &sensors.Error{Class: sensors.Absent, Op: "simulated board", Err: err}
	}
	key := pinKey(name)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pins[key] == nil {
		b.pins[key] = &pin{name: name, key: key, now: b.opts.Now, mono: b.opts.Mono, mishaps: onPin(b.mishaps, key)}
	}
	return b.pins[key], nil
}

// pinKey is the same for all names of a line; "" for none.
func pinKey(name string) string {
	label, offset, err := kind.ParsePin(name)
	if err != nil {
		return ""
	}
	if label == "" {
		label = header
	}
	return fmt.Sprintf("%s:%d", label, offset)
}

// wire connects what a sensor of kind gpio measures: a contact goes to ground, or to the supply where the line is pulled down;
// anything else drives the line so that it reads true while the thing happens.
func (b *Board) wire(p kind.Params) error {
	pin, err := b.pin(p.String("pin"))
	if err != nil {
		return err
	}
	q := sensors.Quantity(p.String("quantity"))
	invert := p.Bool("active_low")
	if q == sensors.Contact {
		invert = p.String("pull") != string(kind.PullDown)
	}
	world, place := &b.world, p.String("pin")
	pin.connect(func(at time.Time) (bool, time.Time) {
		on, until := world.Switch(q, place, at)
		return on != invert, until
	})
	return nil
}

// Drive holds a line at an electrical level from now on, whatever was wired to it.
func (b *Board) Drive(name string, high bool) error {
	pin, err := b.pin(name)
	if err != nil {
		return err
	}
	pin.connect(func(at time.Time) (bool, time.Time) { return high, at.Add(24 * time.Hour) })
	return nil
}

// LoseEdges has the kernel drop the next n edges of a requested line.
func (b *Board) LoseEdges(name string, n int) { b.onLine(name, func(l *line) { l.drop += n }) }

// FailLine has every call of a requested line fail with err; nil mends it. It may be an output.
func (b *Board) FailLine(name string, err error) {
	b.onLine(name, func(l *line) { l.fail = err })
	if pin, bad := b.pin(name); bad == nil {
		pin.mu.Lock()
		defer pin.mu.Unlock()
		if pin.out != nil {
			pin.out.fail = err
		}
	}
}

func (b *Board) onLine(name string, f func(*line)) {
	if pin, err := b.pin(name); err == nil {
		pin.mu.Lock()
		defer pin.mu.Unlock()
		if pin.line != nil {
			f(pin.line)
			pin.line.notify()
		}
	}
}

// onChip refuses lines beyond the chip's last.
func onChip(name string) error {
	label, offset, err := kind.ParsePin(name)
	if err == nil && offset >= lines {
		err = fmt.Errorf("%s has lines 0 to %d, not %d", cmp.Or(label, header), lines-1, offset)
	}
	if err != nil {
		return &sensors.Error{Class: sensors.Absent, Op: "find line", Err: err}
	}
	return nil
}

// Line requests a line.
func (b *Board) Line(name string, o kind.LineOptions) (kind.Line, error) {
	pin, err := b.pin(name)
	if err != nil {
		return nil, err
	}
	if err := onChip(name); err != nil {
		return nil, err
	}
	pin.mu.Lock()
	defer pin.mu.Unlock()
	if err := pin.held(name); err != nil {
		return nil, err
	}
	pin.pull = o.Pull == kind.PullUp
	now := pin.now()
	pulls, gone := pin.pulled(now)
	if gone {
		return nil, errPulled(name)
	}
	l := &line{pin: pin, opts: o, wake: make(chan struct{}, 1), clock: now, since: now, pulls: pulls}
	level, until := pin.read(now)
	l.stable, l.candidate, l.until = level, level, until
	pin.line = l
	return l, nil
}

// held tells who has the pin.
func (p *pin) held(name string) error {
	var consumer string
	switch {
	case p.line != nil:
		consumer = p.line.opts.Consumer
	case p.out != nil:
		consumer = p.out.opts.Consumer
	default:
		return nil
	}
	return &sensors.Error{Class: sensors.Busy, Op: "request " + name, Err: fmt.Errorf("the line is held by %q", consumer)}
}

// read tells the electrical level.
func (p *pin) read(at time.Time) (high bool, until time.Time) {
	high, until = p.pull, at.Add(24*time.Hour)
	if p.level != nil {
		if high, until = p.level(at); !until.After(at) {
			until = at.Add(time.Millisecond) // a world that gives no time is looked at again soon
		}
	}
	level, held, end := p.forced(at)
	if held {
		high, until = level, at.Add(24*time.Hour)
	}
	if !end.IsZero() && end.Before(until) {
		until = end
	}
	return high, until
}

// connect changes what is wired to the pin.
func (p *pin) connect(level func(time.Time) (bool, time.Time)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.line != nil {
		p.line.advance(now)
	}
	p.level = level
	p.look(now)
}

// touch has the line look again: what is wired to it, if it still is, does something that it had not announced.
func (p *pin) touch() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.look(p.now())
}

func (p *pin) look(now time.Time) {
	if p.line != nil {
		p.line.look(now)
		p.line.notify()
	}
}

// look reads the level at an instant and notes what that means.
func (l *line) look(at time.Time) {
	var level bool
	level, l.until = l.pin.read(at)
	l.settle(at)
	if level != l.candidate {
		l.candidate, l.since = level, at
		l.settle(at)
	}
}

// settle makes an edge of a candidate that has been there for the whole debounce time.
func (l *line) settle(at time.Time) {
	if l.candidate == l.stable || at.Sub(l.since) < l.opts.Debounce {
		return
	}
	l.stable = l.candidate
	rising := l.stable != l.opts.ActiveLow
	edge := kind.FallingEdges
	if rising {
		edge = kind.RisingEdges
	}
	if l.opts.Edges&edge == 0 {
		return
	}
	l.seq++
	if l.drop > 0 {
		l.drop--
		return
	}
	if l.pin.losing(at) {
		return
	}
	e := kind.Event{Rising: rising, Seq: l.seq}
	if l.pin.mono != nil {
		e.Mono = l.pin.mono() - int64(l.pin.now().Sub(l.since.Add(l.opts.Debounce)))
	}
	if len(l.queue) == lineBuffer {
		l.queue = append(l.queue[:0], l.queue[1:]...)
	}
	l.queue = append(l.queue, e)
}

// advance brings the line up to now and returns when something may happen next.
func (l *line) advance(now time.Time) (next time.Time) {
	for l.until.Before(now) || l.until.Equal(now) {
		l.look(l.until)
	}
	l.settle(now)
	next = l.until
	if l.candidate != l.stable {
		if at := l.since.Add(l.opts.Debounce); at.Before(next) {
			next = at
		}
	}
	return next
}

func (l *line) notify() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// errClosed is what a line says after Close.
func (l *line) closed() error {
	return &sensors.Error{Class: sensors.IO, Op: "line " + l.pin.name, Err: context.Canceled}
}

// broken is what every call of the line says: once its chip was unplugged, a line is dead, even if the chip comes back.
func (l *line) broken(now time.Time) error {
	if l.fail != nil {
		return l.fail
	}
	if pulls, gone := l.pin.pulled(now); gone || pulls != l.pulls {
		return errPulled(l.pin.name)
	}
	return nil
}

// Read tells the level as the options see it, after debouncing.
func (l *line) Read() (bool, error) {
	l.pin.mu.Lock()
	defer l.pin.mu.Unlock()
	if l.pin.line != l {
		return false, l.closed()
	}
	now := l.pin.now()
	if err := l.broken(now); err != nil {
		return false, err
	}
	l.advance(now)
	return l.stable != l.opts.ActiveLow, nil
}

// Events calls f for each edge until ctx ends.
func (l *line) Events(ctx context.Context, f func(kind.Event)) error {
	var taken []kind.Event
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		l.pin.mu.Lock()
		if l.pin.line != l {
			l.pin.mu.Unlock()
			return l.closed()
		}
		now := l.pin.now()
		fail := l.broken(now)
		next := l.advance(now)
		taken, l.queue = append(taken[:0], l.queue...), l.queue[:0]
		l.pin.mu.Unlock()
		if fail != nil {
			return fail
		}
		for _, e := range taken {
			f(e)
		}
		timer.Reset(next.Sub(now))
		if ctx.Err() != nil {
			return nil
		}
		select {
		case <-ctx.Done(): // once more, for what came just before
		case <-l.wake:
		case <-timer.C:
		}
	}
}

// Close gives the line back.
func (l *line) Close() error {
	l.pin.mu.Lock()
	defer l.pin.mu.Unlock()
	if l.pin.line == l {
		l.pin.line = nil
		l.notify()
	}
	return nil
}
