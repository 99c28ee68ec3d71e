package veml7700

import (
	"maps"
	"slices"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// gain is one setting of ALS_GAIN: its code and what it multiplies the counts by (datasheet table 1).
type gain struct {
	code   uint16
	factor float64
}

func gains() map[string]gain {
	return map[string]gain{"1/8": {2, 0.125}, "1/4": {3, 0.25}, "1": {0, 1}, "2": {1, 2}}
}

// integration is one setting of ALS_IT: its code and time.
type integration struct {
	code uint16
	ms   int
}

func integrations() map[string]integration {
	return map[string]integration{"25ms": {0xC, 25}, "50ms": {8, 50}, "100ms": {0, 100}, "200ms": {1, 200}, "400ms": {2, 400}, "800ms": {3, 800}}
}

// Kind returns the kind veml7700.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "veml7700",
		Summary: "illuminance, Vishay VEML7700",
		Keys: append(kind.I2CKeys(0x10),
			kind.Key{Name: "gain", Type: kind.Enum, Default: "1/8", Enum: slices.Sorted(maps.Keys(gains())),
				Help: "1/8 for daylight, 2 for the dark: a reading beyond the scale is an error of class range"},
			kind.Key{Name: "integration", Type: kind.Enum, Default: "100ms",
				Enum: []string{"25ms", "50ms", "100ms", "200ms", "400ms", "800ms"}, Help: "time that light is gathered; longer is finer"},
			kind.Key{Name: "resolution", Type: kind.Float, Default: 0.0672, Min: new(0.001), Max: new(1.0),
				Help: "lx of one count at gain 1 and 100ms: 0.0672 by the present application note, 0.0576 by earlier ones"},
			kind.Key{Name: "straighten", Type: kind.Bool, Default: true,
				Help: "with gain 1/8 and 1/4, correct strong light by the application note's polynomial"}),
		Yields: func(kind.Params) []sensors.Quantity { return []sensors.Quantity{sensors.Illuminance} },
		Bus:    kind.I2CBus,
		Probe:  probe(),
		Open:   open,
		Manual: kind.Manual{
			Parts:     "Vishay VEML7700",
			Datasheet: "VEML7700, document 84286, https://www.vishay.com/docs/84286/veml7700.pdf",
			Wiring: [][2]string{
				{"VIN or VCC", "3V3 (pin 1)"},
				{"GND", "GND (pin 9)"},
				{"SCL", "GPIO3, SCL (pin 5)"},
				{"SDA", "GPIO2, SDA (pin 3)"},
			},
			Range: "0 to 120000 lx, ±10 %, step 0.54, with gain 1/8 and 100ms; 0 to 275 lx, step 0.0042, with gain 2 and 800ms",
			Notes: []string{
				"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
				"Full sunlight is 100000 lx: use gain 1/8 outdoors. Light beyond the scale is an error of class range, not its end.",
				"The maker has changed the value of a count from 0.0576 to 0.0672 lx. Set resolution to what your part's datasheet, or a " +
					"comparison, says.",
				"With gain 1/8 and 1/4 the part reads too low in strong light: 1000 for 1075 lx, 10000 for 14800. straighten corrects it.",
				"A cover or a housing takes light away: filter calibrate puts the factor in.",
				"Lamps flicker: with less than 100ms readings in lamplight vary.",
			},
			Example: "name: light\nkind: veml7700\nevery: 10s\ngain: 1/8\nintegration: 25ms\n",
		},
	}
}

// probe reads the id. Parts of this family upset the bus when they are read one byte at a time (raspberrypi/linux, pull request 6071).
func probe() kind.Probe {
	p := kind.IDRegister(regID, 2, func(id uint32) bool { return id>>8 == idPart && (id&0xFF == optionA4 || id&0xFF == optionD4) })
	p.Words = true
	return p
}
