package hwmon

import (
	"cmp"
	"errors"
	"os"
	"slices"
	"strings"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sysfs"
)

// measure is one row of the table of inputs: the kernel's unit is turned into ours by ten to the power of exp, times factor; low
// and high are what can be at all.
type measure struct {
	kind      string // as in the file's name
	quantity  sensors.Quantity
	exp       int
	factor    float64 // 0: none
	low, high float64
}

// measures lists the inputs, in the order in which a chip's channels are reported. Units: the kernel's
// Documentation/hwmon/sysfs-interface.rst.
var measures = [...]measure{
	{"temp", sensors.Temperature, -3, 0, -273.15, 3000},    // milli-Cel
	{"humidity", sensors.RelativeHumidity, -3, 0, -5, 105}, // milli-percent
	{"in", sensors.Voltage, -3, 0, -1e6, 1e6},              // mV
	{"curr", sensors.Current, -3, 0, -1e6, 1e6},            // mA
	{"power", sensors.Power, -6, 0, -1e9, 1e9},             // uW
	{"energy", sensors.Energy, -6, 1.0 / 3600, 0, 1e15},    // uJ
	{"fan", sensors.Frequency, 0, 1.0 / 60, 0, 1e5},        // revolutions a minute
	{"freq", sensors.Frequency, 0, 0, 0, 1e15},             // Hz
}

// channel is one input or alarm of a chip.
type channel struct {
	name      string // "temp1", "in0_lcrit_alarm"
	label     string // "Core 0"; "" as a rule
	quantity  sensors.Quantity
	channel   string // of the measurement: the name without _alarm, where the chip has several of the quantity
	rank      int
	exp       int
	factor    float64
	low, high float64

	value, fault sysfs.File
	hasFault     bool

	missing bool   // it was asked for and is not there
	hint    string // then: what there is
}

// classify finds out what a channel measures, by its name; ok is false for a name that no channel has.
func classify(name string) (c channel, ok bool) {
	c.name = name
	if _, ok := strings.CutSuffix(name, "_alarm"); ok {
		c.quantity, c.rank = sensors.Alarm, len(measures)
		return c, true
	}
	typ := strings.TrimRight(name, "0123456789")
	i := slices.IndexFunc(measures[:], func(m measure) bool { return m.kind == typ })
	if i < 0 || typ == name {
		return c, false
	}
	m := measures[i]
	c.quantity, c.rank, c.exp, c.factor, c.low, c.high = m.quantity, i, m.exp, m.factor, m.low, m.high
	return c, true
}

// list finds the channels among a chip's files.
func list(dir *sysfs.Dir, files []string) (found []channel) {
	there := map[string]bool{}
	for _, f := range files {
		there[f] = true
	}
	for _, f := range files {
		name, input := strings.CutSuffix(f, "_input")
		c, ok := classify(name)
		if !ok || input == (c.quantity == sensors.Alarm) {
			continue
		}
		c.value = dir.File(f)
		if input {
			c.label = sysfs.Line(dir.Path(), name+"_label")
		}
		if c.hasFault = input && there[name+"_fault"]; c.hasFault {
			c.fault = dir.File(name + "_fault")
		}
		found = append(found, c)
	}
	slices.SortFunc(found, func(a, b channel) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), sysfs.Natural(a.name, b.name))
	})
	return found
}

// choose takes the channels that the configuration asks for, or all.
func (d *dev) choose(dir string, p kind.Params) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return kind.Fail(d.name+": list channels", err)
	}
	var files []string
	for _, e := range entries {
		files = append(files, e.Name())
	}
	all := list(d.dir, files)
	if !p.Has("channels") {
		d.channels = all
	}
	for _, v := range p.List("channels") {
		name := v.(string)
		i := slices.IndexFunc(all, func(c channel) bool { return c.name == name })
		if i < 0 {
			i = slices.IndexFunc(all, func(c channel) bool { return c.label == name })
		}
		if i >= 0 {
			d.channels = append(d.channels, all[i])
			continue
		}
		c, ok := classify(name)
		if !ok {
			c.quantity = sensors.Raw
		}
		c.missing, c.hint = true, "it has: "+names(all)
		d.channels = append(d.channels, c)
	}
	if !slices.ContainsFunc(d.channels, func(c channel) bool { return !c.missing }) {
		return &sensors.Error{Class: sensors.Absent, Op: d.name + ": list channels", Err: errors.New("there is none to read"),
			Hint: "it has: " + cmp.Or(names(all), "none")}
	}
	count := map[sensors.Quantity]int{}
	for _, c := range d.channels {
		count[c.quantity]++
	}
	for i := range d.channels {
		if c := &d.channels[i]; count[c.quantity] > 1 {
			c.channel = channelName(c.name)
		}
	}
	return nil
}

// channelName is what a channel is published as: what no name may hold is replaced.
func channelName(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", r) {
			return r
		}
		return '_'
	}, strings.TrimSuffix(name, "_alarm"))
}

func names(list []channel) string {
	var s []string
	for _, c := range list {
		name := c.name
		if c.label != "" {
			name += " (" + c.label + ")"
		}
		s = append(s, name)
	}
	return strings.Join(s, ", ")
}
