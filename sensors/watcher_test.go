package sensors

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors/clock"
)

// held is a watcher of a line that only one can have.
type held struct {
	line  *atomic.Bool
	watch func(ctx context.Context, emit func(Measurement)) error
}

func (h held) Watch(ctx context.Context, emit func(Measurement)) error { return h.watch(ctx, emit) }

func (h held) Close() error {
	h.line.Store(false)
	return nil
}

func holding(key string, line *atomic.Bool, watch func(ctx context.Context, emit func(Measurement)) error) Source {
	return Source{Name: "door", Key: key, Watch: true, Quantities: []Quantity{Contact}, Open: func(context.Context) (any, error) {
		if !line.CompareAndSwap(false, true) {
			return nil, &Error{Class: Busy, Op: key}
		}
		return held{line, watch}, nil
	}}
}

// TestWatcherFreesItsLine has a watcher fail: it must be closed before it is opened again, or it finds its line taken by itself.
func TestWatcherFreesItsLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, holding("a", new(atomic.Bool), func(ctx context.Context, emit func(Measurement)) error {
			emit(Measurement{Quantity: Contact, Value: 1})
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(time.Minute):
				return errors.New("noise")
			}
		}))
		time.Sleep(5 * time.Minute)
		r.end()
		for i, x := range r.of("door") {
			if want := []Class{"", IO}[i%2]; x.Err != want {
				t.Fatalf("reading %d: %+v, want error %q", i, x, want)
			}
		}
		if n := len(r.of("door")); n != 9 {
			t.Errorf("%d readings", n)
		}
	})
}

// TestWatcherHandsOver replaces a watcher by another one of the same line, as a changed configuration does.
func TestWatcherHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := new(atomic.Bool)
		watch := func(value float64, linger time.Duration) func(context.Context, func(Measurement)) error {
			return func(ctx context.Context, emit func(Measurement)) error {
				emit(Measurement{Quantity: Contact, Value: value})
				<-ctx.Done()
				time.Sleep(linger)
				return nil
			}
		}
		r := newRig(t, holding("a", line, watch(0, 300*time.Millisecond)))
		time.Sleep(time.Minute)
		r.sampler.Set([]Source{holding("b", line, watch(1, time.Hour))})
		time.Sleep(time.Minute)
		if got := r.of("door"); len(got) != 2 || got[1].Err != "" || got[1].Value != 1 {
			t.Errorf("after the change: %+v", got)
		}
		r.sampler.Set([]Source{holding("c", line, watch(0, 0))}) // this time the old one does not let go
		time.Sleep(10 * time.Second)
		if got := r.of("door"); len(got) != 3 || got[2].Err != Busy {
			t.Errorf("the line is not given back: %+v", got)
		}
		time.Sleep(2 * time.Hour)
		if got := r.of("door"); got[len(got)-1].Err != "" {
			t.Errorf("the line was given back: %+v", got)
		}
		r.end()
	})
}

// losing is a watcher that has nothing but losses to tell.
type losing struct{ events }

func (losing) Lost() uint64 { return 42 }

// TestWatcherLoses finds what a watcher says it lost in its health, also where it never has a value.
func TestWatcherLoses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Source{Name: "fan", Key: "fan", Watch: true, Quantities: []Quantity{Frequency}, Open: func(context.Context) (any, error) {
			return losing{func(ctx context.Context, emit func(Measurement)) error {
				emit(Measurement{Quantity: Frequency, Err: IO})
				<-ctx.Done()
				return nil
			}}, nil
		}})
		synctest.Wait()
		if h := r.health("fan"); h.Lost != 42 || h.Class != IO {
			t.Errorf("health %+v", h)
		}
		r.end()
	})
}

// TestReadOnceWatches reads watchers with two quantities once.
func TestReadOnceWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		meter := func(name string, every, total, rate time.Duration) Source {
			return Source{Name: name, Key: name, Watch: true, Every: every, Quantities: []Quantity{Volume, FlowRate}, Open: func(context.Context) (any, error) {
				return events(func(ctx context.Context, emit func(Measurement)) error {
					for begin := time.Now(); ctx.Err() == nil; {
						for q, at := range map[Quantity]time.Duration{Volume: total, FlowRate: rate} {
							if time.Since(begin) >= at {
								emit(Measurement{Quantity: q, Value: 1})
							}
						}
						select {
						case <-ctx.Done():
						case <-time.After(time.Second):
						}
					}
					return nil
				}), nil
			}}
		}
		for _, tt := range []struct {
			name               string
			every, total, rate time.Duration
			want               []Quantity
			took               time.Duration
		}{
			{"both soon", 10 * time.Second, 0, time.Second, []Quantity{Volume, FlowRate}, time.Second},
			{"one soon", 10 * time.Second, 0, 5 * time.Second, []Quantity{Volume}, watchOnceFor},
			{"late", 10 * time.Second, time.Hour, 10 * time.Second, []Quantity{FlowRate}, 10*time.Second + watchOnceFor},
			{"too late", time.Hour, time.Hour, time.Hour, []Quantity{Volume, FlowRate}, warmUpFor + watchOnceFor},
		} {
			begin := time.Now()
			got := map[Quantity]Reading{}
			ReadOnce(t.Context(), clock.Desk(clock.BootID{}), []Source{meter(tt.name, tt.every, tt.total, tt.rate)}, slog.New(slog.DiscardHandler),
				func(list []Reading) {
					for _, r := range list {
						got[r.Quantity] = r
					}
				})
			if took := time.Since(begin); took != tt.took || len(got) != len(tt.want) {
				t.Errorf("%s: took %v, want %v; readings %+v", tt.name, took, tt.took, got)
			}
			for _, q := range tt.want {
				if failed := got[q].Err != ""; failed != (tt.name == "too late") {
					t.Errorf("%s: %s is %+v", tt.name, q, got[q])
				}
			}
		}
	})
}
