package onewire

import (
	"context"
	"fmt"
	"strings"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Kind describes the kind for the table of kinds.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "onewire",
		Summary: "temperature, DS18B20 and its family on a 1-Wire bus",
		Keys: []kind.Key{
			{Name: "device", Type: kind.String, Help: "the part's id, 28-00000a1b2c3d; all thermometers of the bus unless given"},
			{Name: "master", Type: kind.Int, Default: int64(1), Min: new(1.0), Max: new(64.0),
				Help: "the bus: N of /sys/bus/w1/devices/w1_bus_masterN"},
		},
		Yields:  func(kind.Params) []sensors.Quantity { return []sensors.Quantity{sensors.Temperature} },
		Bus:     func(p kind.Params) string { return fmt.Sprintf("w1-%d", p.Int("master")) },
		Timeout: 30 * time.Second, // 38 parts one after the other
		Check:   check,
		Find:    find,
		Open: func(_ context.Context, b kind.Board, p kind.Params) (any, error) {
			d, err := open(b, p)
			if err != nil {
				return nil, err
			}
			return d, nil
		},
		Manual: kind.Manual{
			Parts:     "DS18B20 (28-), DS18S20 (10-), DS1822 (22-), DS1825 and MAX31850 (3b-), DS28EA00 (42-)",
			Datasheet: "Analog Devices (Maxim) DS18B20 rev. 6, https://docs.kernel.org/w1/slaves/w1_therm.html",
			Wiring: [][2]string{
				{"VDD", "3V3 (pin 1)"},
				{"DQ, data", "GPIO4 (pin 7), and by 4.7 kOhm to 3V3"},
				{"GND", "GND (pin 9)"},
			},
			Range: "-55 to 125 Cel, ±0.5 from -10 to 85; steps of 0.0625",
			Notes: []string{
				"Add dtoverlay=w1-gpio to /boot/firmware/config.txt and reboot; dtoverlay=w1-gpio,gpiopin=17 for another pin. " +
					"ls /sys/bus/w1/devices then shows the ids. No group is needed.",
				"Without device all thermometers of the bus are read, also those that are plugged in later; each has its id after the sensor's " +
					"name: tank.28-00000a1b2c3d.",
				"A part takes 750 ms. More than three are measured at the same time where the user may write to " +
					"/sys/bus/w1/devices/w1_bus_master1/therm_bulk_read (root, or after a chmod at boot); else one after the other.",
				"85 Cel of a part that has not measured, nine zeros of a shorted line, and the old temperature that the kernel shows beside a " +
					"wrong checksum are errors. A real 85 Cel is told from it by the part's memory. Counterfeits whose memory always looks " +
					"unmeasured fail at exactly 85 Cel.",
				"Give the part its own supply wire. With parasite power (VDD to GND) it often lacks current while it measures.",
				"The whole bus is one twisted pair of 10 to 30 m from part to part; on long ones use 2.2 kOhm.",
			},
			Example: "name: tank\nkind: onewire\nevery: 30s\n",
		},
	}
}

// check finds what the keys' own rules do not.
func check(p kind.Params) []kind.Problem {
	id := p.String("device")
	lower := strings.ToLower(id)
	switch {
	case id == "" && !p.Has("device") || isThermometer(id):
		return nil
	case isThermometer(lower):
		return []kind.Problem{{Key: "device", Message: fmt.Sprintf("%q is written in capitals", id), Hint: "write " + lower}}
	}
	return []kind.Problem{{Key: "device", Message: fmt.Sprintf("%q is not the id of a thermometer", id),
		Hint: "ids look like 28-00000a1b2c3d and begin with 10, 22, 28, 3b or 42; ls /sys/bus/w1/devices lists them"}}
}
