package scan

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pinhole/sensors/kind"
	"pinhole/sensors/sensirion"
)

// askTime bounds what one kind may do to find out whether its part is there.
const askTime = 2 * time.Second

// expander reports whether a PCF8574 or PCF8574A may be at an address: whatever byte it is sent appears at its pins.
func expander(addr uint16) bool { return addr >= 0x20 && addr <= 0x27 || addr >= 0x38 && addr <= 0x3F }

// kinds lists the kinds whose part can be at an address.
func (s *scan) kinds(addr uint16) (list []*kind.Kind) {
	for i := range s.Kinds {
		for _, key := range s.Kinds[i].Keys {
			if key.Name == "address" && key.Type == kind.Address && slices.Contains(key.Enum, hex(addr)) {
				list = append(list, &s.Kinds[i])
			}
		}
	}
	return list
}

// answers is what the kinds say of a part.
type answers struct {
	best     kind.Answer
	kinds    []*kind.Kind // that gave the best answer
	evidence string
}

func (a *answers) add(k *kind.Kind, answer kind.Answer, evidence string) {
	switch {
	case answer == kind.No || answer < a.best:
		return
	case answer > a.best:
		a.best, a.kinds, a.evidence = answer, nil, evidence
	}
	a.kinds = append(a.kinds, k)
}

// address looks at one place.
func (w *walker) address(ctx context.Context, behind *kind.Channel, addr uint16) {
	if w.broken || ctx.Err() != nil || addr < usual && len(w.kinds(addr)) == 0 {
		return
	}
	at := w.at(behind, addr)
	w.doing(at)
	p := Part{At: at, Address: hex(addr), bus: w.number, mux: behind, adr: addr}
	if behind != nil {
		p.Mux, p.Channel = hex(behind.Mux), &behind.Number
	}
	if driver, name := w.owner(strconv.Itoa(w.number), addr); behind == nil && driver != "" {
		p.Driver, p.What = driver, "the kernel's driver "+driver+" has it"
		if name != "" && name != driver {
			p.What += ", as " + name
		}
		w.add(p)
		return
	}
	var a answers
	answers := func() bool { return w.read(behind, addr, at, make([]byte, 1)) }
	there := !w.inWords(addr) && answers() && answers() // no accident
	if there && behind == nil && !w.direct(strconv.Itoa(w.number), answers) {
		return // it is on a channel of the kernel's, which is a bus of its own
	}
	for _, k := range w.order(behind, addr, at, there) {
		if k.Probe.Ask == nil || (!w.alone || there && expander(addr)) && !k.Probe.Reads {
			if there {
				a.add(k, kind.Fits, "")
			}
			continue
		}
		if !there && a.best != kind.No && !k.Probe.Mute {
			continue // a part that had to be asked is not sent the numbers of others' registers
		}
		if w.broken || w.bad == at || ctx.Err() != nil {
			return
		}
		answer, evidence := w.ask(ctx, k, behind, addr, at)
		a.add(k, answer, evidence)
	}
	if !there && a.best != kind.No && behind == nil && !w.direct(strconv.Itoa(w.number), func() bool {
		answer, _ := w.ask(ctx, a.kinds[0], behind, addr, at)
		return answer != kind.No
	}) {
		return
	}
	if there || a.best != kind.No {
		w.add(judge(p, &a))
	}
}

// order lists the kinds whose part may be at a place, those first that have to be asked. Where a part lets itself be read, these are left
// out, unless what it says is two words with the checksums that such parts send. Where none does, those are left out of which that
// means that nobody is there.
func (w *walker) order(behind *kind.Channel, addr uint16, at string, there bool) (list []*kind.Kind) {
	var others []*kind.Kind
	for _, k := range w.kinds(addr) {
		switch {
		case !k.Probe.Mute && (there || w.alone && (k.Probe.Words || k.Probe.Ask != nil && !expander(addr))):
			others = append(others, k)
		case k.Probe.Mute && w.alone:
			list = append(list, k)
		case k.Probe.Mute && !there, k.Probe.Words:
			w.unasked = append(w.unasked, k.Name)
		}
	}
	if r := make([]byte, 6); there && len(list) > 0 && !(w.read(behind, addr, at, r) && sensirion.Words(r)) {
		list = nil
	}
	return append(list, others...)
}

