package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

func TestExamplePasses(t *testing.T) {
	c := good(t, Example())
	if len(c.Warnings) > 0 {
		t.Errorf("warnings: %v", c.Warnings)
	}
	if !c.Publisher.Broker.Loopback() {
		t.Errorf("the example publishes to %v", c.Publisher.Broker)
	}
}

var commented = regexp.MustCompile(`(?m)^( *)# `)

// uncommented is the example with every key that stands in a comment.
func uncommented() string {
	return strings.Replace(commented.ReplaceAllString(Example(), "$1"), "HOSTNAME", "raspberry", 1)
}

// TestExampleShowsTheDefaults: the keys in the example's comments, made active, change nothing.
func TestExampleShowsTheDefaults(t *testing.T) {
	if diff := cmp.Diff(good(t, Example()), good(t, uncommented()), sameKind); diff != "" {
		t.Errorf("(-as it is +with the keys of the comments)\n%s", diff)
	}
}

// TestExampleHasEveryKey compares the keys of the example with those that the readers ask for.
func TestExampleHasEveryKey(t *testing.T) {
	var root yaml.Node
	if err := yaml.Load([]byte(uncommented()), &root); err != nil {
		t.Fatal(err)
	}
	shown := make(map[string]bool)
	collect(root.Content[0], "", shown)
	p := &parser{o: options(), asked: make(map[string]bool), places: make(map[string]place)}
	p.config([]byte(uncommented()))
	got, want := slices.Sorted(maps.Keys(shown)), slices.Sorted(maps.Keys(p.asked))
	want = slices.DeleteFunc(want, func(path string) bool { return strings.HasPrefix(path, "publisher.rate.") }) // rate: auto
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-known +shown)\n%s", diff)
	}
	for _, name := range append(filterNames, "messages", "quantity", "points", "scale", "offset", "min", "max") {
		if !strings.Contains(Example(), name+":") {
			t.Errorf("%s does not occur", name)
		}
	}
}

// TestExampleSim: what stands in the example's prose about the simulated board is right too.
func TestExampleSim(t *testing.T) {
	_, prose, _ := strings.Cut(Example(), "README tells more.\n##\n")
	prose, _, _ = strings.Cut(prose, "\n# sim:")
	c := good(t, strings.Replace(smallest, "[{name: air, kind: bme280}]", "\n  - {name: air, kind: bme280}", 1)+"  - {name: door, kind: gpio, pin: GPIO17}\nsim:\n"+regexp.MustCompile(`(?m)^##`).ReplaceAllString(prose, ""))
	if len(c.Sim.Settings) != 3 || len(c.Sim.Mishaps) != 2 {
		t.Errorf("%d settings and %d mishaps", len(c.Sim.Settings), len(c.Sim.Mishaps))
	}
}

func collect(n *yaml.Node, path string, into map[string]bool) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := join(path, n.Content[i].Value)
			into[key] = true
			collect(n.Content[i+1], key, into)
		}
	case yaml.SequenceNode:
		for _, c := range n.Content {
			collect(c, path, into)
		}
	}
}

// TestExampleSensors: the entries that stand in the example's prose are right too.
func TestExampleSensors(t *testing.T) {
	_, prose, _ := strings.Cut(Example(), "`pinhole kinds bme280`.\n")
	prose, _, _ = strings.Cut(prose, "\npublisher:")
	entries := regexp.MustCompile(`(?m)^  ##`).ReplaceAllString(prose, "")
	c := good(t, "publisher: {broker: h}\nsensors:\n"+entries)
	if len(c.Sensors) != 2 || len(c.Sensors[0].Filters) != len(filterNames) {
		t.Errorf("%d sensors, the first with %d filters", len(c.Sensors), len(c.Sensors[0].Filters))
	}
}
