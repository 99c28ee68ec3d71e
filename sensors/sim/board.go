package sim

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"periph.io/x/conn/v3/i2c"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Options is how a board is made. The zero value is a board that anybody can use.
type Options struct {
	Seed  uint64           // of the weather, until Play; another seed, another place on earth
	World World            // the physical truth, whatever Play says; nil: the weather
	Now   func() time.Time // nil: time.Now. Must run as fast as package time, which does the waiting
	Mono  func() int64     // reads CLOCK_MONOTONIC, for the stamps of edges; nil: edges carry none
	State string           // what State returns
}

// Board is a simulated Raspberry Pi. It is safe for concurrent use.
type Board struct {
	opts  Options
	world stage // what the parts feel
	start time.Time

	tree    sync.Mutex // the files
	root    string     // "": not made yet
	written map[string]string
	spoilt  map[string]func(text string) (string, bool)
	slaves  []string // ids on the 1-Wire bus
	dht     bool     // a DHT22 is attached

	mu      sync.Mutex
	buses   map[string]*bus
	pins    map[string]*pin
	selects map[string]*chipSelect
	ports   map[string]*port
	mishaps []*running
}

var _ kind.Board = (*Board)(nil)

// New makes a board with nothing attached.
func New(o Options) *Board {
	if o.Now == nil {
		o.Now = time.Now
	}
	b := &Board{opts: o, start: o.Now(), buses: map[string]*bus{}, pins: map[string]*pin{},
		selects: map[string]*chipSelect{}, ports: map[string]*port{},
		spoilt: map[string]func(string) (string, bool){}, slaves: []string{"28-00000a1b2c3d", "28-00000a1b2c3e"}}
	if o.World != nil {
		b.world.set(o.World)
	}
	b.Play(Script{Seed: o.Seed})
	return b
}

// Attach puts the part that a configured sensor needs onto the board: the kind's chip at its bus and address, or its line.
// Kinds that need no part, or one that is not simulated, change nothing; the latter then find nobody, as they should. p holds the
// sensor's keys with defaults filled in. Two sensors may share a part. Of two parts at one place the first is there, and stays: the other
// sensor finds a stranger, as on a real board.
func (b *Board) Attach(kindName string, p kind.Params) error {
	switch kindName {
	case "gpio":
		return b.wire(p)
	case "hcsr04":
		return b.attachRanger(p)
	case "pulse", "frequency":
		return b.attachMeter(kindName, p)
	case "register":
		b.attachDescribed(p)
		return nil
	case "onewire", "dht", "iio":
		return b.attachFiles(kindName, p)
	}
	for _, c := range all() {
		if c.kind == kindName {
			b.attachChip(c, p)
			return nil
		}
	}
	if device := p.String("device"); NewSPIChip(kindName, Env{Params: p}) != nil {
		b.attachSPI(kindName, device, p)
	}
	if name := p.String("port"); NewTalker(kindName, Env{Params: p}) != nil {
		b.attachTalker(kindName, name, p)
	}
	return nil
}

func (b *Board) attachChip(c chip, p kind.Params) {
	site, _ := SiteOf(c.kind, p)
	addr, place := site.Address, site.place()
	bus := b.bus(site.Bus)
	env := Env{World: &b.world, Place: place, Variant: variant(place), Address: addr, Params: p}
	if there := bus.at(addr); there != nil {
		old, several := there.chip.(*described)
		if there.kind != c.kind || !several {
			return
		}
		more := c.make(env).(*described)
		if more.chip.Name != old.chip.Name {
			return
		}
		made := old.join(env, more)
		made.Power(b.start.Add(-bootedBefore))
		bus.plug(addr, &socket{kind: c.kind, chip: made, env: env})
		return
	}
	made := c.make(env)
	made.Power(b.start.Add(-bootedBefore)) // it has been on since the board was
	bus.plug(addr, &socket{kind: c.kind, chip: made, env: env})
}

// Plug puts a chip of any make onto a bus and switches it on. What was at the address is gone.
func (b *Board) Plug(bus string, addr uint16, name string, c Chip) {
	c.Power(b.opts.Now())
	b.bus(bus).plug(addr, &socket{kind: name, chip: c})
}

// Unplug pulls a chip. It returns the chip, or nil, to be plugged in again.
func (b *Board) Unplug(bus string, addr uint16) Chip {
	s := b.bus(bus).plug(addr, nil)
	if s == nil {
		return nil
	}
	return s.chip
}

