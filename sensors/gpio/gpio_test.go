package gpio

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

func TestConformance(t *testing.T) {
	for _, p := range []kind.Params{
		{"pin": "GPIO17"},
		{"pin": "GPIO17", "pull": "down"},
		{"pin": "GPIO27", "quantity": "motion"},
		{"pin": "pinctrl-rp1:4", "quantity": "level", "active_low": true, "debounce": time.Duration(0)},
		{"pin": "mcp23017:9", "quantity": "contact", "poll": 30 * time.Millisecond},
		{"pin": "mcp23017:9", "quantity": "level", "pull": "none", "poll": 20 * time.Millisecond, "debounce": 50 * time.Millisecond},
	} {
		k := Kinds()[0]
		q := k.Yields(kind.WithDefaults(k.Keys, p))[0]
		t.Run(p.String("pin")+" "+string(q)+" "+p.String("pull"), func(t *testing.T) {
			sensorstest.Run(t, sensorstest.Suite{Kind: k, Params: p, Truth: []sim.Still{{q: 1}, {q: 0}}})
		})
	}
}

func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    kind.Params
		want kind.LineOptions
	}{
		{"contact", kind.Params{}, kind.LineOptions{Pull: kind.PullUp, ActiveLow: true, Debounce: 20 * time.Millisecond}},
		{"contact to 3V3", kind.Params{"pull": "down"}, kind.LineOptions{Pull: kind.PullDown, Debounce: 20 * time.Millisecond}},
		{"contact that opens", kind.Params{"active_low": false}, kind.LineOptions{Pull: kind.PullUp, Debounce: 20 * time.Millisecond}},
		{"contact with a resistor", kind.Params{"pull": "none"},
			kind.LineOptions{Pull: kind.PullNone, ActiveLow: true, Debounce: 20 * time.Millisecond}},
		{"motion", kind.Params{"quantity": "motion"}, kind.LineOptions{Pull: kind.PullDown, Debounce: 20 * time.Millisecond}},
		{"level", kind.Params{"quantity": "level", "debounce": time.Duration(0)}, kind.LineOptions{Pull: kind.PullAsIs}},
		{"polled", kind.Params{"poll": time.Second}, kind.LineOptions{Pull: kind.PullUp, ActiveLow: true}},
	} {
		tt.want.Consumer = "pinhole"
		if !tt.p.Has("poll") {
			tt.want.Edges = kind.BothEdges
		}
		if d := cmp.Diff(tt.want, options(kind.WithDefaults(Kinds()[0].Keys, tt.p))); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
}

// TestEdge plays edges to a Dev that was last at seq 7 and true.
func TestEdge(t *testing.T) {
	for _, tt := range []struct {
		name  string
		event kind.Event
		want  []sensors.Measurement
		lost  uint64
	}{
		{"falls", kind.Event{Seq: 8, Mono: 99}, []sensors.Measurement{{Quantity: sensors.Contact, Value: 0, Mono: 99}}, 0},
		{"known already", kind.Event{Rising: true, Seq: 8, Mono: 99}, nil, 0},
		{"falls after a gap", kind.Event{Seq: 11, Mono: 99}, []sensors.Measurement{{Quantity: sensors.Contact, Value: 0, Mono: 99}}, 3},
		{"known, after a gap", kind.Event{Rising: true, Seq: 9, Mono: 99}, nil, 1},
	} {
		d := &Dev{quantity: sensors.Contact, state: true, seq: 7}
		var got []sensors.Measurement
		d.edge(tt.event, func(m sensors.Measurement) { got = append(got, m) })
		if diff := cmp.Diff(tt.want, got); diff != "" || d.Lost() != tt.lost || d.gap != (tt.lost > 0) {
			t.Errorf("%s: %s lost %d, gap %v", tt.name, diff, d.Lost(), d.gap)
		}
	}
	d := &Dev{quantity: sensors.Contact, seq: 1<<32 - 1} // the number starts over
	d.edge(kind.Event{Rising: true}, func(sensors.Measurement) {})
	if d.Lost() != 0 {
		t.Errorf("wrapped: lost %d", d.Lost())
	}
}

// flutter is a line that changes all the time. Its level can be read at once, its edges arrive a while later.
type flutter struct {
	kind.Line
	start time.Time
	seq   uint32
}

const flutterEvery, flutterLate = 7300 * time.Microsecond, 10 * time.Millisecond

func (f *flutter) Read() (bool, error) { return time.Since(f.start)/flutterEvery%2 == 1, nil }

func (f *flutter) Events(ctx context.Context, g func(kind.Event)) error {
	for {
		next := f.start.Add(time.Duration(f.seq+1)*flutterEvery + flutterLate)
		select {
		case <-time.After(time.Until(next)):
			f.seq++
			g(kind.Event{Rising: f.seq%2 == 1, Seq: f.seq})
		case <-ctx.Done():
			return nil
		}
	}
}

// TestFlutter: edges under way are not taken for lost ones when the level is ahead of them.
func TestFlutter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Dev{quantity: sensors.Level, line: &flutter{start: time.Now()}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		n := 0
		err := d.Watch(ctx, func(m sensors.Measurement) {
			if want := float64(n % 2); m.Err != "" || m.Value != want {
				t.Fatalf("reading %d: %+v, want %v", n, m, want)
			}
			n++
		})
		if want := int((time.Minute - flutterLate) / flutterEvery); err != nil || n != want+1 || d.Lost() != 0 {
			t.Errorf("%d readings, %d lost, %v; want %d", n, d.Lost(), err, want+1)
		}
	})
}

func TestEdgeAllocates(t *testing.T) {
	d := &Dev{quantity: sensors.Contact}
	e := kind.Event{}
	emit := func(sensors.Measurement) {}
	if n := testing.AllocsPerRun(100, func() {
		e.Seq, e.Rising = e.Seq+1, !e.Rising
		d.edge(e, emit)
	}); n != 0 {
		t.Errorf("%v allocations an edge", n)
	}
}

// TestPolled drives a polled line that bounces, and one that changes too shortly.
func TestPolled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := sim.New(sim.Options{})
		p := kind.Params{"pin": "GPIO17", "poll": 10 * time.Millisecond, "debounce": 25 * time.Millisecond}
		d, err := open(b, kind.WithDefaults(Kinds()[0].Keys, p))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		begin := time.Now()
		type change struct {
			value float64
			at    time.Duration
		}
		var got []change
		go func() {
			done <- d.Watch(ctx, func(m sensors.Measurement) { got = append(got, change{m.Value, time.Since(begin)}) })
		}()
		for _, step := range []struct {
			high bool
			at   time.Duration
		}{
			{false, 101 * time.Millisecond}, {true, 115 * time.Millisecond}, {false, 121 * time.Millisecond}, // bounces: closed for good
			{true, 301 * time.Millisecond}, {false, 309 * time.Millisecond}, // between two looks
			{true, 501 * time.Millisecond}, {false, 525 * time.Millisecond}, // seen, but not for long enough
			{true, 701 * time.Millisecond},
		} {
			time.Sleep(step.at - time.Since(begin))
			b.Drive("GPIO17", step.high)
		}
		time.Sleep(time.Second)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := []change{{0, 0}, {1, 160 * time.Millisecond}, {0, 740 * time.Millisecond}}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}
