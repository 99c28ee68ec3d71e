package sensors

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestOneAtATimeOnABus: two sensors of a bus never measure at the same time, those of different buses do.
func TestOneAtATimeOnABus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at [2]atomic.Int32 // measurements under way, by bus
		var most [2]int32
		var both atomic.Int32
		source := func(name string, bus int) Source {
			return Source{Name: name, Key: name, Bus: "i2c-" + string(rune('1'+bus)), Every: time.Second, Quantities: []Quantity{Raw},
				Open: func(context.Context) (any, error) {
					return &part{func(context.Context) ([]Measurement, error) {
						most[bus] = max(most[bus], at[bus].Add(1)) // of one worker, if it is as it should be
						time.Sleep(200 * time.Millisecond)
						if at[1-bus].Load() > 0 {
							both.Add(1)
						}
						at[bus].Add(-1)
						return []Measurement{{Quantity: Raw, Value: 1}}, nil
					}}, nil
				}}
		}
		r := newRig(t, source("a", 0), source("b", 0), source("c", 0), source("d", 1), source("e", 1))
		time.Sleep(20 * time.Second)
		r.end()
		if most != [2]int32{1, 1} {
			t.Errorf("%v sensors measured at the same time on one bus", most)
		}
		if both.Load() == 0 {
			t.Error("the buses wait for each other")
		}
		if n := len(r.of("c")); n < 19 {
			t.Errorf("%d readings of the third on a bus", n)
		}
	})
}

// TestRecoveryBacksOff: a part that is not there is opened again after one second and then every two; one whose attempts take long after
// ever longer pauses up to half a minute, so that it does not cost the others on its bus their time; and both at once when they are back.
func TestRecoveryBacksOff(t *testing.T) {
	for _, tt := range []struct {
		name  string
		takes time.Duration
		want  []time.Duration // pauses between attempts, the attempt's own time left out, to the grid of 100 ms
	}{
		{"quick", time.Millisecond, []time.Duration{1, 2, 2, 2, 2}},
		{"slow", time.Second, []time.Duration{1, 2, 4, 8, 16, 30, 30}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var there atomic.Bool
				var begun, ended []time.Time
				src := Source{Name: "gone", Key: "gone", Bus: "i2c-1", Every: 100 * time.Millisecond, Quantities: []Quantity{Raw},
					Open: func(context.Context) (any, error) {
						begun = append(begun, time.Now())
						if !there.Load() {
							time.Sleep(tt.takes)
							ended = append(ended, time.Now())
							return nil, &Error{Class: Absent, Op: "gone: open"}
						}
						return &part{func(context.Context) ([]Measurement, error) { return []Measurement{{Quantity: Raw, Value: 7}}, nil }}, nil
					}}
				r := newRig(t, src, counting("other", "i2c-1", time.Second))
				time.Sleep(100 * time.Second)
				there.Store(true)
				back := time.Now()
				time.Sleep(31 * time.Second)
				r.end()
				if len(ended) <= len(tt.want) {
					t.Fatalf("%d attempts", len(ended))
				}
				for i, want := range tt.want {
					pause := begun[i+1].Sub(ended[i])
					if want *= time.Second; pause < want || pause > want+time.Second { // another measurement may be under way
						t.Errorf("pause %d is %v, want %v", i, pause, want)
					}
				}
				got := r.of("gone")
				if len(got) < 2 || got[0].Err != Absent || got[1].Value != 7 {
					t.Fatalf("readings %+v", got[:min(len(got), 3)])
				}
				if after := got[1].Stamp.Time().Sub(back); after > tt.want[len(tt.want)-1]*time.Second+time.Second {
					t.Errorf("back after %v", after)
				}
				if n := len(r.of("other")); n < 100 {
					t.Errorf("its neighbour has %d readings in 131 s", n)
				}
			})
		})
	}
}

// TestEachFailureHasItsClass: what the driver says went wrong is what the reading says, warm-up included; an error that nobody has sorted
// is io, and none becomes a value.
func TestEachFailureHasItsClass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var list []Source
		classes := []Class{Absent, NAK, Timeout, CRC, Range, Busy, Denied, Wrong, Warmup, IO}
		for _, c := range classes {
			list = append(list, Source{Name: string(c), Key: string(c), Every: time.Second, Quantities: []Quantity{Temperature},
				Open: func(context.Context) (any, error) {
					return &part{func(context.Context) ([]Measurement, error) { return nil, &Error{Class: c, Op: string(c) + ": read"} }}, nil
				}})
		}
		r := newRig(t, list...)
		time.Sleep(5 * time.Second)
		r.end()
		for _, c := range classes {
			got := r.of(string(c))
			if len(got) != 1 || got[0].Err != c || got[0].Value != 0 || got[0].Quantity != Temperature {
				t.Errorf("%s: %+v", c, got)
			}
			if h := r.health(string(c)); h.Class != c || h.Failures < 1 {
				t.Errorf("%s: health %+v", c, h)
			}
		}
	})
}

// TestWarmUpKeepsThePart: a part that says that it warms up is not opened anew for that, as that would begin its warm-up again.
func TestWarmUpKeepsThePart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		src := Source{Name: "gas", Key: "gas", Every: time.Second, Quantities: []Quantity{TVOC}, Open: func(context.Context) (any, error) {
			opened++
			begin := time.Now()
			return &part{func(context.Context) ([]Measurement, error) {
				if time.Since(begin) < 15*time.Second {
					return nil, &Error{Class: Warmup, Op: "gas: measure"}
				}
				return []Measurement{{Quantity: TVOC, Value: 12}}, nil
			}}, nil
		}}
		r := newRig(t, src)
		time.Sleep(20 * time.Second)
		r.end()
		got := r.of("gas")
		if len(got) < 4 || got[0].Err != Warmup || slices.ContainsFunc(got[1:], func(x Reading) bool { return x.Err != "" || x.Value != 12 }) || opened != 1 {
			t.Errorf("opened %d times, readings %+v", opened, got)
		}
	})
}
