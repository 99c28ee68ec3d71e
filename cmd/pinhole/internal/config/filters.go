package config

import (
	"fmt"
	"strings"
	"time"

	"pinhole/sensors"
)

// maxFilters bounds the filters of one sensor: more than a few are a mistake.
const maxFilters = 32

// filterNames are the filters in the order in which the manual names them.
var filterNames = []string{
	sensors.FilterCalibrate, sensors.FilterRange, sensors.FilterMedian,
	sensors.FilterAverage, sensors.FilterDelta, sensors.FilterHeartbeat,
}

// filters reads a sensor's filters: a list, as their order counts. Each entry has one filter and perhaps the quantity that it
// is for.
func (p *parser) filters(v value) []sensors.FilterSpec {
	items := v.list()
	if len(items) > maxFilters {
		v.problem(fmt.Sprintf("there are %d, more than %d", len(items), maxFilters), "")
		return nil
	}
	var specs []sensors.FilterSpec
	for _, item := range items {
		if item.null() {
			if item.node != nil {
				item.problem("is empty", "name a filter: "+oneOf(filterNames))
			}
			continue
		}
		if o, ok := item.object(); ok {
			if f, ok := p.filter(o); ok {
				specs = append(specs, f)
			}
			o.done()
		}
	}
	return specs
}

// filter reads one entry of the list. ok is false if it was wrong.
func (p *parser) filter(o *object) (f sensors.FilterSpec, ok bool) {
	before := len(p.problems) + p.dropped
	f.Only = quantity(o.get("quantity"))
	var at value
	for _, name := range filterNames {
		v := o.get(name)
		switch {
		case !o.has(name):
		case f.Name != "":
			v.problem("stands in one entry with "+f.Name, "begin a new entry with `- `: the order of filters counts")
		default:
			f.Name, at = name, v
		}
	}
	if f.Name == "" {
		p.add(o.at, o.path, "names no filter", "name one: "+oneOf(filterNames))
		return f, false
	}
	if at.node == nil {
		return f, false
	}
	at.filterArguments(&f)
	if len(p.problems)+p.dropped > before {
		return f, false
	}
	if err := f.Validate(); err != nil {
		at.problem(err.Error(), "")
		return f, false
	}
	return f, true
}

func quantity(v value) sensors.Quantity {
	if v.node == nil {
		return ""
	}
	table := sensors.Quantities()
	words := make([]string, len(table))
	for i, info := range table {
		words[i] = string(info.Quantity)
	}
	return sensors.Quantity(v.closest("", words, "quantity"))
}

// filterArguments reads what stands behind the filter's name.
func (v value) filterArguments(f *sensors.FilterSpec) {
	switch f.Name {
	case sensors.FilterCalibrate:
		o, _ := v.object()
		points, scale, offset := o.get("points"), o.get("scale"), o.get("offset")
		f.Points = points.points()
		f.Scale, f.Offset = scale.number(1, nil, nil), offset.number(0, nil, nil)
		if points.node != nil && (scale.node != nil || offset.node != nil) {
			v.problem("has points beside scale and offset", "keep either the points or the two numbers")
		} else if len(o.entries) == 0 {
			v.problem("is empty", "write {points: [[raw, true], [raw, true]]} or {scale: 1, offset: 0}")
		}
		o.done()
	case sensors.FilterRange:
		o, _ := v.object()
		low, high := o.get("min"), o.get("max")
		f.Min, f.Max = low.number(0, nil, nil), high.number(0, nil, nil)
		f.NoMin, f.NoMax = low.node == nil, high.node == nil
		o.done()
	case sensors.FilterMedian:
		f.Count = int(v.integer(0, 1, sensors.MaxMedian))
	case sensors.FilterAverage, sensors.FilterHeartbeat:
		f.For = v.duration(0, time.Millisecond, maxEvery)
	case sensors.FilterDelta:
		v.delta(f)
	}
}

// points reads a list of pairs of numbers.
func (v value) points() (points [][2]float64) {
	for _, item := range v.list() {
		pair := item.list()
		if item.node == nil || pair == nil && !item.null() {
			continue
		}
		if len(pair) != 2 {
			item.problem("must be a pair of numbers", "write [raw, true]")
			continue
		}
		points = append(points, [2]float64{pair[0].number(0, nil, nil), pair[1].number(0, nil, nil)})
	}
	return points
}

// delta reads a change: absolute, or with % relative to the value that was reported last.
func (v value) delta(f *sensors.FilterSpec) {
	s, ok := v.scalar()
	if !ok {
		return
	}
	text, percent := strings.CutSuffix(strings.TrimSpace(s), "%")
	n, ok := parseFloat(strings.TrimSpace(text))
	if !ok || v.quoted() && !percent && !strings.Contains(v.node.Value, "${") {
		v.problem("must be a change, but is "+v.what(), "write a number in the quantity's unit, such as 0.2, or a percentage: 5%")
		return
	}
	f.Change, f.Percent = n, percent
}

// filtersFit checks the filters against what the sensor reports.
func (p *parser) filtersFit(list value, s *Sensor) {
	if s.Kind.Yields == nil || len(s.Filters) == 0 || len(s.Filters) != len(list.node.Content) {
		return // some were wrong, so the positions of the others are not those of the list
	}
	yields := s.Kind.Yields(s.Params)
	for i, f := range s.Filters {
		path := fmt.Sprintf("%s[%d]", list.path, i)
		if err := f.Suits(yields); err != nil {
			p.addAt(path, err.Error(), "kind "+s.Kind.Name+" reports "+quantitiesText(yields))
			continue
		}
		if (f.Name == sensors.FilterRange || f.Name == sensors.FilterCalibrate) && f.Only == "" && severalNumeric(yields) {
			p.warnAt(path, f.Name+" applies to each of "+quantitiesText(yields), "add `quantity: "+string(yields[0])+"` to the entry")
		}
	}
}

func severalNumeric(yields []sensors.Quantity) bool {
	first := sensors.Quantity("")
	for _, q := range yields {
		if q.Boolean() || q == first {
			continue
		}
		if first != "" {
			return true
		}
		first = q
	}
	return false
}

func quantitiesText(qs []sensors.Quantity) string {
	words := make([]string, len(qs))
	for i, q := range qs {
		words[i] = string(q)
	}
	return strings.Join(words, ", ")
}
