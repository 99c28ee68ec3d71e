package ens160

import (
	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Kind returns the kind ens160.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "ens160",
		Summary: "volatile organic compounds and air quality index, ScioSense ENS160",
		Keys:    kind.I2CKeys(0x53, 0x52),
		Yields: func(kind.Params) []sensors.Quantity {
			return []sensors.Quantity{sensors.TVOC, sensors.AQIUBA, sensors.CO2Equivalent}
		},
		Bus:   kind.I2CBus,
		Probe: kind.IDRegister(regID, 2, func(id uint32) bool { return id == idLow<<8|idHigh }),
		Open:  open,
		Manual: kind.Manual{
			Parts:     "ScioSense ENS160 (part id 0x0160), on boards with an AHT21 beside it",
			Datasheet: "ENS160 revision 0.95, https://www.sciosense.com/wp-content/uploads/2023/12/ENS160-Datasheet.pdf",
			Wiring: [][2]string{
				{"VIN", "3V3 (pin 1)"},
				{"GND", "GND (pin 9)"},
				{"SCL", "GPIO3, SCL (pin 5)"},
				{"SDA", "GPIO2, SDA (pin 3)"},
				{"ADD", "3V3 for 0x53, GND for 0x52; most boards tie it to one of them"},
				{"CS", "3V3 or open, so that it speaks I2C"},
			},
			Range: "0 to 65000 ppb, index 1 to 5, 400 to 65000 ppm; no accuracy is given",
			Notes: []string{
				"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
				"For 3 minutes after each start of the agent, and in the first hour of a new part, the readings are errors of class warmup: the part itself says so. " +
					"A new part wants a day without a break, or it begins that hour again.",
				"co2_equivalent is a guess from hydrogen and from what people give off beside it, no measurement of carbon dioxide: for that use scd4x or scd30.",
				"aqi_uba is the scale of the German environment agency, from 1 (excellent) to 5 (unhealthy); others count to 500.",
				"Values are relative to the cleanest air of the last days; the part keeps that over a power cut.",
				"Boards with an AHT21 (kind aht20, 0x38) warm it: its temperature reads some degrees too high.",
				"The address 0x53 is that of ADXL345 too.",
			},
			Example: "name: room\nkind: ens160\nevery: 10s\n",
		},
	}
}
