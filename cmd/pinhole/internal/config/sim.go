package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/kind/nearest"
	"pinhole/sensors/signal"
	"pinhole/sensors/sim"
)

const (
	maxScript = 1000 // settings, and as many faults
	maxPoints = 10000
	maxTime   = 3650 * 24 * time.Hour // in a script
)

// simulation reads the section sim, which directs the simulated board. What its scenario says comes first, so that the section
// itself has the last word.
func (p *parser) simulation(v value, all []Sensor) (s sim.Script) {
	o, ok := v.object()
	if !ok {
		return s
	}
	s.Speed = 1
	if scenario := o.get("scenario"); scenario.text("") != "" {
		if path := scenario.file(); path != "" {
			p.scenario(scenario, path, &s, all)
		}
	}
	p.script(o, &s, all)
	o.done()
	if p.board == Pi && len(s.Settings)+len(s.Mishaps) > 0 {
		p.warnAt(v.path, "directs the simulated board, and this is board pi", "add --board sim to use it, or write board: sim")
	}
	return s
}

// scenario reads a script from a file of its own. Its problems name that file.
func (p *parser) scenario(v value, path string, s *sim.Script, all []Sensor) {
	data, ok := p.readable(v.path, path)
	if !ok {
		return
	}
	name := path
	if text := v.text(""); !filepath.IsAbs(text) && p.file != "-" {
		name = filepath.Join(filepath.Dir(p.file), text)
	}
	q := &parser{o: p.o, file: name, board: p.board, shaky: p.shaky, asked: p.asked, places: make(map[string]place)}
	if root := q.document(data); root != nil {
		if o, ok := q.child("", root).object(); ok {
			q.places[""] = o.at
			q.script(o, s, all)
			o.done()
		}
	}
	q.reportUnknown()
	q.keepWithin(data)
	p.beside = append(p.beside, arrange(q.problems)...)
}

// script reads the keys that the section sim and a scenario have in common.
func (p *parser) script(o *object, s *sim.Script, all []Sensor) {
	s.Seed = uint64(o.get("seed").integer(int64(s.Seed), 0, maxInt))
	s.Speed = o.get("speed").number(s.Speed, new(0.001), new(100000.0))
	s.Repeat = o.get("repeat").duration(s.Repeat, 0, maxTime)
	values, faults := o.get("values").entries(), o.get("faults").entries()
	for _, v := range values {
		if x, ok := p.setting(v, all); ok {
			s.Settings = append(s.Settings, x)
		}
	}
	for _, v := range faults {
		if x, ok := p.mishap(v, all); ok {
			s.Mishaps = append(s.Mishaps, x)
		}
	}
}

// entries is list for entries with keys, which must not be too many.
func (v value) entries() (list []*object) {
	items := v.list()
	if len(items) > maxScript {
		v.problem(fmt.Sprintf("there are %d, more than %d", len(items), maxScript), "")
		return nil
	}
	for _, item := range items {
		if item.null() {
			if item.node != nil {
				item.problem("is empty", "write its keys, or remove the entry")
			}
			continue
		}
		if o, ok := item.object(); ok {
			list = append(list, o)
		}
	}
	return list
}

// setting reads an entry of values. ok is false if it was wrong.
func (p *parser) setting(o *object, all []Sensor) (s sim.Setting, ok bool) {
	before := len(p.problems) + p.dropped
	name := o.get("quantity")
	s.Quantity = quantity(name)
	if !o.has("quantity") {
		p.add(o.at, name.path, "is missing", "add `quantity: ...`: what the value is of")
	}
	s.Places = p.settingPlaces(o.get("sensor"), s.Quantity, all)
	if channel := o.get("channel"); channel.node != nil {
		if s.Channel = channel.text(""); s.Places == nil {
			channel.problem("is a channel of no sensor", "add `sensor: NAME`")
		}
	}
	fixed, course := o.get("value"), o.get("signal")
	switch {
	case fixed.node != nil && course.node != nil:
		course.problem("stands beside value", "keep one of the two")
	case fixed.node != nil:
		s.Signal = signal.Signal{Shape: signal.Constant, Value: fixed.valueOf(s.Quantity)}
	case course.node != nil:
		s.Signal = course.course(s.Quantity)
	case !o.has("value") && !o.has("signal"):
		p.add(o.at, o.path, "has no value", "add `value: ...`, or `signal: {shape: sine, min: ..., max: ...}`")
	}
	s.When = p.when(o, false)
	o.done()
	return s, len(p.problems)+p.dropped == before
}

