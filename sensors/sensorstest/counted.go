package sensorstest

import (
	"errors"
	"maps"
	"math"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sim"
)

// pacedEvery is the interval of a kind that reports at intervals.
const pacedEvery = 10 * time.Second

// windows is how many intervals the longest window of a rate has, and a few more.
const windows = 10

// counted tries a kind that counts the pulses of a line.
func (s *Suite) counted(t *testing.T) {
	for name, f := range map[string]func(*testing.T, *desk){
		"silence": s.silence, "steady": s.steady, "dropped": s.dropped, "storm": s.storm, "stuck": s.stuck, "held": s.held,
		"side by side": s.sideBySide, "pulled": s.pulled, "power cut": s.powerCut, "stopped": s.stopped,
	} {
		t.Run(name, func(t *testing.T) { s.bubble(t, f) })
	}
}

// meter is a contact that a test turns.
type meter struct {
	d   *desk
	pin string
	on  bool // the level of an active line
	n   float64
}

func (d *desk) meter(p kind.Params) *meter {
	m := &meter{d: d, pin: p.String("pin"), on: p.String("pull") == string(kind.PullDown)}
	if p.Has("active_low") {
		m.on = !p.Bool("active_low")
	}
	d.Drive(m.pin, !m.on)
	return m
}

// turn makes n pulses, one each period.
func (m *meter) turn(n int, period time.Duration) {
	for range n {
		m.d.Drive(m.pin, m.on)
		time.Sleep(period / 2)
		m.d.Drive(m.pin, !m.on)
		time.Sleep(period - period/2)
		m.n++
	}
}

// settle lets so many intervals pass.
func settle(intervals int) { time.Sleep(time.Duration(intervals)*pacedEvery + time.Millisecond) }

// latest is the last measurement of each quantity, and how many of them failed.
func latest(list []sensors.Measurement) (last map[sensors.Quantity]sensors.Measurement, failed int) {
	last = map[sensors.Quantity]sensors.Measurement{}
	for _, m := range list {
		last[m.Quantity] = m
		if m.Err != "" {
			failed++
		}
	}
	return last, failed
}

// near reports whether got is want to a ten thousandth.
func near(got, want float64) bool { return math.Abs(got-want) <= 1e-4*math.Abs(want)+1e-12 }

// totals compares the last totals with what pulses make.
func (s *Suite) totals(t *testing.T, what string, list []sensors.Measurement, pulses float64) {
	t.Helper()
	last, _ := latest(list)
	for q, unit := range s.Totals {
		want := s.Params.Float("initial") + pulses*unit
		if m, ok := last[q]; !ok || m.Err != "" || math.Abs(m.Value-want) > 1e-9*want {
			t.Errorf("%s: %s is %s, want %v; measured %v", what, q, show([]sensors.Measurement{m}), want, show(list))
		}
	}
}

// rates compares the last rates with a frequency of pulses.
func (s *Suite) rates(t *testing.T, what string, list []sensors.Measurement, hertz float64) {
	t.Helper()
	last, _ := latest(list)
	for q, unit := range s.Rates {
		if m, ok := last[q]; !ok || m.Err != "" || !near(m.Value, hertz*unit) {
			t.Errorf("%s: %s is %s, want %v; measured %v", what, q, show([]sensors.Measurement{m}), hertz*unit, show(list))
		}
	}
}

// silence has nothing come for an hour: the total stays, and rates are 0 only after a whole window.
func (s *Suite) silence(t *testing.T, d *desk) {
	d.meter(s.Params)
	w := d.watch(t, s.Params)
	if list := w.take(); len(list) != len(s.Totals) {
		t.Errorf("at the start: %v", show(list))
	}
	time.Sleep(pacedEvery/2 - time.Millisecond)
	if list := w.take(); len(list) != 0 {
		t.Errorf("half an interval of silence makes %v", show(list))
	}
	settle(windows)
	list := w.take()
	for q := range s.Rates {
		if m, _ := latest(list); m[q].Err != "" {
			t.Errorf("%s fails in silence: %v", q, show(list))
		}
	}
	s.totals(t, "silence", list, 0)
	s.rates(t, "silence", list, 0)
	w.end(t)
}

