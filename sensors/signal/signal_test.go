package signal

import (
	"math"
	"testing"
	"time"
)

func TestPoints(t *testing.T) {
	points := []Point{{2 * time.Second, 10}, {4 * time.Second, 20}, {4 * time.Second, 50}, {8 * time.Second, 30}}
	for _, tt := range []struct {
		name   string
		signal Signal
		want   []float64 // each second from 0
		until  []float64 // in seconds; -1: for ever
	}{
		{"points", Signal{Shape: Points, Points: points}, []float64{10, 10, 10, 15, 50, 45, 40, 35, 30, 30},
			[]float64{2, 2, 4, 4, 8, 8, 8, 8, -1, -1}},
		{"steps", Signal{Shape: Steps, Points: points}, []float64{10, 10, 10, 10, 50, 50, 50, 50, 30, 30}, []float64{2, 2, 4, 4, 8, 8, 8, 8, -1, -1}},
		{"again", Signal{Shape: Steps, Points: points, Period: 9 * time.Second}, []float64{10, 10, 10, 10, 50, 50, 50, 50, 30, 10, 10, 10, 10, 50},
			[]float64{2, 2, 4, 4, 8, 8, 8, 8, 9, 11, 11, 13, 13, 17}},
		{"one point", Signal{Shape: Points, Points: points[:1]}, []float64{10, 10, 10, 10}, []float64{2, 2, -1, -1}},
		{"square", Signal{Shape: Square, Min: 1, Max: 2, Period: 4 * time.Second}, []float64{2, 2, 1, 1, 2, 2, 1}, []float64{2, 2, 4, 4, 6, 6, 8}},
		{"constant", Signal{Shape: Constant, Value: 7.25}, []float64{7.25, 7.25}, []float64{-1, -1}},
	} {
		for i, want := range tt.want {
			at := time.Duration(i) * time.Second
			if got := tt.signal.At(at); got != want {
				t.Errorf("%s: %v at %v, want %v", tt.name, got, at, want)
			}
			until, ok := tt.signal.Until(at)
			if got := until.Seconds(); ok && got != tt.until[i] || ok != (tt.until[i] >= 0) {
				t.Errorf("%s: at %v until %v, %v, want %v", tt.name, at, until, ok, tt.until[i])
			}
		}
	}
}

// TestWalk: a walk fills its bounds, keeps its step, and is another one with another seed.
func TestWalk(t *testing.T) {
	s := Signal{Shape: Walk, Min: -2, Max: 3, Step: 0.4, Seed: 7}
	other := s
	other.Seed = 8
	low, high, same := math.Inf(1), math.Inf(-1), 0
	for i := range 20000 {
		at := time.Duration(i) * time.Second / 2
		v := s.At(at)
		low, high = min(low, v), max(high, v)
		if d := math.Abs(s.At(at+time.Second) - v); d > 0.400002 {
			t.Fatalf("a step of %v at %v", d, at)
		}
		if v != s.At(at) {
			t.Fatal("not the same when asked again")
		}
		if v == other.At(at) {
			same++
		}
	}
	if low < -2 || low > -1.9 || high > 3 || high < 2.9 || same > 10 {
		t.Errorf("from %v to %v, %d values are those of another seed", low, high, same)
	}
	if n := testing.AllocsPerRun(10, func() { s.At(time.Second) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
