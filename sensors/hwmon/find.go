package hwmon

import (
	"path/filepath"
	"slices"
	"strings"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sysfs"
)

// others are names of chips that another kind reads better.
var others = map[string]string{
	"cpu_thermal":   "kind host reports the processor's temperature",
	"coretemp":      "kind host reports the processor's temperature",
	"rpi_volt":      "kind pipower reports undervoltage, and throttling too",
	"w1_slave_temp": "kind onewire reads it, and knows its lies",
}

// find lists the chips. None is measured with.
func find(b kind.Board) ([]kind.Found, error) {
	list, err := sysfs.Devices(b.Root(), "sys/class/hwmon", "hwmon")
	if err != nil && sensors.ClassOf(err) != sensors.Absent {
		return nil, kind.Fail("hwmon: list chips", err)
	}
	var all []kind.Found
	for _, c := range list {
		f := kind.Found{What: c.Name, At: c.At, Keys: sysfs.Tell(list, c), Skip: others[c.Name]}
		p := kind.Params{}
		for _, k := range f.Keys {
			p[k[0]] = k[1]
		}
		switch d, err := open(b, p); {
		case err != nil:
			f.Skip = err.Error()
		default:
			var names []string
			for i := range d.channels {
				if q := string(d.channels[i].quantity); !slices.Contains(names, q) {
					names = append(names, q)
				}
			}
			f.What += ", " + strings.Join(names, " ")
			d.Close()
		}
		if also, _ := filepath.Glob(filepath.Join(c.Dir, "device", "iio:device*")); f.Skip == "" && len(also) > 0 {
			f.Skip = "kind iio reads it too"
		}
		all = append(all, f)
	}
	return all, nil
}