// end stops the watcher, expects it to have ended well, and closes it twice.
func (w *watched) end(t *testing.T) {
	t.Helper()
	w.cancel()
	if err := errors.Join(<-w.done, w.dev.Close(), w.dev.Close()); err != nil {
		t.Errorf("stopped and closed twice: %v", err)
	}
}

// steady has a slow and a fast signal, and one that ends.
func (s *Suite) steady(t *testing.T, d *desk) {
	m := d.meter(s.Params)
	w := d.watch(t, s.Params)
	for _, hertz := range []float64{10, 200} {
		m.turn(int(hertz*windows*pacedEvery.Seconds()), time.Duration(float64(time.Second)/hertz))
		list := w.take()
		s.wellFormedEach(t, list)
		if _, failed := latest(list); failed > 0 {
			t.Errorf("%v Hz: %v", hertz, show(list))
		}
		s.rates(t, "steady", list, hertz)
	}
	settle(windows)
	list := w.take()
	s.totals(t, "steady", list, m.n)
	s.rates(t, "and silent", list, 0)
	if n := lost(t, w); n != 0 {
		t.Errorf("%d edges lost at 200 Hz", n)
	}
	w.end(t)
}

// wellFormedEach checks measurements that come one by one.
func (s *Suite) wellFormedEach(t *testing.T, list []sensors.Measurement) {
	t.Helper()
	for _, m := range list {
		_, total := s.Totals[m.Quantity]
		_, rate := s.Rates[m.Quantity]
		if !total && !rate || math.IsNaN(m.Value) || math.IsInf(m.Value, 0) || m.Value < 0 {
			t.Errorf("reported %v", show([]sensors.Measurement{m}))
		}
	}
}

func lost(t *testing.T, w *watched) uint64 {
	t.Helper()
	l, ok := w.dev.(interface{ Lost() uint64 })
	if !ok {
		t.Fatal("lost edges are not counted")
	}
	return l.Lost()
}

// dropped has the kernel drop a few edges: they are counted, and an error says that there were some.
func (s *Suite) dropped(t *testing.T, d *desk) {
	m := d.meter(s.Params)
	w := d.watch(t, s.Params)
	m.turn(300, 100*time.Millisecond)
	if _, failed := latest(w.take()); failed > 0 {
		t.Error("an error before anything was lost")
	}
	d.LoseEdges(m.pin, 3)
	m.turn(100, 100*time.Millisecond)
	time.Sleep(time.Millisecond)
	list := w.take()
	if _, failed := latest(list); failed != 1 || lost(t, w) != 3 {
		t.Errorf("three edges lost: counted %d, measured %v", lost(t, w), show(list))
	}
	settle(windows)
	s.totals(t, "edges lost", w.take(), m.n)
	w.end(t)
}

// storm has more edges come than the kernel can hold, while the kind is busy with a report.
func (s *Suite) storm(t *testing.T, d *desk) {
	m := d.meter(s.Params)
	var armed atomic.Bool
	w := d.watchAnd(t, s.Params, func(sensors.Measurement) {
		if armed.CompareAndSwap(true, false) {
			m.turn(5000, 0)
		}
	})
	m.turn(199, 100*time.Millisecond)
	w.take()
	armed.Store(true)
	settle(2 * windows)
	list := w.take()
	if _, failed := latest(list); failed != 1 || lost(t, w) < 3900 || lost(t, w) > 5000 {
		t.Errorf("a storm of 5000 pulses: lost %d, measured %v", lost(t, w), show(list))
	}
	s.totals(t, "a storm", list, m.n)
	m.turn(200, 100*time.Millisecond)
	settle(windows)
	s.totals(t, "after a storm", w.take(), m.n)
	w.end(t)
}

// stuck has the line stay active.
func (s *Suite) stuck(t *testing.T, d *desk) {
	m := d.meter(s.Params)
	w := d.watch(t, s.Params)
	m.turn(99, 100*time.Millisecond)
	d.Drive(m.pin, m.on)
	settle(360)
	list := w.take()
	s.rates(t, "stuck", list, 0)
	s.totals(t, "stuck", list, 100)
	w.end(t)
}

