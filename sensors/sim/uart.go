package sim

import (
	"context"
	"io/fs"
	"sync"
	"syscall"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Talker is a part at a serial port. The port calls it from one goroutine at a time.
type Talker interface {
	// Hear takes what was written. The last byte arrives at a time that may be a few milliseconds ahead.
	Hear(at time.Time, p []byte)
	// Say goes on until now: it hands over, in order, each frame that begins up to then, and returns when the next one would
	// begin if the part is told nothing; zero if never. frame is copied.
	Say(now time.Time, send func(at time.Time, frame []byte)) (next time.Time)
	// Power switches the part on: it has forgotten everything.
	Power(now time.Time)
}

// received is how many bytes a port keeps that nobody has read; more are lost, as they are in the kernel.
const received = 4095

// port is a simulated serial port. Its transfers, which Inject's function is asked about, are writes (W bytes) and frames that the
// part sends (R bytes). The faults mean here:
//
//   - NAK, Timeout, Hang: silence. What is written does not reach the part; a frame does not reach the board.
//   - Lost: an overrun: one byte in the middle of the frame is missing.
//   - Broken: the port fails with EIO once, as a USB adapter does that loses its contact; a frame is lost with it.
//   - Flip, FlipWrite: one bit of the frame or of what is written is wrong.
//   - Ones, Zeros: every byte is 0xFF or 0x00, both ways.
//   - Cut: only the first half of the frame comes, or arrives at the part. Noise: a few bytes of garbage come before it.
type port struct {
	name string
	now  func() time.Time

	mu      sync.Mutex
	kind    string
	part    Talker // nil: nobody is there
	changed chan struct{}
	env     Env // of what Attach put there
	fault   func(Transfer) Fault
	count   int
	plight  plight
	open    bool
	baud    int

	next   time.Time   // when the part would speak again
	heard  []sent      // frames that wait for their fault
	wire   []timedByte // on their way
	buffer []byte      // have arrived
	broken bool        // the next call fails
	send   func(at time.Time, frame []byte)
	timer  *time.Timer
}

// sent is a frame that the part has sent.
type sent struct {
	at    time.Time
	frame [64]byte
	n     int
}

// timedByte is a byte and when it has arrived.
type timedByte struct {
	at time.Time
	b  byte
}

// UART opens a serial port. Every port exists.
func (b *Board) UART(name string, baud int) (kind.UART, error) {
	p := b.port(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open {
		return nil, &sensors.Error{Class: sensors.Busy, Op: name, Err: syscall.EBUSY, Hint: "another sensor has it open"}
	}
	fault := p.fault
	p.fault = nil
	p.advance() // what was sent before nobody has kept
	p.fault = fault
	p.open, p.baud, p.heard, p.wire, p.buffer = true, baud, p.heard[:0], p.wire[:0], p.buffer[:0]
	return &uartHandle{p: p}, nil
}

// PlugTalker puts a part of any make at a port, "/dev/serial0", and switches it on. What was there is returned.
func (b *Board) PlugTalker(name, kindName string, t Talker) (old Talker) {
	if t != nil {
		t.Power(b.opts.Now())
	}
	p := b.port(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	old = p.part
	p.kind, p.part = kindName, t
	p.silence()
	return old
}

// UnplugTalker pulls the part at a port. It returns the part, or nil, to be plugged in again.
func (b *Board) UnplugTalker(name string) Talker { return b.PlugTalker(name, "", nil) }

// Talker returns the part at a port, or nil.
func (b *Board) Talker(name string) Talker {
	p := b.port(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.part
}

// BrownOutTalker breaks the supply of the part at a port for a moment.
func (b *Board) BrownOutTalker(name string) {
	p := b.port(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.part != nil {
		p.part.Power(p.now())
		p.silence()
	}
}

func (b *Board) port(name string) *port {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ports[name] == nil {
		p := &port{name: name, now: b.opts.Now, changed: make(chan struct{}), baud: 9600}
		p.send = p.take
		p.plight.list = on(b.mishaps, UART, name)
		b.ports[name] = p
	}
	return b.ports[name]
}

func (b *Board) attachTalker(kindName, name string, params kind.Params) {
	p := b.port(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	place := "uart:" + name
	if p.part != nil {
		return // whoever opens it second finds the port taken
	}
	p.env = Env{World: &b.world, Place: place, Variant: variant(place), Params: params}
	t := NewTalker(kindName, p.env)
	t.Power(b.start.Add(-bootedBefore))
	p.kind, p.part = kindName, t
}

func (p *port) inject(f func(Transfer) Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.count, p.broken = f, 0, false
}

// play has mishaps happen from now on.
func (p *port) play(list []*running) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plight.set(list)
	close(p.changed)
	p.changed = make(chan struct{})
}

// touched implements parts.
func (p *port) touched(*running) []powered {
	if p.part == nil {
		return nil
	}
	return []powered{p.part}
}

// another implements parts.
func (p *port) another(r *running) powered {
	name, env := p.env.successor(p.kind, r.With)
	if other := NewTalker(name, env); other != nil {
		return other
	}
	return nil
}

// talking tells which part is there now; nil if none. until is when that may change; the zero time: never.
func (p *port) talking() (t Talker, until time.Time) {
	now := p.now()
	p.plight.feel(p, now)
	if p.part == nil {
		return nil, time.Time{}
	}
	who, until := p.plight.present(p.part, 0, now)
	t, _ = who.(Talker)
	return t, until
}

// silence drops what is on the wire, as its sender is gone, and wakes whoever waits.
func (p *port) silence() {
	p.heard, p.wire = p.heard[:0], p.wire[:0]
	close(p.changed)
	p.changed = make(chan struct{})
}

// byteTime is how long a byte takes, with its start and stop bits.
func (p *port) byteTime() time.Duration { return 10 * time.Second / time.Duration(p.baud) }

// take is told by the part of a frame.
func (p *port) take(at time.Time, frame []byte) {
	s := sent{at: at, n: len(frame)}
	copy(s.frame[:], frame)
	p.heard = append(p.heard, s)
}

// advance moves the port on to now. It is called with the lock, and gives it up while a fault is decided on.
func (p *port) advance() {
	part, until := p.talking()
	if p.next = until; part != nil {
		if next := part.Say(p.now(), p.send); until.IsZero() || !next.IsZero() && next.Before(until) {
			p.next = next
		}
	}
	for len(p.heard) > 0 {
		s := p.heard[0]
		p.heard = p.heard[:copy(p.heard, p.heard[1:])]
		changed := p.changed
		if fault := p.decide(Transfer{R: s.n}, s.at); changed == p.changed { // otherwise the frame broke off
			p.transmit(&s, fault)
		}
	}
	now, n := p.now(), 0
	for ; n < len(p.wire) && !p.wire[n].at.After(now); n++ {
		if len(p.buffer) < received {
			p.buffer = append(p.buffer, p.wire[n].b)
		}
	}
	p.wire = p.wire[:copy(p.wire, p.wire[n:])]
}

// decide asks for the fault of a transfer at a time, without the lock: it may pull the part.
func (p *port) decide(t Transfer, at time.Time) (fault Fault) {
	if f := p.fault; f != nil {
		t.N = p.count
		p.count++
		p.mu.Unlock()
		fault = f(t)
		p.mu.Lock()
	}
	if fault.Trouble == None {
		fault = p.plight.decide(0, at).Fault
	}
	return fault
}

// garbage is what comes before a frame with Noise: the beginnings of frames, among other things.
var garbage = [...]byte{0x00, 0x42, 0xFF, 0x86, 0x42, 0x4D, 0x00}

// transmit puts a frame on the wire.
func (p *port) transmit(s *sent, fault Fault) {
	frame, at := s.frame[:s.n], s.at
	if n := len(p.wire); n > 0 && p.wire[n-1].at.After(at) {
		at = p.wire[n-1].at // one frame after the other
	}
	put := func(b byte) {
		at = at.Add(p.byteTime())
		p.wire = append(p.wire, timedByte{at, b})
	}
	switch fault.Trouble {
	case NAK, Timeout, Hang:
		return
	case Broken:
		p.broken = true
		return
	case Flip:
		flip(frame, fault)
	case Cut:
		frame = frame[:len(frame)/2]
	case Noise:
		for _, b := range garbage {
			put(b)
		}
	}
	for i, b := range frame {
		switch {
		case fault.Trouble == Lost && i == s.n/2:
			continue
		case fault.Trouble == Ones:
			b = 0xFF
		case fault.Trouble == Zeros:
			b = 0
		}
		put(b)
	}
}

// fails reports whether the port fails now.
func (p *port) fails() error {
	if !p.broken {
		return nil
	}
	p.broken = false
	return kind.UARTError(syscall.EIO)
}

// uartHandle is the port as its user has it.
type uartHandle struct {
	p      *port
	closed bool
}

// Read waits for the first byte.
func (h *uartHandle) Read(ctx context.Context, b []byte, wait time.Duration) (int, error) {
	p := h.p
	p.mu.Lock()
	defer p.mu.Unlock()
	end := p.now().Add(wait)
	for {
		if h.closed {
			return 0, kind.UARTError(fs.ErrClosed)
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		p.advance()
		if err := p.fails(); err != nil {
			return 0, err
		}
		if len(p.buffer) > 0 {
			n := copy(b, p.buffer)
			p.buffer = p.buffer[:copy(p.buffer, p.buffer[n:])]
			return n, nil
		}
		now := p.now()
		if !now.Before(end) {
			return 0, kind.ErrSilent(wait)
		}
		until := end
		if !p.next.IsZero() && p.next.Before(until) {
			until = p.next
		}
		if len(p.wire) > 0 && p.wire[0].at.Before(until) {
			until = p.wire[0].at
		}
		p.sleep(ctx, until.Sub(now))
	}
}

// sleep waits without the lock until something may have happened.
func (p *port) sleep(ctx context.Context, d time.Duration) {
	if p.timer == nil {
		p.timer = time.NewTimer(d)
	} else {
		p.timer.Reset(d)
	}
	changed := p.changed
	p.mu.Unlock()
	select {
	case <-p.timer.C:
	case <-ctx.Done():
	case <-changed:
	}
	p.timer.Stop()
	p.mu.Lock()
}

// Write sends b to the part.
func (h *uartHandle) Write(ctx context.Context, b []byte) error {
	p := h.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.closed {
		return kind.UARTError(fs.ErrClosed)
	}
	p.advance()
	if err := p.fails(); err != nil {
		return err
	}
	fault := p.decide(Transfer{W: len(b)}, p.now())
	switch fault.Trouble {
	case NAK, Timeout, Hang:
		return nil
	case Broken:
		return kind.UARTError(syscall.EIO)
	case None:
	default:
		b = append([]byte(nil), b...)
	}
	switch fault.Trouble {
	case FlipWrite:
		flip(b, fault)
	case Cut:
		b = b[:len(b)/2]
	case Lost:
		b = append(b[:len(b)/2], b[len(b)/2+1:]...)
	case Noise:
		b = append(garbage[:len(garbage):len(garbage)], b...)
	case Ones, Zeros:
		for i := range b {
			b[i] = 0xFF
			if fault.Trouble == Zeros {
				b[i] = 0
			}
		}
	}
	if part, _ := p.talking(); part != nil {
		part.Hear(p.now().Add(time.Duration(len(b))*p.byteTime()), b)
	}
	return nil
}

// Flush drops what has arrived.
func (h *uartHandle) Flush() (int, error) {
	p := h.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.closed {
		return 0, kind.UARTError(fs.ErrClosed)
	}
	p.advance()
	if err := p.fails(); err != nil {
		return 0, err
	}
	n := len(p.buffer)
	p.buffer = p.buffer[:0]
	return n, nil
}

// Close gives the port back.
func (h *uartHandle) Close() error {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	if !h.closed {
		h.closed, h.p.open = true, false
	}
	return nil
}
