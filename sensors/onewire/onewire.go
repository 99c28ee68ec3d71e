// Package onewire is the kind onewire: thermometers of the DS18B20 family on a 1-Wire bus, by the kernel's w1 driver.
//
// It promises measured temperatures, exact to the sixteenth of a degree that the part counts in, and knows the family's lies: 85 Cel
// that is the value after power-on, nine zeros of a shorted line whose checksum is right, and the last good temperature that the
// kernel shows beside a wrong checksum. Where the bare temperature leaves doubt, the part is asked a second time for all of its
// memory. Each failure has its cause, as far as the kernel tells it.
//
// A part takes 750 ms to measure. More than three on a bus are told to measure at the same time, where the user may do that. A bus
// has a worker of its own, so nothing else waits.
//
// It leaves to the kernel the bus itself, and to config.txt on which pin it is.
package onewire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sysfs"
)

const devices = "sys/bus/w1/devices"

// bulkAbove is how many parts are read one after the other before it pays to have them measure together.
const bulkAbove = 3

// overlay is the hint where there is no bus.
const overlay = "add dtoverlay=w1-gpio to /boot/firmware/config.txt and reboot; dtoverlay=w1-gpio,gpiopin=N for another pin than GPIO4"

// wiring is the hint where nothing answers.
const wiring = "check wiring, power and the pull-up of 4.7 kOhm from the data line to 3V3"

// dev is one opened sensor: a part, or all parts of a bus. It implements sensors.Sensor.
type dev struct {
	name   string // "onewire: 28-00000a1b2c3d", "onewire: w1_bus_master1"
	master *sysfs.Dir
	all    bool
	parts  []*part
	list   []sensors.Measurement
	timer  *time.Timer

	slaves, bulk sysfs.File
	seen         []byte // what slaves said last
	canBulk      bool
	trigger      func() error // writes to bulk, except in tests
}