// held has somebody else hold the line.
func (s *Suite) held(t *testing.T, d *desk) {
	l, err := d.Line(s.Params.String("pin"), kind.LineOptions{Consumer: "somebody"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Kind.Open(t.Context(), d.Board, s.Params)
	if sensors.ClassOf(err) != sensors.Busy {
		t.Errorf("held by somebody: %v, want class busy", err)
	} else {
		s.named(t, err)
	}
	l.Close()
	w := d.watch(t, s.Params)
	w.take()
	w.end(t)
	w = d.watch(t, s.Params) // Close gave it back
	w.take()
	w.end(t)
}

// sideBySide has two lines counted at the same time.
func (s *Suite) sideBySide(t *testing.T, d *desk) {
	other := maps.Clone(s.Params)
	other["pin"] = "another-chip:3"
	a, b := d.meter(s.Params), d.meter(other)
	wa, wb := d.watch(t, s.Params), d.watch(t, other)
	for range 40 {
		a.turn(3, 10*time.Millisecond)
		b.turn(5, 10*time.Millisecond)
	}
	settle(windows)
	s.totals(t, "the first", wa.take(), a.n)
	s.totals(t, "the second", wb.take(), b.n)
	wa.end(t)
	b.turn(5, time.Millisecond)
	settle(windows)
	s.totals(t, "the second, alone", wb.take(), b.n)
	wb.end(t)
}

// pulled has the chip go away while it counts.
func (s *Suite) pulled(t *testing.T, d *desk) {
	m := d.meter(s.Params)
	w := d.watch(t, s.Params)
	m.turn(50, 100*time.Millisecond)
	w.take()
	d.FailLine(m.pin, errors.New("the chip was pulled"))
	if err := <-w.done; err == nil {
		t.Error("the line failed, Watch did not")
	} else {
		s.named(t, err)
	}
	if err := errors.Join(w.dev.Close(), w.dev.Close()); err != nil {
		t.Error(err)
	}
	w.cancel()
	w = d.watch(t, s.Params)
	m.turn(50, 100*time.Millisecond)
	settle(windows)
	s.totals(t, "plugged in again", w.take(), m.n)
	w.end(t)
}

// stopped ends the watcher in the middle of everything: what was counted is kept.
func (s *Suite) stopped(t *testing.T, d *desk) {
	m := d.meter(s.Params)
	for range 5 {
		w := d.watch(t, s.Params)
		m.turn(33, 70*time.Millisecond)
		begin := time.Now()
		w.end(t)
		if took := time.Since(begin); took > 0 {
			t.Errorf("stopping took %v", took)
		}
	}
	w := d.watch(t, s.Params)
	s.totals(t, "after five restarts", w.take(), m.n)
	w.end(t)
}

// powerCut takes a copy of the disk at each report: a device that starts from it has no smaller total.
func (s *Suite) powerCut(t *testing.T, d *desk) {
	if len(s.Totals) == 0 {
		return
	}
	type copied struct {
		dir   string
		least sensors.Measurement
	}
	var copies []copied
	dir, _ := d.State()
	m := d.meter(s.Params)
	w := d.watchAnd(t, s.Params, func(r sensors.Measurement) {
		if _, ok := s.Totals[r.Quantity]; !ok || r.Err != "" {
			return
		}
		c := copied{t.TempDir(), r}
		if err := os.CopyFS(c.dir, os.DirFS(dir)); err != nil {
			t.Error(err)
		}
		copies = append(copies, c)
	})
	m.turn(2000, 97*time.Millisecond)
	w.end(t)
	if len(copies) < 3 {
		t.Fatalf("%d totals in 200 s", len(copies))
	}
	for _, c := range copies {
		d := &desk{suite: s}
		d.truth.Store(&s.Truth[0])
		d.Board = sim.New(sim.Options{World: d, State: c.dir})
		d.meter(s.Params)
		w := d.watch(t, s.Params)
		if last, _ := latest(w.take()); last[c.least.Quantity].Err != "" || last[c.least.Quantity].Value < c.least.Value {
			t.Errorf("reported %v, and after a power cut %v", c.least, last[c.least.Quantity])
		}
		w.end(t)
	}
}
