package main

import (
	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// kindJSON is a kind in `pinhole kinds --json`.
type kindJSON struct {
	Name       string      `json:"name"`
	Summary    string      `json:"summary"`
	Event      bool        `json:"event"`
	Keys       []keyJSON   `json:"keys"`
	Quantities []string    `json:"quantities"` // with the keys at their defaults
	Parts      string      `json:"parts,omitempty"`
	Range      string      `json:"range,omitempty"`
	Datasheet  string      `json:"datasheet,omitempty"`
	Wiring     [][2]string `json:"wiring,omitempty"`
	Notes      []string    `json:"notes,omitempty"`
	Example    string      `json:"example,omitempty"`
}

// keyJSON is a key of a kind.
type keyJSON struct {
	Name     string    `json:"name"`
	Type     string    `json:"type"`
	Help     string    `json:"help,omitempty"`
	Required bool      `json:"required,omitempty"`
	Default  string    `json:"default,omitempty"` // as it would be written
	Min      *float64  `json:"min,omitempty"`     // in seconds for a duration
	Max      *float64  `json:"max,omitempty"`
	Enum     []string  `json:"enum,omitempty"`
	Keys     []keyJSON `json:"keys,omitempty"`
	Elem     *keyJSON  `json:"elem,omitempty"`
}

// quantityJSON is a row of the unit table.
type quantityJSON struct {
	Quantity string `json:"quantity"`
	Unit     string `json:"unit"`
	Boolean  bool   `json:"boolean"`
	UCUM     string `json:"ucum"`
	HAClass  string `json:"ha_class"`
	HAUnit   string `json:"ha_unit"`
	Meaning  string `json:"meaning"`
}

// typeWords are the types of keys in JSON.
var typeWords = [...]string{
	kind.Int: "int", kind.Float: "float", kind.String: "string", kind.Bool: "bool", kind.Duration: "duration", kind.Enum: "enum",
	kind.Address: "address", kind.Pin: "pin", kind.File: "file", kind.Map: "map", kind.List: "list",
}

func describeKind(k kind.Kind) kindJSON {
	m := k.Manual
	return kindJSON{
		Name: k.Name, Summary: k.Summary, Event: k.Event, Keys: describeKeys(k.Keys), Quantities: names(yields(k)),
		Parts: m.Parts, Range: m.Range, Datasheet: m.Datasheet, Wiring: m.Wiring, Notes: m.Notes, Example: m.Example,
	}
}

func describeKeys(keys []kind.Key) []keyJSON {
	out := make([]keyJSON, len(keys))
	for i, k := range keys {
		out[i] = describeKey(k)
	}
	return out
}

func describeKey(k kind.Key) keyJSON {
	j := keyJSON{Name: k.Name, Type: typeWords[k.Type], Help: k.Help, Required: k.Required, Min: k.Min, Max: k.Max, Enum: k.Enum}
	if k.Default != nil {
		j.Default = defaultText(k)
	}
	if len(k.Keys) > 0 {
		j.Keys = describeKeys(k.Keys)
	}
	if k.Elem != nil {
		elem := describeKey(*k.Elem)
		j.Elem = &elem
	}
	return j
}

func describeQuantity(i sensors.Info) quantityJSON {
	return quantityJSON{string(i.Quantity), i.Unit, i.Boolean, i.UCUM, i.HAClass, i.HAUnit, i.Meaning}
}
