package pipower

import (
	"context"
	"fmt"
	"strings"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Kind describes the kind for the table of kinds.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "pipower",
		Summary: "a Raspberry Pi's supply: undervoltage and throttling",
		Keys: []kind.Key{
			{Name: "metrics", Type: kind.List, Min: new(1.0), Help: "what to report; all that the machine can tell unless given",
				Elem: &kind.Key{Name: "metric", Type: kind.Enum, Enum: []string{string(sensors.Undervoltage), string(sensors.Throttled)}}},
		},
		Yields: wanted,
		Bus:    func(kind.Params) string { return "pipower" },
		Check:  check,
		Find:   find,
		Open: func(_ context.Context, b kind.Board, p kind.Params) (any, error) {
			d, err := open(b, p)
			if err != nil {
				return nil, err
			}
			return d, nil
		},
		Manual: kind.Manual{
			Parts:     "every Raspberry Pi since the 1B+; the Zeros and the first A and B have no circuit that watches the supply",
			Datasheet: "https://www.raspberrypi.com/documentation/computers/os.html#get_throttled, kernel driver raspberrypi-hwmon",
			Range:     "undervoltage below 4.63 V, ±5 %; throttled from 80 to 85 Cel on",
			Notes: []string{
				"undervoltage is true while the supply is too low, and for two seconds after a short dip, by the kernel's rpi_volt. It needs " +
					"no group.",
				"throttled is true while the board slows itself down: frequency capped, throttled, or the soft limit of 60 Cel of a 3B+. It " +
					"is asked of the firmware by /dev/vcio: the user needs group video, or the reading is an error of class denied.",
				"Undervoltage is mostly a thin cable: use the official supply, or 0.5 mm2 and no longer than a metre.",
				"On a Zero undervoltage is never true, as the board has nothing to notice it with.",
				"On other machines the sensor is an error of class absent.",
				"Readings every second or two miss no dip, as the kernel keeps each for two seconds; filters: [{delta: 1}, {heartbeat: 10m}] " +
					"then reports changes only.",
			},
			Example: "name: supply\nkind: pipower\nevery: 2s\n",
		},
	}
}

// wanted lists what is asked for, in the order in which it is reported.
func wanted(p kind.Params) (list []sensors.Quantity) {
	if !p.Has("metrics") {
		return []sensors.Quantity{sensors.Undervoltage, sensors.Throttled}
	}
	for _, name := range p.List("metrics") {
		list = append(list, sensors.Quantity(name.(string)))
	}
	return list
}

// check finds what the keys' own rules do not.
func check(p kind.Params) (problems []kind.Problem) {
	seen := map[any]bool{}
	for i, name := range p.List("metrics") {
		if seen[name] {
			problems = append(problems, kind.Problem{Key: fmt.Sprintf("metrics[%d]", i), Message: fmt.Sprintf("%v is there twice", name),
				Hint: "take one out"})
		}
		seen[name] = true
	}
	return problems
}

// find reports whether there is something to ask.
func find(b kind.Board) ([]kind.Found, error) {
	d, err := open(b, kind.Params{})
	switch class := sensors.ClassOf(err); {
	case class == sensors.Absent:
		return nil, nil
	case err != nil:
		return nil, err
	}
	defer d.Close()
	f := kind.Found{What: "this board's supply, "}
	var names []string
	for _, m := range d.list {
		names = append(names, string(m.Quantity))
	}
	f.What += strings.Join(names, " ")
	if _, err := d.fw.Throttled(); sensors.ClassOf(err) == sensors.Denied && d.hasAlarm {
		f.Keys = [][2]string{{"metrics", "[undervoltage]"}} // the firmware is for group video
	}
	return []kind.Found{f}, nil
}
