package sensorstest

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sim"
)

// Suite is a kind and what it is tried with.
type Suite struct {
	Kind   kind.Kind
	Params kind.Params // what differs from the defaults

	// Truth is at least two different states of the world that the part can measure; Within is how near to it the values come.
	// Without either, values only need to be well formed: for kinds that measure something that the simulated world lacks.
	Truth  []sim.Still
	Within map[sensors.Quantity]float64

	// Of a kind that counts the pulses of a line: by how much one raises a total, and what the rate is at one pulse a second.
	Totals, Rates map[sensors.Quantity]float64

	// Pace: the part warms up, or measures by itself and not when it is asked. A measurement that fails with class warmup is then
	// made again after this time, a few times over, as somebody would who reads the part regularly.
	Pace time.Duration

	// Kin names other kinds whose part this kind reads as well, and rightly.
	Kin []string

	// Blind: the part has neither an id nor a checksum, so that another part, or a wrong bit, cannot be told from it.
	Blind bool

	// Nameless: the part has no id, so that another one can pass for it. Wrong bits cannot.
	Nameless bool

	// Patient: a transfer that is not acknowledged is made again, as the part may be measuring. Then one that is not for another
	// reason costs nothing, and needs no error.
	Patient bool

	// Oblivious: the part needs time after power-on, lies meanwhile, and nothing that it says tells that its supply broke. The
	// manual must say so. What is measured right after a broken supply is not compared with the truth then.
	Oblivious bool

	// Allocations is how many a measurement may make: 0 as a rule, a few where files are read.
	Allocations float64
}

// Run puts the kind through everything that applies to it.
func Run(t *testing.T, s Suite) {
	s.Params = kind.WithDefaults(s.Kind.Keys, s.Params)
	if s.Truth == nil {
		s.Truth = []sim.Still{{}, {}}
	}
	if s.Kind.Paced {
		s.Params["every"] = pacedEvery
	}
	t.Run("description", s.description)
	switch {
	case s.Kind.Paced:
		s.counted(t)
	case s.Kind.Event && s.Params.Has("pin"):
		t.Run("lines", s.lines)
	}
	if s.Kind.Event {
		return
	}
	t.Run("truth", s.truth)
	t.Run("instances", s.instances)
	t.Run("context", s.context)
	t.Run("allocations", s.allocations)
	switch s.family() {
	case loose:
	case lines:
		s.ranging(t)
	default:
		t.Run("faults/opening", func(t *testing.T) { s.faults(t, true) })
		t.Run("faults/steady", func(t *testing.T) { s.faults(t, false) })
		t.Run("supply", s.supply)
		t.Run("pauses", s.pauses)
		t.Run("replaced", s.replaced)
		t.Run("stranger", s.stranger)
	}
}

// paces is how often a measurement that fails with class warmup is made again.
const paces = 20

// device is an opened sensor and how the suite measures with it.
type device struct {
	sensors.Sensor
	pace, limit time.Duration
}

// desk is a simulated board with the suite's part, in a world that the test changes at will.
type desk struct {
	*sim.Board
	suite *Suite
	truth atomic.Pointer[sim.Still]
}

// Value implements sim.World.
func (d *desk) Value(q sensors.Quantity, place string, t time.Time) float64 {
	return d.truth.Load().Value(q, place, t)
}

// Switch implements sim.World.
func (d *desk) Switch(q sensors.Quantity, place string, t time.Time) (bool, time.Time) {
	return d.truth.Load().Switch(q, place, t)
}

// bubble runs f at a desk, with package time standing still while f works.
func (s *Suite) bubble(t *testing.T, f func(t *testing.T, d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		f(t, s.desk(t))
	})
}

func (s *Suite) desk(t *testing.T) *desk {
	t.Helper()
	d := &desk{suite: s}
	d.truth.Store(&s.Truth[0])
	begin := time.Now().Add(-time.Hour)
	d.Board = sim.New(sim.Options{World: d, State: t.TempDir(), Mono: func() int64 { return int64(time.Since(begin)) }})
	t.Cleanup(func() { d.Board.Close() })
	d.attach(t, s.Params)
	time.Sleep(100 * time.Millisecond) // the part has long been switched on
	return d
}

// turn changes the world, and the files in which kinds without a bus address see it.
func (d *desk) turn(t *testing.T, truth *sim.Still) {
	t.Helper()
	d.truth.Store(truth)
	if d.suite.family() == loose {
		if err := d.Refresh(); err != nil {
			t.Fatal(err)
		}
	}
}

func (d *desk) attach(t *testing.T, p kind.Params) {
	t.Helper()
	if err := d.Attach(d.suite.Kind.Name, p); err != nil {
		t.Fatal(err)
	}
}

// open opens the suite's part.
func (d *desk) open(p kind.Params) (sensors.Sensor, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d.suite.limit())
	defer cancel()
	dev, err := d.suite.Kind.Open(ctx, d.Board, p)
	if err != nil {
		return nil, err
	}
	return device{dev.(sensors.Sensor), d.suite.Pace, d.suite.limit()}, nil
}

func (d *desk) mustOpen(t *testing.T, p kind.Params) sensors.Sensor {
	t.Helper()
	dev, err := d.open(p)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return dev
}