// settingPlaces reads for which sensors a value is, one or a list; nil for all.
func (p *parser) settingPlaces(v value, q sensors.Quantity, all []Sensor) (places []string) {
	if v.node == nil {
		return nil
	}
	names := []value{v}
	if v.node.Kind == yaml.SequenceNode {
		if names = v.list(); len(names) == 0 {
			v.problem("names no sensor", "name one, or remove the key: then the value holds everywhere")
		}
	}
	for _, name := range names {
		s := p.sensorNamed(name, all)
		if s == nil || s.Kind.Name == "" {
			continue // reported, here or where the sensor stands
		}
		site, ok := sim.SiteOf(s.Kind.Name, s.Params)
		switch {
		case p.shaky && !ok:
		case !ok:
			name.problem(s.withoutPart(), s.partHint())
		case !p.shaky && s.Kind.Yields != nil && q != "" && !yields(s, q):
			name.problem(fmt.Sprintf("%s does not measure %s", s.Name, q), "it reports "+quantitiesText(s.Kind.Yields(s.Params)))
		}
		places = append(places, site.Places...)
	}
	return places
}

// yields reports whether a sensor can see a quantity. One that reports its part's own number may be about anything.
func yields(s *Sensor, q sensors.Quantity) bool {
	list := s.Kind.Yields(s.Params)
	return len(list) == 0 || slices.Contains(list, q) || slices.Contains(list, sensors.Raw)
}

func (s *Sensor) withoutPart() string {
	return fmt.Sprintf("%s, of kind %s, has no part on the simulated board", s.Name, s.Kind.Name)
}

func (s *Sensor) partHint() string {
	if s.Kind.Name == "mock" {
		return "its own keys signal and faults do the same"
	}
	return "name a sensor with a part"
}

// sensorNamed finds a sensor; nil, with the problem reported, if there is none.
func (p *parser) sensorNamed(v value, all []Sensor) *Sensor {
	name, ok := v.scalar()
	if !ok {
		return nil
	}
	names := make([]string, 0, len(all))
	for i := range all {
		if all[i].Name == name {
			return &all[i]
		}
		names = append(names, all[i].Name)
	}
	if len(all) == 0 {
		return nil // there is trouble enough
	}
	hint := "the sensors are " + strings.Join(names[:min(len(names), 12)], ", ")
	if n := nearest.Of(name, names); n != "" {
		hint = "did you mean " + n + "?"
	}
	v.problem("there is no sensor "+quote(name), hint)
	return nil
}

// valueOf reads a value of a quantity: a number, or true or false.
func (v value) valueOf(q sensors.Quantity) float64 {
	if !q.Boolean() {
		return v.number(0, lowest(q), nil)
	}
	if v.boolean(false) {
		return 1
	}
	return 0
}

// lowest bounds what can only rise.
func lowest(q sensors.Quantity) *float64 {
	if sim.Rises(q) {
		return new(0.0)
	}
	return nil
}

// The shapes of a signal: of numbers, and of what is true or false.
var (
	numericShapes = []string{signal.Constant, signal.Sine, signal.Ramp, signal.Square, signal.Walk, signal.Points, signal.Steps}
	booleanShapes = []string{signal.Constant, signal.Square, signal.Steps}
)

// shapeKeys tells which keys each shape has.
var shapeKeys = map[string][]string{
	signal.Constant: {"value"},
	signal.Sine:     {"min", "max", "period"},
	signal.Ramp:     {"min", "max", "period"},
	signal.Square:   {"min", "max", "period"},
	signal.Walk:     {"min", "max", "step", "seed"},
	signal.Points:   {"points", "period"},
	signal.Steps:    {"points", "period"},
}

