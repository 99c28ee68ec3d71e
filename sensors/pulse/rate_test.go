package pulse

import (
	"math"
	"testing"
	"time"

	"pinhole/sensors/kind"
)

// signal has edges at these times, in seconds.
type signal []float64

func steady(from, to, period float64) (s signal) {
	for t := from; t < to; t += period {
		s = append(s, t)
	}
	return s
}

// TestRate plays edges to rates that tick every ten seconds. Ticks are at 0, 10, 20 ...; the last one counts.
func TestRate(t *testing.T) {
	const none = -1
	for _, tt := range []struct {
		name   string
		s      signal
		window float64
		ticks  int
		want   float64
		within float64
	}{
		{"nothing, not long enough", nil, 60, 2, none, 0},
		{"nothing for a window", nil, 60, 6, 0, 0},
		{"one, not long enough", signal{1}, 60, 3, none, 0},
		{"one in a window", signal{1}, 60, 6, 1.0 / 60, 1e-9},
		{"one that has left the window", signal{1}, 60, 8, 0, 0},
		{"fast from the start", steady(0.003, 100, 0.01), 10, 1, 100, 1e-6},
		{"odd period", steady(0.2, 1000, 0.7), 10, 50, 1 / 0.7, 1e-6},
		{"odd period, long window", steady(0.2, 1000, 7), 60, 50, 1.0 / 7, 1e-6},
		{"longer than every", steady(3, 1000, 13), 60, 50, 1.0 / 13, 1e-6},
		{"longer than the window", steady(5, 1000, 100), 10, 41, 0.1, 1e-9}, // the edge at 405: one in ten seconds
		{"began in the middle", steady(5, 1000, 0.01), 10, 1, 50, 0.2},
		{"ended in the middle", steady(0.005, 25, 0.01), 10, 3, 50, 0.2},
		{"began long after another", append(signal{1}, steady(505, 1000, 0.01)...), 10, 51, 50, 0.2},
		{"changes", append(steady(0.005, 20, 0.01), steady(20.0025, 1000, 0.005)...), 10, 3, 200, 0.1},
		{"changes within", append(steady(0.005, 25, 0.01), steady(25.0025, 1000, 0.005)...), 10, 3, 150, 0.1},
		{"two in a burst", signal{5, 5.001}, 10, 1, 0.2, 1e-9},
	} {
		begin := time.Now()
		r := newRate(time.Duration(tt.window*float64(time.Second)), 10*time.Second)
		c := &counter{}
		var v float64
		var ok bool
		next := 0
		for tick := range tt.ticks + 1 {
			for ; next < len(tt.s) && tt.s[next] < float64(tick*10); next++ {
				c.edge(kind.Event{Seq: uint32(next + 1), Mono: int64((1000 + tt.s[next]) * 1e9)})
			}
			v, ok = r.tick(begin.Add(time.Duration(tick)*10*time.Second), c)
		}
		if !ok {
			v = none
		}
		if math.Abs(v-tt.want) > tt.within*math.Abs(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, v, tt.want)
		}
		if len(r.marks) > int(tt.window/10)+2 {
			t.Errorf("%s: %d marks are kept", tt.name, len(r.marks))
		}
	}
}

// TestRateWithoutTimes counts edges that carry no time.
func TestRateWithoutTimes(t *testing.T) {
	begin := time.Now()
	r := newRate(10*time.Second, 10*time.Second)
	c := &counter{}
	r.tick(begin, c)
	for i := range uint32(123) {
		c.edge(kind.Event{Seq: i + 1})
	}
	if v, ok := r.tick(begin.Add(10*time.Second), c); v != 12.3 || !ok {
		t.Errorf("%v, %v", v, ok)
	}
}

func TestDigits(t *testing.T) {
	for _, tt := range []struct {
		v    float64
		n    int
		want float64
	}{
		{0, 7, 0}, {1234.5670000000002, 14, 1234.567}, {0.1 + 0.2, 14, 0.3}, {2.0 / 3, 7, 0.6666667}, {123456789, 7, 123456800}, {1e-9, 7, 1e-9},
		{math.MaxFloat64, 3, math.Inf(1)}, {math.Inf(1), 3, math.Inf(1)},
	} {
		if got := digits(tt.v, tt.n); got != tt.want {
			t.Errorf("%v to %d digits: %v, want %v", tt.v, tt.n, got, tt.want)
		}
	}
}

func FuzzDigits(f *testing.F) {
	f.Add(1.0, 2.0)
	f.Add(1234.567, 1234.568)
	f.Fuzz(func(t *testing.T, a, b float64) {
		if a < 0 || b < 0 || math.IsNaN(a) || math.IsNaN(b) {
			return
		}
		if a <= b && digits(a, 14) > digits(b, 14) {
			t.Errorf("%v <= %v, but %v > %v", a, b, digits(a, 14), digits(b, 14))
		}
		if v := digits(a, 14); !math.IsInf(v, 0) && math.Abs(v-a) > 1e-13*a {
			t.Errorf("%v became %v", a, v)
		}
	})
}
