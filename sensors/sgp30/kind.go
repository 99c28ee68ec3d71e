package sgp30

import (
	"fmt"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensirion"
)

// Kind returns the kind sgp30.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "sgp30",
		Summary: "volatile organic compounds, Sensirion SGP30",
		Keys:    kind.I2CKeys(0x58),
		Yields:  func(kind.Params) []sensors.Quantity { return []sensors.Quantity{sensors.TVOC, sensors.CO2Equivalent} },
		Bus:     kind.I2CBus,
		Probe:   sensirion.Probe(cmdFeatures, commandTime, 1, identify),
		Open:    open,
		Manual: kind.Manual{
			Parts:     "Sensirion SGP30",
			Datasheet: "Datasheet SGP30 version 1.0, https://sensirion.com/products/catalog/SGP30",
			Wiring: [][2]string{
				{"VIN", "3V3 (pin 1); the bare part wants 1.8 V, modules have a regulator"},
				{"GND", "GND (pin 9)"},
				{"SCL", "GPIO3, SCL (pin 5)"},
				{"SDA", "GPIO2, SDA (pin 3)"},
			},
			Range: "0 to 60000 ppb and 400 to 60000 ppm, typically ±15 %, relative to the cleanest air of the last days",
			Notes: []string{
				"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
				"Write every: 1s. The part's own calibration counts the readings as seconds. Filter average: 60s keeps the traffic low.",
				"The first 16 s after a start are of class warmup. So is a 0 in the first hour, as a part that was reset says 0 too.",
				"Values are relative: the part takes the cleanest air that it has seen for 0, and needs 12 hours at first.",
				"co2_equivalent is a guess from hydrogen, which people breathe out too, and no measurement of carbon dioxide: for that use scd4x or scd30.",
				"Hot and humid air reads too high or too low: the part is not told the humidity.",
				"The part goes on heating, 48 mA, after the agent has ended: only a call to all parts of the bus could stop it.",
			},
			Example: "name: room\nkind: sgp30\nevery: 1s\nfilters: [{average: 60s}]\n",
		},
	}
}

// identify knows the part by its product type.
func identify(words []uint16) (kind.Answer, string) {
	if f := words[0]; f == 0 || f&productMask != product {
		return kind.No, ""
	}
	return kind.Named, fmt.Sprintf("feature set 0x%04x", words[0])
}
