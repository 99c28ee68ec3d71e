package config

import (
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"

	"pinhole/sensors/kind"
	"pinhole/sensors/kind/nearest"
)

const (
	maxName      = 128   // characters of a device's or sensor's name
	maxSensors   = 20000 // one agent is made for that many series
	defaultEvery = 10 * time.Second
	minEvery     = 10 * time.Millisecond
	maxEvery     = 7 * 24 * time.Hour
)

// badName says what is wrong with the name of a device or a sensor; "" if nothing.
func badName(s string) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > maxName:
		return fmt.Sprintf("has %d characters, more than %d", len(s), maxName)
	case s == "." || s == "..":
		return quote(s) + " is no name"
	}
	for _, r := range s {
		if (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-' {
			return fmt.Sprintf("%s holds %q", quote(s), r)
		}
	}
	return ""
}

const nameHint = "use A-Z a-z 0-9 . _ -"

func (p *parser) sensors(v value) []Sensor {
	items := v.list()
	if v.null() || v.node.Kind == yaml.SequenceNode && len(items) == 0 {
		v.problem("there is none", "add `- {name: board, kind: host}`, or another of `pinhole kinds`")
		return nil
	}
	if len(items) > maxSensors {
		v.problem(fmt.Sprintf("there are %d, more than %d", len(items), maxSensors), "")
		return nil
	}
	all := make([]Sensor, 0, len(items))
	names := make(map[string]string, len(items)) // name -> path of the first
	for _, item := range items {
		all = append(all, p.sensor(item, names))
	}
	if len(p.problems) == 0 {
		p.neighbours(all, items)
	}
	return all
}

func (p *parser) sensor(v value, names map[string]string) (s Sensor) {
	if v.null() {
		if v.node != nil {
			v.problem("is empty", "write {name: ..., kind: ...}, or remove the entry")
		}
		return s
	}
	o, ok := v.object()
	if !ok {
		return s
	}
	s.Name = p.sensorName(o, names)
	every := o.get("every")
	filters := o.get("filters")
	k := p.kindOf(o)
	if k == nil {
		every.duration(defaultEvery, minEvery, maxEvery)
		p.filters(filters)
		return s // which other keys are right, only the kind could tell
	}
	s.Kind = *k
	if k.Event && !k.Paced {
		if every.node != nil {
			every.problem("kind "+k.Name+" reports events as they happen; it is not polled", "remove `every`")
		}
	} else {
		s.Every = every.duration(defaultEvery, minEvery, maxEvery)
	}
	s.Params, ok = p.fill(o, k.Keys)
	if k.Paced {
		s.Params["every"] = s.Every
	}
	if ok {
		for _, bad := range k.Problems(s.Params) {
			path := v.path
			if bad.Key != "" {
				path = join(path, bad.Key)
			}
			p.addAt(path, bad.Message, bad.Hint)
			ok = false
		}
	}
	s.Filters = p.filters(filters)
	if ok {
		p.filtersFit(filters, &s)
	}
	o.done()
	return s
}

func (p *parser) sensorName(o *object, names map[string]string) string {
	v := o.get("name")
	if v.node == nil {
		if !o.has("name") {
			p.add(o.at, v.path, "is missing", "give each sensor a name of its own, such as `name: air`")
		}
		return ""
	}
	s, ok := v.scalar()
	if !ok {
		return ""
	}
	if what := badName(s); what != "" {
		v.problem(what, nameHint)
		return s
	}
	if first, taken := names[s]; taken {
		v.problem(fmt.Sprintf("%s is the name of %s too", quote(s), first), "give each sensor a name of its own")
		return s
	}
	names[s] = o.path
	return s
}

// kindOf returns the kind that a sensor names; nil, with the problem reported, if there is none.
func (p *parser) kindOf(o *object) *kind.Kind {
	v := o.get("kind")
	if v.node == nil {
		if !o.has("kind") {
			p.add(o.at, v.path, "is missing", "`pinhole kinds` lists them")
		}
		return nil
	}
	s, ok := v.scalar()
	if !ok {
		return nil
	}
	if i := slices.IndexFunc(p.o.Kinds, func(k kind.Kind) bool { return k.Name == s }); i >= 0 {
		return &p.o.Kinds[i]
	}
	known := make([]string, len(p.o.Kinds))
	for i, k := range p.o.Kinds {
		known[i] = k.Name
	}
	hint := "`pinhole kinds` lists them"
	if n := nearest.Of(s, known); n != "" {
		hint = "did you mean " + n + "?"
	}
	v.problem("unknown kind "+quote(s), hint)
	return nil
}

// neighbours warns of sensors that read the same part, which is allowed and seldom meant, and refuses parts on a bus and behind its
// multiplexer that have the same address: both answer, and what is read is neither's.
func (p *parser) neighbours(all []Sensor, items []value) {
	seen := make(map[string]int)
	direct := make(map[string]string) // bus and address of parts and multiplexers that are not behind one
	for i := range all {
		s := &all[i]
		for _, k := range s.Kind.Keys {
			var part string
			switch {
			case k.Name == "address" && k.Type == kind.Address:
				part = fmt.Sprintf("I2C bus %s, address 0x%02x", kind.I2CNumber(s.Params), s.Params[k.Name])
				if !s.Params.Has("mux") {
					direct[at(s, "address")] = items[i].path
				}
			case k.Type == kind.Pin:
				part = "line " + s.Params.String(k.Name)
			case k.Name == "port" && s.Kind.Bus != nil && s.Kind.Bus(s.Params) == kind.UARTBus(s.Params):
				part = "port " + s.Params.String(k.Name)
			case k.Name == "device" && s.Kind.Bus != nil && s.Kind.Bus(s.Params) == kind.SPIBus(s.Params):
				part = "SPI device " + s.Params.String(k.Name)
			default:
				continue
			}
			if !s.Params.Has(k.Name) {
				continue
			}
			first, taken := seen[part]
			if !taken {
				seen[part] = i
				continue
			}
			message, hint := part+" is read by "+items[first].path+" too", "one sensor a part is enough"
			switch other := all[first].Kind.Name; {
			case k.Type == kind.Pin, k.Name == "port":
				hint = "only one of them gets it, and the other fails"
			case other != s.Kind.Name:
				message += ", as kind " + other
				hint = "only one of the two parts can be there, and the other sensor fails: correct a kind, or where it is"
			case k.Name == "device":
				continue // an ADC's inputs may be sensors of their own, as each has filters of its own
			}
			p.warnAt(join(items[i].path, k.Name), message, hint)
		}
	}
	for i := range all {
		s := &all[i]
		if !s.Params.Has("mux") || !s.Params.Has("bus") {
			continue
		}
		if first, taken := direct[at(s, "address")]; taken {
			p.addAt(join(items[i].path, "address"), fmt.Sprintf("0x%02x is the address of %s too, which is in front of the multiplexer: both answer",
				s.Params.Int("address"), first), "put that one behind a channel as well, or give it another address")
		}
		if first, taken := direct[at(s, "mux")]; taken {
			p.addAt(join(items[i].path, "mux"), fmt.Sprintf("0x%02x is the address of %s too", s.Params.Int("mux"), first),
				"two parts on a bus cannot share an address")
		}
	}
}

// at is the bus, without a multiplexer, and the address that a key holds.
func at(s *Sensor, key string) string {
	return fmt.Sprintf("%d 0x%02x", s.Params.Int("bus"), s.Params.Int(key))
}
