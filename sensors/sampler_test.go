package sensors

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors/clock"
)

// part is a sensor made of a function.
type part struct {
	sense func(ctx context.Context) ([]Measurement, error)
}

func (p *part) Sense(ctx context.Context) ([]Measurement, error) { return p.sense(ctx) }
func (p *part) Close() error                                     { return nil }

// counting returns a source whose n-th measurement is n, from 0.
func counting(name, bus string, every time.Duration) Source {
	n := -1.0
	return Source{Name: name, Key: name, Bus: bus, Every: every, Quantities: []Quantity{Count},
		Open: func(context.Context) (any, error) {
			return &part{func(context.Context) ([]Measurement, error) {
				n++
				return []Measurement{{Quantity: Count, Value: n}}, nil
			}}, nil
		}}
}

// rig runs a sampler in virtual time and keeps what it emits.
type rig struct {
	t       *testing.T
	sampler *Sampler
	stop    context.CancelFunc
	ended   chan struct{}

	mu     sync.Mutex
	got    []Reading
	bursts int
}

func newRig(t *testing.T, list ...Source) *rig {
	r := &rig{t: t, ended: make(chan struct{})}
	r.sampler = NewSampler(clock.Desk(clock.BootID{1}), func(list []Reading) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, list...)
		r.bursts++
	}, slog.New(slog.DiscardHandler))
	r.sampler.Set(list)
	var ctx context.Context
	ctx, r.stop = context.WithCancel(t.Context())
	go func() { defer close(r.ended); r.sampler.Run(ctx) }()
	return r
}

func (r *rig) end() {
	r.stop()
	<-r.ended
}

func (r *rig) of(sensor string) []Reading {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.got), func(x Reading) bool { return x.Sensor != sensor })
}

func (r *rig) health(name string) Health {
	for _, h := range r.sampler.Health() {
		if h.Name == name {
			return h
		}
	}
	r.t.Fatalf("no health of %s", name)
	return Health{}
}

func TestSamplerKeepsTheGrid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, counting("a", "", time.Second), counting("b", "", time.Second), counting("c", "", 5*time.Second))
		time.Sleep(60*time.Second + time.Millisecond)
		r.end()
		for name, want := range map[string]int{"a": 61, "b": 61, "c": 13} {
			got := r.of(name)
			if len(got) != want {
				t.Errorf("%s: %d readings in a minute, want %d", name, len(got), want)
			}
			for i, x := range got {
				if x.Value != float64(i) {
					t.Fatalf("%s: reading %d has value %v", name, i, x.Value)
				}
				if i > 0 && name == "a" && x.Stamp.Wall-got[i-1].Stamp.Wall != int64(time.Second) {
					t.Fatalf("a: %v between readings %d and %d", time.Duration(x.Stamp.Wall-got[i-1].Stamp.Wall), i-1, i)
				}
			}
		}
		if r.bursts > 61+13 {
			t.Errorf("%d bursts: sensors with the same interval are not measured together", r.bursts)
		}
	})
}

func TestSamplerSkipsLateTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := counting("slow", "i2c-1", time.Second)
		open := slow.Open
		slow.Open = func(ctx context.Context) (any, error) {
			d, err := open(ctx)
			inner := d.(*part).sense
			return &part{func(ctx context.Context) ([]Measurement, error) {
				time.Sleep(2500 * time.Millisecond)
				return inner(ctx)
			}}, err
		}
		r := newRig(t, slow, counting("other", "i2c-2", time.Second))
		time.Sleep(30*time.Second - time.Millisecond)
		r.end()
		time.Sleep(3 * time.Second) // the measurement that the end has left behind
		// Measurements begin at 0, 3, 6 ... and each passes over two ticks.
		if n := len(r.of("slow")); n != 10 {
			t.Errorf("slow: %d readings, want 10", n)
		}
		if h := r.health("slow"); h.Skipped != 20 {
			t.Errorf("slow: %d ticks skipped, want 20", h.Skipped)
		}
		if n := len(r.of("other")); n != 30 {
			t.Errorf("other: %d readings, want 30: a slow bus held up another one", n)
		}
	})
}

