package iio

import (
	"strings"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sysfs"
)

// find lists the devices that a kind is for. None is measured with.
func find(kindName string, is func(name string) bool) func(kind.Board) ([]kind.Found, error) {
	return func(b kind.Board) ([]kind.Found, error) {
		list, err := sysfs.Devices(b.Root(), "sys/bus/iio/devices", "iio:device")
		if err != nil && sensors.ClassOf(err) != sensors.Absent {
			return nil, kind.Fail(kindName+": list devices", err)
		}
		var all []kind.Found
		for _, dev := range list {
			if !is(dev.Name) {
				continue
			}
			f := kind.Found{What: dev.Name, At: dev.At, Keys: sysfs.Tell(list, dev)}
			p := kind.Params{}
			for _, k := range f.Keys {
				p[k[0]] = k[1]
			}
			d, err := open(b, kindName, p)
			if err != nil {
				f.Skip = err.Error()
			} else {
				f.What += ", " + quantities(d.channels)
				d.Close()
			}
			all = append(all, f)
		}
		return all, nil
	}
}

func quantities(channels []channel) string {
	var names []string
	for _, c := range channels {
		names = append(names, string(c.quantity))
	}
	return strings.Join(names, " ")
}
