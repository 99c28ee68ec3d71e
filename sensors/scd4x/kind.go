package scd4x

import (
	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensirion"
)

// Kind returns the kind scd4x.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "scd4x",
		Summary: "carbon dioxide, temperature and humidity, Sensirion SCD40, SCD41, SCD43",
		Keys: append(kind.I2CKeys(0x62),
			kind.Key{Name: "altitude", Type: kind.Int, Min: new(0.0), Max: new(3000.0),
				Help: "height above sea level in m, which the concentration depends on; absent: as stored in the part, 0 from the factory"},
			kind.Key{Name: "self_calibration", Type: kind.Bool,
				Help: "the lowest value of a week is taken as 400 ppm; absent: as stored in the part, true from the factory"}),
		Yields: func(kind.Params) []sensors.Quantity {
			return []sensors.Quantity{sensors.CO2, sensors.Temperature, sensors.RelativeHumidity}
		},
		Bus:   kind.I2CBus,
		Probe: sensirion.Probe(cmdReady, commandTime, 1, sensirion.Answered("ready flag")), // which it answers while it measures too
		Open:  open,
		Manual: kind.Manual{
			Parts:     "Sensirion SCD40, SCD41, SCD43",
			Datasheet: "Data Sheet SCD40/SCD41, https://sensirion.com/products/catalog/SCD41",
			Wiring: [][2]string{
				{"VIN or VDD", "3V3 (pin 1); 5V (pin 2) only if the module has a regulator and level shifters"},
				{"GND", "GND (pin 9)"},
				{"SCL", "GPIO3, SCL (pin 5)"},
				{"SDA", "GPIO2, SDA (pin 3)"},
			},
			Range: "400 to 2000 ppm, ±50 ±5 % (SCD40); 400 to 5000 ppm, ±40 ±5 % (SCD41); -10 to 60 Cel, ±0.8; 0 to 100 %RH, ±6",
			Notes: []string{
				"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
				"The part measures every 5 s by itself. Where there is nothing new there is an error of class warmup: every: 10s at least.",
				"The first 21 s after a start are of class warmup, as the part's first three measurements are off.",
				"Self-calibration needs fresh air for some minutes a week. Where there is none (a greenhouse, a room never aired) " +
					"it makes the values drift: self_calibration: false.",
				"The part reports a failure as a concentration of 0, which is an error of class range. Often it is the supply: it " +
					"draws 200 mA for moments.",
				"The part warms itself and subtracts 4 Cel, which is right for an open board. In a case use filter calibrate.",
				"Keep it out of sunlight, which falsifies the concentration.",
			},
			Example: "name: room\nkind: scd4x\nevery: 30s\naltitude: 520\n",
		},
	}
}
