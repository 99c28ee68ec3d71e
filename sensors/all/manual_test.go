package all

import (
	"regexp"
	"strings"
	"testing"

	"pinhole/sensors/kind"
)

// TestManualsAreWhole: a manual tells what one needs at the bench: wiring, keys, quantities, range, accuracy, the datasheet's title and where
// it is, and what the part is known to lie about. Kinds that are no part of their own are excused from what cannot be said of them.
func TestManualsAreWhole(t *testing.T) {
	excused := map[string]string{ // from what, a letter each: w wiring, q quantities, a accuracy, d datasheet
		"host": "wa", "thermal": "wa", "pipower": "w", // the machine itself
		"iio": "qa", "hwmon": "qa", // whatever the kernel drives
		"register": "qad",                 // whatever the definition says
		"mock":     "wad",                 // no hardware
		"replay":   "wqad",                // neither
		"gpio":     "a",                   // on or off
		"pulse":    "a", "frequency": "a", // counted
	}
	for _, k := range Kinds() {
		m, free := k.Manual, excused[k.Name]
		miss := func(letter, what string, missing bool) {
			if missing && !strings.Contains(free, letter) {
				t.Errorf("%s: its manual has no %s", k.Name, what)
			}
		}
		miss("w", "wiring table", len(m.Wiring) < 2)
		for _, row := range m.Wiring {
			miss("w", "whole row in the wiring table", row[0] == "" || row[1] == "")
		}
		miss("q", "quantities", len(k.Yields(kind.WithDefaults(k.Keys, nil))) == 0)
		miss("a", "accuracy (±, or a word on why it is not known) in its range", !strings.Contains(m.Range, "±") && !strings.Contains(m.Range, "accuracy"))
		miss("-", "range", m.Range == "")
		title := regexp.MustCompile(`https?://\S+`).ReplaceAllString(m.Datasheet, "")
		miss("d", "link to the datasheet", title == m.Datasheet)
		miss("d", "title of the datasheet", len(strings.Trim(title, " ,;")) < 3 && !strings.Contains(m.Datasheet, "kernel.org") && !strings.Contains(m.Datasheet, "raspberrypi.com"))
		miss("-", "notes on what to know of the part", len(m.Notes) < 2)
		for _, key := range k.Keys {
			miss("-", "help for the key "+key.Name, key.Help == "")
		}
	}
	for name := range excused {
		found := false
		for _, k := range Kinds() {
			found = found || k.Name == name
		}
		if !found {
			t.Errorf("%s is excused and does not exist", name)
		}
	}
}