// open finds the bus, and the part if one is named.
func open(b kind.Board, p kind.Params) (*dev, error) {
	bus := fmt.Sprintf("w1_bus_master%d", p.Int("master"))
	id := p.String("device")
	d := &dev{name: "onewire: " + bus, all: id == "", canBulk: true}
	if !d.all {
		d.name = "onewire: " + id
	}
	base := filepath.Join(b.Root(), devices)
	var err error
	if d.master, err = sysfs.OpenDir(filepath.Join(base, bus)); err != nil {
		failed := kind.Fail(d.name+": open "+bus, err).(*sensors.Error)
		if failed.Class == sensors.Absent {
			failed.Hint = overlay
			if masters, _ := filepath.Glob(filepath.Join(base, "w1_bus_master*")); len(masters) > 0 {
				for i, m := range masters {
					masters[i] = filepath.Base(m)
				}
				failed.Hint = "there is " + strings.Join(masters, ", ")
			}
		}
		return nil, failed
	}
	d.slaves, d.bulk = d.master.File("w1_master_slaves"), d.master.File("therm_bulk_read")
	d.trigger = func() error { return d.bulk.Write("trigger\n") }
	if d.all {
		err = d.look()
	} else {
		d.add(id)
		err = d.find(base, bus, d.parts[0])
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// find opens a part that is configured by its id, and tells where it is if it is elsewhere.
func (d *dev) find(base, bus string, p *part) error {
	err := p.open(d.master)
	if sensors.ClassOf(err) != sensors.Absent {
		return err
	}
	e, _ := errors.AsType[*sensors.Error](err)
	path, err := filepath.EvalSymlinks(filepath.Join(base, p.id))
	if other := filepath.Base(filepath.Dir(path)); err == nil && other != bus {
		e.Hint = "it is on " + other + ": say master: " + strings.TrimPrefix(other, "w1_bus_master")
	} else if text, err := d.slaves.Read(); err == nil {
		e.Hint = "the bus has: " + strings.Join(strings.Fields(string(text)), ", ") + "; check wiring and the 4.7 kOhm pull-up"
	}
	return e
}

func (d *dev) add(id string) {
	d.parts = append(d.parts, &part{id: id, name: "onewire: " + id, family: id[:2], read: sysfs.File.Read})
	d.list = make([]sensors.Measurement, len(d.parts))
}

// look adds thermometers that have come to the bus. Those that went stay, and fail.
func (d *dev) look() error {
	text, err := d.slaves.Read()
	if err != nil {
		return kind.Fail(d.name+": read "+d.slaves.Name(), err)
	}
	if !bytes.Equal(text, d.seen) {
		d.seen = append(d.seen[:0], text...)
		for id := range strings.FieldsSeq(string(text)) {
			if isThermometer(id) && !slices.ContainsFunc(d.parts, func(p *part) bool { return p.id == id }) {
				d.add(id)
			}
		}
	}
	if len(d.parts) == 0 {
		return &sensors.Error{Class: sensors.Absent, Op: d.name + ": read " + d.slaves.Name(),
			Err: errors.New("there is no thermometer on the bus"), Hint: wiring}
	}
	return nil
}

// Sense measures every part.
func (d *dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	if err := ctx.Err(); err != nil {
		return nil, &sensors.Error{Class: sensors.Timeout, Op: d.name, Err: err}
	}
	if d.all {
		if err := d.look(); err != nil {
			return nil, err
		}
	}
	if len(d.parts) > bulkAbove && d.canBulk {
		if err := d.measureTogether(ctx); err != nil {
			return nil, err
		}
	}
	var first error
	failed := 0
	for i, p := range d.parts {
		v, err := d.sensePart(ctx, p)
		d.list[i] = sensors.Measurement{Quantity: sensors.Temperature, Value: v}
		if err != nil {
			d.list[i] = sensors.Measurement{Quantity: sensors.Temperature, Err: sensors.ClassOf(err), Cause: err}
			failed++
			if first == nil {
				first = err
			}
		}
		if d.all {
			d.list[i].Channel = p.id
		}
	}
	if failed == len(d.parts) {
		return nil, first
	}
	return d.list, nil
}

// sensePart measures one part, and opens it before if it has come or come back.
func (d *dev) sensePart(ctx context.Context, p *part) (float64, error) {
	if err := ctx.Err(); err != nil {
		return 0, &sensors.Error{Class: sensors.Timeout, Op: p.name, Err: err,
			Hint: "each part takes up to 750 ms; see the manual on reading many"}
	}
	if err := p.open(d.master); err != nil {
		return 0, err
	}
	v, err := p.sense(ctx)
	switch {
	case sensors.ClassOf(err) == sensors.Absent:
		p.close() // its folder may be another one when it comes back
	case errors.Is(err, errSilent) && d.converting():
		return 0, &sensors.Error{Class: sensors.Busy, Op: p.name, Err: errors.New("another program has the bus measure"),
			Hint: "stop it, or read less often"}
	}
	return v, err
}

// measureTogether has every part of the bus measure. They then answer without measuring again.
func (d *dev) measureTogether(ctx context.Context) error {
	step := d.name + ": write " + d.bulk.Name()
	begin := time.Now()
	switch err := d.trigger(); {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM), errors.Is(err, unix.EROFS), errors.Is(err, unix.ENOENT):
		d.canBulk = false // only root may, or the kernel is older than 5.10: one after the other, then
		return nil
	case err != nil:
		return kind.Fail(step, err)
	}
	// The kernel waits for the parts, unless a signal comes: then it would hand out what they measured before.
	if err := d.wait(ctx, d.longest()-time.Since(begin)); err != nil {
		return kind.Fail(step, err)
	}
	for d.converting() {
		if err := d.wait(ctx, 50*time.Millisecond); err != nil {
			return kind.Fail(step, err)
		}
	}
	return nil
}

// converting reports whether parts are being measured together.
func (d *dev) converting() bool {
	text, err := d.bulk.Read()
	return err == nil && string(text) == "-1"
}

// longest is how long the slowest part takes to measure, 0 if no part tells.
func (d *dev) longest() (t time.Duration) {
	for _, p := range d.parts {
		t = max(t, p.takes)
	}
	return t
}

func (d *dev) wait(ctx context.Context, t time.Duration) error {
	if t <= 0 {
		return nil
	}
	if d.timer == nil {
		d.timer = time.NewTimer(t)
	} else {
		d.timer.Reset(t)
	}
	select {
	case <-d.timer.C:
		return nil
	case <-ctx.Done():
		d.timer.Stop()
		return ctx.Err()
	}
}

// Close lets go of bus and parts.
func (d *dev) Close() error {
	for _, p := range d.parts {
		p.close()
	}
	return d.master.Close()
}
