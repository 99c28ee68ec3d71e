package all

import (
	"strings"
	"testing"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// TestKindsAreWhole holds every row to what the manual, the checker and the sampler need of it.
func TestKindsAreWhole(t *testing.T) {
	kinds := Kinds()
	if len(kinds) < 6 {
		t.Fatalf("%d kinds", len(kinds))
	}
	seen := map[string]bool{}
	for _, k := range kinds {
		if seen[k.Name] {
			t.Errorf("%s is there twice", k.Name)
		}
		seen[k.Name] = true
		if k.Name == "" || k.Summary == "" || k.Open == nil || k.Yields == nil || k.Manual.Parts == "" || k.Manual.Example == "" {
			t.Errorf("%s: something is missing in its row", k.Name)
		}
		if !strings.Contains(k.Manual.Example, "kind: "+k.Name+"\n") {
			t.Errorf("%s: its example is of another kind", k.Name)
		}
		for _, key := range k.Keys {
			if key.Help == "" {
				t.Errorf("%s: key %s has no help", k.Name, key.Name)
			}
			if key.Name == "name" || key.Name == "kind" || key.Name == "every" || key.Name == "filters" {
				t.Errorf("%s: key %s belongs to every sensor", k.Name, key.Name)
			}
		}
		for _, q := range k.Yields(kind.WithDefaults(k.Keys, kind.Params{})) {
			if _, ok := q.Lookup(); !ok {
				t.Errorf("%s reports %q, which is not in the unit table", k.Name, q)
			}
		}
	}
}

func TestUnitTable(t *testing.T) {
	seen := map[sensors.Quantity]bool{}
	for _, i := range sensors.Quantities() {
		if seen[i.Quantity] {
			t.Errorf("%s is there twice", i.Quantity)
		}
		seen[i.Quantity] = true
		if i.Meaning == "" || i.Boolean && i.Unit != "" || i.Unit != i.Quantity.Unit() || i.Boolean != i.Quantity.Boolean() {
			t.Errorf("row of %s: %+v", i.Quantity, i)
		}
	}
}
