package hts221

import (
	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Kind returns the kind hts221.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "hts221",
		Summary: "temperature and humidity, STMicroelectronics HTS221",
		Keys:    kind.I2CKeys(0x5F),
		Yields: func(kind.Params) []sensors.Quantity {
			return []sensors.Quantity{sensors.Temperature, sensors.RelativeHumidity}
		},
		Bus:   kind.I2CBus,
		Probe: kind.IDRegister(regID, 1, func(id uint32) bool { return id == chipID }),
		Open:  open,
		Manual: kind.Manual{
			Parts:     "STMicroelectronics HTS221 (who_am_i 0xbc), as on the Sense HAT",
			Datasheet: "HTS221, DocID026333, https://www.st.com/resource/en/datasheet/hts221.pdf",
			Wiring: [][2]string{
				{"VIN or VCC", "3V3 (pin 1)"},
				{"GND", "GND (pin 9)"},
				{"SCL", "GPIO3, SCL (pin 5)"},
				{"SDA", "GPIO2, SDA (pin 3)"},
				{"CS", "3V3, where the module has it: I2C"},
				{"DRDY", "open"},
			},
			Range: "-40 to 120 Cel, ±0.5 from 15 to 40; 0 to 100 %RH, ±3.5 from 20 to 80",
			Notes: []string{
				"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
				"On a Sense HAT the part sits above the processor and measures several degrees too much, and too dry accordingly.",
				"Humidity up to 5 %RH below 0 and above 100 is noise and reported as 0 and 100; beyond that it is an error of class range.",
				"The address is fixed: one of them to a bus.",
			},
			Example: "name: hat\nkind: hts221\nevery: 10s\n",
		},
	}
}
