// Package thermal is the kind thermal: the kernel's thermal zones, which are the processor's and, depending on the machine, those of
// disks, radios and power chips.
//
// It promises the temperatures as the zones tell them, each zone found by its type and not by its number. A zone that is switched
// off or says what no chip survives is an error of its own. The processor's temperature beside other figures of the machine is the
// kind host's.
package thermal

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sysfs"
)

// The temperatures in Cel that a zone can have and still be read. Beyond them the zone itself is out of order.
const lowest, highest = -55, 150

// zone is one thermal zone.
type zone struct {
	name string // its type: "cpu-thermal"
	dir  *sysfs.Dir
	temp sysfs.File
}

// dev is the zones that are read. It implements sensors.Sensor.
type dev struct {
	name  string // "thermal: cpu-thermal"
	zones []zone
	list  []sensors.Measurement

	read func(sysfs.File) ([]byte, error) // File.Read, except in tests
}

// open finds the zones.
func open(b kind.Board, p kind.Params) (*dev, error) {
	want := p.String("zone")
	d := &dev{name: "thermal", read: sysfs.File.Read}
	if want != "" {
		d.name += ": " + want
	}
	all, err := sysfs.Devices(b.Root(), "sys/class/thermal", "thermal_zone")
	if err != nil && sensors.ClassOf(err) != sensors.Absent {
		return nil, kind.Fail(d.name+": list zones", err)
	}
	var types []string
	for _, found := range all {
		name := sysfs.Line(found.Dir, "type")
		types = append(types, name)
		if want != "" && name != want {
			continue
		}
		dir, err := sysfs.OpenDir(found.Dir)
		if err != nil {
			d.Close()
			return nil, kind.Fail(d.name+": open "+found.Dir, err)
		}
		d.zones = append(d.zones, zone{name: name, dir: dir, temp: dir.File("temp")})
	}
	if len(d.zones) == 0 {
		e := &sensors.Error{Class: sensors.Absent, Op: d.name, Err: errors.New("there is no such zone"),
			Hint: "there are: " + strings.Join(types, ", ")}
		if len(types) == 0 {
			e.Err, e.Hint = errors.New("this machine has no thermal zone"), "virtual machines have none"
		}
		return nil, e
	}
	for _, z := range d.zones {
		m := sensors.Measurement{Quantity: sensors.Temperature}
		if len(d.zones) > 1 {
			m.Channel = channelName(z, d.zones)
		}
		d.list = append(d.list, m)
	}
	return d, nil
}

// channelName is what a zone is published as: its type, and its number where others have the same type.
func channelName(z zone, all []zone) string {
	name := z.name
	same := func(o zone) bool { return o.name == z.name && o.dir != z.dir }
	if name == "" || slices.ContainsFunc(all, same) {
		name += strings.TrimPrefix(filepath.Base(z.dir.Path()), "thermal_zone")
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", r) {
			return r
		}
		return '_'
	}, name)
}

// Sense reads every zone.
func (d *dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	var first error
	failed := 0
	for i, z := range d.zones {
		v, err := d.value(ctx, z)
		m := &d.list[i]
		m.Value, m.Err, m.Cause = v, "", nil
		if err != nil {
			m.Value, m.Err, m.Cause = 0, sensors.ClassOf(err), err
			failed++
			if first == nil {
				first = err
			}
		}
	}
	if failed == len(d.zones) {
		return nil, first
	}
	return d.list, nil
}

func (d *dev) value(ctx context.Context, z zone) (float64, error) {
	const op = "thermal: "
	if err := ctx.Err(); err != nil {
		return 0, &sensors.Error{Class: sensors.Timeout, Op: op + z.name, Err: err}
	}
	text, err := d.read(z.temp)
	if err != nil {
		e := &sensors.Error{Class: sensors.ClassOf(err), Op: op + z.name + ": read temp", Err: err}
		if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.EINVAL) {
			e.Class, e.Hint = sensors.Absent, "the zone is switched off or what it measures is not running"
		}
		return 0, e
	}
	v, ok := sysfs.Decimal(text, -3)
	switch {
	case !ok:
		return 0, &sensors.Error{Class: sensors.IO, Op: op + z.name + ": read temp", Err: fmt.Errorf("%.40q is no temperature", text)}
	case v < lowest || v > highest:
		return 0, &sensors.Error{Class: sensors.Range, Op: op + z.name + ": read temp", Err: fmt.Errorf("%v Cel is impossible", v)}
	}
	return v, nil
}

// Close lets go of the zones.
func (d *dev) Close() error {
	var errs []error
	for _, z := range d.zones {
		errs = append(errs, z.dir.Close())
	}
	return errors.Join(errs...)
}
