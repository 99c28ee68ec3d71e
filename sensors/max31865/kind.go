package max31865

import (
	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// The words of the keys rtd and mains.
const (
	pt100   = "pt100"
	pt1000  = "pt1000"
	mains50 = "50Hz"
	mains60 = "60Hz"
)

// resistance is the thermometer's at 0 Cel.
func resistance(p kind.Params) float64 {
	if p.String("rtd") == pt1000 {
		return 1000
	}
	return 100
}

// reference is the module's resistor: 4.3 times that, unless it is given.
func reference(p kind.Params) float64 {
	if p.Has("reference") {
		return p.Float("reference")
	}
	return 4.3 * resistance(p)
}

// Kind returns the kind max31865.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "max31865",
		Summary: "temperature of a PT100 or PT1000, Maxim MAX31865",
		Keys: append(kind.SPIKeys(),
			kind.Key{Name: "wires", Type: kind.Int, Required: true, Min: new(2.0), Max: new(4.0),
				Help: "how many wires lead to the thermometer: 2, 3 or 4; the module's bridges must be set for it too"},
			kind.Key{Name: "rtd", Type: kind.Enum, Enum: []string{pt100, pt1000}, Default: pt100, Help: "the thermometer"},
			kind.Key{Name: "reference", Type: kind.Float, Min: new(50.0), Max: new(20000.0),
				Help: "the module's reference resistor in Ohm; absent: 430 for a PT100, 4300 for a PT1000"},
			kind.Key{Name: "mains", Type: kind.Enum, Enum: []string{mains50, mains60}, Default: mains50,
				Help: "the hum that is filtered out: of the mains where the thermometer is"}),
		Yields: func(kind.Params) []sensors.Quantity { return []sensors.Quantity{sensors.Temperature} },
		Bus:    kind.SPIBus,
		Check:  kind.CheckSPI,
		Open:   open,
		Manual: kind.Manual{
			Parts:     "Maxim (Analog Devices) MAX31865, with a PT100 or PT1000 after IEC 60751",
			Datasheet: "MAX31865 data sheet 19-6478, https://www.analog.com/en/products/max31865.html",
			Wiring: [][2]string{
				{"VIN or VDD", "3V3 (pin 1)"},
				{"GND", "GND (pin 9)"},
				{"CLK or SCLK", "GPIO11, SCLK (pin 23)"},
				{"SDO", "GPIO9, MISO (pin 21)"},
				{"SDI", "GPIO10, MOSI (pin 19)"},
				{"CS", "GPIO8, CE0 (pin 24) for device 0.0; GPIO7, CE1 (pin 26) for 0.1"},
				{"F+, RTD+, RTD-, F-", "the thermometer; with 2 wires F+ is bridged to RTD+ and F- to RTD-"},
			},
			Range: "-200 to 850 Cel, ±0.5 and what thermometer, reference resistor and wires add; steps of 0.03",
			Notes: []string{
				"Switch SPI on once: sudo raspi-config nonint do_spi 0, or dtparam=spi=on in config.txt, then restart the board.",
				"`wires` has no default, as a wrong one gives plausible, wrong values, by the resistance of the wires: 0.4 Ohm are 1 Cel.",
				"Two wires add their resistance to the thermometer's; nobody can tell them apart. Filter calibrate takes it away.",
				"A reference resistor of 430 Ohm that is 0.1 % off makes 0.3 Cel at 20 Cel. Cheap modules carry 1 %: measure it and set `reference`.",
				"Modules for PT1000 carry 4300 Ohm. A PT1000 on a module for PT100, or the other way round, is an error of class range or io.",
				"Broken and touching wires are looked for at each reading, and are errors of class io that say which. With two wires in one cable " +
					"a touch between them reads as nearly 0 Ohm and is found; a poor contact is not: it warms the value.",
				"The current, about 1 mA, flows for 0.12 s a reading, so that it hardly warms the thermometer; every: 1s and slower is best.",
			},
			Example: "name: boiler\nkind: max31865\nevery: 10s\ndevice: \"0.0\"\nwires: 3\n",
		},
	}
}
