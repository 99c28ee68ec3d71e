package sensors

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// feed is one value that comes, at seconds after the start, and what must leave the chain.
type feed struct {
	at   float64
	in   float64
	want any // float64: that value; nil: nothing; Class: an error
}

func TestChain(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	spec := func(s ...FilterSpec) []FilterSpec { return s }
	points := FilterSpec{Name: FilterCalibrate, Points: [][2]float64{{0.9, 0}, {1.4, 20}, {2.8, 100}}}
	tests := []struct {
		name     string
		quantity Quantity // temperature unless given
		specs    []FilterSpec
		feed     []feed
	}{
		{"no filter tidies", "", nil, []feed{{0, 21.400000000000002, 21.4}, {1, 0.1 + 0.2, 0.3}, {2, math.Copysign(0, -1), 0.0}, {3, 1e15 + 1, 1e15 + 1}}},
		{"nothing but numbers leaves", "", nil, []feed{{0, nan, Range}, {1, inf, Range}, {2, -inf, Range}, {3, 5, 5.0}}},
		{"points", "", spec(points), []feed{{0, 0.9, 0.0}, {1, 1.4, 20.0}, {2, 2.8, 100.0}, {3, 1.15, 10.0}, {4, 2.1, 60.0}}},
		{"points go on beyond their ends", "", spec(points), []feed{{0, 0.4, -20.0}, {1, 4.2, 180.0}}},
		{"falling points", "", spec(FilterSpec{Name: FilterCalibrate, Points: [][2]float64{{1, 100}, {2, 0}}}), []feed{{0, 1.25, 75.0}, {1, 3, -100.0}}},
		{"scale and offset", "", spec(FilterSpec{Name: FilterCalibrate, Scale: 2, Offset: -1}), []feed{{0, 3, 5.0}, {1, -3, -7.0}}},
		{"a scale that overflows", "", spec(FilterSpec{Name: FilterCalibrate, Scale: 1e308}), []feed{{0, 1e10, Range}, {1, 1, 1e308}}},
		{"range", "", spec(FilterSpec{Name: FilterRange, Min: -40, Max: 85}),
			[]feed{{0, -40, -40.0}, {1, 85, 85.0}, {2, 85.00000000000001, 85.0}, {3, 85.1, Range}, {4, -40.1, Range}, {5, 20, 20.0}}},
		{"range without a lower end", "", spec(FilterSpec{Name: FilterRange, NoMin: true, Max: 1}), []feed{{0, -1e9, -1e9}, {1, 2, Range}}},
		{"range without an upper end", "", spec(FilterSpec{Name: FilterRange, Min: 1, NoMax: true}), []feed{{0, 1e9, 1e9}, {1, 0, Range}}},
		{"median", "", spec(FilterSpec{Name: FilterMedian, Count: 3}),
			[]feed{{0, 1, 1.0}, {1, 3, 2.0}, {2, 100, 3.0}, {3, 4, 4.0}, {4, 5, 5.0}, {5, 5, 5.0}, {6, -9, 5.0}, {7, -9, -9.0}}},
		{"even median", "", spec(FilterSpec{Name: FilterMedian, Count: 4}), []feed{{0, 1, 1.0}, {1, 2, 1.5}, {2, 3, 2.0}, {3, 10, 2.5}, {4, 11, 6.5}}},
		{"median of huge values", "", spec(FilterSpec{Name: FilterMedian, Count: 2}), []feed{{0, -1.7e308, -1.7e308}, {1, 1.6e308, Range}, {2, 1.6e308, 1.6e308}}},
		{"median passes errors over", "", spec(FilterSpec{Name: FilterMedian, Count: 3}), []feed{{0, 1, 1.0}, {1, 2, 1.5}, {2, nan, Range}, {3, 9, 2.0}}},
		{"average", "", spec(FilterSpec{Name: FilterAverage, For: time.Minute}), []feed{
			{0, 1, nil}, {10, 2, nil}, {20, 3, nil}, {30, 4, nil}, {40, 5, nil}, {50, 6, nil}, {60, 7, 4.0},
			{70, 1, nil}, {80, 1, nil}, {90, 1, nil}, {100, 1, nil}, {110, 1, nil}, {119.99, 7, 2.0},
			{130, 0, nil}, {180.01, 1, 0.5}}},
		{"average of slow values", "", spec(FilterSpec{Name: FilterAverage, For: time.Minute}), []feed{{0, 1, nil}, {300, 2, 2.0}, {600, 4, 4.0}}},
		{"average does not reach across a gap", "", spec(FilterSpec{Name: FilterAverage, For: time.Minute}),
			[]feed{{0, 1, nil}, {10, 1, nil}, {3600, 9, 9.0}, {3610, 5, nil}, {3660, 7, 6.0}}},
		{"average after a time that went back", "", spec(FilterSpec{Name: FilterAverage, For: time.Minute}),
			[]feed{{100, 1, nil}, {50, 3, nil}, {110, 5, 4.0}}},
		{"delta", "", spec(FilterSpec{Name: FilterDelta, Change: 0.2}),
			[]feed{{0, 21.2, 21.2}, {1, 21.3, nil}, {2, 21.4, 21.4}, {3, 21.21, nil}, {4, 21.2, 21.2}, {9999, 21.2, nil}}},
		{"delta in percent", "", spec(FilterSpec{Name: FilterDelta, Change: 5, Percent: true}),
			[]feed{{0, -100, -100.0}, {1, -104, nil}, {2, -105, -105.0}, {3, 0, 0.0}, {4, 0, nil}, {5, 0.001, 0.001}}},
		{"delta passes the value after an error", "", spec(FilterSpec{Name: FilterDelta, Change: 1}), []feed{{0, 5, 5.0}, {1, nan, Range}, {2, 5, 5.0}, {3, 5, nil}}},
		{"delta after a range error", "", spec(FilterSpec{Name: FilterRange, Max: 9}, FilterSpec{Name: FilterDelta, Change: 1}),
			[]feed{{0, 5, 5.0}, {1, 10, Range}, {2, 5, 5.0}, {3, 5, nil}}},
		{"heartbeat", "", spec(FilterSpec{Name: FilterDelta, Change: 1}, FilterSpec{Name: FilterHeartbeat, For: 10 * time.Minute}),
			[]feed{{0, 5, 5.0}, {500, 5, nil}, {599.99, 5.5, 5.5}, {700, 5, nil}, {800, 6.5, 6.5}, {1300, 6.5, nil}, {1400, 6.5, 6.5}}},
		{"heartbeat before its delta", "", spec(FilterSpec{Name: FilterHeartbeat, For: time.Minute}, FilterSpec{Name: FilterDelta, Change: 1}),
			[]feed{{0, 5, 5.0}, {30, 5, nil}, {60, 5, 5.0}}},
		{"heartbeat after a time that went back", "", spec(FilterSpec{Name: FilterDelta, Change: 1}, FilterSpec{Name: FilterHeartbeat, For: time.Minute}),
			[]feed{{1000, 5, 5.0}, {10, 5, nil}, {70, 5, 5.0}}},
		{"heartbeat alone", "", spec(FilterSpec{Name: FilterHeartbeat, For: time.Minute}), []feed{{0, 5, 5.0}, {1, 5, 5.0}}},
		{"the order is the list's", "", spec(FilterSpec{Name: FilterCalibrate, Scale: 10}, FilterSpec{Name: FilterRange, Max: 9}), []feed{{0, 1, Range}}},
		{"the other order", "", spec(FilterSpec{Name: FilterRange, Max: 9}, FilterSpec{Name: FilterCalibrate, Scale: 10}), []feed{{0, 1, 10.0}}},
		{"median, then delta", "", spec(FilterSpec{Name: FilterMedian, Count: 3}, FilterSpec{Name: FilterDelta, Change: 1}),
			[]feed{{0, 5, 5.0}, {1, 5, nil}, {2, 50, nil}, {3, 5, nil}, {4, 7, 7.0}}},
		{"delta, then average", "", spec(FilterSpec{Name: FilterDelta, Change: 1}, FilterSpec{Name: FilterAverage, For: time.Minute}),
			[]feed{{0, 5, nil}, {30, 5, nil}, {60, 7, 6.0}}},
		{"only another quantity", "", spec(FilterSpec{Name: FilterRange, Max: 9, Only: Pressure}), []feed{{0, 10, 10.0}}},
		{"only this quantity", Pressure, spec(FilterSpec{Name: FilterRange, Max: 9, Only: Pressure}), []feed{{0, 10, Range}}},
		{"boolean on change", Contact, spec(FilterSpec{Name: FilterDelta, Change: 50, Percent: true}, FilterSpec{Name: FilterHeartbeat, For: time.Minute}),
			[]feed{{0, 1, 1.0}, {1, 1, nil}, {2, 0, 0.0}, {3, 0, nil}, {4, 1, 1.0}, {64, 1, 1.0}}},
		{"numeric filters pass booleans over", Alarm, spec(FilterSpec{Name: FilterCalibrate, Scale: 10}, FilterSpec{Name: FilterAverage, For: time.Minute}),
			[]feed{{0, 1, 1.0}, {1, 0, 0.0}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			q := test.quantity
			if q == "" {
				q = Temperature
			}
			for _, own := range []bool{false, true} { // by the sampler's time, and by the source's own
				c := NewChain(test.specs)
				for i, f := range test.feed {
					m, now := Measurement{Quantity: q, Value: f.in}, int64(f.at*1e9)
					if own {
						m.Time, now = time.Unix(1764000000, now), 42
					}
					var got any
					if c.Apply(&m, now) {
						if got = m.Value; m.Err != "" {
							got = m.Err
						}
					}
					if got != f.want || math.Signbit(m.Value) && m.Value == 0 {
						t.Fatalf("value %d, %v at %v s: got %v, want %v", i, f.in, f.at, got, f.want)
					}
				}
			}
		})
	}
}

