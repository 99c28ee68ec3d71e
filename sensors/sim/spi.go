package sim

import (
	"fmt"
	"io/fs"
	"sync"
	"syscall"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// SPIChip is a part behind an SPI chip select. The bus calls it from one goroutine at a time.
type SPIChip interface {
	// Transfer sees one transfer, from the fall of chip select to its rise: w is what it is sent, byte for byte with r, which it
	// sends. r comes filled with what a line reads that nobody drives; the part leaves that where it does not drive it.
	Transfer(now time.Time, w, r []byte)
	// Power switches the part on: it has forgotten everything.
	Power(now time.Time)
}

// floating is what a data line reads that nobody drives. On a Raspberry Pi the pin has a pull-down after boot, which the SPI
// driver takes away: it may read anything, and most often what it read last or what the clock couples into it.
const floating = 0xFF

// chipSelect is a simulated SPI device. The faults of Inject mean here:
//
//   - NAK: the part does not hear its chip select. Nothing acknowledges on SPI, so no error comes: the line floats, as for Ones.
//   - Timeout, Broken: the controller reports ETIMEDOUT (after AdapterTimeout) or EIO; with the latter the part has seen it all.
//   - Flip, FlipWrite, Ones, Zeros, Hang: as on I2C. W and R of a Transfer are both the length.
//   - Lost, Cut, Noise: nothing happens.
type chipSelect struct {
	device string
	now    func() time.Time
	slot   chan struct{}

	mu     sync.Mutex
	kind   string
	chip   SPIChip // nil: nobody is there
	env    Env     // of what Attach put there
	fault  func(Transfer) Fault
	count  int
	plight plight
	freed  chan struct{} // closed when what hangs is let go
	users  int
	mode   int // of the users
}

// SPI returns a handle for the part behind a chip select. Every device exists.
func (b *Board) SPI(device string, o kind.SPIOptions) (kind.SPI, error) {
	c := b.chipSelect(device)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users > 0 && c.mode != o.Mode {
		return nil, &sensors.Error{Class: sensors.Busy, Op: "spi-" + device, Err: fmt.Errorf("a sensor is there that needs mode %d", c.mode)}
	}
	c.users, c.mode = c.users+1, o.Mode
	return &spiHandle{c: c}, nil
}

// PlugSPI puts a chip of any make behind a chip select, "0.0", and switches it on. What was there is returned.
func (b *Board) PlugSPI(device, name string, c SPIChip) (old SPIChip) {
	if c != nil {
		c.Power(b.opts.Now())
	}
	s := b.chipSelect(device)
	s.mu.Lock()
	defer s.mu.Unlock()
	old = s.chip
	s.kind, s.chip = name, c
	return old
}

// UnplugSPI pulls the chip behind a chip select. It returns the chip, or nil, to be plugged in again.
func (b *Board) UnplugSPI(device string) SPIChip { return b.PlugSPI(device, "", nil) }

// SPIChip returns the chip behind a chip select, or nil.
func (b *Board) SPIChip(device string) SPIChip {
	s := b.chipSelect(device)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.chip
}

// BrownOutSPI breaks the supply of the chip behind a chip select for a moment.
func (b *Board) BrownOutSPI(device string) {
	if c := b.SPIChip(device); c != nil {
		c.Power(b.opts.Now())
	}
}

func (b *Board) chipSelect(device string) *chipSelect {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.selects[device] == nil {
		b.selects[device] = &chipSelect{device: device, now: b.opts.Now, slot: make(chan struct{}, 1), freed: make(chan struct{})}
		b.selects[device].plight.list = on(b.mishaps, SPI, device)
	}
	return b.selects[device]
}

func (b *Board) attachSPI(kindName, device string, p kind.Params) {
	s := b.chipSelect(device)
	s.mu.Lock()
	defer s.mu.Unlock()
	place := "spi-" + device
	if s.chip != nil {
		return
	}
	s.env = Env{World: &b.world, Place: place, Variant: variant(place), Params: p}
	c := NewSPIChip(kindName, s.env)
	c.Power(b.start.Add(-bootedBefore))
	s.kind, s.chip = kindName, c
}

func (c *chipSelect) inject(f func(Transfer) Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault, c.count = f, 0
	c.letGo()
}

// play has mishaps happen from now on.
func (c *chipSelect) play(list []*running) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plight.set(list)
	c.letGo()
}

// letGo frees a transfer that hangs.
func (c *chipSelect) letGo() {
	close(c.freed)
	c.freed = make(chan struct{})
}

// touched implements parts.
func (c *chipSelect) touched(*running) []powered {
	if c.chip == nil {
		return nil
	}
	return []powered{c.chip}
}

// another implements parts.
func (c *chipSelect) another(r *running) powered {
	name, env := c.env.successor(c.kind, r.With)
	if other := NewSPIChip(name, env); other != nil {
		return other
	}
	return nil
}

// spiHandle is one user of a chip select.
type spiHandle struct {
	c      *chipSelect
	closed bool
}

// Tx makes one transfer.
func (h *spiHandle) Tx(w, r []byte) error {
	if len(w) != len(r) || len(w) == 0 || len(w) > kind.MaxSPI {
		return kind.SPIError(fmt.Errorf("%d bytes out and %d in", len(w), len(r)))
	}
	c := h.c
	c.slot <- struct{}{}
	defer func() { <-c.slot }()

	c.mu.Lock()
	if h.closed {
		c.mu.Unlock()
		return kind.SPIError(fs.ErrClosed)
	}
	var fault lot
	if f := c.fault; f != nil {
		t := Transfer{N: c.count, W: len(w), R: len(r)}
		c.count++
		c.mu.Unlock()
		fault.Fault = f(t) // without the lock: it may pull the chip
		c.mu.Lock()
	}
	now := c.now()
	c.plight.feel(c, now)
	if fault.Trouble == None {
		fault = c.plight.decide(0, now)
	}
	chip, freed := c.chip, c.freed
	if chip != nil {
		who, _ := c.plight.present(chip, 0, now)
		chip, _ = who.(SPIChip)
	}
	c.mu.Unlock()

	switch fault.Trouble {
	case Timeout:
		time.Sleep(AdapterTimeout)
		return kind.SPIError(syscall.ETIMEDOUT)
	case Hang:
		hang(freed, fault.free, now)
		return kind.SPIError(syscall.ETIMEDOUT)
	case NAK, Ones, Zeros:
		chip = nil
	case FlipWrite:
		w = append([]byte(nil), w...)
		flip(w, fault.Fault)
	}
	level := byte(floating)
	if fault.Trouble == Zeros {
		level = 0
	}
	for i := range r {
		r[i] = level
	}
	if chip != nil {
		chip.Transfer(c.now(), w, r)
	}
	switch fault.Trouble {
	case Broken:
		return kind.SPIError(syscall.EIO)
	case Flip:
		flip(r, fault.Fault)
	}
	return nil
}

// Close gives the chip select back.
func (h *spiHandle) Close() error {
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	if !h.closed {
		h.closed = true
		h.c.users--
	}
	return nil
}
