package sht3x

import (
	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensirion"
)

// Kind returns the kind sht3x.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "sht3x",
		Summary: "temperature and humidity, Sensirion SHT30, SHT31, SHT35",
		Keys:    kind.I2CKeys(0x44, 0x45),
		Yields: func(kind.Params) []sensors.Quantity {
			return []sensors.Quantity{sensors.Temperature, sensors.RelativeHumidity}
		},
		Bus:   kind.I2CBus,
		Probe: sensirion.Probe(cmdStatus, commandTime, 1, sensirion.Answered("status")),
		Open:  open,
		Manual: kind.Manual{
			Parts:     "Sensirion SHT30, SHT31, SHT35 (-DIS, digital)",
			Datasheet: "Datasheet SHT3x-DIS, https://sensirion.com/products/catalog/SHT35-DIS-B",
			Wiring: [][2]string{
				{"VIN or VDD", "3V3 (pin 1)"},
				{"GND", "GND (pin 9)"},
				{"SCL", "GPIO3, SCL (pin 5)"},
				{"SDA", "GPIO2, SDA (pin 3)"},
				{"ADDR or AD", "GND for 0x44, 3V3 for 0x45"},
				{"ALERT, RESET", "leave open"},
			},
			Range: "-40 to 125 Cel, ±0.2 (SHT30, SHT31) or ±0.1 (SHT35); 0 to 100 %RH, ±2 (SHT31) or ±1.5 (SHT35)",
			Notes: []string{
				"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
				"Close to the board the part measures the board's warmth: lead it 10 cm away.",
				"In fog and rain the humidity stays at 100 for hours after the air has dried: shield it, or wait.",
				"After soldering, or months in very dry or humid air, humidity is off by some %RH and comes back within days.",
				"A humidity of exactly 0, which is a lost element, and a temperature outside of the range are errors of class range.",
				"Analog variants (SHT3x-ARP) and the SHTC3, SHT4x have kinds of their own or none.",
			},
			Example: "name: air\nkind: sht3x\nevery: 10s\naddress: 0x44\n",
		},
	}
}