func TestChainErrors(t *testing.T) {
	c := NewChain([]FilterSpec{{Name: FilterAverage, For: time.Minute}, {Name: FilterDelta, Change: 10}})
	apply := func(at int64, m Measurement) (Measurement, bool) {
		m.Quantity = Temperature
		ok := c.Apply(&m, at*1e9)
		return m, ok
	}
	apply(0, Measurement{Value: 4})
	if m, ok := apply(30, Measurement{Value: 77, Err: CRC}); !ok || m.Err != CRC || m.Value != 77 {
		t.Errorf("an error must pass untouched, got %+v, %v", m, ok)
	}
	if m, ok := apply(60, Measurement{Value: 6}); !ok || m.Value != 5 {
		t.Errorf("the mean around an error: got %+v, %v, want 5", m, ok)
	}
	apply(61, Measurement{Value: 6})
	if _, ok := apply(120, Measurement{Value: 6}); ok {
		t.Error("delta let 6 through after 5")
	}
	c.Fail()
	if m, ok := apply(180, Measurement{Value: 6}); !ok || m.Value != 6 {
		t.Errorf("after an error elsewhere: got %+v, %v, want 6", m, ok)
	}
}

// A median window against the plain definition.
func TestMedianModel(t *testing.T) {
	for n := 1; n <= 9; n++ {
		c := NewChain([]FilterSpec{{Name: FilterMedian, Count: n}})
		var all []float64
		for i := range 200 {
			v := float64((i*i*7919 + n) % 31)
			all = append(all, v)
			window := slices.Sorted(slices.Values(all[max(0, len(all)-n):]))
			want := (window[(len(window)-1)/2] + window[len(window)/2]) / 2
			m := Measurement{Quantity: Raw, Value: v}
			if !c.Apply(&m, int64(i)) || m.Value != want {
				t.Fatalf("median of %v: got %v, want %v", window, m.Value, want)
			}
		}
	}
}

