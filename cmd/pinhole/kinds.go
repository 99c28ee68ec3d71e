package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"pinhole/cmd/pinhole/internal/cli"
	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/kind/nearest"
)

func kindsCommand() command {
	return command{
		name:    "kinds",
		args:    "[KIND]",
		summary: "the kinds of sensors and the quantities, or one kind's manual",
		detail:  "A manual tells the wiring, the keys with their defaults and bounds, the quantities with their units, and what to know.",
		group:   groupSetUp,
		most:    1,
		setup: func(f *flags) runner {
			asJSON := f.json(`print {"kinds": [...], "quantities": [...]}, or one kind`)
			return func(_ context.Context, e *env, args []string) cli.Code {
				if len(args) == 1 {
					return oneKind(e, args[0], *asJSON)
				}
				allKinds(e, *asJSON)
				return cli.Done
			}
		},
	}
}

func allKinds(e *env, asJSON bool) {
	if asJSON {
		list := struct {
			Kinds      []kindJSON     `json:"kinds"`
			Quantities []quantityJSON `json:"quantities"`
		}{Kinds: []kindJSON{}}
		for _, k := range e.kinds {
			list.Kinds = append(list.Kinds, describeKind(k))
		}
		for _, i := range sensors.Quantities() {
			list.Quantities = append(list.Quantities, describeQuantity(i))
		}
		e.printJSON(list)
		return
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "KIND\tON\tWHAT\tQUANTITIES\n")
	for _, k := range e.kinds {
		quantities := strings.Join(names(yields(k)), " ")
		if quantities == "" {
			quantities = "as configured"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.Name, attached(k), k.Summary, quantities)
	}
	w.Flush()
	e.printf("\nQuantities and their units. UNIT is what a payload says (SenML, RFC 8428 and 8798); UCUM and Home Assistant name the same.\n\n")
	w = tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "QUANTITY\tUNIT\tUCUM\tHA CLASS\tHA UNIT\tMEANING\n")
	for _, i := range sensors.Quantities() {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", i.Quantity, dash(unit(i)), dash(i.UCUM), dash(i.HAClass), dash(i.HAUnit), i.Meaning)
	}
	w.Flush()
	e.printf("\n`pinhole kinds KIND` prints a kind's manual; `pinhole kinds DHT22`, or any part's name or quantity, says which kinds read it;\n" +
		"`pinhole scan` finds what is attached.\n")
}

// yields returns the quantities of a kind with its keys at their defaults, each once, although a part may have several of one.
func yields(k kind.Kind) (list []sensors.Quantity) {
	if k.Yields == nil {
		return nil
	}
	for _, q := range k.Yields(kind.WithDefaults(k.Keys, nil)) {
		if !slices.Contains(list, q) {
			list = append(list, q)
		}
	}
	return list
}

func names(qs []sensors.Quantity) []string {
	out := make([]string, len(qs))
	for i, q := range qs {
		out[i] = string(q)
	}
	return out
}

func unit(i sensors.Info) string {
	if i.Boolean {
		return "true/false"
	}
	return i.Unit
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func oneKind(e *env, name string, asJSON bool) cli.Code {
	var known []string
	for _, k := range e.kinds {
		if k.Name == name {
			if asJSON {
				e.printJSON(describeKind(k))
			} else {
				printManual(e, k)
			}
			return cli.Done
		}
		known = append(known, k.Name)
	}
	message := fmt.Sprintf("there is no kind %q", name)
	if readers := reading(e.kinds, name); len(readers) > 0 {
		message += "; by that name you find: " + strings.Join(readers, ", ")
	} else if n := nearest.Of(name, known); n != "" {
		message += "; did you mean " + n + "?"
	}
	return e.usage("kinds", message)
}

// reading lists the kinds whose parts or quantities have a word that people would look for: DHT22, GY-521, co2.
func reading(kinds []kind.Kind, word string) (list []string) {
	wanted := regexp.MustCompile(`(?i)(?:^|[^A-Za-z0-9])` + regexp.QuoteMeta(word))
	for _, k := range kinds {
		if wanted.MatchString(k.Summary) || wanted.MatchString(k.Manual.Parts) || slices.Contains(names(yields(k)), strings.ToLower(word)) {
			list = append(list, k.Name)
		}
	}
	return list
}

// attached says in a word where a kind's part is connected.
func attached(k kind.Kind) string {
	p := kind.WithDefaults(k.Keys, nil)
	bus := ""
	if k.Bus != nil {
		bus, _, _ = strings.Cut(k.Bus(p), ":")
	}
	switch on, _, _ := strings.Cut(bus, "-"); {
	case on == "i2c":
		return "I2C"
	case on == "spi":
		return "SPI"
	case on == "uart":
		return "serial"
	case on == "w1":
		return "1-Wire"
	case slices.ContainsFunc(k.Keys, func(key kind.Key) bool { return key.Type == kind.Pin }):
		return "GPIO"
	case k.Find != nil:
		return "kernel"
	}
	return "-"
}
