package mock

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/signal"
)

// opened opens a mock with these keys, defaults filled in as the configuration does.
func opened(t testing.TB, given kind.Params) sensors.Sensor {
	t.Helper()
	k := Kind()
	p := kind.WithDefaults(k.Keys, given)
	if problems := k.Check(p); len(problems) > 0 {
		t.Fatal(problems)
	}
	s, err := k.Open(t.Context(), nil, p)
	if err != nil {
		t.Fatal(err)
	}
	return s.(sensors.Sensor)
}

// take reads n values, a second apart.
func take(t *testing.T, s sensors.Sensor, n int) (values []float64) {
	t.Helper()
	for range n {
		list, err := s.Sense(t.Context())
		if err != nil || len(list) != 1 {
			t.Fatalf("got %v, %v", list, err)
		}
		values = append(values, list[0].Value)
		time.Sleep(time.Second)
	}
	return values
}

type keys = kind.Params

func TestSignals(t *testing.T) {
	period := 8 * time.Second
	tests := []struct {
		name  string
		given keys
		want  []float64
	}{
		{"default", keys{}, []float64{20, 20.522642, 21.039558, 21.545085}},
		{"constant", keys{"signal": keys{"shape": "constant", "value": 21.4}}, []float64{21.4, 21.4}},
		{"constant by default", keys{"signal": keys{"shape": "constant"}}, []float64{20, 20}},
		{"constant is exact", keys{"signal": keys{"shape": "constant", "value": 9007199254740991.0}}, []float64{9007199254740991}},
		{"sine", keys{"signal": keys{"shape": "sine", "min": -1.0, "max": 1.0, "period": period}},
			[]float64{0, 0.707107, 1, 0.707107, 0, -0.707107, -1, -0.707107, 0}},
		{"ramp", keys{"signal": keys{"shape": "ramp", "min": 0.0, "max": 80.0, "period": period}}, []float64{0, 10, 20, 30, 40, 50, 60, 70, 0}},
		{"square", keys{"signal": keys{"shape": "square", "min": 1.0, "max": 2.0, "period": 4 * time.Second}}, []float64{2, 2, 1, 1, 2}},
		{"boolean", keys{"quantity": "contact", "signal": keys{"period": 2 * time.Second}}, []float64{1, 0, 1, 0}},
		{"boolean constant", keys{"quantity": "motion", "signal": keys{"shape": "constant"}}, []float64{1, 1}},
		{"boolean constant false", keys{"quantity": "motion", "signal": keys{"shape": "constant", "value": 0.0}}, []float64{0, 0}},
		{"counter", keys{"quantity": "count", "signal": keys{"shape": "counter"}}, []float64{0, 1, 2, 3}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := take(t, opened(t, test.given), len(test.want)); !slices.Equal(got, test.want) {
					t.Errorf("got %v, want %v", got, test.want)
				}
			})
		})
	}
}

func TestWalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		of := func(seed int64) []float64 {
			return take(t, opened(t, keys{"signal": keys{"shape": "walk", "min": 0.0, "max": 1.0, "step": 0.4, "seed": seed}}), 300)
		}
		a, b, other := of(1), of(1), of(2)
		if !slices.Equal(a, b) {
			t.Error("equal seeds walk different ways")
		}
		if slices.Equal(a, other) {
			t.Error("different seeds walk the same way")
		}
		low, high := slices.Min(a), slices.Max(a)
		if low < 0 || high > 1 || low > 0.1 || high < 0.9 {
			t.Errorf("it walks from %v to %v, should fill 0 to 1", low, high)
		}
		for i := 1; i < len(a); i++ {
			if d := a[i] - a[i-1]; d > 0.400001 || d < -0.400001 {
				t.Fatalf("a step of %v", d)
			}
		}
		wide := take(t, opened(t, keys{"signal": keys{"shape": "walk", "min": 0.0, "max": 1.0, "step": 50.0}}), 50)
		if slices.Min(wide) < 0 || slices.Max(wide) > 1 {
			t.Errorf("steps wider than the bounds leave them: %v", wide)
		}
	})
}

