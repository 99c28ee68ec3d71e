package scan

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// YAML is a configuration that reads what was found. What is not sure stands in it as a comment.
func (r *Result) YAML(sim bool) string {
	w := &writer{names: map[string]int{}}
	w.line("# Made by pinhole scan%s. Sensors that are sure are switched on; the others are comments.", ofModel(r.Model))
	w.line("# Put your broker in, save this, then: pinhole check -c FILE, pinhole read -c FILE, pinhole run -c FILE.")
	if sim {
		w.line("board: sim")
	}
	w.line("publisher:")
	w.line("  broker: mqtts://broker.example:443")
	w.line("sensors:")
	for i := range r.Kernel {
		w.item(&r.Kernel[i])
	}
	for _, b := range r.Buses {
		for i := range b.Parts {
			w.part(&b.Parts[i])
		}
	}
	for _, p := range r.SPI {
		w.port(p, "SPI device "+p.Name, "device", fmt.Sprintf("%q", p.Name))
	}
	for _, p := range r.Serial {
		w.port(p, "serial port "+p.Name, "port", p.Name)
	}
	return w.text.String()
}

func ofModel(model string) string {
	if model == "" {
		return ""
	}
	return " on a " + model
}

// writer writes sensors with names of their own.
type writer struct {
	text  strings.Builder
	names map[string]int
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.text, format+"\n", args...) }

// name makes a name that no other sensor has, from what people would call the part.
func (w *writer) name(of string) string {
	of = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-' {
			return r
		}
		return '-'
	}, of)
	w.names[of]++
	if n := w.names[of]; n > 1 {
		return w.name(fmt.Sprintf("%s-%d", of, n))
	}
	return of
}

// sensor writes an entry, as a comment if it is off.
func (w *writer) sensor(off bool, name, kind string, keys [][2]string) {
	var b strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&b, ", %s: %s", k[0], k[1])
	}
	mark := "  "
	if off {
		mark = "  # "
	}
	w.line("%s- {name: %s, kind: %s%s}", mark, w.name(name), kind, b.String())
}

func (w *writer) item(i *Item) {
	about := i.What
	if i.At != "" {
		about += " (" + i.At + ")"
	}
	name := i.Kind
	keys := make([][2]string, len(i.keys))
	for n, k := range i.keys {
		keys[n] = [2]string{k[0], scalar(k[0], k[1])}
		if k[0] == "device" || k[0] == "zone" {
			name = k[1]
		}
	}
	if i.Skip != "" {
		about += ": " + i.Skip
	}
	w.line("  # %s", about)
	if len(keys) > 0 || i.Skip == "" {
		w.sensor(i.Skip != "", name, i.Kind, keys)
	}
}

func (w *writer) part(p *Part) {
	keys := [][2]string{{"address", p.Address}}
	if p.bus != 1 {
		keys = append(keys, [2]string{"bus", fmt.Sprint(p.bus)})
	}
	if p.mux != nil {
		keys = append(keys, [2]string{"mux", p.Mux}, [2]string{"channel", fmt.Sprint(p.mux.Number)})
	}
	switch {
	case p.Kind != "":
		w.line("  # %s: %s", p.At, p.Evidence)
		w.sensor(false, p.Kind, p.Kind, keys)
	case len(p.Candidates) > 0:
		w.line("  # %s answers, and does not say what it is. Take the # away from the one that it is, or from none:", p.At)
		for _, c := range p.Candidates {
			w.sensor(true, c, c, keys)
		}
	default:
		w.line("  # %s: %s", p.At, p.What)
	}
}

func (w *writer) port(p Port, where, key, value string) {
	if len(p.Kinds) == 0 {
		return
	}
	w.line("  # %s: what is connected cannot be found out. Take the # away from the one that it is, or from none:", where)
	for _, k := range p.Kinds {
		w.sensor(true, k, k, [][2]string{{key, value}})
	}
}

// plain is text that YAML takes for nothing else: a part's name, an id of a 1-Wire part.
var plain = regexp.MustCompile(`^([a-z]+[0-9][a-z0-9_-]*|[a-z]+[_-][a-z0-9_-]+|[0-9a-f]{2}-[0-9a-f]{12})$`)

// scalar writes the value of a key, quoted where it could be taken for something else.
func scalar(key, s string) string {
	if key == "metrics" || key == "master" || plain.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}
