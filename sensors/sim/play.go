package sim

import (
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"pinhole/sensors"
)

// stage is the world that the parts feel; what is played on it can change.
type stage struct{ play atomic.Pointer[World] }

func (s *stage) set(w World) { s.play.Store(&w) }

// Value implements World.
func (s *stage) Value(q sensors.Quantity, place string, t time.Time) float64 {
	return (*s.play.Load()).Value(q, place, t)
}

// Switch implements World.
func (s *stage) Switch(q sensors.Quantity, place string, t time.Time) (bool, time.Time) {
	return (*s.play.Load()).Switch(q, place, t)
}

// Play has a script direct the board from now on; its times count from now. What an earlier one has broken is whole again.
func (b *Board) Play(s Script) {
	now := b.opts.Now()
	table := Mishaps()
	var list []*running
	for i := range s.Mishaps {
		m := &s.Mishaps[i]
		k := slices.IndexFunc(table, func(k MishapKind) bool { return k.Name == m.Kind })
		if k < 0 || !table[k].Suits(m.Site) {
			continue // the configuration's check has refused it
		}
		list = append(list, &running{Mishap: m, timing: s.timing(now), kind: table[k], seed: mix(s.Seed) + uint64(i)<<32})
	}
	b.mu.Lock()
	b.mishaps = list
	b.everywhere(list)
	pins := make([]*pin, 0, len(b.pins))
	for _, p := range b.pins {
		pins = append(pins, p)
	}
	change := func() {
		if b.opts.World == nil {
			b.world.set(direct(&s, now))
		}
	}
	b.mu.Unlock()
	turn(pins, now, list, change)
}

// turn changes the world while the lines look on: what was before has its edges, and what is then is looked at.
func turn(pins []*pin, now time.Time, list []*running, change func()) {
	for _, p := range pins {
		p.mu.Lock()
		if p.line != nil {
			p.line.advance(now)
		}
		p.mu.Unlock()
	}
	change()
	for _, p := range pins {
		p.mu.Lock()
		p.mishaps = onPin(list, p.key)
		if p.line != nil {
			p.line.look(now)
			p.line.notify()
		}
		p.mu.Unlock()
	}
}

// everywhere has mishaps happen on all buses and ports. It is called with the board's lock.
func (b *Board) everywhere(list []*running) {
	for number, bus := range b.buses {
		bus.play(on(list, I2C, number))
		for _, c := range bus.behind() {
			c.play(on(list, I2C, c.number))
		}
	}
	for device, s := range b.selects {
		s.play(on(list, SPI, device))
	}
	for name, p := range b.ports {
		p.play(on(list, UART, name))
	}
}

// release ends all mishaps, so that no transfer hangs on.
func (b *Board) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mishaps = nil
	b.everywhere(nil)
}

// on are the mishaps of a bus.
func on(all []*running, m Medium, name string) (list []*running) {
	for _, r := range all {
		if r.Site.Medium == m && r.Site.Bus == name {
			list = append(list, r)
		}
	}
	return list
}

// onPin are the mishaps of a line.
func onPin(all []*running, key string) (list []*running) {
	for _, r := range all {
		if r.Site.Medium == Line && pinKey(r.Site.Pin) == key {
			list = append(list, r)
		}
	}
	return list
}

// forced tells at which level a mishap holds the line, if one does, and until when nothing changes (the zero time: for ever).
func (p *pin) forced(at time.Time) (high, held bool, until time.Time) {
	for _, r := range p.mishaps {
		_, on, _, _, u := r.now(at)
		if on && !held && (r.Kind == High || r.Kind == Low) {
			high, held = r.Kind == High, true
		}
		if !u.IsZero() && (until.IsZero() || u.Before(until)) {
			until = u
		}
	}
	return high, held, until
}

// losing reports whether the kernel loses edges now.
func (p *pin) losing(at time.Time) bool {
	return slices.ContainsFunc(p.mishaps, func(r *running) bool {
		_, on, _, _, _ := r.now(at)
		return on && r.Kind == LostEdges
	})
}

// pulled tells how often the chip of the line has been unplugged, and whether it is.
func (p *pin) pulled(at time.Time) (times int64, gone bool) {
	for _, r := range p.mishaps {
		if r.Kind == Unplug {
			n, on, _, _, _ := r.now(at)
			times, gone = times+n, gone || on
		}
	}
	return times, gone
}

// errPulled is what the kernel says of a line whose chip is gone.
func errPulled(pin string) error {
	return &sensors.Error{Class: sensors.Absent, Op: "line " + pin, Err: syscall.ENODEV, Hint: "is the chip of the line unplugged?"}
}

// mishap is what a mishap makes of a file.
func (b *Board) mishap(f file, now time.Time) (text string, there bool) {
	for _, r := range b.onFile(f.path) {
		if _, on, _, _, _ := r.now(now); !on {
			continue
		}
		switch base := path.Base(f.path); {
		case r.Kind == Unplug:
			return "", false
		case base == "name" || base == "type" || strings.HasPrefix(f.text, LinkTo):
			// These say what there is, not what is measured.
		case r.Kind == BrokenOff:
			return FailIO, true
		case r.Kind == Garbage:
			return "\x7fnonsense\n", true
		}
	}
	return f.text, true
}

// onFile are the mishaps of a file.
func (b *Board) onFile(name string) (list []*running) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.mishaps {
		if slices.ContainsFunc(r.Site.Files, func(pattern string) bool { return below(name, pattern) }) {
			list = append(list, r)
		}
	}
	return list
}

// below reports whether a file, or a folder that it lies in, is called like a pattern.
func below(name, pattern string) bool {
	for ; name != "."; name = path.Dir(name) {
		if ok, _ := path.Match(pattern, name); ok {
			return true
		}
	}
	return false
}
