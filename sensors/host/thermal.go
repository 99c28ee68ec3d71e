package host

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pinhole/sensors"
)

// zoneTypes are the thermal zones that measure the processor, the best first: Raspberry Pi (today and before 2017), PCs, other
// boards. Zones of other things (a network card, a battery) are not the machine's temperature.
var zoneTypes = [...]string{"cpu-thermal", "cpu_thermal", "bcm2835_thermal", "x86_pkg_temp", "soc-thermal", "soc_thermal", "acpitz"}

// findZone returns the path of the processor's temperature, "" if there is none.
func findZone(root string) string {
	zones, _ := filepath.Glob(filepath.Join(root, "sys/class/thermal/thermal_zone*"))
	slices.SortFunc(zones, func(a, b string) int { return cmp.Or(len(a)-len(b), cmp.Compare(a, b)) })
	best, found := len(zoneTypes), ""
	for _, zone := range zones {
		text, err := os.ReadFile(filepath.Join(zone, "type"))
		if err != nil {
			continue
		}
		name := string(bytes.TrimSpace(text))
		rank := slices.IndexFunc(zoneTypes[:], func(t string) bool { return strings.HasPrefix(name, t) })
		if rank >= 0 && rank < best {
			best, found = rank, filepath.Join(zone, "temp")
		}
	}
	return found
}

// The temperatures that a processor can have and still be read. Beyond them the zone itself is out of order.
const lowest, highest = -55, 150

func (h *host) temperature() (float64, error) {
	if h.paths.zone == "" {
		return 0, &sensors.Error{Class: sensors.Absent, Op: "host: temperature", Err: errors.New("no thermal zone measures the processor")}
	}
	v, err := h.number(h.paths.zone, parseMilli)
	switch {
	case err != nil:
		return 0, err
	case v < lowest || v > highest:
		return 0, &sensors.Error{Class: sensors.Range, Op: "host: " + h.paths.zone, Err: fmt.Errorf("reads %v Cel", v)}
	}
	return v, nil
}
