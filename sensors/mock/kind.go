package mock

import (
	"fmt"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/signal"
)

// The ways to fail.
const (
	fail = "error"
	hang = "hang"
)

// Kind describes the kind for the table of kinds.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "mock",
		Summary: "a computed signal, and faults on demand; needs no hardware",
		Keys: []kind.Key{
			{Name: "quantity", Type: kind.Enum, Help: "what it pretends to measure: any quantity of the table",
				Default: string(sensors.Temperature), Enum: quantities()},
			{Name: "signal", Type: kind.Map, Help: "the values", Keys: signalKeys()},
			{Name: "faults", Type: kind.Map, Help: "readings that fail; none unless given", Keys: []kind.Key{
				{Name: "every", Type: kind.Int, Help: "every how manyth reading fails; 1: each", Required: true, Min: new(1.0)},
				{Name: "kind", Type: kind.Enum, Help: "error: an error of class io; hang: no answer until the reading's time is up",
					Default: fail, Enum: []string{fail, hang}},
			}},
		},
		Yields: func(p kind.Params) []sensors.Quantity { return []sensors.Quantity{quantity(p)} },
		Bus:    bus,
		Check:  check,
		Open:   open,
		Manual: kind.Manual{
			Parts: "none",
			Range: "whatever is configured; values have six decimals at most",
			Notes: []string{
				"constant gives value. sine starts in the middle and rises, ramp rises from min to max and falls back at once, square is max " +
					"for half a period and then min; all three are functions of the time since the start. walk takes a random step at each " +
					"reading, between min and max. counter counts the good readings of the run: 0, 1, 2 and so on.",
				"A boolean quantity (contact, motion, ...) has square or constant; true is 1.",
				"A reading that fails does not advance walk and counter. A mock that hangs has a bus to itself, as a part that hangs " +
					"holds up the others on its bus.",
			},
			Example: "name: boiler\nkind: mock\nevery: 1s\nquantity: temperature\n" +
				"signal: {shape: sine, min: 40, max: 60, period: 5m}\nfaults: {every: 20, kind: error}\n",
		},
	}
}

func signalKeys() []kind.Key {
	return []kind.Key{
		{Name: "shape", Type: kind.Enum, Help: "sine unless given; square for a boolean quantity",
			Enum: []string{signal.Constant, signal.Sine, signal.Ramp, signal.Square, signal.Walk, counter}},
		{Name: "value", Type: kind.Float, Help: "of constant, in the quantity's unit; 20 unless given, 1 for a boolean quantity"},
		{Name: "min", Type: kind.Float, Help: "lowest value of sine, ramp, square and walk; 15 unless given"},
		{Name: "max", Type: kind.Float, Help: "highest value of them; 25 unless given"},
		{Name: "period", Type: kind.Duration, Help: "of sine, ramp and square", Default: signal.DefaultPeriod, Min: new(0.001)},
		{Name: "step", Type: kind.Float, Help: "longest step of walk, up or down; a fiftieth of max - min unless given", Min: new(0.0)},
		{Name: "seed", Type: kind.Int, Help: "of walk: equal seeds walk equal ways", Default: int64(1)},
	}
}

func quantities() []string {
	table := sensors.Quantities()
	names := make([]string, len(table))
	for i, info := range table {
		names[i] = string(info.Quantity)
	}
	return names
}

// bus gives a mock that hangs a worker of its own. Its name is the address of the keys, which differs from sensor to sensor.
func bus(p kind.Params) string {
	if f := p.Map("faults"); f.Int("every") > 0 && f.String("kind") == hang {
		return fmt.Sprintf("mock-%p", p)
	}
	return ""
}

// check finds what the keys' own rules do not.
func check(p kind.Params) []kind.Problem {
	q, s := quantity(p), newCourse(p)
	keys := p.Map("signal")
	switch {
	case q.Boolean() && s.Shape != signal.Constant && s.Shape != signal.Square:
		message := fmt.Sprintf("%s is true or false and cannot be a %s", q, s.Shape)
		return []kind.Problem{{Key: "signal.shape", Message: message, Hint: "use square or constant"}}
	case q.Boolean() && s.Value != 0 && s.Value != 1:
		message := fmt.Sprintf("is %v, but %s is true or false", s.Value, q)
		return []kind.Problem{{Key: "signal.value", Message: message, Hint: "use 1 for true or 0 for false"}}
	case s.Min >= s.Max:
		key := "signal.min"
		if !keys.Has("min") {
			key = "signal.max"
		}
		return []kind.Problem{{Key: key, Message: fmt.Sprintf("min is %v and max is %v", s.Min, s.Max), Hint: "min must be below max"}}
	}
	return nil
}
