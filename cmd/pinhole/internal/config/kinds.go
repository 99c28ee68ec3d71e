package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"pinhole/sensors/kind"
)

// fill reads the keys of a kind, or of a map below one, from o, and fills in the defaults. ok is false if one was wrong.
func (p *parser) fill(o *object, keys []kind.Key) (params kind.Params, ok bool) {
	params, ok = make(kind.Params, len(keys)), true
	for _, k := range keys {
		v := o.get(k.Name)
		switch {
		case v.node != nil:
			x, good := v.param(k)
			if params[k.Name] = x; !good {
				delete(params, k.Name)
				ok = false
			}
		case o.has(k.Name): // reported when it was read
			ok = false
		case k.Required:
			p.add(o.at, v.path, "is missing", "add `"+k.Name+": ...`: "+k.Help)
			ok = false
		}
	}
	return kind.WithDefaults(keys, params), ok
}

// param reads a value of a kind's key. ok is false, with the problem reported, if it breaks the key's rules.
func (v value) param(k kind.Key) (x any, ok bool) {
	before := len(v.p.problems) + v.p.dropped
	switch k.Type {
	case kind.Int:
		low, high := int64(minInt), int64(maxInt)
		if k.Min != nil {
			low = int64(*k.Min)
		}
		if k.Max != nil {
			high = int64(*k.Max)
		}
		x = v.integer(0, low, high)
	case kind.Float:
		x = v.number(0, k.Min, k.Max)
	case kind.String:
		s := v.text("")
		if len(k.Enum) > 0 {
			s = v.word("", k.Enum...)
		}
		x = s
	case kind.Bool:
		x = v.boolean(false)
	case kind.Duration:
		low, high := time.Duration(0), time.Duration(1<<63-1)
		if k.Min != nil {
			low = time.Duration(*k.Min * float64(time.Second))
		}
		if k.Max != nil {
			high = time.Duration(*k.Max * float64(time.Second))
		}
		x = v.duration(0, low, high)
	case kind.Enum:
		x = v.word("", k.Enum...)
	case kind.Address:
		x = v.address(k)
	case kind.Pin:
		x = v.pin()
	case kind.File:
		x = v.file()
	case kind.Map:
		o, isMap := v.object()
		if !isMap {
			return nil, false
		}
		m, _ := v.p.fill(o, k.Keys)
		o.done()
		x = m
	case kind.List:
		items := []any{}
		for _, item := range v.list() {
			if item.node == nil || k.Elem == nil {
				continue
			}
			e, _ := item.param(*k.Elem)
			items = append(items, e)
		}
		if v.node.Kind != yaml.SequenceNode {
			return nil, false
		}
		if k.Min != nil && float64(len(items)) < *k.Min || k.Max != nil && float64(len(items)) > *k.Max {
			v.problem(fmt.Sprintf("has %d entries", len(items)),
				rangeHint(k.Min, k.Max, func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }))
		}
		x = items
	}
	return x, len(v.p.problems)+v.p.dropped == before
}

// The I2C addresses that parts can have; the others are reserved (I2C-bus specification UM10204 rev. 7, table 4).
const lowAddress, highAddress = 0x08, 0x77

// address reads an I2C address. It must be written in hex: 76 and 0x76 are different parts, and everybody means the second.
func (v value) address(k kind.Key) int64 {
	s, ok := v.scalar()
	if !ok {
		return 0
	}
	s = strings.TrimSpace(s)
	n, err := strconv.ParseUint(s, 0, 16)
	hex := strings.HasPrefix(s, "0x") && err == nil
	allowed := func(n uint64) bool {
		return len(k.Enum) == 0 || slices.ContainsFunc(k.Enum, func(e string) bool {
			m, err := strconv.ParseUint(e, 0, 16)
			return err == nil && m == n
		})
	}
	hint := fmt.Sprintf("write it in hex, as i2cdetect prints it with 0x in front: 0x%02x to 0x%02x", lowAddress, highAddress)
	if len(k.Enum) > 0 {
		hint = "this kind answers at " + oneOf(k.Enum)
	}
	switch {
	case !hex:
		if m, err := strconv.ParseUint(s, 16, 16); err == nil && (m >= lowAddress && m <= highAddress || len(k.Enum) > 0) && allowed(m) {
			hint = fmt.Sprintf("did you mean 0x%02x? I2C addresses are written in hex", m)
		}
		v.problem("must be an I2C address, but is "+v.what(), hint)
	case (n < lowAddress || n > highAddress) && (len(k.Enum) == 0 || !allowed(n)): // a few parts have one that others may not
		v.problem(s+" is no address that a part can have", hint)
	case !allowed(n):
		v.problem("this kind has no part at "+s, hint)
	default:
		return int64(n)
	}
	return 0
}

// barePin finds the number in what people write instead of GPIO17.
var barePin = regexp.MustCompile(`^(?i:gpio|bcm)?[ _-]?0*([0-9]{1,2})$`)

// pin reads a GPIO line.
func (v value) pin() string {
	s, ok := v.scalar()
	if !ok {
		return ""
	}
	if _, _, err := kind.ParsePin(s); err != nil {
		hint := "write GPIO17, or CHIPLABEL:OFFSET for a line of another chip"
		if m := barePin.FindStringSubmatch(s); m != nil {
			hint = "did you mean GPIO" + m[1] + "? The number is the BCM number, not the position on the header"
		}
		v.problem("must be a GPIO line, but is "+v.what(), hint)
		return ""
	}
	return s
}
