package chips

import (
	"fmt"
	"strconv"
	"strings"

	"pinhole/sensors/kind"
)

// Constant is what a user may set.
type Constant struct {
	Name, Help string
	Default    string
	Min, Max   *float64
	Choices    []Choice
}

// Choice is a word for a constant's value.
type Choice struct {
	Word        string
	Value, Code float64
}

// Constants returns the constants of a definition, as they stand in it.
func Constants(p kind.Params) []Constant {
	var all []Constant
	for _, x := range p.List("constants") {
		m := x.(kind.Params)
		c := Constant{Name: m.String("name"), Help: m.String("help"), Default: m.String("default")}
		if m.Has("min") {
			c.Min = new(m.Float("min"))
		}
		if m.Has("max") {
			c.Max = new(m.Float("max"))
		}
		for _, x := range m.List("choices") {
			w := x.(kind.Params)
			c.Choices = append(c.Choices, Choice{w.String("word"), w.Float("value"), w.Float("code")})
		}
		all = append(all, c)
	}
	return all
}

// Words returns the words of the choices.
func (c Constant) Words() []string {
	var words []string
	for _, w := range c.Choices {
		words = append(words, w.Word)
	}
	return words
}

// value finds what text stands for.
func (c Constant) value(text string) (v, code float64, err error) {
	if len(c.Choices) > 0 {
		for _, w := range c.Choices {
			if w.Word == text {
				return w.Value, w.Code, nil
			}
		}
		return 0, 0, fmt.Errorf("is %q, none of %s", clip(text), strings.Join(c.Words(), ", "))
	}
	v, err = strconv.ParseFloat(text, 64)
	switch {
	case err != nil || v-v != 0: // infinite, or no number
		return 0, 0, fmt.Errorf("is %q, no number", clip(text))
	case c.Min != nil && v < *c.Min:
		return 0, 0, fmt.Errorf("is %v, less than %v", v, *c.Min)
	case c.Max != nil && v > *c.Max:
		return 0, 0, fmt.Errorf("is %v, more than %v", v, *c.Max)
	}
	return v, 0, nil
}

// names gives every constant and derived name its number. given overrides defaults.
func (b *builder) names(p kind.Params, given map[string]string) {
	b.known = map[string]float64{}
	list := Constants(p)
	for i, c := range list {
		at := fmt.Sprintf("constants[%d]", i)
		if !b.newName(at, c.Name) {
			continue
		}
		text, set := given[c.Name]
		if !set {
			text, at = c.Default, at+".default"
		} else {
			at = "" // the user's key, named by the message
		}
		v, code, err := c.value(text)
		if err != nil {
			b.bad(at, fmt.Sprintf("constant %s %v", c.Name, err), c.Help)
		}
		b.known[c.Name] = v
		if len(c.Choices) > 0 {
			b.known[c.Name+"_code"] = code
		}
	}
	for name := range given {
		if _, ok := b.known[name]; !ok || strings.HasSuffix(name, "_code") {
			b.bad("", fmt.Sprintf("there is no constant %q in the definition", clip(name)), "it has "+b.constantNames(list))
		}
	}
	for i, x := range p.List("derived") {
		m := x.(kind.Params)
		at := fmt.Sprintf("derived[%d]", i)
		if b.newName(at, m.String("name")) {
			b.known[m.String("name")] = b.formula(at, m, "value", 1)
		}
	}
}

func (b *builder) constantNames(list []Constant) string {
	var names []string
	for _, c := range list {
		names = append(names, c.Name)
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}

func (b *builder) newName(at, name string) bool {
	_, taken := b.known[name]
	switch {
	case !isName(name):
		b.bad(at+".name", fmt.Sprintf("%q is no name", clip(name)), "use a-z, 0-9 and _, beginning with a letter")
	case taken:
		b.bad(at+".name", name+" is there already", "give each a name of its own")
	case name == "bus" || name == "address":
		b.bad(at+".name", name+" is a key of every I2C part", "choose another name")
	default:
		return true
	}
	return false
}

// Number is the default of a constant without choices.
func (c Constant) Number() (v float64, ok bool) {
	v, _, err := c.value(c.Default)
	return v, err == nil && len(c.Choices) == 0
}