func TestTidy(t *testing.T) {
	for _, test := range []struct{ in, want float64 }{
		{21.400000000000002, 21.4}, {0.30000000000000004, 0.3}, {101325.00000000001, 101325}, {-0.1 - 0.2, -0.3},
		{1234567.1000000001, 1234567.1}, {123456789.12345679, 123456789.123457}, {9007199254740991, 9007199254740991},
		{1<<52 - 0.5, 1<<52 - 0}, {0.1234567894, 0.123456789}, {4e-10, 0}, {-4e-10, 0}, {1e300, 1e300}, {math.Copysign(0, -1), 0},
	} {
		if got := Tidy(test.in); got != test.want || got == 0 && math.Signbit(got) {
			t.Errorf("Tidy(%v) = %v, want %v", test.in, got, test.want)
		}
	}
}

func TestFilterSpecValidate(t *testing.T) {
	nan := math.NaN()
	tests := []struct {
		spec FilterSpec
		want string // part of the error; "": none
	}{
		{FilterSpec{Name: "mean"}, `no filter "mean"`},
		{FilterSpec{Name: FilterMedian, Count: 5, Only: "heat"}, `no quantity "heat"`},
		{FilterSpec{Name: FilterMedian, Count: 5, Only: Temperature}, ""},
		{FilterSpec{Name: FilterCalibrate, Scale: 1}, ""},
		{FilterSpec{Name: FilterCalibrate}, "scale of 0"},
		{FilterSpec{Name: FilterCalibrate, Scale: nan}, "finite"},
		{FilterSpec{Name: FilterCalibrate, Points: [][2]float64{{1, 2}}}, "two points at least, has 1"},
		{FilterSpec{Name: FilterCalibrate, Points: [][2]float64{{1, 2}, {1, 3}}}, "must rise: point 2 has 1 after 1"},
		{FilterSpec{Name: FilterCalibrate, Points: [][2]float64{{1, 2}, {2, nan}}}, "point 2"},
		{FilterSpec{Name: FilterCalibrate, Points: [][2]float64{{1, 2}, {2, 2}}}, ""},
		{FilterSpec{Name: FilterRange, NoMin: true, NoMax: true}, "min, max or both"},
		{FilterSpec{Name: FilterRange, Min: 5, Max: 5}, "min below max, has 5 and 5"},
		{FilterSpec{Name: FilterRange, Min: math.Inf(-1), Max: 5}, "finite"},
		{FilterSpec{Name: FilterRange, Min: 5, NoMax: true}, ""},
		{FilterSpec{Name: FilterMedian}, "1 to 255 values, has 0"},
		{FilterSpec{Name: FilterMedian, Count: 256}, "has 256"},
		{FilterSpec{Name: FilterAverage}, "average needs a time above zero"},
		{FilterSpec{Name: FilterHeartbeat, For: -1}, "heartbeat needs a time above zero"},
		{FilterSpec{Name: FilterDelta}, "change above zero"},
		{FilterSpec{Name: FilterDelta, Change: nan}, "change above zero"},
		{FilterSpec{Name: FilterDelta, Change: 5, Percent: true}, ""},
	}
	for _, test := range tests {
		err := test.spec.Validate()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%+v: got %v, want %q", test.spec, err, test.want)
		}
	}
}

