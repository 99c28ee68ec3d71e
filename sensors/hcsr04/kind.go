package hcsr04

import (
	"context"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Kind returns the kind hcsr04.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "hcsr04",
		Summary: "distance by ultrasound, HC-SR04",
		Keys: []kind.Key{
			{Name: "trigger", Type: kind.Pin, Required: true, Help: "the line to the module's Trig: GPIO23 is that of the header, LABEL:OFFSET one of another chip"},
			{Name: "echo", Type: kind.Pin, Required: true, Help: "the line from the module's Echo, through a divider"},
			{Name: "temperature", Type: kind.Float, Default: 20.0, Min: new(-40.0), Max: new(85.0),
				Help: "of the air, in Cel: sound is 0.18 % faster with each degree"},
		},
		Yields: func(kind.Params) []sensors.Quantity { return []sensors.Quantity{sensors.Distance} },
		// One after the other: a module hears the bursts of all.
		Bus: func(kind.Params) string { return "ultrasound" },
		Check: func(p kind.Params) []kind.Problem {
			if p.String("trigger") == p.String("echo") {
				return []kind.Problem{{Key: "echo", Message: "is the same line as trigger", Hint: "the module needs two lines"}}
			}
			return nil
		},
		Open: func(_ context.Context, b kind.Board, p kind.Params) (any, error) {
			d, err := open(b, p)
			if err != nil {
				return nil, err
			}
			return d, nil
		},
		Manual: kind.Manual{
			Parts:     "HC-SR04, HC-SR04P, US-025, JSN-SR04T (mode 0) and other modules with a trigger and an echo pin",
			Datasheet: "ELECFREAKS, Ultrasonic Ranging Module HC-SR04, https://cdn.sparkfun.com/datasheets/Sensors/Proximity/HCSR04.pdf",
			Wiring: [][2]string{
				{"Vcc", "5V (pin 2)"},
				{"Trig", "GPIO23 (pin 16); 3.3 V is enough"},
				{"Echo", "1 kOhm to GPIO24 (pin 18), and 2 kOhm from there to GND"},
				{"GND", "GND (pin 14)"},
			},
			Range: "0.02 to 4 m; ±3 mm by the module, and as much again by the board's time stamps",
			Notes: []string{
				"Echo is a 5 V output and no line of a Raspberry Pi survives that: divide it, or use an HC-SR04P at 3.3 V.",
				"The kernel stamps both edges as it takes the interrupt. On an idle board those stamps are a few microseconds late, which is " +
					"1 mm; under load some are late by 100, which is 2 cm. filters: [median: 5] takes those out.",
				"Below 5 cm the echo may be over before a busy board has looked at its beginning; that is an error of class io, not a distance.",
				"No echo (nothing within 4 m, or something soft or slanting) is an error of class range. An echo line that does not move is absent, one that stays high a timeout.",
				"The beam is about 15 degrees wide: the nearest thing in it counts. A JSN-SR04T sees nothing below 0.2 m.",
				"Several modules are asked in turn, 60 ms must pass between two bursts of one.",
			},
			Example: "name: tank\nkind: hcsr04\ntrigger: GPIO23\necho: GPIO24\nevery: 1m\nfilters:\n  - median: 5\n",
		},
	}
}
