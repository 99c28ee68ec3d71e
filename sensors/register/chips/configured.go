package chips

import (
	"fmt"
	"slices"

	"pinhole/sensors/kind"
)

// Configured builds the description of a sensor of kind register, from its keys definition or definition_file, and constants.
// check, unless nil, looks at what was built; its problems have keys within the definition, all others below the sensor.
func Configured(p kind.Params, check func(*Chip) []kind.Problem) (*Chip, []kind.Problem) {
	constants := map[string]string{}
	for i, x := range p.List("constants") {
		m := x.(kind.Params)
		if _, twice := constants[m.String("name")]; twice {
			return nil, []kind.Problem{{Key: fmt.Sprintf("constants[%d].name", i), Message: m.String("name") + " is there already", Hint: "keep one"}}
		}
		constants[m.String("name")] = m.String("value")
	}
	var c *Chip
	var problems []kind.Problem
	inline := p.Has("definition")
	switch path := p.String("definition_file"); {
	case inline && path != "":
		return nil, []kind.Problem{{Key: "definition_file", Message: "stands beside definition", Hint: "keep one of them"}}
	case inline:
		c, problems = fromKeys(p.Map("definition"), constants, check)
	case path != "":
		c, problems = fromFile(path, constants, check)
	default:
		return nil, []kind.Problem{{Message: "has neither definition nor definition_file", Hint: "`pinhole kinds register` shows three worked parts"}}
	}
	if problems == nil && len(c.Addresses) > 0 && !slices.Contains(c.Addresses, p.Int("address")) {
		problems = []kind.Problem{{Key: "address", Message: fmt.Sprintf("a %s cannot have the address 0x%02x", c.Name, p.Int("address")),
			Hint: "the definition's addresses are others"}}
	}
	if problems != nil {
		return nil, problems
	}
	return c, nil
}

func fromKeys(p kind.Params, constants map[string]string, check func(*Chip) []kind.Problem) (*Chip, []kind.Problem) {
	c, problems := Build(p, constants)
	if problems == nil && check != nil {
		problems = check(c)
	}
	for i, b := range problems {
		if problems[i].Key = "constants"; b.Key != "" {
			problems[i].Key = "definition." + b.Key
		}
	}
	return c, problems
}

func fromFile(path string, constants map[string]string, check func(*Chip) []kind.Problem) (*Chip, []kind.Problem) {
	f, problems := Load(path)
	var c *Chip
	if problems == nil {
		c, problems = f.Build(constants)
	}
	if problems == nil && check != nil {
		for _, b := range check(c) {
			problems = append(problems, f.locate(b))
		}
	}
	for i := range problems {
		problems[i].Key = "definition_file"
	}
	return c, problems
}
