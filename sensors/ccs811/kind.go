package ccs811

import (
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Kind returns the kind ccs811.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "ccs811",
		Summary: "volatile organic compounds, ams CCS811",
		Keys: append(kind.I2CKeys(0x5A, 0x5B),
			kind.Key{Name: "pace", Type: kind.Enum, Default: "1s", Enum: []string{"1s", "10s", "60s"},
				Help: "how often the part measures: more seldom takes less current, and follows more slowly"},
			kind.Key{Name: "run_in", Type: kind.Duration, Default: 20 * time.Minute, Min: new(0.0), Max: new(86400.0),
				Help: "time after each start for which there are no values yet"}),
		Yields: func(kind.Params) []sensors.Quantity { return []sensors.Quantity{sensors.TVOC, sensors.CO2Equivalent} },
		Bus:    kind.I2CBus,
		Probe:  kind.IDRegister(regID, 1, func(id uint32) bool { return id == idPart }),
		Open:   open,
		Manual: kind.Manual{
			Parts:     "ams CCS811 (ScioSense CCS811B), on boards called CJMCU-811",
			Datasheet: "CCS811, ams, v1-06, https://cdn.sparkfun.com/assets/2/c/c/6/5/CN04-2019_attachment_CCS811_Datasheet_v1-06.pdf",
			Wiring: [][2]string{
				{"VIN", "3V3 (pin 1)"},
				{"GND", "GND (pin 9)"},
				{"SCL", "GPIO3, SCL (pin 5)"},
				{"SDA", "GPIO2, SDA (pin 3)"},
				{"WAKE", "GND (pin 9): without it the part does not answer"},
				{"ADDR", "GND or open for 0x5a, 3V3 for 0x5b"},
			},
			Range: "0 to 1187 ppb and 400 to 8192 ppm, with later firmware more; no accuracy is given",
			Notes: []string{
				"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
				"The part holds the clock line while it thinks, which the controller of Pi 1 to 4 takes for data. Slow the bus down, dtparam=i2c_arm_baudrate=10000 in " +
					"config.txt, or use dtoverlay=i2c-gpio,bus=3 and bus: 3, which waits rightly.",
				"co2_equivalent is a guess: what people breathe out beside the gases that the part notices. Wine, paint and cleaning raise it, a gas fire or " +
					"fermentation does not. It is no measurement of carbon dioxide: for that use scd4x or scd30.",
				"For 20 minutes after each start of the agent the readings are errors of class warmup, as the datasheet asks for; run_in sets that. A new part wants 48 hours.",
				"After a change to a slower pace the part rests for 10 minutes.",
				"Values are relative: the part takes the cleanest air of the last days for 0. That baseline is its own business and is left alone.",
				"The end of the scale is an error of class range. 400 ppm and 0 ppb are what it says in clean air.",
				"Humidity and temperature are taken for 50 %RH and 25 Cel.",
			},
			Example: "name: room\nkind: ccs811\nevery: 10s\n",
		},
	}
}
