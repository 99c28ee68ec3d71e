package thermal

import (
	"context"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sysfs"
)

// Kind describes the kind for the table of kinds.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "thermal",
		Summary: "the kernel's thermal zones: processor, and others by machine",
		Keys: []kind.Key{
			{Name: "zone", Type: kind.String, Help: "the zone's type, as in /sys/class/thermal/*/type: cpu-thermal; all zones unless given"},
		},
		Yields: func(kind.Params) []sensors.Quantity { return []sensors.Quantity{sensors.Temperature} },
		Bus:    func(kind.Params) string { return "thermal" },
		Find:   find,
		Open: func(_ context.Context, b kind.Board, p kind.Params) (any, error) {
			d, err := open(b, p)
			if err != nil {
				return nil, err
			}
			return d, nil
		},
		Manual: kind.Manual{
			Parts:     "any machine with Linux that has thermal zones: every Raspberry Pi, most PCs and other boards",
			Datasheet: "https://docs.kernel.org/driver-api/thermal/sysfs-api.html",
			Range:     "-55 to 150 Cel; a Raspberry Pi's processor in steps of about 0.5 Cel, throttled from 80 Cel on",
			Notes: []string{
				"`cat /sys/class/thermal/*/type` lists the zones. A Raspberry Pi has cpu-thermal alone.",
				"Several zones have their types after the sensor's name: machine.cpu-thermal; two of a type their number as well.",
				"The kind host reports the processor's temperature too, beside load, memory and disk.",
				"No group is needed.",
			},
			Example: "name: processor\nkind: thermal\nzone: cpu-thermal\nevery: 30s\n",
		},
	}
}

// find lists the zones.
func find(b kind.Board) ([]kind.Found, error) {
	zones, err := sysfs.Devices(b.Root(), "sys/class/thermal", "thermal_zone")
	if err != nil && sensors.ClassOf(err) != sensors.Absent {
		return nil, kind.Fail("thermal: list zones", err)
	}
	var all []kind.Found
	seen := map[string]bool{}
	for _, z := range zones {
		name := sysfs.Line(z.Dir, "type")
		if name == "" || seen[name] {
			continue
		}
		seen[name] = true
		f := kind.Found{What: "thermal zone " + name, Keys: [][2]string{{"zone", name}}}
		if name == "cpu-thermal" || name == "x86_pkg_temp" {
			f.Skip = "kind host reports the processor's temperature"
		}
		all = append(all, f)
	}
	return all, nil
}