// BrownOut breaks the supply of a chip for a moment.
func (b *Board) BrownOut(bus string, addr uint16) {
	if s := b.bus(bus).at(addr); s != nil {
		s.chip.Power(b.opts.Now())
	}
}

// Chip returns the chip at an address, or nil.
func (b *Board) Chip(bus string, addr uint16) Chip {
	if s := b.bus(bus).at(addr); s != nil {
		return s.chip
	}
	return nil
}

// Inject has f decide on every transfer of a bus from now on, counted from 0. nil ends it and frees transfers that hang. bus is the
// number of an I2C bus, "1", or "spi-" and a device, "spi-0.0", or "uart:" and a port, "uart:/dev/serial0".
func (b *Board) Inject(bus string, f func(t Transfer) Fault) {
	if device, ok := strings.CutPrefix(bus, "spi-"); ok {
		b.chipSelect(device).inject(f)
	} else if name, ok := strings.CutPrefix(bus, "uart:"); ok {
		b.port(name).inject(f)
	} else {
		b.bus(bus).inject(f)
	}
}

// I2C returns a bus, or a channel of a multiplexer on it. Every number exists.
func (b *Board) I2C(name string) (i2c.Bus, error) {
	number, behind, err := kind.ParseI2C(name)
	if err != nil {
		return nil, &sensors.Error{Class: sensors.Absent, Op: "simulated board", Err: err}
	}
	trunk := b.bus(strconv.Itoa(number)).trunk
	if behind == nil {
		return trunk, nil
	}
	return trunk.Branch(*behind), nil
}

// bus returns a bus, or with a name such as 1/0x70.3 a channel. The multiplexer, a TCA9548A, is there from then on.
func (b *Board) bus(name string) *bus {
	number, behind, err := kind.ParseI2C(name)
	if behind != nil && err == nil {
		return b.channel(strconv.Itoa(number), *behind)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buses[name] == nil {
		b.buses[name] = newBus(name, b.opts.Now)
		b.buses[name].plight.list = on(b.mishaps, I2C, name)
	}
	return b.buses[name]
}

// Root is a folder with the files of a small board: proc and sys. They are made at the first call; where that fails, nobody finds
// anything in it, and Refresh tells why.
func (b *Board) Root() string {
	b.tree.Lock()
	defer b.tree.Unlock()
	if b.root == "" && b.refresh() != nil && b.root == "" {
		return filepath.Join(os.TempDir(), "pinhole-board-missing")
	}
	return b.root
}

// State returns Options.State.
func (b *Board) State() (dir string, keep bool) { return b.opts.State, true }

// Run keeps the files below Root moving, once a second and when something goes wrong with them, until ctx ends. While nobody has asked
// for Root there are none.
func (b *Board) Run(ctx context.Context) error {
	timer := time.NewTimer(b.pause())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			if err := b.refreshIfMade(); err != nil {
				return err
			}
			timer.Reset(b.pause())
		}
	}
}

// pause is how long the files stay as they are.
func (b *Board) pause() time.Duration {
	now := b.opts.Now()
	d := time.Second - now.Sub(b.start)%time.Second
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.mishaps {
		if _, _, _, _, until := r.now(now); r.Site.Medium == File && !until.IsZero() {
			d = min(d, until.Sub(now))
		}
	}
	return max(d, 10*time.Millisecond)
}

// Refresh writes the files below Root as they are now.
func (b *Board) Refresh() error {
	b.tree.Lock()
	defer b.tree.Unlock()
	return b.refresh()
}

func (b *Board) refreshIfMade() error {
	b.tree.Lock()
	defer b.tree.Unlock()
	if b.root == "" {
		return nil
	}
	return b.refresh()
}

func (b *Board) refresh() error {
	if b.root == "" {
		root, err := os.MkdirTemp("", "pinhole-board-")
		if err != nil {
			return fmt.Errorf("simulated board: %w", err)
		}
		b.root, b.written = root, map[string]string{}
	}
	return b.write(b.files(b.opts.Now()))
}

// Close lets go what hangs, and removes the files.
func (b *Board) Close() error {
	b.release()
	b.tree.Lock()
	defer b.tree.Unlock()
	if b.root == "" {
		return nil
	}
	err := os.RemoveAll(b.root)
	b.root = ""
	return err
}
