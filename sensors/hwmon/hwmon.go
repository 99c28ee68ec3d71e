// Package hwmon is the kind hwmon: chips that the kernel's hardware monitoring drives, such as LM75, TMP102, SHT3x and INA226, the
// board's own temperature and supply, fans.
//
// It promises values in this program's units, exact to the last digit that the kernel prints, of the chip that was named: the
// kernel's numbers, which change with every boot, are never relied on. An input whose fault flag is set, or that says what cannot
// be, is an error; it fails alone. Alarms that the chip raises are read as they are.
//
// It leaves to the kernel how chips are driven and how often they are measured (update_interval), and to config.txt that it knows
// of them.
package hwmon

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sysfs"
)

// dev is one opened chip. It implements sensors.Sensor.
type dev struct {
	name     string // "hwmon: lm75"
	dir      *sysfs.Dir
	channels []channel
	list     []sensors.Measurement

	read func(sysfs.File) ([]byte, error) // File.Read, except in tests
}

// open finds the chip and lists its channels.
func open(b kind.Board, p kind.Params) (*dev, error) {
	want := wanted(p)
	name := "hwmon: " + want.String()
	list, err := sysfs.Devices(b.Root(), "sys/class/hwmon", "hwmon")
	if err != nil && sensors.ClassOf(err) != sensors.Absent {
		return nil, kind.Fail(name+": list chips", err)
	}
	found, err := sysfs.Pick(list, want)
	if err != nil {
		failed := kind.Fail(name, err).(*sensors.Error)
		if failed.Hint == "" {
			failed.Hint = "the kernel monitors nothing: add the chip's overlay to /boot/firmware/config.txt and reboot; " +
				"`dmesg` tells why one fails"
		}
		return nil, failed
	}
	dir, err := sysfs.OpenDir(found.Dir)
	if err != nil {
		return nil, kind.Fail(name+": open "+found.Dir, err)
	}
	d := &dev{name: name, dir: dir, read: sysfs.File.Read}
	if err := d.choose(found.Dir, p); err != nil {
		dir.Close()
		return nil, err
	}
	d.list = make([]sensors.Measurement, len(d.channels))
	return d, nil
}

func wanted(p kind.Params) sysfs.Wanted {
	return sysfs.Wanted{Name: p.String("device"), Label: p.String("label"), At: p.String("at")}
}

// Sense reads every channel.
func (d *dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	var first error
	failed := 0
	for i := range d.channels {
		c := &d.channels[i]
		v, err := d.value(ctx, c)
		d.list[i] = sensors.Measurement{Quantity: c.quantity, Channel: c.channel, Value: v}
		if err != nil {
			d.list[i] = sensors.Measurement{Quantity: c.quantity, Channel: c.channel, Err: sensors.ClassOf(err), Cause: err}
			failed++
			if first == nil {
				first = err
			}
		}
	}
	if failed == len(d.channels) {
		return nil, first
	}
	return d.list, nil
}

// value reads one channel.
func (d *dev) value(ctx context.Context, c *channel) (float64, error) {
	if err := ctx.Err(); err != nil {
		return 0, &sensors.Error{Class: sensors.Timeout, Op: d.name + ": read " + c.name, Err: err}
	}
	if c.missing {
		return 0, &sensors.Error{Class: sensors.Absent, Op: d.name + ": " + c.name,
			Err: errors.New("the chip has no such channel"), Hint: c.hint}
	}
	if c.hasFault {
		fault, err := d.flag(c.fault)
		if err != nil {
			return 0, err
		}
		if fault != 0 {
			return 0, &sensors.Error{Class: sensors.Range, Op: d.name + ": read " + c.fault.Name(),
				Err: errors.New("the chip reports a fault of this input"), Hint: "what is connected to the chip is broken, shorted or not there"}
		}
	}
	if c.quantity == sensors.Alarm {
		return d.flag(c.value)
	}
	text, err := d.read(c.value)
	if err != nil {
		return 0, d.failed(c.value, err)
	}
	v, ok := sysfs.Decimal(text, c.exp)
	if !ok {
		return 0, d.unexpected(c.value, text)
	}
	if c.factor != 0 {
		v *= c.factor
	}
	if v < c.low || v > c.high {
		return 0, &sensors.Error{Class: sensors.Range, Op: d.name + ": read " + c.value.Name(),
			Err: fmt.Errorf("%v %s is impossible", v, c.quantity.Unit())}
	}
	if c.quantity == sensors.RelativeHumidity {
		v = min(max(v, 0), 100)
	}
	return v, nil
}

// flag reads a file that holds 0 or 1.
func (d *dev) flag(f sysfs.File) (float64, error) {
	text, err := d.read(f)
	switch {
	case err != nil:
		return 0, d.failed(f, err)
	case string(text) == "0":
		return 0, nil
	case string(text) == "1":
		return 1, nil
	}
	return 0, d.unexpected(f, text)
}

// failed sorts the failure of a read.
func (d *dev) failed(f sysfs.File, err error) error {
	e := &sensors.Error{Class: sensors.ClassOf(err), Op: d.name + ": read " + f.Name(), Err: err}
	switch {
	case errors.Is(err, unix.ENODATA):
		e.Class, e.Hint = sensors.Absent, "the chip has no value for this input: it is switched off or nothing is connected"
	case e.Class == sensors.Absent:
		e.Hint = "the chip does not answer or is gone: check wiring and power"
	}
	return e
}

func (d *dev) unexpected(f sysfs.File, text []byte) error {
	return &sensors.Error{Class: sensors.IO, Op: d.name + ": read " + f.Name(), Err: fmt.Errorf("%.40q is not what belongs there", text)}
}

// Close lets go of the chip. The kernel goes on monitoring it.
func (d *dev) Close() error { return d.dir.Close() }
