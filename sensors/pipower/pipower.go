// Package pipower is the kind pipower: whether a Raspberry Pi's supply is too low, and whether the board slows itself down.
//
// It promises what the firmware says, and nothing where it cannot be asked: a machine that is no Raspberry Pi, or a user who may not
// ask, is an error with its class, never "all is well". Asking changes nothing: the firmware's memory of past troubles, which the
// kernel's own watch reads and clears every two seconds, is left as it is.
//
// It leaves to others the temperature behind it (host, thermal) and what to do about it.
package pipower

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sysfs"
)

// The firmware's bits for what is at present, as `vcgencmd get_throttled` shows them. Those for what was since boot stand 16 bits
// higher and are not used: they never go away.
const (
	lowVoltage  = 1 << 0
	frequencies = 1 << 1 // the processor's frequency is capped
	throttled   = 1 << 2
	softLimit   = 1 << 3 // 60 Cel on a Pi 3B+, where it lowers the frequency
)

// firmware tells the bits. A simulated board is one; on a real one it is a mailbox.
type firmware interface {
	Throttled() (bits uint32, err error)
}

// dev is the opened kind. It implements sensors.Sensor.
type dev struct {
	alarm    sysfs.File // the kernel's watch over the supply
	hasAlarm bool
	dir      *sysfs.Dir // of alarm
	fw       firmware

	list []sensors.Measurement
}

// open finds what there is to ask. What the machine lacks is left out, unless it is asked for by name.
func open(b kind.Board, p kind.Params) (*dev, error) {
	d := &dev{}
	if err := d.findAlarm(b.Root()); err != nil {
		return nil, err
	}
	var ok bool
	if d.fw, ok = b.(firmware); !ok {
		d.fw = newMailbox(filepath.Join(b.Root(), "dev/vcio"))
	}
	_, asked := d.fw.Throttled()
	absent := sensors.ClassOf(asked) == sensors.Absent
	for _, q := range wanted(p) {
		if p.Has("metrics") || !absent || q == sensors.Undervoltage && d.hasAlarm {
			d.list = append(d.list, sensors.Measurement{Quantity: q})
		}
	}
	if len(d.list) == 0 || absent && !d.hasAlarm {
		d.Close()
		return nil, asked
	}
	return d, nil
}

// findAlarm looks for the kernel's watch, driver raspberrypi-hwmon. Having none is no error.
func (d *dev) findAlarm(root string) error {
	list, err := sysfs.Devices(root, "sys/class/hwmon", "hwmon")
	if err != nil && sensors.ClassOf(err) != sensors.Absent {
		return kind.Fail("pipower: list hwmon", err)
	}
	found, err := sysfs.Pick(list, sysfs.Wanted{Name: "rpi_volt"})
	if sensors.ClassOf(err) == sensors.Absent {
		return nil
	} else if err != nil {
		return kind.Fail("pipower: rpi_volt", err)
	}
	if d.dir, err = sysfs.OpenDir(found.Dir); err != nil {
		return kind.Fail("pipower: open "+found.Dir, err)
	}
	d.alarm, d.hasAlarm = d.dir.File("in0_lcrit_alarm"), true
	return nil
}

// Sense asks kernel and firmware.
func (d *dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	if err := ctx.Err(); err != nil {
		return nil, &sensors.Error{Class: sensors.Timeout, Op: "pipower", Err: err}
	}
	bits, asked := d.fw.Throttled()
	var first error
	failed := 0
	for i := range d.list {
		m := &d.list[i]
		on, err := bits&(frequencies|throttled|softLimit) != 0, asked
		if m.Quantity == sensors.Undervoltage {
			on, err = d.undervoltage(bits, asked)
		}
		m.Value, m.Err, m.Cause = 0, "", nil
		switch {
		case err != nil:
			m.Err, m.Cause = sensors.ClassOf(err), err
			failed++
			if first == nil {
				first = err
			}
		case on:
			m.Value = 1
		}
	}
	if failed == len(d.list) {
		return nil, first
	}
	return d.list, nil
}

// undervoltage asks both sources, either of which will do: the kernel keeps a dip for two seconds, the firmware tells this instant.
func (d *dev) undervoltage(bits uint32, asked error) (bool, error) {
	now := asked == nil && bits&lowVoltage != 0
	if !d.hasAlarm {
		return now, asked
	}
	text, err := d.alarm.Read()
	switch {
	case err != nil:
		err = kind.Fail("pipower: read "+d.alarm.Name(), err)
	case string(text) == "1":
		return true, nil
	case string(text) != "0":
		err = &sensors.Error{Class: sensors.IO, Op: "pipower: read " + d.alarm.Name(), Err: fmt.Errorf("%.40q is neither 0 nor 1", text)}
	}
	if asked == nil {
		err = nil
	}
	return now, err
}

// Close lets go of files.
func (d *dev) Close() error {
	var errs []error
	if d.dir != nil {
		errs = append(errs, d.dir.Close())
	}
	if m, ok := d.fw.(*mailbox); ok {
		errs = append(errs, m.close())
	}
	return errors.Join(errs...)
}