func TestSamplerReportsErrorsSparingly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		opened := 0
		src := Source{Name: "air", Key: "air", Every: time.Second, Quantities: []Quantity{Temperature, Pressure},
			Open: func(context.Context) (any, error) {
				opened++
				return &part{func(context.Context) ([]Measurement, error) {
					if broken.Load() {
						return nil, &Error{Class: NAK, Op: "air: read"}
					}
					return []Measurement{{Quantity: Temperature, Value: 20}, {Quantity: Pressure, Value: 1e5}}, nil
				}}, nil
			}}
		r := newRig(t, src)
		time.Sleep(9500 * time.Millisecond)
		broken.Store(true)
		time.Sleep(25 * time.Minute)
		broken.Store(false)
		time.Sleep(10 * time.Second)
		r.end()
		var errs []Reading
		for _, x := range r.of("air") {
			if x.Err != "" {
				errs = append(errs, x)
			}
		}
		// At once, after 10 and after 20 minutes, for each of both quantities.
		if len(errs) != 6 {
			t.Fatalf("%d error readings in 25 minutes, want 6: %v", len(errs), errs)
		}
		for _, x := range errs {
			if x.Err != NAK || x.Value != 0 {
				t.Errorf("error reading %+v", x)
			}
		}
		if opened < 100 {
			t.Errorf("opened %d times: a part that fails is not tried again", opened)
		}
		if got := r.of("air"); got[len(got)-1].Err != "" {
			t.Error("the sensor did not come back")
		}
		if h := r.health("air"); h.Failures != 0 || h.Class != "" || h.Good.IsZero() {
			t.Errorf("health %+v", h)
		}
	})
}

// TestSamplerFailsChannels checks that a part with channels fails in these, and not in a series that never had a value.
func TestSamplerFailsChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		src := Source{Name: "adc", Key: "adc", Every: time.Second, Quantities: []Quantity{Voltage, Temperature},
			Open: func(context.Context) (any, error) {
				return &part{func(context.Context) ([]Measurement, error) {
					if broken.Load() {
						return nil, &Error{Class: Absent, Op: "adc: read"}
					}
					return []Measurement{{Quantity: Voltage, Channel: "in0", Value: 1}, {Quantity: Voltage, Channel: "in1", Value: 2}}, nil
				}}, nil
			}}
		r := newRig(t, src)
		time.Sleep(1500 * time.Millisecond)
		broken.Store(true)
		time.Sleep(2 * time.Second)
		r.end()
		for name, want := range map[string]int{"adc.in0": 1, "adc.in1": 1, "adc": 1} { // adc: the temperature that it should have
			errs := slices.DeleteFunc(r.of(name), func(x Reading) bool { return x.Err == "" })
			if len(errs) != want || name == "adc" && errs[0].Quantity != Temperature {
				t.Errorf("%s: %v", name, errs)
			}
		}
	})
}

func TestSamplerAbsentAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var there atomic.Bool
		src := counting("late", "", time.Second)
		open := src.Open
		src.Open = func(ctx context.Context) (any, error) {
			if !there.Load() {
				return nil, &Error{Class: Absent, Op: "late: open"}
			}
			return open(ctx)
		}
		r := newRig(t, src)
		time.Sleep(20 * time.Second)
		there.Store(true)
		time.Sleep(3 * time.Second)
		r.end()
		got := r.of("late")
		if got[0].Err != Absent || got[0].Quantity != Count {
			t.Errorf("first reading %+v, want the error absent", got[0])
		}
		if len(got) < 2 || got[1].Err != "" || got[1].Value != 0 {
			t.Errorf("no good reading within three periods after it was plugged in: %+v", got)
		}
	})
}

