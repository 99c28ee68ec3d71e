package kernel

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// scanned is what `pinhole scan` tells of a part: its driver in the kernel, its kind, or the first of its candidates.
func (m *machine) scanned() map[string]string {
	m.t.Helper()
	out, errs, code := m.run("/pinhole", "scan", "--json")
	var r struct {
		OK  bool
		I2C []struct {
			Parts []struct {
				At, Kind, Driver string
				Channels         int
				Candidates       []string
			}
		}
		GPIO []struct {
			Label  string
			Header bool
			Lines  int
		}
		Notes []struct{ Where, What string }
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 || !r.OK {
		m.t.Fatalf("scan: code %d, %v\n%s%s", code, err, out, errs)
	}
	if len(r.GPIO) == 0 || r.GPIO[0].Label != "pinctrl-bcm2835" || !r.GPIO[0].Header || r.GPIO[0].Lines != 54 {
		m.t.Errorf("GPIO chips: %+v", r.GPIO)
	}
	found := map[string]string{}
	for _, b := range r.I2C {
		for _, p := range b.Parts {
			switch {
			case p.Driver != "":
				found[p.At] = "driver " + p.Driver
			case p.Channels > 0:
				found[p.At] = fmt.Sprintf("%d channels", p.Channels)
			case p.Kind != "":
				found[p.At] = p.Kind
			case slices.Contains(p.Candidates, "lm75"):
				found[p.At] = "lm75?"
			default:
				found[p.At] = strings.Join(p.Candidates, " ")
			}
		}
	}
	return found
}

// wantsFound compares the parts that scan finds with those that are there.
func (m *machine) wantsFound(want map[string]string) {
	m.t.Helper()
	got := m.scanned()
	for at, what := range want {
		if got[at] != what {
			m.t.Errorf("scan: at %s %q, want %q", at, got[at], what)
		}
		delete(got, at)
	}
	if len(got) > 0 {
		m.t.Errorf("scan finds more than is there: %v", got)
	}
}