// course reads a signal.
func (v value) course(q sensors.Quantity) (s signal.Signal) {
	o, ok := v.object()
	if !ok {
		return s
	}
	shapes, usual, pointed := numericShapes, signal.Sine, signal.Points
	if q.Boolean() {
		shapes, usual, pointed = booleanShapes, signal.Square, signal.Steps
	}
	if o.has("points") {
		usual = pointed
	}
	shape := o.get("shape")
	s.Shape = shape.word(usual, shapes...)
	for _, key := range [...]string{"value", "min", "max", "period", "step", "seed", "points"} {
		if o.has(key) && slices.Contains(shapes, s.Shape) && !slices.Contains(shapeKeys[s.Shape], key) {
			o.get(key).problem("is no key of "+s.Shape, "its keys are "+strings.Join(shapeKeys[s.Shape], ", "))
		}
	}
	s.Value, s.Min, s.Max = o.get("value").valueOf(q), 0, 1
	low, high := o.get("min"), o.get("max")
	switch {
	case !q.Boolean():
		s.Min, s.Max = low.number(signal.DefaultMin, lowest(q), nil), high.number(signal.DefaultMax, lowest(q), nil)
	case low.node != nil || high.node != nil:
		v.problem("has min or max, but "+string(q)+" is true or false", "remove them")
	}
	if s.Min >= s.Max {
		v.problem(fmt.Sprintf("min is %v and max is %v", s.Min, s.Max), "min must be below max")
		s.Max = s.Min + 1
	}
	if s.Shape == signal.Constant && !o.has("value") {
		v.problem("constant has no value", "add `value: ...`")
	}
	def := signal.DefaultPeriod
	if s.Shape == signal.Points || s.Shape == signal.Steps {
		def = 0
	}
	s.Period = o.get("period").duration(def, time.Millisecond, maxTime)
	s.Step = o.get("step").number((s.Max-s.Min)/50, new(1e-9), nil)
	s.Seed = uint64(o.get("seed").integer(1, 0, maxInt))
	points := o.get("points")
	if s.Points = points.pointsOverTime(q); s.Points == nil && (s.Shape == signal.Points || s.Shape == signal.Steps) && !o.has("points") {
		v.problem(s.Shape+" has no points", "add `points: [[0s, 20], [30s, 25]]`")
	}
	o.done()
	return s
}

// pointsOverTime reads a list of pairs of a time and a value.
func (v value) pointsOverTime(q sensors.Quantity) (list []signal.Point) {
	items := v.list()
	if len(items) > maxPoints {
		v.problem(fmt.Sprintf("there are %d, more than %d", len(items), maxPoints), "")
		return nil
	}
	for _, item := range items {
		pair := item.list()
		if item.node == nil || pair == nil && !item.null() {
			continue
		}
		if len(pair) != 2 {
			item.problem("must be a time and a value", "write [10s, 21.5]")
			continue
		}
		at := signal.Point{At: pair[0].duration(0, 0, maxTime), Value: pair[1].valueOf(q)}
		if n := len(list); n > 0 && at.At < list[n-1].At {
			pair[0].problem("is before the point in front of it", "write the points in the order of time")
		}
		list = append(list, at)
	}
	if v.node != nil && v.node.Kind == yaml.SequenceNode && len(items) == 0 {
		v.problem("is empty", "write [[0s, 20], [30s, 25]]")
	}
	return list
}

// when reads at, for and every. moment: it may happen in a moment.
func (p *parser) when(o *object, moment bool) (w sim.When) {
	at, length, every := o.get("at"), o.get("for"), o.get("every")
	w.At = at.duration(0, 0, maxTime)
	w.For = length.duration(0, time.Millisecond, maxTime)
	w.Every = every.duration(0, time.Millisecond, maxTime)
	switch {
	case every.node == nil || w.Every == 0:
	case !o.has("for") && !moment:
		every.problem("repeats what has no end", "add `for: ...`: how long it lasts each time")
	case w.For >= w.Every:
		length.problem("is not shorter than every", "what lasts all the time needs neither")
	}
	return w
}

