package sim

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

func TestOutput(t *testing.T) {
	b := New(Options{})
	pin, err := b.pin("GPIO23")
	if err != nil {
		t.Fatal(err)
	}
	var driven []bool
	pin.drive = func(_ time.Time, high bool) { driven = append(driven, high) }
	out, err := b.Output("GPIO23", kind.OutputOptions{ActiveLow: true, Consumer: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	for _, active := range []bool{true, true, false} {
		if err := out.Set(active); err != nil {
			t.Error(err)
		}
		if high, ok := b.Driven("GPIO23"); !ok || high == active {
			t.Errorf("set %v: driven %v, %v", active, high, ok)
		}
	}
	if want := []bool{true, false, true}; !slices.Equal(driven, want) {
		t.Errorf("what is wired saw %v, want %v", driven, want)
	}
	if _, err := b.Line("GPIO23", kind.LineOptions{}); sensors.ClassOf(err) != sensors.Busy {
		t.Errorf("an output requested as an input: %v", err)
	}
	if _, err := b.Output("GPIO23", kind.OutputOptions{}); sensors.ClassOf(err) != sensors.Busy {
		t.Errorf("requested twice: %v", err)
	}
	b.FailLine("GPIO23", errors.New("gone"))
	if err := out.Set(true); err == nil {
		t.Error("a failing line can be set")
	}
	b.FailLine("GPIO23", nil)
	if err := errors.Join(out.Close(), out.Close()); err != nil {
		t.Error(err)
	}
	if err := out.Set(true); err == nil {
		t.Error("a closed line can be set")
	}
	if _, ok := b.Driven("GPIO23"); ok {
		t.Error("a closed line is driven")
	}
	l, err := b.Line("GPIO23", kind.LineOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := b.Output("GPIO23", kind.OutputOptions{}); sensors.ClassOf(err) != sensors.Busy {
		t.Errorf("an input requested as an output: %v", err)
	}
}

// TestEdgesWanted takes one direction alone: only those edges are told, and numbered.
func TestEdgesWanted(t *testing.T) {
	for _, tt := range []struct {
		edges kind.Edges
		want  int
	}{{kind.NoEdges, 0}, {kind.RisingEdges, 3}, {kind.FallingEdges, 2}, {kind.BothEdges, 5}} {
		b := New(Options{})
		l, err := b.Line("GPIO4", kind.LineOptions{Edges: tt.edges})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			b.Drive("GPIO4", i%2 == 0)
		}
		got := edges(t, l, time.Millisecond)
		if len(got) != tt.want || tt.want > 0 && got[tt.want-1].Seq != uint32(tt.want) {
			t.Errorf("edges %d: %v", tt.edges, got)
		}
	}
}
