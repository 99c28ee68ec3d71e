package sgp40

import (
	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensirion"
)

// Kind returns the kind sgp40.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "sgp40",
		Summary: "raw signal of volatile organic compounds, Sensirion SGP40",
		Keys:    kind.I2CKeys(0x59),
		Yields:  func(kind.Params) []sensors.Quantity { return []sensors.Quantity{sensors.Raw} },
		Bus:     kind.I2CBus,
		Probe:   sensirion.Probe(cmdSerial, commandTime, 3, sensirion.Answered("serial number")),
		Open:    open,
		Manual: kind.Manual{
			Parts:     "Sensirion SGP40",
			Datasheet: "Datasheet SGP40 version 1.0, https://sensirion.com/products/catalog/SGP40",
			Wiring: [][2]string{
				{"VIN or VDD", "3V3 (pin 1)"},
				{"GND", "GND (pin 9)"},
				{"SCL", "GPIO3, SCL (pin 5)"},
				{"SDA", "GPIO2, SDA (pin 3)"},
			},
			Range: "0 to 65535 ticks, usually 20000 to 40000; less is more gas; no accuracy is given",
			Notes: []string{
				"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
				"The value is the part's raw signal, a logarithm of a resistance without a unit: only its changes mean something.",
				"Sensirion's VOC index is computed outside of the part from these ticks, once a second; the agent does not compute it.",
				"The first minutes after a start drift, as the heater warms up; after days without power the first hours do.",
				"Humidity shifts the signal: the part is not told of it and assumes 50 %RH and 25 Cel.",
			},
			Example: "name: room\nkind: sgp40\nevery: 1s\n",
		},
	}
}