// Every third reading fails, and neither kind of failure advances the counter.
func TestFaults(t *testing.T) {
	for _, kind := range []string{"error", "hang"} {
		synctest.Test(t, func(t *testing.T) {
			s := opened(t, keys{"signal": keys{"shape": "counter"}, "faults": keys{"every": int64(3), "kind": kind}})
			next := 0.0
			for n := 1; n <= 12; n++ {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				start := time.Now()
				list, err := s.Sense(ctx)
				took := time.Since(start)
				cancel()
				switch class := sensors.ClassOf(err); {
				case n%3 != 0 && (err != nil || list[0].Value != next || took != 0):
					t.Fatalf("%s, reading %d: got %v, %v, want %v", kind, n, list, err, next)
				case n%3 != 0:
					next++
				case list != nil:
					t.Fatalf("%s, reading %d: a value beside the failure: %v", kind, n, list)
				case kind == "error" && (class != sensors.IO || took != 0):
					t.Fatalf("reading %d: got class %q after %v, want io", n, class, took)
				case kind == "hang" && (class != sensors.Timeout || took != 5*time.Second || !errors.Is(err, context.DeadlineExceeded)):
					t.Fatalf("reading %d: got class %q after %v, want timeout", n, class, took)
				}
			}
			for range 2 {
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			}
		})
	}
}

// A reading whose time is over before it begins does not advance the counter either.
func TestCancelled(t *testing.T) {
	s := opened(t, keys{"signal": keys{"shape": "counter"}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if list, err := s.Sense(ctx); list != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", list, err)
	}
	if list, _ := s.Sense(t.Context()); list[0].Value != 0 {
		t.Errorf("got %v, want 0", list[0].Value)
	}
}

func TestCheck(t *testing.T) {
	tests := []struct {
		given keys
		key   string // of the problem; "": none
	}{
		{keys{}, ""},
		{keys{"quantity": "contact"}, ""},
		{keys{"quantity": "contact", "signal": keys{"shape": "sine"}}, "signal.shape"},
		{keys{"quantity": "contact", "signal": keys{"shape": "counter"}}, "signal.shape"},
		{keys{"quantity": "contact", "signal": keys{"shape": "constant", "value": 0.5}}, "signal.value"},
		{keys{"signal": keys{"min": 30.0}}, "signal.min"},
		{keys{"signal": keys{"max": 15.0}}, "signal.max"},
		{keys{"signal": keys{"min": 30.0, "max": 40.0}}, ""},
	}
	k := Kind()
	for _, test := range tests {
		problems := k.Check(kind.WithDefaults(k.Keys, test.given))
		if len(problems) > 1 || (len(problems) == 1) != (test.key != "") || len(problems) == 1 && problems[0].Key != test.key {
			t.Errorf("%v: got %+v, want one in %q", test.given, problems, test.key)
		}
	}
}

// Only mocks that hang have a bus to themselves, each its own.
func TestBus(t *testing.T) {
	k := Kind()
	with := func(given keys) kind.Params { return kind.WithDefaults(k.Keys, given) }
	a, b := with(keys{"faults": keys{"every": int64(2), "kind": "hang"}}), with(keys{"faults": keys{"every": int64(2), "kind": "hang"}})
	if again := k.Bus(a); k.Bus(a) == k.Bus(b) || k.Bus(a) != again || again == "" {
		t.Errorf("buses %q and %q", k.Bus(a), k.Bus(b))
	}
	for _, p := range []kind.Params{with(nil), with(keys{"faults": keys{"every": int64(2)}})} {
		if k.Bus(p) != "" {
			t.Errorf("bus %q for %v", k.Bus(p), p)
		}
	}
}

// Every quantity of the table can be pretended, with the defaults alone.
func TestQuantities(t *testing.T) {
	for _, info := range sensors.Quantities() {
		s := opened(t, keys{"quantity": string(info.Quantity)})
		list, err := s.Sense(t.Context())
		if err != nil || list[0].Quantity != info.Quantity || info.Boolean && list[0].Value != 0 && list[0].Value != 1 {
			t.Errorf("%s: got %+v, %v", info.Quantity, list, err)
		}
		if y := Kind().Yields(keys{"quantity": string(info.Quantity)}); len(y) != 1 || y[0] != info.Quantity {
			t.Errorf("%s: yields %v", info.Quantity, y)
		}
	}
}

func TestAllocations(t *testing.T) {
	for _, shape := range []string{signal.Constant, signal.Sine, signal.Ramp, signal.Square, signal.Walk, counter} {
		s := opened(t, keys{"signal": keys{"shape": shape}, "faults": keys{"every": int64(3)}})
		ctx := t.Context()
		if n := testing.AllocsPerRun(100, func() { s.Sense(ctx) }); n != 0 {
			t.Errorf("%s: %v allocations a reading, want none", shape, n)
		}
	}
}

func BenchmarkSense(b *testing.B) {
	s := opened(b, keys{"signal": keys{"shape": counter}})
	b.ReportAllocs()
	for b.Loop() {
		s.Sense(b.Context())
	}
}