// judge puts what the kinds say into the part.
func judge(p Part, a *answers) Part {
	for _, k := range a.kinds {
		p.Candidates = append(p.Candidates, k.Name)
	}
	p.Evidence = a.evidence
	switch {
	case a.best == kind.No:
		p.What = stranger(p.adr)
		return p
	case a.best > kind.Fits && len(a.kinds) == 1:
		p.Kind, p.What, p.Candidates = a.kinds[0].Name, a.kinds[0].Manual.Parts, nil
		p.Sure = a.best.String()
		return p
	}
	p.Sure = kind.Fits.String()
	p.What = "answers, and does not say what it is: perhaps " + strings.Join(p.Candidates, ", ")
	if also := strangers[p.adr]; also != "" {
		p.What += ", or " + also
	}
	if expander(p.adr) && slices.ContainsFunc(a.kinds, func(k *kind.Kind) bool { return k.Probe.Ask != nil }) {
		p.What += ". Asking would need a byte written, which would set the pins of a PCF8574"
	}
	return p
}

// read reads without having written.
func (w *walker) read(behind *kind.Channel, addr uint16, at string, r []byte) bool {
	bus, err := w.Board.I2C(kind.I2CNumber(place(w.number, behind, addr)))
	if err == nil {
		w.steps.Add(1)
		err = bus.Tx(addr, nil, r)
		w.steps.Add(1)
	}
	if err != nil {
		w.trouble(at, err)
	}
	return err == nil
}

// ask has a kind find out whether its part is there.
func (w *walker) ask(ctx context.Context, k *kind.Kind, behind *kind.Channel, addr uint16, at string) (kind.Answer, string) {
	part, err := kind.OpenPart(w.Board, k.Name, place(w.number, behind, addr))
	if err != nil {
		w.trouble(at, err)
		return kind.No, ""
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	w.steps.Add(1)
	a, evidence, err := k.Probe.Ask(ctx, part)
	w.steps.Add(1)
	if err != nil {
		w.trouble(at, err)
		return kind.No, ""
	}
	return a, evidence
}

// place is the keys of a sensor there.
func place(number int, behind *kind.Channel, addr uint16) kind.Params {
	p := kind.Params{"bus": int64(number), "address": int64(addr)}
	if behind != nil {
		p["mux"], p["channel"] = int64(behind.Mux), int64(behind.Number)
	}
	return p
}

// strangers are parts that are common at an address and that no kind reads.
var strangers = map[uint16]string{
	0x10: "a GPS receiver", 0x27: "a character display", 0x3C: "a display (SSD1306)", 0x3D: "a display (SSD1306)", 0x3F: "a character display",
	0x40: "a PWM driver (PCA9685)", 0x50: "an EEPROM, as of a HAT", 0x51: "a clock (PCF8563)", 0x57: "an EEPROM, as beside a DS3231",
	0x60: "a DAC (MCP4725)", 0x62: "a DAC (MCP4725)", 0x68: "a clock (DS3231, DS1307)", 0x6F: "a clock (MCP7940)", 0x70: "an LED driver (HT16K33)",
}

// stranger describes a part that no kind knows.
func stranger(addr uint16) string {
	what := strangers[addr]
	switch {
	case what != "":
	case addr >= 0x50 && addr <= 0x57:
		what = "an EEPROM"
	case expander(addr):
		what = "a port expander (PCF8574, MCP23017)"
	default:
		return "answers; no kind knows it by this address. `pinhole kinds register` tells how to describe it"
	}
	return fmt.Sprintf("answers; no kind's part: perhaps %s", what)
}
