package sensorstest

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// watched is a Watcher at work.
type watched struct {
	dev    sensors.Watcher
	cancel context.CancelFunc
	done   chan error

	mu  sync.Mutex
	got []sensors.Measurement
}

func (d *desk) watch(t *testing.T, p kind.Params) *watched {
	t.Helper()
	return d.watchAnd(t, p, func(sensors.Measurement) {})
}

// watchAnd calls also for each measurement, while it is being reported.
func (d *desk) watchAnd(t *testing.T, p kind.Params, also func(sensors.Measurement)) *watched {
	t.Helper()
	dev, err := d.suite.Kind.Open(t.Context(), d.Board, p)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	w := &watched{dev: dev.(sensors.Watcher), done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	w.cancel = cancel
	go func() {
		w.done <- w.dev.Watch(ctx, func(m sensors.Measurement) {
			w.mu.Lock()
			w.got = append(w.got, m)
			w.mu.Unlock()
			also(m)
		})
	}()
	synctest.Wait()
	return w
}

// take returns what was emitted since the last take.
func (w *watched) take() []sensors.Measurement {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	got := w.got
	w.got = nil
	return got
}

// lines tries a kind that watches an input line.
func (s *Suite) lines(t *testing.T) {
	q := s.Kind.Yields(s.Params)[0]
	pin := s.Params.String("pin")
	value := func(v float64) sensors.Measurement { return sensors.Measurement{Quantity: q, Value: v} }
	expect := func(t *testing.T, what string, w *watched, want ...sensors.Measurement) {
		t.Helper()
		if got := w.take(); show(got) != show(want) {
			t.Errorf("%s: got %v, want %v", what, show(got), show(want))
		}
	}
	s.bubble(t, func(t *testing.T, d *desk) {
		for i := range s.Truth { // the state at the start, whatever it is
			d.turn(t, &s.Truth[i])
			d.attach(t, s.Params)
			w := d.watch(t, s.Params)
			list := w.take()
			s.wellFormed(t, list)
			if !s.near(list, s.Truth[i]) {
				t.Errorf("at the start: %v, the truth is %v", show(list), s.Truth[i])
			}
			time.Sleep(time.Hour)
			expect(t, "an hour without a change", w)
			w.cancel()
			if err := errors.Join(<-w.done, w.dev.Close(), w.dev.Close()); err != nil {
				t.Errorf("stopped and closed twice: %v", err)
			}
		}
	})
	s.bubble(t, func(t *testing.T, d *desk) {
		d.Drive(pin, true)
		w := d.watch(t, s.Params)
		first := w.take()
		if len(first) != 1 {
			t.Fatalf("at the start: %v", show(first))
		}
		high := first[0].Value
		for range 3 {
			d.Drive(pin, false)
			time.Sleep(100 * time.Millisecond)
			expect(t, "driven low", w, value(1-high))
			d.Drive(pin, true)
			time.Sleep(100 * time.Millisecond)
			expect(t, "driven high", w, value(high))
		}
		hole := sensors.Measurement{Quantity: q, Err: sensors.IO}
		two, one := []sensors.Measurement{value(1 - high), hole, value(1 - high)}, []sensors.Measurement{hole, value(high)}
		polled := s.Params.Has("poll")
		if polled { // it has no edges to lose
			two, one = []sensors.Measurement{value(1 - high), value(high), value(1 - high)}, []sensors.Measurement{value(high)}
		}
		// The kernel lost two edges: the next one tells, and the state follows the hole.
		d.LoseEdges(pin, 2)
		for _, level := range []bool{false, true, false} {
			d.Drive(pin, level)
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		expect(t, "two edges lost", w, two...)
		// It lost the last edge: only the level tells.
		d.LoseEdges(pin, 1)
		d.Drive(pin, true)
		time.Sleep(2 * time.Second)
		expect(t, "the last edge lost", w, one...)
		if n := lost(t, w); n < 3 && !polled {
			t.Errorf("three lost edges are counted as %d", n)
		}
		_, err := s.Kind.Open(t.Context(), d.Board, s.Params)
		if sensors.ClassOf(err) != sensors.Busy {
			t.Errorf("opened twice: %v, want class busy", err)
		} else {
			s.named(t, err)
		}
		other := maps.Clone(s.Params)
		other["pin"] = "another-chip:3"
		side := d.watch(t, other)
		side.take()
		d.Drive(pin, false)
		time.Sleep(100 * time.Millisecond)
		expect(t, "beside another", w, value(1-high))
		time.Sleep(2 * time.Second)
		expect(t, "the hole that the level told of, when the numbers tell too", w)
		if n := lost(t, w); n != 3 && !polled {
			t.Errorf("three lost edges are counted as %d when their numbers have passed", n)
		}
		expect(t, "the other", side)
		side.cancel()
		if err := errors.Join(<-side.done, side.dev.Close()); err != nil {
			t.Error(err)
		}
		d.FailLine(pin, errors.New("the chip was pulled"))
		if err := <-w.done; err == nil {
			t.Error("the line failed, Watch did not")
		} else {
			s.named(t, err)
		}
		if err := w.dev.Close(); err != nil {
			t.Error(err)
		}
		w.cancel()
		again := d.watch(t, s.Params)
		expect(t, "opened again", again, value(1-high))
		again.cancel()
		if err := errors.Join(<-again.done, again.dev.Close()); err != nil {
			t.Error(err)
		}
	})
}