// mishap reads an entry of faults. ok is false if it was wrong.
func (p *parser) mishap(o *object, all []Sensor) (m sim.Mishap, ok bool) {
	before := len(p.problems) + p.dropped
	table := sim.Mishaps()
	names := make([]string, len(table))
	for i := range table {
		names[i] = table[i].Name
	}
	kindOf := o.get("kind")
	if !o.has("kind") {
		p.add(o.at, kindOf.path, "is missing", "write one of "+oneOf(names))
	}
	m.Kind = kindOf.choice("", "write "+oneOf(names), names...)
	known := slices.IndexFunc(table, func(k sim.MishapKind) bool { return k.Name == m.Kind })
	with, delay := o.get("with"), o.get("delay")
	if m.With = with.text(""); with.node != nil && m.Kind != sim.Swap {
		with.problem("belongs to a fault of kind swap", "remove it")
	}
	if m.Delay = delay.duration(5*time.Millisecond, time.Microsecond, time.Minute); delay.node != nil && m.Kind != sim.Stretch {
		delay.problem("belongs to a fault of kind stretch", "remove it")
	}
	m.When = p.when(o, known >= 0 && !table[known].Lasts)
	site, who, found := p.mishapSite(o, all)
	if m.Site = site; found && known >= 0 && !table[known].Suits(site) {
		var fit []string
		for i := range table {
			if table[i].Suits(site) {
				fit = append(fit, table[i].Name)
			}
		}
		kindOf.problem(fmt.Sprintf("%s cannot happen to %s", m.Kind, who), "possible are "+oneOf(fit))
	}
	if parts := sim.PartsOn(site.Medium); m.With != "" && found && m.Kind == sim.Swap && !slices.Contains(parts, m.With) {
		hint := "without this key another part of the same make is there"
		if n := nearest.Of(m.With, parts); n != "" {
			hint = "did you mean " + n + "?"
		}
		with.problem(fmt.Sprintf("there is no simulated part %s for %s", quote(m.With), site.Medium), hint)
	}
	o.done()
	return m, len(p.problems)+p.dropped == before
}

// mishapSite reads to whom it happens: a sensor, a bus or one address of it, or a line. who names it for people.
func (p *parser) mishapSite(o *object, all []Sensor) (site sim.Site, who string, ok bool) {
	name, bus, address, pin := o.get("sensor"), o.get("bus"), o.get("address"), o.get("pin")
	given := 0
	for _, key := range []string{"sensor", "bus", "pin"} {
		if o.has(key) {
			given++
		}
	}
	if given != 1 {
		p.add(o.at, o.path, "must name one of sensor, bus and pin", "write `sensor: NAME`, `bus: 1` with or without `address: 0x76`, or `pin: GPIO17`")
		return site, "", false
	}
	number, addr, line := bus.integer(-1, 0, 255), address.address(kind.Key{}), pin.pin()
	if address.node != nil && bus.node == nil {
		address.problem("belongs beside bus", "a sensor has its address already")
	}
	switch {
	case bus.node != nil:
		site = sim.Site{Medium: sim.I2C, Bus: fmt.Sprint(number), Address: uint16(addr)}
		if addr == 0 {
			return site, fmt.Sprintf("I2C bus %d as a whole", number), number >= 0 && address.node == nil
		}
		return site, fmt.Sprintf("address 0x%02x of I2C bus %d", addr, number), number >= 0
	case pin.node != nil:
		return sim.Site{Medium: sim.Line, Pin: line}, "a line", line != ""
	}
	s := p.sensorNamed(name, all)
	if s == nil || s.Kind.Name == "" {
		return site, "", false
	}
	if site, _ = sim.SiteOf(s.Kind.Name, s.Params); site.Medium == "" {
		if p.shaky {
			return site, "", false
		}
		name.problem(s.withoutPart(), s.partHint())
		return site, "", false
	}
	return site, fmt.Sprintf("%s, which is reached by %s", s.Name, site.Medium), true
}
