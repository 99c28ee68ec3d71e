package sim

import (
	"slices"
	"time"
)

// Mishap is something that goes wrong.
type Mishap struct {
	When
	Kind  string // one of Mishaps
	Site  Site
	With  string        // Swap: the kind of the other part; "": another of its make
	Delay time.Duration // Stretch: by how much each transfer takes longer
}

// The kinds of mishaps.
const (
	Unplug      = "unplug"
	Nak         = "nak"
	TimedOut    = "timeout"
	Stuck       = "stuck"
	Arbitration = "arbitration"
	BrokenOff   = "broken"
	Flipped     = "flip"
	AllOnes     = "ones"
	AllZeros    = "zeros"
	CutShort    = "cut"
	Noisy       = "noise"
	Overrun     = "overrun"
	Stretch     = "stretch"
	Hanging     = "hang"
	Brownout    = "brownout"
	Swap        = "swap"
	High        = "high"
	Low         = "low"
	LostEdges   = "lost-edges"
	Garbage     = "garbage"
)

// MishapKind is a row of the table of mishaps.
type MishapKind struct {
	Name  string
	Does  string // for people
	Says  string // what the reading says meanwhile, for people
	Media []Medium
	Lasts bool // it needs a time that it lasts; otherwise it can happen in a moment

	part    bool    // it happens to a part, not to a whole bus
	trouble Trouble // of each transfer
}

// Mishaps is the table of mishaps.
func Mishaps() []MishapKind {
	return []MishapKind{
		{Unplug, "it is pulled, and plugged in again afterwards", "`absent`; a serial port `timeout`", []Medium{I2C, SPI, UART, Line, File}, true, false, NAK},
		{Brownout, "the supply breaks, for a moment or longer: the part forgets everything", "an error or nothing, then values again", []Medium{I2C, SPI, UART}, false, false, NAK},
		{Swap, "another part is there: of kind `with`, or another of its make", "`wrong`, or an error first; values if it is of the same make", []Medium{I2C, SPI, UART}, true, true, None},
		{Nak, "nobody acknowledges, though the part has its supply", "`absent`", []Medium{I2C}, true, false, NAK},
		{TimedOut, "transfers with it run into the adapter's time limit", "`timeout`", []Medium{I2C, SPI}, true, false, Timeout},
		{Stuck, "its whole bus is held low: every transfer runs into the time limit", "`timeout`, each part of the bus", []Medium{I2C}, true, false, Timeout},
		{Arbitration, "another master takes the bus", "`busy`", []Medium{I2C}, true, false, Lost},
		{Hanging, "transfers do not return", "`timeout`, the others of the bus `busy`", []Medium{I2C, SPI}, true, false, Hang},
		{Stretch, "it stretches the clock: each transfer takes `delay` longer", "values, late; beyond 1 s `timeout`", []Medium{I2C}, true, false, None},
		{BrokenOff, "transfers break off; reading the file fails", "`io`", []Medium{I2C, SPI, UART, File}, true, false, Broken},
		{Flipped, "one bit of each answer is wrong", "`crc`, where there is a checksum", []Medium{I2C, SPI, UART}, true, false, Flip},
		{AllOnes, "the data line floats: only 0xff is read", "`crc`, `io`, `range` or `absent`", []Medium{I2C, SPI, UART}, true, false, Ones},
		{AllZeros, "the data line is held low: only 0x00 is read", "`crc`, `io`, `range` or `wrong`", []Medium{I2C, SPI, UART}, true, false, Zeros},
		{CutShort, "only the first half of each answer comes", "`timeout` or `crc`", []Medium{UART}, true, false, Cut},
		{Noisy, "a few bytes of garbage come before each answer", "values, or `crc`", []Medium{UART}, true, false, Noise},
		{Overrun, "one byte of each answer is missing", "`crc` or `timeout`", []Medium{UART}, true, false, Lost},
		{High, "the line is held high", "its value", []Medium{Line}, true, false, None},
		{Low, "the line is held low", "its value", []Medium{Line}, true, false, None},
		{LostEdges, "the kernel loses the line's edges", "`io`, then the level", []Medium{Line}, true, false, None},
		{Garbage, "the files hold nonsense", "`io`", []Medium{File}, true, false, None},
	}
}

// Suits reports whether a mishap can happen at a site.
func (k *MishapKind) Suits(s Site) bool {
	return slices.Contains(k.Media, s.Medium) && (!k.part || s.Medium != I2C || s.Address != 0)
}

// PartsOn lists the kinds whose simulated part can stand where one on that medium was.
func PartsOn(m Medium) []string {
	switch m {
	case I2C:
		return Chips()
	case SPI:
		return SPIChips()
	case UART:
		return Talkers()
	}
	return nil
}

// running is a mishap on a board.
type running struct {
	*Mishap
	timing
	kind MishapKind
	seed uint64

	seen  int64   // how many beginnings a part has felt
	over  bool    // and whether the last one's end
	other powered // of Swap: the part that is there instead
	n     uint64  // transfers that it happened to
}

