package sim

import (
	"errors"
	"sync"
	"syscall"
	"time"

	"periph.io/x/conn/v3/physic"

	"pinhole/sensors/kind"
	"pinhole/sensors/mux"
)

// Transfer is what a fault is decided on.
type Transfer struct {
	N    int    // how many transfers there were since Inject
	Addr uint16 // whom it is for
	W, R int    // bytes to be written and read
}

// Trouble is a kind of bus fault. What it means on a bus with acknowledges, I2C, stands here; spi.go and uart.go say what becomes of
// it on the others.
type Trouble int

// The faults.
const (
	None      Trouble = iota
	NAK               // nobody acknowledges: EREMOTEIO
	Timeout           // the bus is stuck until the adapter gives up: ETIMEDOUT after AdapterTimeout
	Lost              // arbitration is lost: EAGAIN
	Broken            // the transfer breaks off in the middle: EIO; the part has seen all of it
	Flip              // one bit of what is read is wrong; nothing happens if nothing is read
	FlipWrite         // one bit of what is written is wrong; nothing happens if nothing is written
	Ones              // the data line floats: every byte read is 0xFF; the part sees nothing
	Zeros             // the data line is held low: every byte read is 0x00; the part sees nothing
	Hang              // the transfer does not return before Inject is called again
	Cut               // a serial port only: a frame ends in its middle
	Noise             // a serial port only: garbage comes before the frame
)

// Fault is what happens to one transfer.
type Fault struct {
	Trouble Trouble
	Byte    int  // of a flip: which byte, counted from the end if negative, modulo the length
	Bit     uint // of a flip: which bit, 0 to 7
}

// AdapterTimeout is how long a stuck bus blocks, as the kernel's controllers have it.
const AdapterTimeout = time.Second

// Chip is a part at an I2C address. The bus calls it from one goroutine at a time.
type Chip interface {
	// Tx takes w, then fills r. It returns false if the part does not acknowledge.
	Tx(now time.Time, w, r []byte) bool
	// Power switches the part on: it has forgotten everything.
	Power(now time.Time)
}

// Idler is a chip that can tell whether it rests.
type Idler interface{ Idle(now time.Time) bool }

// socket is an occupied address.
type socket struct {
	kind string
	chip Chip
	env  Env // of what Attach put there
}

// bus is a simulated I2C bus, or one channel of a multiplexer on it. The slot makes transfers wait for each other and, unlike a mutex,
// lets synctest's clock go on.
type bus struct {
	number string
	now    func() time.Time
	slot   chan struct{}
	trunk  *mux.Trunk // what a real board has there too: it switches the multiplexers

	mu      sync.Mutex
	sockets map[uint16]*socket
	fault   func(Transfer) Fault
	count   int
	plight  plight
	freed   chan struct{} // closed when what hangs is let go
}

func newBus(number string, now func() time.Time) *bus {
	b := &bus{number: number, now: now, slot: make(chan struct{}, 1), sockets: map[uint16]*socket{}, freed: make(chan struct{})}
	b.trunk = mux.New(b)
	return b
}

func (b *bus) at(addr uint16) *socket {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sockets[addr]
}

func (b *bus) plug(addr uint16, s *socket) (old *socket) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old = b.sockets[addr]
	if s == nil {
		delete(b.sockets, addr)
	} else {
		b.sockets[addr] = s
	}
	return old
}

func (b *bus) inject(f func(Transfer) Fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fault, b.count = f, 0
	b.letGo()
}

// play has mishaps happen from now on.
func (b *bus) play(list []*running) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.plight.set(list)
	b.letGo()
}

// letGo frees the transfers that hang.
func (b *bus) letGo() {
	close(b.freed)
	b.freed = make(chan struct{})
}

// String returns the bus's name: "i2c-1".
func (b *bus) String() string { return "i2c-" + b.number }

