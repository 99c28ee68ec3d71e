package hwmon

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Kind describes the kind for the table of kinds.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "hwmon",
		Summary: "any chip that the kernel's hardware monitoring drives: temperature, voltage, current, power, fan, alarms",
		Keys: []kind.Key{
			{Name: "device", Type: kind.String, Help: "the chip's name, as in /sys/class/hwmon/*/name: lm75, cpu_thermal"},
			{Name: "label", Type: kind.String, Help: "the chip's label, where the device tree gives it one"},
			{Name: "at", Type: kind.String, Help: "where it is attached, to tell two of a name apart: 1-0048 is address 0x48 of i2c-1"},
			{Name: "channels", Type: kind.List, Min: new(1.0), Elem: &kind.Key{Name: "channel", Type: kind.String},
				Help: "which inputs and alarms, by name or label: temp1, in0_lcrit_alarm, Core 0; all unless given"},
		},
		Yields: yields,
		Bus:    func(p kind.Params) string { return "hwmon " + wanted(p).String() },
		Check:  check,
		Find:   find,
		Open: func(_ context.Context, b kind.Board, p kind.Params) (any, error) {
			d, err := open(b, p)
			if err != nil {
				return nil, err
			}
			return d, nil
		},
		Manual: kind.Manual{
			Parts: "what the kernel has a hwmon driver for: lm75 tmp75 tmp102 ds1621 jc42 (MCP9808) adt7410 sht3x sht4x ina219 ina226 ina238 " +
				"ina3221 max17040 emc2301 cpu_thermal rpi_volt rp1_adc pwmfan and many more",
			Datasheet: "https://docs.kernel.org/hwmon/sysfs-interface.html",
			Wiring: [][2]string{
				{"LM75, TMP75", "dtoverlay=i2c-sensor,lm75,addr=0x48"},
				{"TMP102", "dtoverlay=i2c-sensor,tmp102"},
				{"MCP9808", "dtoverlay=i2c-sensor,mcp980x"},
				{"INA238", "dtoverlay=i2c-sensor,ina238,shunt_resistor=2000"},
				{"any without overlay", "echo ina226 0x40 > /sys/bus/i2c/devices/i2c-1/new_device (as root, after each boot)"},
			},
			Range: "the chip's",
			Notes: []string{
				"The dtoverlay lines above go into /boot/firmware/config.txt; then reboot. No group is needed to read.",
				"The kernel's numbers (hwmon2) change with every boot and are not used; `cat /sys/class/hwmon/*/name` lists the names.",
				"A quantity that is read from several channels has the channel's name after the sensor's: box.temp1.",
				"A fan's speed is a frequency, in revolutions a second. Alarms are true while the chip raises them.",
				"An input whose fault flag is set is an error of class range, whatever it reads.",
				"The current and power of an INA are right only if the driver was told the shunt's resistance.",
			},
			Example: "name: box\nkind: hwmon\ndevice: lm75\nevery: 10s\n",
		},
	}
}

// usual are the channels of common chips, so that one which is absent from the start fails in the quantities it would have.
var usual = [...]struct {
	device   string // the beginning of its name
	channels []string
}{
	{"lm75", []string{"temp1"}},
	{"tmp", []string{"temp1"}},
	{"ds1621", []string{"temp1"}},
	{"jc42", []string{"temp1"}},
	{"adt7410", []string{"temp1"}},
	{"cpu_thermal", []string{"temp1"}},
	{"sht", []string{"temp1", "humidity1"}},
	{"ina", []string{"in1", "curr1", "power1"}},
	{"rpi_volt", []string{"in0_lcrit_alarm"}},
	{"rp1_adc", []string{"temp1", "in1"}},
	{"pwmfan", []string{"fan1"}},
	{"emc2301", []string{"fan1"}},
}

// yields tells the quantities of the channels that are asked for, or that the chip has as a rule.
func yields(p kind.Params) (list []sensors.Quantity) {
	var channels []string
	for _, name := range p.List("channels") {
		channels = append(channels, name.(string))
	}
	if channels == nil {
		for _, u := range usual {
			if strings.HasPrefix(p.String("device"), u.device) {
				channels = u.channels
				break
			}
		}
	}
	for _, name := range channels {
		if c, ok := classify(name); ok && !slices.Contains(list, c.quantity) { // what a label is of shows when it is opened
			list = append(list, c.quantity)
		}
	}
	return list
}

// check finds what the keys' own rules do not.
func check(p kind.Params) (problems []kind.Problem) {
	if p.String("device") == "" && p.String("label") == "" && p.String("at") == "" {
		problems = append(problems, kind.Problem{Key: "device", Message: "neither device nor label says which chip is meant",
			Hint: "cat /sys/class/hwmon/*/name lists them"})
	}
	seen := map[string]bool{}
	for i, v := range p.List("channels") {
		name, key := v.(string), fmt.Sprintf("channels[%d]", i)
		short, isFile := strings.CutSuffix(name, "_input")
		switch {
		case isFile:
			problems = append(problems, kind.Problem{Key: key, Message: fmt.Sprintf("%q is a file's name", name),
				Hint: fmt.Sprintf("the channel is called %s", short)})
		case name == "":
			problems = append(problems, kind.Problem{Key: key, Message: "the name is empty", Hint: "use a name such as temp1, or a label"})
		case seen[name]:
			problems = append(problems, kind.Problem{Key: key, Message: name + " is there twice", Hint: "take one out"})
		}
		seen[name] = true
	}
	return problems
}