// powered is any part that has a supply.
type powered interface{ Power(now time.Time) }

// now is what the mishap does at an instant; times are the zero time for never.
func (r *running) now(t time.Time) (n int64, on bool, start, end, until time.Time) {
	m := r.at(r.since(t), r.repeat)
	if until = r.when(m.until); !until.IsZero() && !until.After(t) { // rounding
		until = t.Add(1)
	}
	return m.n, m.on && !r.momentary(), r.when(m.start), r.when(m.end), until
}

// momentary reports whether the mishap takes no time.
func (r *running) momentary() bool { return !r.kind.Lasts && r.For == 0 }

// touches reports whether the mishap happens to the part at an address of its bus.
func (r *running) touches(addr uint16) bool {
	return r.Site.Address == 0 || r.Site.Address == addr || r.Kind == Stuck
}

// plight is what happens on a bus, or to the one part of a port. Its owner's lock guards it.
type plight struct {
	list    []*running
	next    []*running // what list will be from the next transfer on, if renewed
	renewed bool
}

// set has others happen from the next transfer on.
func (p *plight) set(list []*running) { p.next, p.renewed = list, true }

// parts are what a plight happens to.
type parts interface {
	touched(r *running) []powered // the parts that a mishap touches
	another(r *running) powered   // the part to be swapped in; nil if there is none
}

// feel carries out what has happened to the parts up to now: a supply that broke, a part that was changed.
func (p *plight) feel(of parts, now time.Time) {
	for _, r := range p.list {
		r.feel(of, now)
	}
	if !p.renewed {
		return
	}
	for _, r := range p.list {
		if r.seen > 0 && !r.over {
			r.mend(of, now)
		}
	}
	p.list, p.next, p.renewed = p.next, nil, false
	for _, r := range p.list {
		r.feel(of, now)
	}
}

func (r *running) feel(of parts, now time.Time) {
	if r.Kind != Unplug && r.Kind != Brownout && r.Kind != Swap {
		return
	}
	n, on, start, end, _ := r.now(now)
	if n > r.seen {
		r.seen, r.over, r.other = n, false, nil
		if r.Kind == Swap {
			if r.other = of.another(r); r.other != nil {
				r.other.Power(start)
			}
		}
	}
	if on || r.over || r.seen == 0 {
		return
	}
	if r.momentary() {
		end = start
	}
	r.mend(of, end)
}

// mend ends what parts feel: they have their supply again.
func (r *running) mend(of parts, at time.Time) {
	r.over, r.other = true, nil
	for _, part := range of.touched(r) {
		part.Power(at)
	}
}

// lot is what becomes of one transfer.
type lot struct {
	Fault
	delay time.Duration // it takes so much longer
	free  time.Time     // a transfer that hangs is let go then; the zero time: never
}

// decide tells what becomes of a transfer with an address. That its part is not there, present tells.
func (p *plight) decide(addr uint16, now time.Time) (l lot) {
	for _, r := range p.list {
		_, on, _, end, _ := r.now(now)
		switch {
		case !on || !r.touches(addr) || r.kind.trouble == NAK:
		case r.Kind == Stretch:
			l.delay = max(l.delay, r.Delay)
		case l.Trouble == None && r.kind.trouble != None:
			r.n++
			bits := mix(r.seed + r.n)
			l.Fault, l.free = Fault{Trouble: r.kind.trouble, Byte: int(bits >> 8 & 0xFFFF), Bit: uint(bits & 7)}, end
		}
	}
	if l.delay >= AdapterTimeout {
		l.Fault, l.delay = Fault{Trouble: Timeout}, 0
	}
	return l
}

// present tells who answers at an address: part itself, another that was swapped for it, or nil. until is when that may change;
// the zero time: never.
func (p *plight) present(part powered, addr uint16, now time.Time) (who powered, until time.Time) {
	who = part
	for _, r := range p.list {
		_, on, _, _, u := r.now(now)
		if !u.IsZero() && (until.IsZero() || u.Before(until)) {
			until = u
		}
		switch {
		case !on || !r.touches(addr):
		case r.kind.trouble == NAK:
			return nil, until
		case r.Kind == Swap && part != nil:
			who = r.other
		}
	}
	return who, until
}

// touched implements parts.
func (b *bus) touched(r *running) (list []powered) {
	for addr, s := range b.sockets {
		if r.touches(addr) {
			list = append(list, s.chip)
		}
	}
	return list
}

// another implements parts.
func (b *bus) another(r *running) powered {
	s := b.sockets[r.Site.Address]
	if s == nil {
		return nil
	}
	name, env := s.env.successor(s.kind, r.With)
	if d, ok := s.chip.(*described); ok && name == s.kind {
		return newDescribed(env, d.all...)
	}
	if c := NewChip(name, env); c != nil {
		return c
	}
	return nil
}

// successor is the environment of a part that is swapped in: another of the make of the one that is there, or one of another kind.
func (e Env) successor(kindName, with string) (string, Env) {
	e.Variant++
	if with != "" && with != kindName {
		e.Params = nil
		return with, e
	}
	return kindName, e
}
