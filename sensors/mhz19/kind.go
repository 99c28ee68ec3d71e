package mhz19

import (
	"fmt"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// usualRange is how parts come.
const usualRange = 5000 // ppm

// Kind returns the kind mhz19.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "mhz19",
		Summary: "carbon dioxide, Winsen MH-Z19B, MH-Z19C",
		Keys: append(kind.UARTKeys(),
			kind.Key{Name: "warmup", Type: kind.Duration, Default: 3 * time.Minute, Min: new(0.0), Max: new(3600.0),
				Help: "how long after a start the values are not to be believed; 1m for an MH-Z19C"},
			kind.Key{Name: "range", Type: kind.Int, Min: new(2000.0), Max: new(10000.0),
				Help: "2000, 5000 or 10000 ppm, set in the part for good (MH-Z19B); absent: as it is, taken for 5000"},
			kind.Key{Name: "self_calibration", Type: kind.Bool,
				Help: "the lowest value of a day is taken as 400 ppm; absent: as it is in the part, true from the factory"}),
		Yields: func(kind.Params) []sensors.Quantity { return []sensors.Quantity{sensors.CO2} },
		Bus:    kind.UARTBus,
		Check:  check,
		Open:   open,
		Manual: kind.Manual{
			Parts:     "Winsen MH-Z19B, MH-Z19C; MH-Z19 and MH-Z14A answer alike",
			Datasheet: "MH-Z19B user's manual V1.0, https://www.winsen-sensor.com/d/files/infrared-gas-sensor/mh-z19b-co2-ver1_0.pdf",
			Wiring: [][2]string{
				{"Vin", "5V (pin 2)"},
				{"GND", "GND (pin 6)"},
				{"Tx", "GPIO15, RXD (pin 10)"},
				{"Rx", "GPIO14, TXD (pin 8)"},
				{"Hd, PWM, AOT", "nothing; Hd at ground for 7 s calibrates the part, wrongly unless it is outside"},
			},
			Range: "400 to 2000 or 5000 ppm, ±50 ±5 %",
			Notes: []string{
				"Switch the port on and its console off once: sudo raspi-config nonint do_serial_hw 0, sudo raspi-config nonint do_serial_cons 1, " +
					"then restart the board. The user needs the group dialout.",
				"While it warms up the part says 0, 388, 400, 410 or 555 ppm, by its make, as if it had measured that. For 3 min after a start, of the " +
					"agent too, there are errors of class warmup. warmup: 0s if the part has long been running.",
				"A break of its supply between two readings cannot be noticed, and is followed by three minutes of such values. Give it a supply that holds " +
					"150 mA at 5 V.",
				"At the end of its range the part says the end, however much more there is: that is an error of class range. A part that is set to 2000 " +
					"and not configured so is believed up to 5000, and says 2000 where there is more.",
				"Self-calibration takes the lowest value of 24 hours for 400 ppm. Where the air is never fresh (a greenhouse, a cellar) the values sink " +
					"over the weeks: self_calibration: false. Outdoor air has some 425 ppm today, which the part calls 400.",
				"The settings are sent at each start. The part does not answer them, so nobody can tell whether it took them.",
				"5000 and 10000 ppm are less exact than 2000. An MH-Z19C knows no other range than its own.",
				"It wants to be protected from sun and from its own lamp's warmth in a closed case; a knock on the golden chamber shifts it.",
			},
			Example: "name: room\nkind: mhz19\nevery: 30s\n",
			Further: []string{"name: cellar\nkind: mhz19\nevery: 1m\nport: /dev/ttyUSB0\nself_calibration: false\n"},
		},
	}
}

func check(p kind.Params) []kind.Problem {
	problems := kind.CheckUART(p)
	if n := p.Int("range"); p.Has("range") && n != 2000 && n != 5000 && n != 10000 {
		problems = append(problems, kind.Problem{Key: "range", Message: fmt.Sprintf("%d is not possible", n), Hint: "use 2000, 5000 or 10000"})
	}
	return problems
}
