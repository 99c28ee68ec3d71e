package tsl2561

import (
	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Kind returns the kind tsl2561.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "tsl2561",
		Summary: "illuminance, ams (TAOS) TSL2561",
		Keys: append(kind.I2CKeys(0x39, 0x29, 0x49),
			kind.Key{Name: "gain", Type: kind.Enum, Default: "1", Enum: []string{"1", "16"},
				Help: "1 for daylight, 16 for rooms: a reading beyond the scale is an error of class range"},
			kind.Key{Name: "integration", Type: kind.Enum, Default: "101ms", Enum: []string{"13.7ms", "101ms", "402ms"},
				Help: "time that light is gathered; longer is finer"}),
		Yields: func(kind.Params) []sensors.Quantity { return []sensors.Quantity{sensors.Illuminance} },
		Bus:    kind.I2CBus,
		Probe:  kind.IDRegister(command|regID, 1, func(id uint32) bool { return id>>4 == numberCS || id>>4 == numberT }),
		Open:   open,
		Manual: kind.Manual{
			Parts:     "ams (TAOS) TSL2561T, TSL2561FN, TSL2561CL, TSL2561CS, on boards called GY-2561",
			Datasheet: "TSL2560, TSL2561, TAOS059N, https://cdn-shop.adafruit.com/datasheets/TSL2561.pdf",
			Wiring: [][2]string{
				{"VIN or VCC", "3V3 (pin 1)"},
				{"GND", "GND (pin 9)"},
				{"SCL", "GPIO3, SCL (pin 5)"},
				{"SDA", "GPIO2, SDA (pin 3)"},
				{"ADDR", "open for 0x39, GND for 0x29, 3V3 for 0x49"},
				{"INT", "open"},
			},
			Range: "0 to about 40000 lx with gain 1 and 13.7ms; to about 600 lx, step 0.03, with gain 16 and 402ms; " +
				"by an empirical formula, whose accuracy in lx is not given",
			Notes: []string{
				"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
				"Light beyond the scale of either channel is an error of class range, not the end of the scale: full sunlight is too much.",
				"Where nearly all of the light is infrared the datasheet's formula gives up and says 0. Here that is an error of class range.",
				"A cover or a housing takes light away: filter calibrate puts the factor in.",
				"Lamps flicker: with 13.7ms readings in lamplight vary.",
			},
			Example: "name: light\nkind: tsl2561\nevery: 10s\naddress: 0x39\ngain: \"16\"\nintegration: 402ms\n",
		},
	}
}
