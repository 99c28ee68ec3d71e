package shtc3

import (
	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Kind returns the kind shtc3.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "shtc3",
		Summary: "temperature and humidity, Sensirion SHTC3",
		Keys:    kind.I2CKeys(0x70),
		Yields: func(kind.Params) []sensors.Quantity {
			return []sensors.Quantity{sensors.Temperature, sensors.RelativeHumidity}
		},
		Bus:  kind.I2CBus,
		Open: open,
		Manual: kind.Manual{
			Parts:     "Sensirion SHTC3",
			Datasheet: "Datasheet SHTC3 version 1, https://sensirion.com/products/catalog/SHTC3",
			Wiring: [][2]string{
				{"VIN or VDD", "3V3 (pin 1)"},
				{"GND", "GND (pin 9)"},
				{"SCL", "GPIO3, SCL (pin 5)"},
				{"SDA", "GPIO2, SDA (pin 3)"},
			},
			Range: "-40 to 125 Cel, ±0.2; 0 to 100 %RH, ±2",
			Notes: []string{
				"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
				"Close to the board the part measures the board's warmth: lead it 10 cm away.",
				"The part sleeps between two readings, so i2cdetect may not show it; `pinhole read` does.",
				"The address is fixed; multiplexers of the PCA9548 family and HT16K33 displays use 0x70 too.",
				"A humidity of exactly 0, which is a lost element, and a temperature outside of the range are errors of class range.",
			},
			Example: "name: air\nkind: shtc3\nevery: 10s\n",
		},
	}
}
