package scd30

import (
	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensirion"
)

// Kind returns the kind scd30.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "scd30",
		Summary: "carbon dioxide, temperature and humidity, Sensirion SCD30",
		Keys: append(kind.I2CKeys(0x61),
			kind.Key{Name: "altitude", Type: kind.Int, Min: new(0.0), Max: new(5000.0),
				Help: "height above sea level in m, which the concentration depends on; absent: as stored in the part, 0 from the factory"},
			kind.Key{Name: "self_calibration", Type: kind.Bool,
				Help: "the lowest value of a week is taken as 400 ppm; absent: as stored in the part"}),
		Yields: func(kind.Params) []sensors.Quantity {
			return []sensors.Quantity{sensors.CO2, sensors.Temperature, sensors.RelativeHumidity}
		},
		Bus:   kind.I2CBus,
		Probe: sensirion.Probe(cmdFirmware, commandTime, 1, sensirion.Answered("firmware version")),
		Open:  open,
		Manual: kind.Manual{
			Parts:     "Sensirion SCD30",
			Datasheet: "Interface Description Sensirion SCD30 Sensor Module version 1.0, https://sensirion.com/products/catalog/SCD30",
			Wiring: [][2]string{
				{"VDD", "3V3 (pin 1), or 5V (pin 2): the part draws 75 mA for moments"},
				{"GND", "GND (pin 9)"},
				{"SCL", "GPIO3, SCL (pin 5)"},
				{"SDA", "GPIO2, SDA (pin 3)"},
				{"SEL", "GND or open: I2C"},
				{"RDY, PWM", "leave open"},
			},
			Range: "400 to 10000 ppm, ±30 ±3 %; -40 to 70 Cel, ±0.4; 0 to 100 %RH, ±3",
			Notes: []string{
				"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
				"The part wants a slow bus: dtparam=i2c_arm_baudrate=50000 in config.txt, or 10000 if readings still fail.",
				"The part stretches the clock, once a day by up to 150 ms: one error of class timeout, nak or crc a day is no harm. " +
					"A bus of its own by dtoverlay=i2c-gpio bears it best.",
				"The part measures every 2 s by itself. Where there is nothing new there is an error of class warmup: every: 5s at least.",
				"The first 7 s after a start are of class warmup.",
				"Self-calibration needs fresh air for an hour a day. Where there is none the values drift: self_calibration: false.",
				"The part keeps its settings, and whether it measures, without supply. They are written only if they differ.",
				"A concentration of 0 is how the part reports a failure. It is an error of class range.",
				"The part warms itself: correct the temperature with filter calibrate.",
			},
			Example: "name: room\nkind: scd30\nevery: 30s\naltitude: 520\n",
		},
	}
}
