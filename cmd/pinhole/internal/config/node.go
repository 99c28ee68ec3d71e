package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"pinhole/sensors/kind/nearest"
)

// parser collects what is wrong while the tree is read.
type parser struct {
	o        Options
	file     string
	board    string // on which the configuration is to be used
	shaky    bool   // the sensors have problems of their own
	problems []Problem
	beside   []Problem // of files that this one names, arranged
	warnings []Problem
	dropped  int              // problems beyond maxProblems
	visited  int              // values read, each use of an alias counted
	asked    map[string]bool  // every path that the readers know, list positions left out: "sensors.name"
	places   map[string]place // where the value of a path stands: "sensors[0].name"
	unknown  []unknown
}

// unknown is a key that no reader asked for. Its hint waits until all readers have said what they know.
type unknown struct {
	at           place
	parent, name string
	siblings     []string
}

func (p *parser) add(at place, key, message, hint string) {
	if len(p.problems) == maxProblems {
		p.dropped++
		return
	}
	p.problems = append(p.problems, Problem{File: p.file, Line: at.line, Column: at.column, Key: key, Message: message, Hint: hint})
}

// addAt reports a mistake at the value of a path, or at the nearest one above it that stands in the file.
func (p *parser) addAt(path, message, hint string) { p.add(p.at(path), path, message, hint) }

func (p *parser) warnAt(path, message, hint string) {
	at := p.at(path)
	p.warnings = append(p.warnings,
		Problem{File: p.file, Line: at.line, Column: at.column, Key: path, Message: message, Hint: hint})
}

func (p *parser) at(path string) place {
	for {
		if at, ok := p.places[path]; ok {
			return at
		}
		i := strings.LastIndexAny(path, ".[")
		if i < 0 {
			return p.places[""]
		}
		path = path[:i]
	}
}

// given reports whether a path stands in the file with a value.
func (p *parser) given(path string) bool { _, ok := p.places[path]; return ok }

// value is a node with its path. A value without a node is absent.
type value struct {
	p    *parser
	path string
	node *yaml.Node
	at   place
}

func (v value) problem(message, hint string) { v.p.add(v.at, v.path, message, hint) }

// child makes the value of a node below v, following an alias to what it stands for. The visits are counted, so that aliases of
// aliases cannot make a small file cost much.
func (p *parser) child(path string, n *yaml.Node) value {
	v := value{p: p, path: path, at: place{n.Line, n.Column}}
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	if p.visited++; p.visited > maxValues {
		if p.visited == maxValues+1 {
			v.problem("this file and its aliases hold more than 250000 values", "write fewer sensors, and fewer aliases")
		}
		return v
	}
	if n.Style&yaml.TaggedStyle != 0 {
		v.problem("has the tag "+quote(n.Tag), "write the value without it")
		return v
	}
	v.node = n
	p.places[path] = v.at
	return v
}

func (v value) null() bool {
	return v.node == nil || v.node.Kind == yaml.ScalarNode && v.node.Tag == "!!null"
}

// what names the type of what was written, for messages.
func (v value) what() string {
	switch v.node.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	}
	switch v.node.Tag {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "the number " + v.node.Value
	case "!!bool":
		return v.node.Value
	}
	return "the text " + quote(v.node.Value)
}

// entry is a key of an object with its value.
type entry struct {
	name string
	at   place // of the key
	node *yaml.Node
}

// object is a mapping whose keys are asked for one by one; done reports those that nobody asked for. An absent mapping reads as
// an empty one.
type object struct {
	p       *parser
	path    string
	plain   string // path without positions in lists
	at      place
	entries []entry
	asked   []string
}