// SetSpeed always fails, as it does on a Raspberry Pi.
func (b *bus) SetSpeed(physic.Frequency) error {
	return errors.New("i2c-" + b.number + ": the speed is fixed")
}

// decide asks what becomes of the next transfer. freed is closed when a hanging one may go on.
func (b *bus) decide(addr uint16, w, r []byte) (l lot, freed chan struct{}) {
	b.mu.Lock()
	f, t := b.fault, Transfer{N: b.count, Addr: addr, W: len(w), R: len(r)}
	b.count++
	b.mu.Unlock()
	if f != nil {
		l.Fault = f(t) // without the lock: it may pull a chip
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	b.plight.feel(b, now)
	if l.Trouble == None {
		l = b.plight.decide(addr, now)
	}
	return l, b.freed
}

// answering returns who answers at an address; nil if nobody does.
func (b *bus) answering(addr uint16) Chip {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.sockets[addr]
	if s == nil {
		return nil
	}
	who, _ := b.plight.present(s.chip, addr, b.now())
	c, _ := who.(Chip)
	return c
}

// Tx makes one transfer. It reaches the bus and every channel that a multiplexer on it connects; all chips there that have the
// address take part, as they do in copper.
func (b *bus) Tx(addr uint16, w, r []byte) error {
	b.slot <- struct{}{}
	defer func() { <-b.slot }()

	fault, freed := b.decide(addr, w, r)
	first := b.answering(addr)
	var more []Chip
	if first == nil || !switches(first) {
		for _, c := range b.connected() {
			if l, f := c.decide(addr, w, r); fault.Trouble == None {
				l.delay = max(l.delay, fault.delay)
				fault, freed = l, f
			}
			switch chip := c.answering(addr); {
			case chip == nil:
			case first == nil:
				first = chip
			default:
				more = append(more, chip)
			}
		}
	}
	time.Sleep(fault.delay)
	switch fault.Trouble {
	case NAK:
		first, more = nil, nil
	case Timeout:
		time.Sleep(AdapterTimeout)
		return kind.I2CError(addr, syscall.ETIMEDOUT)
	case Lost:
		return kind.I2CError(addr, syscall.EAGAIN)
	case Hang:
		hang(freed, fault.free, b.now())
		return kind.I2CError(addr, syscall.ETIMEDOUT)
	case Ones, Zeros:
		for i := range r {
			r[i] = 0xFF
			if fault.Trouble == Zeros {
				r[i] = 0
			}
		}
		return nil
	case FlipWrite:
		w = append([]byte(nil), w...)
		flip(w, fault.Fault)
	}
	if !answer(b.now(), first, more, w, r) {
		return kind.I2CError(addr, syscall.EREMOTEIO)
	}
	switch {
	case fault.Trouble == Broken:
		return kind.I2CError(addr, syscall.EIO)
	case fault.Trouble == Flip:
		flip(r, fault.Fault)
	}
	return nil
}

// answer has every chip take the transfer. Where several drive the line, a zero wins.
func answer(now time.Time, first Chip, more []Chip, w, r []byte) bool {
	ack := first != nil && first.Tx(now, w, r)
	for _, c := range more {
		own := make([]byte, len(r))
		if !c.Tx(now, w, own) {
			continue
		}
		for i := range own {
			if ack {
				own[i] &= r[i]
			}
			r[i] = own[i]
		}
		ack = true
	}
	return ack
}

// hang waits until it is let go, or until free unless that is the zero time.
func hang(freed <-chan struct{}, free, now time.Time) {
	if free.IsZero() {
		<-freed
		return
	}
	timer := time.NewTimer(free.Sub(now))
	defer timer.Stop()
	select {
	case <-freed:
	case <-timer.C:
	}
}

func flip(p []byte, f Fault) {
	if n := len(p); n > 0 {
		p[((f.Byte%n)+n)%n] ^= 1 << (f.Bit & 7)
	}
}
