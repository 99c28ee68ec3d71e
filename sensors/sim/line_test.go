package sim

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// edges collects the edges of a line for d.
func edges(t *testing.T, l kind.Line, d time.Duration) (list []kind.Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := l.Events(ctx, func(e kind.Event) { list = append(list, e) }); err != nil {
		t.Error(err)
	}
	return list
}

func TestLineLevels(t *testing.T) {
	b := New(Options{})
	for _, tt := range []struct {
		opts kind.LineOptions
		want bool
	}{
		{kind.LineOptions{Pull: kind.PullUp}, true},
		{kind.LineOptions{Pull: kind.PullUp, ActiveLow: true}, false},
		{kind.LineOptions{Pull: kind.PullDown}, false},
		{kind.LineOptions{Pull: kind.PullAsIs}, false},
	} {
		l, err := b.Line("GPIO4", tt.opts)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := l.Read(); got != tt.want || err != nil {
			t.Errorf("%+v: %v, %v", tt.opts, got, err)
		}
		if _, err := b.Line("pinctrl-bcm2835:4", kind.LineOptions{}); sensors.ClassOf(err) != sensors.Busy {
			t.Errorf("requested twice: %v", err)
		}
		if err := errors.Join(l.Close(), l.Close()); err != nil {
			t.Error(err)
		}
		if _, err := l.Read(); err == nil {
			t.Error("a closed line can be read")
		}
	}
}

// TestLineEdges drives a line that bounces, and one that the kernel loses edges of.
func TestLineEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		b := New(Options{Mono: func() int64 { return int64(time.Since(begin)) }})
		l, err := b.Line("GPIO4", kind.LineOptions{Pull: kind.PullUp, ActiveLow: true, Edges: kind.BothEdges, Debounce: 20 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for range 5 { // 10 bounces of 1 ms, ending high; then low at 10 ms
				b.Drive("GPIO4", false)
				time.Sleep(time.Millisecond)
				b.Drive("GPIO4", true)
				time.Sleep(time.Millisecond)
			}
			b.Drive("GPIO4", false)
			time.Sleep(90 * time.Millisecond)
			b.LoseEdges("GPIO4", 1)
			b.Drive("GPIO4", true)
			time.Sleep(100 * time.Millisecond)
			b.Drive("GPIO4", false)
		}()
		want := []kind.Event{{Rising: true, Mono: int64(30 * time.Millisecond), Seq: 1}, {Rising: true, Mono: int64(220 * time.Millisecond), Seq: 3}}
		if got := edges(t, l, time.Second); !slices.Equal(got, want) {
			t.Errorf("edges %v, want %v", got, want)
		}
		b.FailLine("GPIO4", errors.New("gone"))
		if err := l.Events(t.Context(), func(kind.Event) {}); err == nil {
			t.Error("a failing line has events")
		}
	})
}

// TestLineBuffer leaves a line alone for so long that the kernel's buffer is too small.
func TestLineBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		l, err := b.Line("GPIO4", kind.LineOptions{Edges: kind.BothEdges})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 1100 {
			b.Drive("GPIO4", i%2 == 0)
		}
		got := edges(t, l, time.Millisecond)
		if len(got) != lineBuffer || got[0].Seq != 1100-lineBuffer+1 || got[len(got)-1].Seq != 1100 {
			t.Errorf("%d edges, the first is %+v", len(got), got[0])
		}
	})
}

// TestDoor lets the world move a contact for an hour.
func TestDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		if err := b.Attach("gpio", kind.Params{"pin": "GPIO17", "quantity": "contact"}); err != nil {
			t.Fatal(err)
		}
		l, err := b.Line("GPIO17", kind.LineOptions{Pull: kind.PullUp, ActiveLow: true, Edges: kind.BothEdges})
		if err != nil {
			t.Fatal(err)
		}
		closed, _ := l.Read()
		got := edges(t, l, time.Hour)
		if len(got) < 239 || len(got) > 241 {
			t.Errorf("%d edges in an hour", len(got))
		}
		for i, e := range got {
			if e.Rising == closed || e.Seq != uint32(i+1) {
				t.Fatalf("edge %d is %+v, the door was closed: %v", i, e, closed)
			}
			closed = e.Rising
		}
	})
}