// object reads v as a mapping; ok is false, with the problem reported, if it is something else. Nothing at all is an empty mapping.
func (v value) object() (o *object, ok bool) {
	o = &object{p: v.p, path: v.path, plain: plainPath(v.path), at: v.at}
	if v.null() {
		return o, true
	}
	if v.node.Kind != yaml.MappingNode {
		v.problem("must hold keys with values, but is "+v.what(), "write `key: value` lines below it")
		return o, false
	}
	lines := make(map[string]int, len(v.node.Content)/2)
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		k, n := v.node.Content[i], v.node.Content[i+1]
		e := entry{name: k.Value, at: place{k.Line, k.Column}, node: n}
		switch first := lines[e.name]; {
		case k.Kind != yaml.ScalarNode:
			v.p.add(e.at, v.path, "a key must be a plain word", "")
		case first > 0:
			v.p.add(e.at, join(v.path, e.name), fmt.Sprintf("is here for the second time, after line %d", first), "keep one of them")
		default:
			lines[e.name] = e.at.line
			o.entries = append(o.entries, e)
		}
	}
	return o, true
}

// get returns the value of a key, absent if it does not stand here.
func (o *object) get(name string) value {
	path := join(o.path, name)
	if !slices.Contains(o.asked, name) {
		o.asked = append(o.asked, name)
		o.p.asked[join(o.plain, name)] = true
	}
	for _, e := range o.entries {
		if e.name == name {
			return o.p.child(path, e.node)
		}
	}
	return value{p: o.p, path: path, at: o.at}
}

// has reports whether a key stands here, whatever its value.
func (o *object) has(name string) bool {
	return slices.ContainsFunc(o.entries, func(e entry) bool { return e.name == name })
}

// section returns the object below a key, an empty one if there is none.
func (o *object) section(name string) *object {
	s, _ := o.get(name).object()
	return s
}

// list returns the items of a list; nothing at all is an empty one.
func (v value) list() []value {
	if v.null() {
		return nil
	}
	if v.node.Kind != yaml.SequenceNode {
		v.problem("must be a list, but is "+v.what(), "begin each entry with `- `, or write [a, b]")
		return nil
	}
	items := make([]value, 0, len(v.node.Content))
	for i, n := range v.node.Content {
		items = append(items, v.p.child(fmt.Sprintf("%s[%d]", v.path, i), n))
	}
	return items
}

// done remembers the keys that nobody asked for.
func (o *object) done() {
	for _, e := range o.entries {
		if !slices.Contains(o.asked, e.name) {
			o.p.unknown = append(o.p.unknown, unknown{at: e.at, parent: o.path, name: e.name, siblings: o.asked})
		}
	}
}

// reportUnknown says of each unknown key what was probably meant: a neighbour with nearly the same name, the place where a key
// of this name belongs, or else what is known here.
func (p *parser) reportUnknown() {
	elsewhere := make(map[string]string)
	for path := range p.asked {
		name := path[strings.LastIndexByte(path, '.')+1:]
		if old, ok := elsewhere[name]; !ok || len(path) < len(old) || len(path) == len(old) && path < old {
			elsewhere[name] = path
		}
	}
	for _, u := range p.unknown {
		hint := "known here: " + strings.Join(slices.Sorted(slices.Values(u.siblings)), ", ")
		if n := nearest.Of(u.name, u.siblings); n != "" {
			hint = "did you mean " + n + "?"
		} else if u.name == "<<" {
			hint = "merge keys do not belong to YAML 1.2; write the keys out"
		} else if path := elsewhere[u.name]; path != "" {
			hint = "the key of this name is " + path
		} else if len(u.siblings) == 0 {
			hint = "no keys are known here"
		}
		p.add(u.at, join(u.parent, show(u.name)), "unknown key", hint)
	}
}

// show makes a key's name safe for a message.
func show(name string) string {
	for _, r := range name {
		if r <= ' ' || r == '.' || r == ':' || r == 0x85 || r == 0x2028 || r == 0x2029 {
			return quote(name)
		}
	}
	if len(name) > 60 || name == "" {
		return quote(name)
	}
	return name
}

func join(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "." + name
}

// plainPath drops the positions in lists: "sensors[0].name" becomes "sensors.name".
func plainPath(path string) string {
	var b strings.Builder
	for path != "" {
		head, rest, found := strings.Cut(path, "[")
		b.WriteString(head)
		if !found {
			break
		}
		_, path, _ = strings.Cut(rest, "]")
	}
	return b.String()
}
