package pms5003

import (
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// The words of the key mode.
const (
	modePassive = "passive"
	modeActive  = "active"
)

// maxWarmup is the longest warm-up that can be configured.
const maxWarmup = time.Minute

// Kind returns the kind pms5003.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "pms5003",
		Summary: "particles in the air, Plantower PMS5003, PMS7003",
		Keys: append(kind.UARTKeys(),
			kind.Key{Name: "mode", Type: kind.Enum, Enum: []string{modePassive, modeActive}, Default: modePassive,
				Help: "passive: the part is asked; active: it is only listened to, for which its RXD need not be connected"},
			kind.Key{Name: "sleep", Type: kind.Bool, Default: false,
				Help: "the fan rests between two readings, each of which then takes `warmup`; for every: 2m and slower"},
			kind.Key{Name: "warmup", Type: kind.Duration, Default: 30 * time.Second, Min: new(0.0), Max: new(maxWarmup.Seconds()),
				Help: "how long after a start the values are not to be believed"}),
		Yields: func(kind.Params) []sensors.Quantity {
			return []sensors.Quantity{sensors.PM1, sensors.PM25, sensors.PM10}
		},
		Bus:     kind.UARTBus,
		Timeout: maxWarmup + 15*time.Second,
		Check:   check,
		Open:    open,
		Manual: kind.Manual{
			Parts:     "Plantower PMS5003, PMS7003, PMSA003 and others with frames of 32 bytes",
			Datasheet: "PMS5003 series data manual V2.3, Plantower, https://www.plantower.com/en/",
			Wiring: [][2]string{
				{"VCC", "5V (pin 2): the fan needs it"},
				{"GND", "GND (pin 6)"},
				{"TX", "GPIO15, RXD (pin 10)"},
				{"RX", "GPIO14, TXD (pin 8); not needed with mode: active"},
				{"SET, RESET", "nothing"},
			},
			Range: "0 to 500 ug/m3, ±10 up to 100, ±10 % above; steps of 1 ug/m3",
			Notes: []string{
				"Switch the port on and its console off once: sudo raspi-config nonint do_serial_hw 0, sudo raspi-config nonint do_serial_cons 1, " +
					"then restart the board. The user needs the group dialout.",
				"The part sends two sets of values. These are those \"under atmospheric environment\"; the other, \"CF=1\", is a factory's " +
					"calibration with one kind of dust. They agree up to about 30 ug/m3; above, CF=1 is up to half as much again.",
				"All three are computed from counts of scattered light and a guess at the dust. PM10 above all: the part hardly sees grains above 2.5 um.",
				"Fog and humidity above 80 %RH count as dust. Keep the inlet out of the rain and of the fan's own outlet.",
				"For 30 s after a start, of the agent too, there are errors of class warmup. warmup: 0s if the part has long been running.",
				"In mode passive a part that was reset is noticed, as it then sends unasked. In mode active a break of its supply between two readings is " +
					"not, and for 30 s the values are too low.",
				"Not one particle in 0.1 l of air is an error of class range: so says a part whose fan or laser stands still.",
				"Fan and laser wear out: the maker speaks of 3 years. With sleep: true and every: 10m they run for a twentieth of the time. " +
					"A reading then bears the time at which it began, half a minute before the measurement.",
				"A frame that came in part or has a wrong sum is never believed. If no good one follows within 1 s (mode active: 3.5 s) that is an error.",
			},
			Example: "name: dust\nkind: pms5003\nevery: 30s\n",
			Further: []string{"name: street\nkind: pms5003\nevery: 10m\nport: /dev/ttyUSB0\nsleep: true\n",
				"name: kitchen\nkind: pms5003\nevery: 10s\nmode: active\n"},
		},
	}
}

func check(p kind.Params) []kind.Problem {
	problems := kind.CheckUART(p)
	if p.Bool("sleep") && p.String("mode") == modeActive {
		problems = append(problems, kind.Problem{Key: "sleep", Message: "a part that is only listened to cannot be put to sleep",
			Hint: "connect its RXD and use mode: passive, or leave sleep out"})
	}
	return problems
}
