// Package iio reads sensors that the kernel drives, through its Industrial I/O files: the kinds iio, for any device, and dht, for
// the DHT11 and DHT22, which need a driver in the kernel to be read in time.
//
// It promises values in this program's units, exact to the last digit that the kernel prints, of the device that was named and no
// other: the kernel's numbers are never relied on. What is beyond the physically possible is an error of class range. Channels are
// listed when the device is opened; one that fails, fails alone. A failure of the transfer (EIO, ETIMEDOUT), which a DHT11 has
// every few readings, is tried again three times, two seconds apart, as far as the measurement's time allows.
//
// It leaves to the kernel how chips are driven, and to config.txt that it knows of them.
package iio

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sysfs"
)

const (
	retries  = 3
	retryGap = 2 * time.Second // a DHT11 needs a second to rest, a DHT22 two
)

// dev is one opened device. It implements sensors.Sensor.
type dev struct {
	name     string // "iio: bmp280"
	dir      *sysfs.Dir
	channels []channel
	dht      bool
	list     []sensors.Measurement
	timer    *time.Timer
	left     int // attempts again in this measurement

	read func(sysfs.File) ([]byte, error) // File.Read, except in tests
}

// open finds the device and lists its channels. kindName begins every error.
func open(b kind.Board, kindName string, p kind.Params) (*dev, error) {
	want := wanted(p)
	name := kindName + ": " + want.String()
	list, err := sysfs.Devices(b.Root(), "sys/bus/iio/devices", "iio:device")
	if err != nil && sensors.ClassOf(err) != sensors.Absent {
		return nil, kind.Fail(name+": list devices", err)
	}
	found, err := sysfs.Pick(list, want)
	if err != nil {
		failed := kind.Fail(name, err).(*sensors.Error)
		if failed.Hint == "" {
			failed.Hint = "the kernel knows no IIO device: add its overlay to /boot/firmware/config.txt and reboot; " +
				"`dmesg` tells why one fails"
		}
		return nil, failed
	}
	dir, err := sysfs.OpenDir(found.Dir)
	if err != nil {
		return nil, kind.Fail(name+": open "+found.Dir, err)
	}
	d := &dev{name: name, dir: dir, dht: isDHT(found.Name), read: sysfs.File.Read}
	if err := d.choose(found, p); err != nil {
		dir.Close()
		return nil, err
	}
	d.list = make([]sensors.Measurement, len(d.channels))
	return d, nil
}

func wanted(p kind.Params) sysfs.Wanted {
	return sysfs.Wanted{Name: p.String("device"), Label: p.String("label"), At: p.String("at")}
}

// isDHT tells whether a device is one that the kernel's dht11 driver reads, DHT22 included.
func isDHT(name string) bool { return name == "dht11" || strings.HasPrefix(name, "dht11@") }

// Sense reads every channel.
func (d *dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	d.left = retries
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

// value reads one channel, and again if the transfer fails.
func (d *dev) value(ctx context.Context, c *channel) (float64, error) {
	for {
		if err := ctx.Err(); err != nil {
			return 0, &sensors.Error{Class: sensors.Timeout, Op: d.name + ": read " + c.name, Err: err}
		}
		v, err := d.compute(c)
		if err == nil || !(errors.Is(err, unix.EIO) || errors.Is(err, unix.ETIMEDOUT)) || !d.rest(ctx) {
			return v, err
		}
	}
}

// rest waits before another attempt. It returns false, at once, if there is to be none.
func (d *dev) rest(ctx context.Context) bool {
	end, bounded := ctx.Deadline()
	if d.left == 0 || bounded && time.Until(end) <= retryGap {
		return false
	}
	d.left--
	if d.timer == nil {
		d.timer = time.NewTimer(retryGap)
	} else {
		d.timer.Reset(retryGap)
	}
	select {
	case <-d.timer.C:
		return true
	case <-ctx.Done():
		d.timer.Stop()
		return false
	}
}

// compute makes a value of what the files of a channel say.
func (d *dev) compute(c *channel) (v float64, err error) {
	if c.missing {
		return 0, &sensors.Error{Class: sensors.Absent, Op: d.name + ": " + c.name,
			Err: errors.New("the device has no such channel"), Hint: c.hint}
	}
	if c.processed {
		v, err = d.number(c.value, c.exp)
	} else {
		v, err = d.scaled(c)
	}
	if err != nil {
		return 0, err
	}
	if c.factor != 0 {
		v *= c.factor
	}
	if v < c.low || v > c.high {
		return 0, &sensors.Error{Class: sensors.Range, Op: d.name + ": read " + c.value.Name(),
			Err: fmt.Errorf("%v %s is impossible", v, c.quantity.Unit()), Hint: c.hint}
	}
	if c.quantity == sensors.RelativeHumidity {
		v = min(max(v, 0), 100)
	}
	return v, nil
}

// scaled is (raw + offset) * scale, see the kernel's Documentation/ABI/testing/sysfs-bus-iio.
func (d *dev) scaled(c *channel) (float64, error) {
	v, err := d.number(c.value, 0)
	if err != nil {
		return 0, err
	}
	if c.hasOffset {
		offset, err := d.number(c.offset, 0)
		if err != nil {
			return 0, err
		}
		v += offset
	}
	if c.hasScale {
		scale, err := d.number(c.scale, c.exp)
		if err != nil {
			return 0, err
		}
		v *= scale
	}
	return v, nil
}

// number reads a file that holds a decimal number, times ten to the power of exp.
func (d *dev) number(f sysfs.File, exp int) (float64, error) {
	text, err := d.read(f)
	if err != nil {
		return 0, d.failed(f, err)
	}
	v, ok := sysfs.Decimal(text, exp)
	if !ok {
		return 0, &sensors.Error{Class: sensors.IO, Op: d.name + ": read " + f.Name(), Err: fmt.Errorf("%.40q is no number", text)}
	}
	return v, nil
}

// failed sorts the failure of a read.
func (d *dev) failed(f sysfs.File, err error) error {
	e := &sensors.Error{Class: sensors.ClassOf(err), Op: d.name + ": read " + f.Name(), Err: err}
	switch {
	case e.Class == sensors.Busy:
		e.Hint = "a buffer of the device is running: its owner must stop it, or 0 be written to buffer0/enable"
	case e.Class == sensors.Absent:
		e.Hint = "the device is gone: check wiring and power"
	case d.dht && errors.Is(err, unix.EIO): // see drivers/iio/humidity/dht11.c
		e.Class, e.Hint = sensors.CRC, "now and then this is normal; if it happens often, shorten the wire or add a 4.7 kOhm pull-up"
	case d.dht && errors.Is(err, unix.ETIMEDOUT):
		e.Hint = "nothing answers on the line: check gpiopin in config.txt, the wiring, and the pull-up of 4.7 to 10 kOhm"
	}
	return e
}

// Close lets go of the device. The kernel puts it to rest by itself.
func (d *dev) Close() error { return d.dir.Close() }
