package scan

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sysfs"
)

const (
	first, last = 0x01, 0x77 // addresses that parts can have
	usual       = 0x08       // those below are for parts that kinds have there alone
	giveUp      = 3          // timeouts until a bus counts as stuck
	busTime     = time.Minute
	hungAfter   = 5 * time.Second // the kernel ends a transfer on a stuck bus after about one
)

// buses looks at all I2C buses, one after the other: the controllers of a Raspberry Pi share an interrupt, and QEMU's take each other's
// for theirs.
func (s *scan) buses(ctx context.Context) []Bus {
	numbers, err := s.Survey.I2CBuses()
	if err != nil {
		s.failed("I2C", err)
	}
	if len(numbers) == 0 {
		s.note(Note{Where: "I2C", What: "there is no /dev/i2c-*",
			Hint: "on a Raspberry Pi: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in /boot/firmware/config.txt, then sudo modprobe i2c-dev"})
	}
	list := make([]Bus, len(numbers))
	for i, n := range numbers {
		list[i] = s.bus(ctx, n, list[:i])
	}
	return list
}

// bus looks at one bus, and leaves it when a transfer does not return. before is what was found on others.
func (s *scan) bus(ctx context.Context, number int, before []Bus) Bus {
	w := &walker{scan: s, number: number, name: "i2c-" + strconv.Itoa(number), found: map[string]Part{}}
	w.dir = filepath.Join(s.Board.Root(), "sys/bus/i2c/devices")
	ctx, cancel := context.WithTimeout(ctx, busTime)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.walk(ctx, before)
	}()
	look := time.NewTicker(hungAfter)
	defer look.Stop()
	for seen := int64(-1); ; {
		select {
		case <-done:
			return w.result(nil)
		case <-ctx.Done():
			return w.result(&Note{Where: w.name, What: fmt.Sprintf("this takes longer than %v: the rest of the bus was not looked at", busTime), Fault: true,
				Hint: "is its clock very slow, or a part stretching it? See dmesg"})
		case <-look.C:
			if now := w.steps.Load(); now != seen {
				seen = now
				continue
			}
			return w.result(&Note{Where: w.name, What: "a transfer does not return: the rest of the bus was not looked at", Fault: true,
				Hint: "the controller's driver hangs: see dmesg, then restart the board"})
		}
	}
}

// walker looks at one bus. Its result is guarded by mu, as the walk may have to be left behind.
type walker struct {
	*scan
	number int
	name   string
	dir    string // where the kernel lists its I2C devices

	steps    atomic.Int64 // transfers begun and ended
	alone    bool
	failures []Note // of transfers
	bad      string // the place of the last of them
	broken   bool   // the walk is over
	unasked  []string

	mu    sync.Mutex
	left  bool
	whole bool
	found map[string]Part // by place
	notes []Note
}

// result is what was found so far. What comes later is dropped.
func (w *walker) result(n *Note) Bus {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = true
	if n != nil {
		w.notes = append(w.notes, *n)
	}
	for _, n := range w.notes {
		w.note(n)
	}
	b := Bus{Number: w.number, Name: w.name, Whole: w.whole, Parts: []Part{}, About: sysfs.Line(filepath.Join(w.dir, w.name), "name")}
	for _, p := range w.found {
		p.Sensor = w.Names[p.At]
		b.Parts = append(b.Parts, p)
	}
	slices.SortFunc(b.Parts, func(x, y Part) int { return strings.Compare(x.At, y.At) })
	return b
}

func (w *walker) add(p Part) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.left {
		w.found[p.At] = p
	}
}

func (w *walker) say(n Note) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.left {
		w.notes = append(w.notes, n)
	}
}

// walk looks at the bus, then at the channels of its multiplexers.
func (w *walker) walk(ctx context.Context, before []Bus) {
	w.steps.Add(1)
	if _, err := w.Board.I2C(strconv.Itoa(w.number)); err != nil {
		w.say(noteOf(w.name, err))
		return
	}
	w.alone = w.Survey.Alone(w.number)
	above := w.above(before)
	switches := w.switches(ctx, above)
	for addr := uint16(first); addr <= last; addr++ {
		if switches[addr] == 0 && !above[addr] {
			w.address(ctx, nil, addr)
		}
	}
	direct := map[string]bool{}
	w.mu.Lock()
	for at := range w.found {
		direct[at] = true
	}
	w.mu.Unlock()
	for mux := uint16(0x70); mux <= last; mux++ {
		for c := range switches[mux] {
			behind := &kind.Channel{Mux: mux, Number: c}
			for addr := uint16(first); addr <= last; addr++ {
				if switches[addr] == 0 && !above[addr] && !direct[w.at(nil, addr)] {
					w.address(ctx, behind, addr)
				}
			}
		}
		if switches[mux] > 0 && !w.broken {
			w.steps.Add(1)
			if _, err := w.Survey.Multiplexer(w.number, mux); err != nil { // leaves nothing connected
				w.say(noteOf(w.at(nil, mux), err))
			}
		}
	}
	w.mu.Lock()
	w.whole = !w.broken && ctx.Err() == nil
	w.mu.Unlock()
	for _, n := range w.failures {
		w.say(n)
	}
	if !w.alone {
		slices.Sort(w.unasked)
		w.say(Note{Where: w.name, What: "another pinhole uses the bus, so no part was asked who it is; not found at all are those that answer only then: " +
			strings.Join(slices.Compact(w.unasked), " "), Hint: "for a full look stop the agent: sudo systemctl stop pinhole"})
	}
}