// sense measures once, or at the part's pace until it has warmed up, and copies what the driver may reuse.
func sense(dev sensors.Sensor) ([]sensors.Measurement, error) {
	d := dev.(device)
	list, err := senseNow(d)
	for n := 0; n < paces && d.pace > 0 && sensors.ClassOf(err) == sensors.Warmup; n++ {
		time.Sleep(d.pace)
		list, err = senseNow(d)
	}
	return list, err
}

func senseNow(d device) ([]sensors.Measurement, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d.limit)
	defer cancel()
	list, err := d.Sense(ctx)
	return append([]sensors.Measurement(nil), list...), err
}

func mustSense(t *testing.T, dev sensors.Sensor) []sensors.Measurement {
	t.Helper()
	list, err := sense(dev)
	if err != nil {
		t.Fatalf("sense: %v", err)
	}
	return list
}

// closeTwice closes dev, checks that the part rests, and closes it again.
func (d *desk) closeTwice(t *testing.T, dev sensors.Sensor) {
	t.Helper()
	for n := range 2 {
		if err := dev.Close(); err != nil {
			t.Errorf("close %d: %v", n+1, err)
		}
	}
	time.Sleep(time.Second) // a measurement under way may end
	if !d.suite.rests(d) {
		t.Error("the part does not rest after close")
	}
}

// wellFormed checks that list is what the kind says it yields.
func (s *Suite) wellFormed(t *testing.T, list []sensors.Measurement) {
	t.Helper()
	want := s.Kind.Yields(s.Params)
	if len(list) != len(want) {
		t.Fatalf("%d measurements, Yields says %v", len(list), want)
	}
	for i, m := range list {
		if m.Quantity != want[i] {
			t.Errorf("measurement %d is %s, Yields says %s", i, m.Quantity, want[i])
		}
		if _, ok := m.Quantity.Lookup(); !ok {
			t.Errorf("%s is not in the table of quantities", m.Quantity)
		}
		if m.Err == "" && (math.IsNaN(m.Value) || math.IsInf(m.Value, 0)) {
			t.Errorf("%s is %v", m.Quantity, m.Value)
		}
		if m.Quantity.Boolean() && m.Value != 0 && m.Value != 1 {
			t.Errorf("%s is neither true nor false but %v", m.Quantity, m.Value)
		}
	}
}

// show writes measurements down for an error message.
func show(list []sensors.Measurement) string {
	var s []string
	for _, m := range list {
		if m.Err != "" {
			s = append(s, fmt.Sprintf("%s: %s", m.Quantity, m.Err))
		} else {
			s = append(s, fmt.Sprintf("%s %v", m.Quantity, m.Value))
		}
	}
	return "[" + strings.Join(s, ", ") + "]"
}

// near reports whether every value is near to truth and none is an error.
func (s *Suite) near(list []sensors.Measurement, truth sim.Still) bool {
	for _, m := range list {
		if s.Within == nil {
			continue
		}
		if m.Err != "" || !(math.Abs(m.Value-truth[m.Quantity]) <= s.Within[m.Quantity]) {
			return false
		}
	}
	return len(list) > 0
}

// named checks that an error says which part failed, at which step, and in which class.
func (s *Suite) named(t *testing.T, err error) {
	t.Helper()
	if sensors.ClassOf(err) == "" {
		t.Errorf("%v has no class", err)
	}
	if s.family() == loose {
		if !strings.HasPrefix(err.Error(), s.Kind.Name+": ") {
			t.Errorf("%q does not begin with %q", err, s.Kind.Name+": ")
		}
		return
	}
	parts := strings.SplitN(err.Error(), ": ", 3)
	if len(parts) < 3 || !strings.HasPrefix(parts[0], s.Kind.Name+" at ") {
		t.Errorf("%q does not name part and step: %q", err, s.Kind.Name+" at ...: step: cause")
	}
}

// description checks the kind's row of the table.
func (s *Suite) description(t *testing.T) {
	k := s.Kind
	m := k.Manual
	for what, text := range map[string]string{"name": k.Name, "summary": k.Summary, "parts": m.Parts, "range": m.Range, "example": m.Example} {
		if text == "" {
			t.Errorf("no %s", what)
		}
	}
	if !strings.Contains(m.Example, "kind: "+k.Name+"\n") {
		t.Errorf("the example has no `kind: %s`", k.Name)
	}
	for _, key := range k.Keys {
		if key.Help == "" {
			t.Errorf("key %s has no help", key.Name)
		}
	}
	if list := k.Problems(s.Params); list != nil {
		t.Errorf("the parameters have problems: %v", list)
	}
	for _, q := range k.Yields(s.Params) {
		if _, ok := q.Lookup(); !ok {
			t.Errorf("yields %s, which is not in the table of quantities", q)
		}
	}
	if s.family() == i2c && (k.Bus == nil || k.Bus(s.Params) != kind.I2CBus(s.Params)) {
		t.Error("an I2C part that is not serialised with its bus")
	}
	if s.family() == uart && (k.Bus == nil || k.Bus(s.Params) != kind.UARTBus(s.Params)) {
		t.Error("a part at a serial port whose worker it is not")
	}
}