func TestSamplerIsolatesHangs(t *testing.T) {
	for _, obeys := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			hang := Source{Name: "hang", Key: "hang", Bus: "i2c-1", Every: time.Second, Quantities: []Quantity{Voltage}, Timeout: 2 * time.Second,
				Open: func(context.Context) (any, error) {
					return &part{func(ctx context.Context) ([]Measurement, error) {
						select {
						case <-release:
							return []Measurement{{Quantity: Voltage, Value: 3}}, nil
						default:
						}
						if obeys {
							<-ctx.Done()
							return nil, ctx.Err()
						}
						<-release
						return []Measurement{{Quantity: Voltage, Value: 2}}, nil
					}}, nil
				}}
			r := newRig(t, hang, counting("neighbour", "i2c-1", time.Second), counting("other", "i2c-2", time.Second))
			time.Sleep(time.Minute + time.Millisecond)
			if n := len(r.of("other")); n != 61 {
				t.Errorf("other bus: %d readings, want 61", n)
			}
			if got := r.of("hang"); len(got) != 1 || got[0].Err != Timeout || got[0].Quantity != Voltage {
				t.Errorf("hang: %+v, want one timeout", got)
			}
			if got := r.of("neighbour"); obeys && len(got) < 10 {
				t.Errorf("neighbour: %d readings beside a part that only times out", len(got))
			} else if !obeys && (len(got) != 1 || got[0].Err != Busy) {
				t.Errorf("neighbour on the hung bus: %+v, want one busy", got)
			}
			if h := r.health("hang"); h.Class != Timeout || h.Failures == 0 {
				t.Errorf("health of the hung sensor %+v", h)
			}
			close(release)
			time.Sleep(40 * time.Second)
			r.end()
			got := r.of("hang")
			if len(got) < 2 || got[1].Value != 3 {
				t.Errorf("hang: %+v, want a fresh value after the driver returned, not the stale one", got)
			}
		})
	}
}

func TestSamplerSurvivesPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		src := Source{Name: "bad", Key: "bad", Every: time.Second, Quantities: []Quantity{Raw}, Open: func(context.Context) (any, error) {
			return &part{func(context.Context) ([]Measurement, error) {
				if n++; n == 2 {
					panic("index out of range")
				}
				return []Measurement{{Quantity: Raw, Value: 1}}, nil
			}}, nil
		}}
		r := newRig(t, src)
		time.Sleep(3500 * time.Millisecond)
		r.end()
		got := r.of("bad")
		if len(got) != 4 || got[1].Err != IO || got[2].Err != "" {
			t.Errorf("readings %+v, want good, io, good, good", got)
		}
	})
}

func TestSamplerSetKeepsTheUnchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := counting("a", "", time.Second), counting("b", "", time.Second), counting("c", "", time.Hour)
		r := newRig(t, a, b)
		time.Sleep(5500 * time.Millisecond)
		r.sampler.Set([]Source{a, c})
		time.Sleep(5 * time.Second)
		r.end()
		if got := r.of("a"); len(got) != 11 || got[10].Value != 10 {
			t.Errorf("a was disturbed: %+v", got)
		}
		if n := len(r.of("b")); n != 6 {
			t.Errorf("b: %d readings, want 6", n)
		}
		if got := r.of("c"); len(got) != 1 {
			t.Errorf("c: %d readings: a new sensor is measured at once", len(got))
		}
	})
}

// events is a watcher made of a function.
type events func(ctx context.Context, emit func(Measurement)) error

func (e events) Watch(ctx context.Context, emit func(Measurement)) error { return e(ctx, emit) }
func (events) Close() error                                              { return nil }

func TestSamplerSaysWhyOneQuantityFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text strings.Builder
		src := Source{Name: "tape", Key: "tape", Watch: true, Open: func(context.Context) (any, error) {
			return events(func(ctx context.Context, emit func(Measurement)) error {
				for range 3 {
					emit(Measurement{Quantity: Raw, Err: IO, Cause: &Error{Class: IO, Op: "tape.csv:7", Err: errors.New("no number"), Hint: "mend it"}})
				}
				return nil
			}), nil
		}}
		got := 0
		s := NewSampler(clock.Desk(clock.BootID{}), func(l []Reading) { got += len(l) }, slog.New(slog.NewTextHandler(&text, nil)))
		s.Set([]Source{src})
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		s.Run(ctx)
		if got != 1 || strings.Count(text.String(), `error="tape.csv:7: no number" hint="mend it"`) != 1 {
			t.Errorf("%d readings, log %q; want one of each, with the hint", got, text.String())
		}
		if h := s.Health()[0]; h.Failures != 3 || h.Error != "tape.csv:7: no number" {
			t.Errorf("health %+v", h)
		}
	})
}

// TestFlappingSensorIsLoggedSparingly: one that fails every other second for a day.
func TestFlappingSensorIsLoggedSparingly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text strings.Builder
		n := 0
		src := Source{Name: "weak", Key: "weak", Every: time.Second, Quantities: []Quantity{Raw}, Open: func(context.Context) (any, error) {
			return &part{func(context.Context) ([]Measurement, error) {
				if n++; n%2 == 0 {
					return nil, &Error{Class: CRC, Op: "weak: read"}
				}
				return []Measurement{{Quantity: Raw}}, nil
			}}, nil
		}}
		s := NewSampler(clock.Desk(clock.BootID{}), func([]Reading) {}, slog.New(slog.NewTextHandler(&text, nil)))
		s.Set([]Source{src})
		ctx, stop := context.WithTimeout(t.Context(), 24*time.Hour)
		defer stop()
		s.Run(ctx)
		if lines := strings.Count(text.String(), "\n"); lines < 20 || lines > 150 {
			t.Errorf("%d lines in a day", lines)
		}
	})
}

func TestSamplerWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		src := Source{Name: "door", Key: "door", Watch: true, Quantities: []Quantity{Contact}, Open: func(context.Context) (any, error) {
			tries++
			return events(func(ctx context.Context, emit func(Measurement)) error {
				emit(Measurement{Quantity: Contact, Value: 1})
				if tries < 3 {
					time.Sleep(time.Minute)
					return errors.New("the line is gone")
				}
				<-ctx.Done()
				return nil
			}), nil
		}}
		r := newRig(t, src)
		time.Sleep(10 * time.Minute)
		r.end()
		got := r.of("door")
		want := []Class{"", IO, "", IO, ""}
		if len(got) != len(want) {
			t.Fatalf("readings %+v", got)
		}
		for i, x := range got {
			if x.Err != want[i] {
				t.Errorf("reading %d has error %q, want %q", i, x.Err, want[i])
			}
		}
	})
}

func TestTimesOfASeriesRise(t *testing.T) {
	var wall int64 = 1_764_000_000_000_400_000
	c := clock.New(clock.BootID{}, func() clock.Stamp { return clock.Stamp{Boot: 1, Wall: wall, Synced: true} })
	st := &stage{name: "a", clock: c}
	last := int64(0)
	for i, step := range []time.Duration{0, time.Second, -300 * time.Millisecond, 0, time.Second} {
		wall += int64(step)
		r, _ := st.reading(Measurement{Quantity: Raw}, 0, c.Now())
		if !r.Stamp.Synced || r.Stamp.Wall <= last || r.Stamp.Wall%int64(time.Millisecond) != 0 {
			t.Errorf("step %d: stamp %+v after %d", i, r.Stamp, last)
		}
		last = r.Stamp.Wall
	}
	wall -= int64(time.Hour)
	if r, _ := st.reading(Measurement{Quantity: Raw}, 0, c.Now()); r.Stamp.Synced {
		t.Error("a clock that fell back by an hour is still trusted")
	}
}

func TestReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := counting("a", "i2c-1", time.Hour)
		a.Filters = []FilterSpec{{Name: FilterCalibrate, Scale: 1, Offset: 5}, {Name: FilterAverage, For: time.Hour}}
		silent := Source{Name: "s", Key: "s", Watch: true, Quantities: []Quantity{Contact}, Open: func(context.Context) (any, error) {
			return events(func(ctx context.Context, emit func(Measurement)) error { <-ctx.Done(); return nil }), nil
		}}
		got := map[string]Reading{}
		ReadOnce(t.Context(), clock.Desk(clock.BootID{}), []Source{a, silent}, slog.New(slog.DiscardHandler), func(list []Reading) {
			for _, r := range list {
				got[r.Sensor] = r
			}
		})
		if r := got["a"]; r.Value != 5 || r.Err != "" {
			t.Errorf("a: %+v, want the calibrated value 5", r)
		}
		if r := got["s"]; r.Err != Timeout {
			t.Errorf("s: %+v, want a timeout", r)
		}
	})
}

func TestReadOnceWaitsForWarmUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		warm := func(name string, after time.Duration) Source {
			return Source{Name: name, Key: name, Bus: "i2c-1", Quantities: []Quantity{CO2}, Open: func(context.Context) (any, error) {
				return &part{func(context.Context) ([]Measurement, error) {
					if time.Since(begin) < after {
						return nil, &Error{Class: Warmup, Op: name}
					}
					return []Measurement{{Quantity: CO2, Value: 500}}, nil
				}}, nil
			}}
		}
		got := map[string]Reading{}
		when := map[string]time.Duration{}
		ReadOnce(t.Context(), clock.Desk(clock.BootID{}), []Source{warm("slow", 21*time.Second), counting("quick", "i2c-1", time.Second), warm("never", time.Hour)},
			slog.New(slog.DiscardHandler), func(list []Reading) {
				for _, r := range list {
					got[r.Sensor], when[r.Sensor] = r, time.Since(begin)
				}
			})
		if got["slow"].Value != 500 || when["quick"] != 0 || got["never"].Err != Warmup || when["never"] > warmUpFor+2*time.Second {
			t.Errorf("%+v at %v", got, when)
		}
	})
}

// TestReadOnceOutOfTime: a sensor whose turn came too late did not fail by itself, and its error says so.
func TestReadOnceOutOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := Source{Name: "slow", Key: "slow", Bus: "i2c-1", Quantities: []Quantity{CO2}, Open: func(context.Context) (any, error) {
			return &part{func(ctx context.Context) ([]Measurement, error) {
				<-ctx.Done()
				return nil, &Error{Class: Timeout, Op: "measure", Err: ctx.Err()}
			}}, nil
		}}
		var text strings.Builder
		for limit, told := range map[time.Duration]bool{time.Second: true, time.Hour: false} {
			text.Reset()
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			ReadOnce(ctx, clock.Desk(clock.BootID{}), []Source{slow}, slog.New(slog.NewTextHandler(&text, nil)), func([]Reading) {})
			cancel()
			if strings.Contains(text.String(), "the time for all readings was over") != told {
				t.Errorf("%v: %s", limit, &text)
			}
		}
	})
}

func BenchmarkSampler(b *testing.B) {
	s := NewSampler(clock.Desk(clock.BootID{}), func([]Reading) {}, slog.New(slog.DiscardHandler))
	w := newWorker(s, time.Now())
	w.ctx = newMeasureCtx(b.Context(), func() {})
	w.giveUp = time.AfterFunc(time.Hour, func() {})
	list := []Measurement{{Quantity: Temperature, Value: 21.4}, {Quantity: Pressure, Value: 1e5}}
	src := newSource(Source{Name: "a", Every: time.Second, Open: func(context.Context) (any, error) {
		return &part{func(context.Context) ([]Measurement, error) { return list, nil }}, nil
	}}, s)
	b.ReportAllocs()
	for b.Loop() {
		w.measure(src)
	}
}
