package iio

import (
	"cmp"
	"errors"
	"math"
	"os"
	"slices"
	"strings"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sysfs"
)

// measure is one row of the table of channel types: the kernel's unit is turned into ours by ten to the power of exp, times factor.
type measure struct {
	kind     string // as in the file's name
	modifier string // must follow; "": any, or none
	quantity sensors.Quantity
	exp      int
	factor   float64 // 0: none
}

// measures lists the types, in the order in which a device's channels are reported. Units: sysfs-bus-iio in the kernel's
// Documentation/ABI/testing.
var measures = [...]measure{
	{"temp", "", sensors.Temperature, -3, 0},                  // milli-Cel
	{"humidityrelative", "", sensors.RelativeHumidity, -3, 0}, // milli-percent
	{"pressure", "", sensors.Pressure, 3, 0},                  // kPa
	{"illuminance", "", sensors.Illuminance, 0, 0},            // lx
	{"uvindex", "", sensors.UVIndex, 0, 0},
	{"concentration", "co2", sensors.CO2, 4, 0},     // percent
	{"concentration", "voc", sensors.TVOC, 7, 0},    // percent
	{"massconcentration", "pm1", sensors.PM1, 0, 0}, // ug/m3
	{"massconcentration", "pm2p5", sensors.PM25, 0, 0},
	{"massconcentration", "pm10", sensors.PM10, 0, 0},
	{"voltage", "", sensors.Voltage, -3, 0},       // mV
	{"current", "", sensors.Current, -3, 0},       // mA
	{"power", "", sensors.Power, -3, 0},           // mW
	{"energy", "", sensors.Energy, 0, 1.0 / 3600}, // J
	{"resistance", "", sensors.Resistance, 0, 0},
	{"distance", "", sensors.Distance, 0, 0},    // m
	{"accel", "x", sensors.AccelerationX, 0, 0}, // m/s2
	{"accel", "y", sensors.AccelerationY, 0, 0},
	{"accel", "z", sensors.AccelerationZ, 0, 0},
	{"anglvel", "x", sensors.AngularRateX, 0, 180 / math.Pi}, // rad/s
	{"anglvel", "y", sensors.AngularRateY, 0, 180 / math.Pi},
	{"anglvel", "z", sensors.AngularRateZ, 0, 180 / math.Pi},
}

// channel is one channel of a device.
type channel struct {
	name     string // "voltage0", "accel_x": the file's name without in_ and _raw
	quantity sensors.Quantity
	channel  string // of the measurement: the name, where the device has several of the quantity
	exp      int
	factor   float64
	rank     int // its type's place in measures

	processed           bool
	value               sysfs.File // _input or _raw
	offset, scale       sysfs.File
	hasOffset, hasScale bool

	low, high float64 // of the quantity, inclusive
	missing   bool    // it was asked for and is not there
	hint      string  // missing: what there is; else where a value outside of the limits may come from
}

// parts takes a channel's name apart: "voltage0-voltage1" is of type voltage, "temp2_object" of type temp with modifier object.
func parts(name string) (typ, modifier string) {
	end := strings.IndexAny(name, "0123456789-_")
	if end < 0 {
		return name, ""
	}
	_, modifier, _ = strings.Cut(name, "_")
	return name[:end], modifier
}

// classify finds out what a channel measures. What is unknown has quantity raw and rank -1.
func classify(name, device string) channel {
	typ, modifier := parts(name)
	c := channel{name: name, quantity: sensors.Raw, rank: -1}
	i := slices.IndexFunc(measures[:], func(m measure) bool { return m.kind == typ && (m.modifier == "" || m.modifier == modifier) })
	if i >= 0 {
		m := measures[i]
		c.quantity, c.exp, c.factor, c.rank = m.quantity, m.exp, m.factor, i
	}
	if c.quantity == sensors.Resistance && strings.HasPrefix(device, "bme68") {
		c.quantity = sensors.GasResistance
	}
	return c
}

// list finds the channels among a device's files, known ones first, in the order of measures.
func list(dir *sysfs.Dir, files []string, device string) []channel {
	there := map[string]bool{}
	for _, f := range files {
		there[f] = true
	}
	var found []channel
	for _, f := range files {
		name, in := strings.CutPrefix(f, "in_")
		name, processed := strings.CutSuffix(name, "_input")
		name, raw := strings.CutSuffix(name, "_raw")
		switch {
		case !in || processed == raw:
			continue
		case raw && there["in_"+name+"_input"]:
			continue // the driver's own result is to be preferred
		case slices.Contains([]string{"peak", "mean", "trough"}, name[strings.LastIndex(name, "_")+1:]):
			continue // of the past, not of now
		}
		c := classify(name, device)
		c.processed, c.value = processed, dir.File(f)
		if !processed {
			c.offset, c.hasOffset = shared(dir, there, c.name, "offset")
			c.scale, c.hasScale = shared(dir, there, c.name, "scale")
			if !c.hasScale {
				c.quantity, c.exp, c.factor, c.rank = sensors.Raw, 0, 0, -1 // a chip's own number: in no unit
			}
		}
		l := limitOf(device, c.quantity)
		c.low, c.high, c.hint = l.low, l.high, l.hint
		found = append(found, c)
	}
	slices.SortFunc(found, func(a, b channel) int {
		return cmp.Or(cmp.Compare(uint(a.rank), uint(b.rank)), sysfs.Natural(a.name, b.name))
	})
	return found
}

// shared finds the file that holds a channel's scale or offset: its own, its type's, its direction's, the device's.
func shared(dir *sysfs.Dir, there map[string]bool, name, what string) (f sysfs.File, ok bool) {
	typ, _ := parts(name)
	if strings.Contains(name, "-") {
		typ += "-" + typ
	}
	bare, _, _ := strings.Cut(name, "_")
	for _, file := range []string{"in_" + name + "_" + what, "in_" + bare + "_" + what, "in_" + typ + "_" + what, "in_" + what, what} {
		if there[file] {
			return dir.File(file), true
		}
	}
	return sysfs.File{}, false
}

// choose takes the channels that the configuration asks for, or all that are known.
func (d *dev) choose(found sysfs.Device, p kind.Params) error {
	entries, err := os.ReadDir(found.Dir)
	if err != nil {
		return kind.Fail(d.name+": list channels", err)
	}
	var files []string
	for _, e := range entries {
		files = append(files, e.Name())
	}
	all := list(d.dir, files, found.Name)
	if !p.Has("channels") {
		for _, c := range all {
			if c.rank >= 0 {
				d.channels = append(d.channels, c)
			}
		}
	}
	for _, name := range p.List("channels") {
		i := slices.IndexFunc(all, func(c channel) bool { return c.name == name })
		if i < 0 {
			c := classify(name.(string), found.Name)
			c.missing, c.hint = true, "it has: "+names(all)
			d.channels = append(d.channels, c)
			continue
		}
		d.channels = append(d.channels, all[i])
	}
	if !slices.ContainsFunc(d.channels, func(c channel) bool { return !c.missing }) {
		return &sensors.Error{Class: sensors.Absent, Op: d.name + ": list channels", Err: errors.New("there is none to read"),
			Hint: "it has: " + cmp.Or(names(all), "none") + "; name them under channels"}
	}
	count := map[sensors.Quantity]int{}
	for _, c := range d.channels {
		count[c.quantity]++
	}
	for i := range d.channels {
		if c := &d.channels[i]; count[c.quantity] > 1 {
			c.channel = c.name
		}
	}
	return nil
}

func names(list []channel) string {
	var s []string
	for _, c := range list {
		s = append(s, c.name)
	}
	return strings.Join(s, ", ")
}