func TestFilterSpecSuits(t *testing.T) {
	median, delta := FilterSpec{Name: FilterMedian, Count: 3}, FilterSpec{Name: FilterDelta, Change: 1}
	onlyAlarm := FilterSpec{Name: FilterMedian, Count: 3, Only: Alarm}
	tests := []struct {
		spec       FilterSpec
		quantities []Quantity
		want       string
	}{
		{median, []Quantity{Contact}, "median works on numbers"},
		{delta, []Quantity{Contact}, ""},
		{median, []Quantity{Temperature, Alarm}, ""},
		{onlyAlarm, []Quantity{Temperature, Alarm}, "median works on numbers"},
		{onlyAlarm, []Quantity{Temperature}, "does not report alarm"},
		{median, nil, ""},
	}
	for _, test := range tests {
		err := test.spec.Suits(test.quantities)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s for %v: got %v, want %q", test.spec.Name, test.quantities, err, test.want)
		}
	}
}

func TestChainRefusesUnvalidated(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an unvalidated filter was taken")
		}
	}()
	NewChain([]FilterSpec{{Name: "mean"}}).Apply(&Measurement{Quantity: Raw}, 0)
}

func TestChainAllocations(t *testing.T) {
	c, m, now := everyFilter(), Measurement{Quantity: Temperature}, int64(0)
	if got := testing.AllocsPerRun(1000, func() {
		now += 1e9
		m.Value, m.Err = float64(now/1e9%17), ""
		c.Apply(&m, now)
	}); got != 0 {
		t.Errorf("%v allocations a value, want none", got)
	}
}

func everyFilter() *Chain {
	return NewChain([]FilterSpec{
		{Name: FilterCalibrate, Points: [][2]float64{{0, 0}, {10, 11}, {20, 23}}},
		{Name: FilterRange, Min: -40, Max: 85},
		{Name: FilterMedian, Count: 5},
		{Name: FilterAverage, For: 3 * time.Second},
		{Name: FilterDelta, Change: 0.2},
		{Name: FilterHeartbeat, For: time.Minute},
	})
}

func BenchmarkChain(b *testing.B) {
	c, m, now := everyFilter(), Measurement{Quantity: Temperature}, int64(0)
	b.ReportAllocs()
	for b.Loop() {
		now += 1e9
		m.Value, m.Err = float64(now/1e9%17), ""
		c.Apply(&m, now)
	}
}

// Whatever the values, nothing but finite numbers and errors leaves, and a chain never panics.
func FuzzChain(f *testing.F) {
	f.Add(1.5, -3.0, 1e308, int64(5))
	f.Add(math.NaN(), math.Inf(1), math.MaxFloat64, int64(-1))
	f.Fuzz(func(t *testing.T, a, b, c float64, step int64) {
		chain := everyFilter()
		free := NewChain([]FilterSpec{{Name: FilterCalibrate, Scale: 3}, {Name: FilterMedian, Count: 2}, {Name: FilterAverage, For: 1}})
		now := int64(0)
		for _, v := range []float64{a, b, c, b, a, c, c, a} {
			now += step % 1e12
			for _, chain := range []*Chain{chain, free} {
				m := Measurement{Quantity: Temperature, Value: v}
				if chain.Apply(&m, now) && m.Err == "" && !finite(m.Value) {
					t.Fatalf("%v left the chain", m.Value)
				}
			}
		}
	})
}
