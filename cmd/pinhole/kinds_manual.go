package main

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"pinhole/cmd/pinhole/internal/config"
	"pinhole/sensors/kind"
)

// printManual prints everything that is known of a kind.
func printManual(e *env, k kind.Kind) {
	m := k.Manual
	e.printf("%s: %s\n", k.Name, k.Summary)
	gap := "\n"
	for _, row := range [][2]string{{"Parts: ", m.Parts}, {"Range: ", m.Range}, {"Datasheet: ", m.Datasheet}} {
		if row[1] != "" {
			e.printf("%s%s", gap, wrap(row[0]+row[1], "", "  "))
			gap = ""
		}
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	if len(m.Wiring) > 0 {
		fmt.Fprintf(w, "\nWiring: part, board\n")
		for _, row := range m.Wiring {
			fmt.Fprintf(w, "  %s\t%s\n", row[0], row[1])
		}
		w.Flush()
	}
	e.printf("\nKeys, beside %s\n", ownKeys(k))
	if len(k.Keys) == 0 {
		e.printf("  none\n")
	}
	(&keyPrinter{e: e}).print(k.Keys, "")
	if qs := yields(k); len(qs) > 0 {
		fmt.Fprintf(w, "\nQuantities, with the keys at their defaults\n")
		for _, q := range qs {
			i, _ := q.Lookup()
			fmt.Fprintf(w, "  %s\t%s\t%s\n", q, dash(unit(i)), i.Meaning)
		}
		w.Flush()
	}
	if len(m.Notes) > 0 {
		e.printf("\nNotes\n")
		for _, n := range m.Notes {
			e.printf("%s", wrap(n, "  - ", "    "))
		}
	}
	if m.Example != "" {
		e.printf("\nExample\n  sensors:\n")
		for _, x := range append([]string{m.Example}, m.Further...) {
			e.printf("    - %s\n", strings.ReplaceAll(strings.TrimSpace(x), "\n", "\n      "))
		}
	}
}

// ownKeys names the keys that every sensor of such a kind has.
func ownKeys(k kind.Kind) string {
	if k.Event && !k.Paced {
		return "name, kind and filters (it reports events, so `every` is none)"
	}
	return "name, kind, every and filters"
}

// keyPrinter prints keys, and keys that several of them have below them only once.
type keyPrinter struct {
	e    *env
	told []toldKeys
}

type toldKeys struct {
	keys []kind.Key
	path string
}

// print prints two lines and more for each key; the keys of a map follow with its name in front.
func (p *keyPrinter) print(keys []kind.Key, parent string) {
	for _, k := range keys {
		path, below := parent+k.Name, k.Keys
		inside := path + "."
		if k.Elem != nil {
			below, inside = k.Elem.Keys, path+"[]."
		}
		help := k.Help
		i := slices.IndexFunc(p.told, func(t toldKeys) bool { return len(below) > 1 && reflect.DeepEqual(t.keys, below) })
		if i >= 0 {
			help, below = help+"; the keys are those of "+p.told[i].path+", above", nil
		}
		p.e.printf("%s%s", wrap(path+": "+typeText(k)+stateText(k), "  ", "      "), wrap(help, "      ", "      "))
		p.told = append(p.told, toldKeys{below, strings.TrimSuffix(inside, ".")})
		p.print(below, inside)
	}
}

// wrap breaks text into lines of 100 columns; the first begins with first, the others with rest. Nothing makes no line.
func wrap(text, first, rest string) string {
	const columns = 100
	var b strings.Builder
	line := first
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
			line += word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > columns:
			b.WriteString(line + "\n")
			line = rest + word
		default:
			line += " " + word
		}
	}
	if line != first {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// typeNames are the types of keys as people write them.
var typeNames = [...]string{
	kind.Int: "whole number", kind.Float: "number", kind.String: "text", kind.Bool: "true or false", kind.Duration: "duration",
	kind.Enum: "word", kind.Address: "I2C address", kind.Pin: "GPIO line", kind.File: "file", kind.Map: "keys", kind.List: "list",
}

func typeText(k kind.Key) string {
	bound := func(f float64) string {
		if k.Type == kind.Duration {
			return config.Span(time.Duration(f * float64(time.Second)))
		}
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	s := typeNames[k.Type]
	switch {
	case len(k.Enum) > 12:
		s = fmt.Sprintf("one of %d words: %s ...", len(k.Enum), strings.Join(k.Enum[:3], " "))
	case len(k.Enum) > 0:
		s = strings.Join(k.Enum, " | ")
	case k.Type == kind.List && k.Elem != nil:
		s = "list of " + typeText(*k.Elem)
	case k.Min != nil && k.Max != nil:
		s += " " + bound(*k.Min) + " to " + bound(*k.Max)
	case k.Min != nil:
		s += " from " + bound(*k.Min)
	case k.Max != nil:
		s += " up to " + bound(*k.Max)
	}
	return s
}

func stateText(k kind.Key) string {
	switch {
	case k.Required:
		return ", required"
	case k.Default == nil:
		return ", optional"
	}
	return ", default " + defaultText(k)
}

func defaultText(k kind.Key) string {
	switch d := k.Default.(type) {
	case int64:
		if k.Type == kind.Address {
			return fmt.Sprintf("0x%02x", d)
		}
	case time.Duration:
		return config.Span(d)
	case string:
		if d == "" {
			return `""`
		}
	case []any:
		words := make([]string, len(d))
		for i, x := range d {
			words[i] = fmt.Sprint(x)
		}
		return "[" + strings.Join(words, ", ") + "]"
	}
	return fmt.Sprint(k.Default)
}
