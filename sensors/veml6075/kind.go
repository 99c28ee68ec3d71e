package veml6075

import (
	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Kind returns the kind veml6075.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "veml6075",
		Summary: "UV index, Vishay VEML6075",
		Keys:    kind.I2CKeys(0x10),
		Yields: func(kind.Params) []sensors.Quantity {
			return []sensors.Quantity{sensors.UVIndex, sensors.Raw, sensors.Raw}
		},
		Bus:   kind.I2CBus,
		Probe: probe(),
		Open:  open,
		Manual: kind.Manual{
			Parts:     "Vishay VEML6075 (id 0x26)",
			Datasheet: "VEML6075, document 84304, https://www.vishay.com/docs/84304/veml6075.pdf",
			Wiring: [][2]string{
				{"VIN", "3V3 (pin 1)"},
				{"GND", "GND (pin 9)"},
				{"SCL", "GPIO3, SCL (pin 5)"},
				{"SDA", "GPIO2, SDA (pin 3)"},
			},
			Range: "UV index 0 to 45, right to about ±1 in sunlight and open air, step 0.002",
			Notes: []string{
				"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
				"The index is computed by Vishay's application note for a part without a cover. Editions of it differ in the coefficients by a factor " +
					"of 1.3 to 2: compare with a forecast at noon under a clear sky, and put the factor into filter calibrate.",
				"Glass and most plastics hold ultraviolet back. A PTFE diffuser in front makes it see the whole sky, and wants a factor.",
				"The readings .uva and .uvb are the counts of both channels in 100 ms, as they come: visible light leaks into them.",
				"A UV index that cannot be, as under lamps, is an error of class range; a little below zero is reported as 0.",
				"Light beyond the scale of any channel is an error of class range, not the end of the scale.",
				"The address 0x10 is fixed, and that of VEML7700 too: one of them to a bus.",
			},
			Example: "name: sun\nkind: veml6075\nevery: 30s\n",
		},
	}
}

// probe reads the id's word, the lowest byte of which comes first.
func probe() kind.Probe {
	p := kind.IDRegister(regID, 2, func(id uint32) bool { return id>>8 == idPart })
	p.Words = true
	return p
}
