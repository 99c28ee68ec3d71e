package register

import (
	"context"
	"fmt"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/register/chips"
)

// Kind is the name of the kind whose definition stands in the configuration.
const Kind = "register"

func custom() kind.Kind {
	keys := kind.I2CKeys(0x08)
	keys[1] = kind.Key{Name: "address", Type: kind.Address, Required: true, Help: "address of the part"}
	return kind.Kind{
		Name:    Kind,
		Summary: "any I2C part that a description of its registers is enough for",
		Keys: append(keys, []kind.Key{
			{Name: "definition", Type: kind.Map, Keys: chips.Keys(), Help: "the description, as keys below this one"},
			{Name: "definition_file", Type: kind.File, Help: "the description, in a YAML file with the same keys"},
			{Name: "constants", Type: kind.List, Help: "values for the definition's constants", Elem: &kind.Key{Type: kind.Map, Help: "one",
				Keys: []kind.Key{
					{Name: "name", Type: kind.String, Required: true, Help: "which one"},
					{Name: "value", Type: kind.String, Required: true, Help: "a number, or one of the choices' words"},
				}}},
		}...),
		Yields: func(p kind.Params) []sensors.Quantity {
			if c, _ := chips.Configured(p, nil); c != nil {
				return c.Quantities()
			}
			return nil
		},
		Bus: kind.I2CBus,
		Check: func(p kind.Params) []kind.Problem {
			_, problems := chips.Configured(p, reachable)
			return problems
		},
		Open: func(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
			c, problems := chips.Configured(p, reachable)
			return start(ctx, b, Kind, c, problems, p)
		},
		Manual: manual(),
	}
}

// reachable finds fields of which no raw value can lie within the limits, and true-or-false ones that yield other numbers: the
// formula is wrong.
func reachable(c *chips.Chip) (problems []kind.Problem) {
	for i, r := range c.Rounds {
		for k, read := range r.Reads {
			for n := range read.Fields {
				f := &read.Fields[n]
				at := fmt.Sprintf("measure[%d].reads[%d].fields[%d]", i, k, n)
				low, high, sane := reach(f)
				switch {
				case f.Quantity.Boolean() && (low != 0 || high != 1):
					problems = append(problems, kind.Problem{Key: at, Message: fmt.Sprintf("yields %v and %v, not 0 and 1", low, high),
						Hint: "leave scale, offset and polynomial out, or write scale: -1 and offset: 1 to turn it round"})
				case !sane || high < f.Min || low > f.Max:
					problems = append(problems, kind.Problem{Key: at,
						Message: fmt.Sprintf("can be %v to %v, of which nothing lies within %v to %v", low, high, f.Min, f.Max),
						Hint:    "check scale, divisor, offset and bits"})
				}
			}
		}
	}
	return problems
}

// reach is the least and the greatest of a sample of the values that a field can have.
func reach(f *chips.Field) (low, high float64, sane bool) {
	if f.Type == chips.Float32 {
		return f.Min, f.Max, true
	}
	first := true
	for i := range 257 {
		top := ^uint64(0) >> (64 - f.Bits)
		r := uint64(float64(top) / 256 * float64(i))
		if f.Bits <= 8 {
			r = uint64(i) & top
		}
		x, ok := number(f, min(r, top))
		if !ok {
			continue
		}
		x = value(f, x)
		if x-x != 0 {
			return low, high, false
		}
		if first {
			low, high, first = x, x, false
		}
		low, high = min(low, x), max(high, x)
	}
	return low, high, !first
}
