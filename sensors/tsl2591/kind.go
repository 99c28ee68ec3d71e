package tsl2591

import (
	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Kind returns the kind tsl2591.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "tsl2591",
		Summary: "illuminance, ams TSL2591",
		Keys: append(kind.I2CKeys(0x29),
			kind.Key{Name: "gain", Type: kind.Enum, Default: "1", Enum: []string{"1", "25", "428", "9876"},
				Help: "1 for daylight, 25 for rooms, more for the dark: a reading beyond the scale is an error of class range"},
			kind.Key{Name: "integration", Type: kind.Enum, Default: "200ms",
				Enum: []string{"100ms", "200ms", "300ms", "400ms", "500ms", "600ms"}, Help: "time that light is gathered; longer is finer"}),
		Yields: func(kind.Params) []sensors.Quantity { return []sensors.Quantity{sensors.Illuminance} },
		Bus:    kind.I2CBus,
		Probe:  kind.IDRegister(command|regID, 1, func(id uint32) bool { return id == partID }),
		Open:   open,
		Manual: kind.Manual{
			Parts:     "ams TSL2591, TSL25911",
			Datasheet: "TSL25911 datasheet v1, https://cdn-shop.adafruit.com/datasheets/TSL25911_Datasheet_EN_v1.pdf",
			Wiring: [][2]string{
				{"VIN", "3V3 (pin 1)"},
				{"GND", "GND (pin 9)"},
				{"SCL", "GPIO3, SCL (pin 5)"},
				{"SDA", "GPIO2, SDA (pin 3)"},
				{"INT", "open"},
			},
			Range: "0 to about 88000 lx with gain 1 and 100ms; to about 3500 lx with gain 25; the step is 4 lx with gain 1 and 100ms, " +
				"less with more; by an empirical formula, whose accuracy in lx is not given",
			Notes: []string{
				"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
				"Light beyond the scale of either channel is an error of class range, not the end of the scale.",
				"The lx come from a formula of the boards' makers, not of the datasheet: compare, and put the factor into filter calibrate.",
				"Where nearly all of the light is infrared, as of a remote control, there is no illuminance: class range.",
				"A cover or a housing takes light away. Lamps flicker: readings vary less with a longer integration.",
			},
			Example: "name: light\nkind: tsl2591\nevery: 10s\ngain: \"25\"\nintegration: 100ms\n",
		},
	}
}
