package max31855

import (
	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Kind returns the kind max31855.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "max31855",
		Summary: "temperature of a thermocouple, Maxim MAX31855",
		Keys:    kind.SPIKeys(),
		Yields: func(kind.Params) []sensors.Quantity {
			return []sensors.Quantity{sensors.Temperature, sensors.Temperature}
		},
		Bus:   kind.SPIBus,
		Check: kind.CheckSPI,
		Open:  open,
		Manual: kind.Manual{
			Parts:     "Maxim (Analog Devices) MAX31855K, J, N, T, S, R, E: the letter is the type of the thermocouple",
			Datasheet: "MAX31855 data sheet 19-5793, https://www.analog.com/en/products/max31855.html",
			Wiring: [][2]string{
				{"VIN or VCC", "3V3 (pin 1)"},
				{"GND", "GND (pin 9)"},
				{"SCK or CLK", "GPIO11, SCLK (pin 23)"},
				{"SO or DO", "GPIO9, MISO (pin 21)"},
				{"CS", "GPIO8, CE0 (pin 24) for device 0.0; GPIO7, CE1 (pin 26) for 0.1"},
				{"T+, T-", "the thermocouple, by its own wire or compensating wire all the way"},
			},
			Range: "K: -200 to 700 Cel, ±2; to 1350, ±4; steps of 0.25. The part itself (SENSOR.internal): -20 to 85 Cel, ±2",
			Notes: []string{
				"Switch SPI on once: sudo raspi-config nonint do_spi 0, or dtparam=spi=on in config.txt, then restart the board.",
				"The second temperature, named SENSOR.internal, is that of the part, to which the thermocouple is compared.",
				"The part takes a thermocouple for a straight line. It is right near 25 Cel and off by some kelvins far from there " +
					"(type K: 2 at 200 Cel, more below 0), however steady the value looks. Filter calibrate mends it at two points.",
				"Another type of thermocouple than the letter says gives plausible, wrong values; so does one that is connected the wrong " +
					"way round, which falls when it is warmed. Neither can be noticed.",
				"A broken thermocouple is an error of class absent, one that touches ground or supply of class io; the internal temperature " +
					"goes on. One that touches ground is only noticed if T- is not grounded on the module, and a touch between its two wires never.",
				"0 Cel at the thermocouple and 0 Cel at the part, both to the last digit, is what a missing part reads: it is an error.",
				"Three wires besides the supply are enough: the part takes no data.",
			},
			Example: "name: kiln\nkind: max31855\nevery: 5s\ndevice: \"0.0\"\n",
		},
	}
}