// channels lists the buses that are channels of multiplexers that the kernel drives on a bus, by the multiplexer.
func (s *scan) channels(bus string) map[string][]string {
	list := map[string][]string{}
	base := filepath.Join(s.Board.Root(), "sys/bus/i2c/devices")
	links, _ := filepath.Glob(filepath.Join(base, "i2c-*/mux_device")) // the pattern is well-formed
	for _, l := range links {
		to, err := filepath.EvalSymlinks(l)
		if number, _, _ := strings.Cut(filepath.Base(to), "-"); err == nil && number == bus {
			child := strings.TrimPrefix(filepath.Base(filepath.Dir(l)), "i2c-")
			list[filepath.Base(to)] = append(list[filepath.Base(to)], child)
		}
	}
	return list
}

// nobody is an address at which no part is read: that of a host, which never answers. To read there makes the kernel select the channel.
const nobody = 0x08

// direct reports whether a part that answers on a bus is on the bus itself. The kernel leaves the channel connected that it used last, so
// what is behind it answers as well: what is in front answers whichever channel is connected.
func (w *walker) direct(bus string, answers func() bool) bool {
	for _, children := range w.channels(bus) {
		for _, c := range children {
			w.steps.Add(1)
			if child, err := w.Board.I2C(c); err == nil {
				_ = child.Tx(nobody, nil, make([]byte, 1)) // nobody answers
			}
			if !answers() {
				return false
			}
		}
	}
	return true
}

// above is the addresses that were found in front of a multiplexer that the kernel drives, of which this bus is a channel. Channels
// have higher numbers than their bus, which was therefore looked at before.
func (w *walker) above(before []Bus) map[uint16]bool {
	taken := map[uint16]bool{}
	to, err := filepath.EvalSymlinks(filepath.Join(w.dir, w.name, "mux_device"))
	if err != nil {
		return taken
	}
	number, _, _ := strings.Cut(filepath.Base(to), "-")
	for _, b := range before {
		for _, p := range b.Parts {
			if strconv.Itoa(b.Number) == number && p.mux == nil {
				taken[p.adr] = true
			}
		}
	}
	return taken
}

// switches finds the multiplexers, and disconnects what is behind them.
func (w *walker) switches(ctx context.Context, above map[uint16]bool) map[uint16]int {
	found := map[uint16]int{}
	bus, err := w.Board.I2C(strconv.Itoa(w.number))
	if err != nil {
		return found
	}
	for addr := uint16(0x70); addr <= last && !w.broken && ctx.Err() == nil; addr++ {
		if driver, _ := w.owner(strconv.Itoa(w.number), addr); driver != "" || above[addr] {
			continue
		}
		w.steps.Add(1)
		if err := bus.Tx(addr, nil, make([]byte, 1)); err != nil {
			w.trouble(w.at(nil, addr), err)
			continue
		}
		channels, err := w.Survey.Multiplexer(w.number, addr)
		if w.steps.Add(1); err != nil && !w.trouble(w.at(nil, addr), err) {
			continue
		}
		if channels == 0 {
			continue
		}
		found[addr] = channels
		what := map[int]string{8: "TCA9548A, PCA9548", 4: "TCA9546A, PCA9546", 2: "TCA9543A, PCA9543"}[channels]
		w.add(Part{At: w.at(nil, addr), Address: hex(addr), What: fmt.Sprintf("multiplexer with %d channels, %s", channels, what), Channels: channels,
			bus: w.number, adr: addr})
	}
	return found
}

func hex(addr uint16) string { return fmt.Sprintf("0x%02x", addr) }

// at names a place.
func (w *walker) at(behind *kind.Channel, addr uint16) string {
	if behind == nil {
		return fmt.Sprintf("%s/0x%02x", w.name, addr)
	}
	return fmt.Sprintf("%s/0x%02x.%d/0x%02x", w.name, behind.Mux, behind.Number, addr)
}

// owner is the driver of the kernel that has an address, and what the kernel calls the part.
func (w *walker) owner(number string, addr uint16) (driver, name string) {
	dir := filepath.Join(w.dir, fmt.Sprintf("%s-%04x", number, addr))
	to, err := os.Readlink(filepath.Join(dir, "driver"))
	if err != nil {
		return "", ""
	}
	return filepath.Base(to), sysfs.Line(dir, "name")
}

// inWords reports whether a part may be at an address that must not be read one byte at a time.
func (w *walker) inWords(addr uint16) bool {
	return slices.ContainsFunc(w.kinds(addr), func(k *kind.Kind) bool { return k.Probe.Words })
}

// trouble judges a failed transfer. It returns true if that says no more than that nobody is there.
func (w *walker) trouble(at string, err error) (quiet bool) {
	if kind.Quiet(err) {
		return true
	}
	limit := giveUp
	w.bad = at
	switch class := sensors.ClassOf(err); {
	case class == sensors.Denied, errors.Is(err, syscall.EOPNOTSUPP):
		w.broken = true
		w.say(noteOf(w.name, err))
		return false
	case class != sensors.Timeout:
		limit *= giveUp
	}
	w.failures = append(w.failures, noteOf(at, err))
	if len(w.failures) >= limit && !w.broken {
		w.broken = true
		w.failures = nil
		w.say(Note{Where: w.name, What: fmt.Sprintf("%d transfers failed, the last at %s: %v. The rest of the bus was not looked at", limit, at, err),
			Hint: "a part holds SDA or SCL low: check wiring and pull-ups, pull parts until the bus is free, switch the board off and on", Fault: true})
	}
	return false
}
