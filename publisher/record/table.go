package record

import (
	"encoding/binary"

	"pinhole/sensors"
)

// Series is one (sensor, quantity). It is made once by a Table and never changes.
type Series struct {
	Sensor   string
	Quantity sensors.Quantity
	Unit     string // as it was when the reading was recorded; "" where there is none
	// JSON is the reading's first members as text, `"sensor":"air","quantity":"temperature","unit":"Cel"`.
	JSON string
	// Name is `air/temperature`, escaped as it stands inside a JSON string.
	Name string
}

// Bounds of a Table: series, and bytes of their text.
const (
	maxSeries = 1 << 16
	maxText   = 16 << 20
)

// Table holds the series met so far, so that reading a block allocates nothing for those and equal series are the same
// pointer. It is bounded: when it is full it forgets them all, after which an equal series may be another pointer; those
// handed out stay valid. Readers of one goroutine may share one.
type Table struct {
	series  map[string]*Series
	classes map[string]sensors.Class
	text    int
	key     []byte
}

// NewTable returns an empty Table.
func NewTable() *Table {
	return &Table{series: make(map[string]*Series), classes: make(map[string]sensors.Class)}
}

// Len returns the number of series that the table remembers.
func (t *Table) Len() int { return len(t.series) }

// NewSeries describes a series outside of any Table.
func NewSeries(sensor string, q sensors.Quantity, unit string) *Series {
	b := make([]byte, 0, len(`"sensor":"","quantity":"","unit":""/`)+2*(len(sensor)+len(q))+len(unit))
	b = AppendQuoted(append(b, `"sensor":`...), sensor)
	b = AppendQuoted(append(b, `,"quantity":`...), string(q))
	if unit != "" {
		b = AppendQuoted(append(b, `,"unit":`...), unit)
	}
	n := len(b)
	b = appendEscaped(append(appendEscaped(b, sensor), '/'), string(q))
	text := string(b)
	return &Series{Sensor: sensor, Quantity: q, Unit: unit, JSON: text[:n], Name: text[n:]}
}

// lookup returns the series of a definition. code is of the table of quantities; 0: q and unit are given in full.
func (t *Table) lookup(sensor []byte, code int, q, unit []byte) *Series {
	t.key = binary.AppendUvarint(t.key[:0], uint64(code))
	t.key = append(binary.AppendUvarint(t.key, uint64(len(sensor))), sensor...)
	t.key = append(binary.AppendUvarint(t.key, uint64(len(q))), q...)
	t.key = append(t.key, unit...)
	if s := t.series[string(t.key)]; s != nil {
		return s
	}
	var s *Series
	if code > 0 {
		s = NewSeries(string(sensor), quantities[code].name, quantities[code].unit)
	} else {
		s = NewSeries(string(sensor), sensors.Quantity(q), string(unit))
	}
	size := len(t.key) + len(s.JSON) + len(s.Name) + len(s.Sensor) + len(s.Unit)
	if len(t.series) >= maxSeries || t.text+size > maxText {
		clear(t.series)
		t.text = 0
	}
	t.text += size
	t.series[string(t.key)] = s
	return s
}

// class returns the error class of text that has no code.
func (t *Table) class(text []byte) sensors.Class {
	if c, ok := t.classes[string(text)]; ok {
		return c
	}
	if len(t.classes) >= 256 {
		clear(t.classes)
	}
	c := sensors.Class(text)
	t.classes[string(c)] = c
	return c
}
