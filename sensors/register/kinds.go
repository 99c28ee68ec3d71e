package register

import (
	"context"
	"strings"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/register/chips"
)

// Kinds returns the kind register and one for each definition that comes with the program.
func Kinds() []kind.Kind {
	list := []kind.Kind{custom()}
	for _, s := range chips.All() {
		list = append(list, shipped(s))
	}
	return list
}

// shipped describes a definition that comes with the program.
func shipped(s chips.Shipped) kind.Kind {
	about := s.File.Params.Map("about")
	k := kind.Kind{
		Name:    s.Kind,
		Summary: about.String("summary"),
		Keys:    kind.I2CKeys(s.Addresses[0], s.Addresses[1:]...),
		Yields: func(p kind.Params) []sensors.Quantity {
			c, _ := s.File.Build(s.Given(p))
			if c == nil { // constants that Check refuses
				c, _ = s.File.Build(nil)
			}
			return c.Quantities()
		},
		Bus:   kind.I2CBus,
		Probe: probe(s),
		Check: func(p kind.Params) []kind.Problem {
			c, problems := s.File.Build(s.Given(p))
			if problems != nil {
				return problems
			}
			return reachable(c)
		},
		Open: func(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
			c, problems := s.File.Build(s.Given(p))
			return start(ctx, b, s.Kind, c, problems, p)
		},
		Manual: kind.Manual{
			Parts: about.String("parts"), Datasheet: about.String("datasheet"), Range: about.String("range"), Wiring: wiring(about),
			Example: "name: part\nkind: " + s.Kind + "\nevery: 10s\n" + about.String("example"),
		},
	}
	for _, c := range s.Constants {
		k.Keys = append(k.Keys, constantKey(c))
	}
	for _, n := range about.List("notes") {
		k.Manual.Notes = append(k.Manual.Notes, n.(string))
	}
	k.Manual.Notes = append(k.Manual.Notes,
		"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
		"This kind is a description, sensors/register/chips/"+s.Kind+".yaml; `pinhole kinds register` tells how to write another.")
	return k
}

// constantKey is the key by which a constant is set.
func constantKey(c chips.Constant) kind.Key {
	k := kind.Key{Name: c.Name, Help: c.Help, Type: kind.Float, Min: c.Min, Max: c.Max}
	if len(c.Choices) > 0 {
		k.Type, k.Enum, k.Default = kind.Enum, c.Words(), c.Default
	} else if v, ok := c.Number(); ok {
		k.Default = v
	}
	return k
}

// wiring is the four pins of every I2C part and those of its own.
func wiring(about kind.Params) [][2]string {
	w := [][2]string{{"VIN or VCC", "3V3 (pin 1)"}, {"GND", "GND (pin 9)"}, {"SCL", "GPIO3, SCL (pin 5)"}, {"SDA", "GPIO2, SDA (pin 3)"}}
	for _, x := range about.List("wiring") {
		pin, to, _ := strings.Cut(x.(string), " = ")
		w = append(w, [2]string{pin, to})
	}
	return w
}

// start opens a part. A definition with problems is an error here: it has been changed since it was checked.
func start(ctx context.Context, b kind.Board, name string, c *chips.Chip, problems []kind.Problem, p kind.Params) (any, error) {
	if problems == nil {
		problems = reachable(c)
	}
	if problems != nil {
		op := name + " at " + kind.I2CBus(p) + ": read definition"
		return nil, &sensors.Error{Class: sensors.IO, Op: op, Err: problem(problems[0]), Hint: problems[0].Hint}
	}
	d, err := open(ctx, b, name, compile(c, byte(p.Int("address"))), p)
	if err != nil {
		return nil, err // a nil *Dev in an interface would not be nil
	}
	return d, nil
}

// problem is a kind.Problem as an error.
type problem kind.Problem

func (p problem) Error() string {
	if p.Key == "" {
		return p.Message
	}
	return p.Key + ": " + p.Message
}
