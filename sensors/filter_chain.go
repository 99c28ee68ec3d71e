package sensors

import "math"

// Chain is the filters of one series at work. It belongs to one goroutine and allocates nothing after its first value.
//
// What it promises: what leaves it is finite, or an error. An error passes every filter untouched and leaves windows as they are:
// a median or an average is made of the good values around it. But the value after an error always passes delta, so that nobody
// goes on believing in an error that is over.
type Chain struct {
	specs  []FilterSpec
	steps  []filter
	deltas []*delta
	built  bool
}

// filter is one filter's work on a good value; now is in nanoseconds.
type filter interface {
	apply(m *Measurement, now int64) verdict
}

type verdict int

const (
	pass    verdict = iota
	hold            // nothing is to be reported now
	outside         // the value is none: an error of class range
)

// NewChain makes the filters of one series. specs must be valid; one that is not is a programming error and panics at the first
// value.
func NewChain(specs []FilterSpec) *Chain { return &Chain{specs: specs} }

// Apply filters m, which was taken at now, in nanoseconds since boot; a measurement with a wall time of its own counts by that.
// pass tells whether m, changed as it may be, is to be reported. A value that a filter refuses, and one that is not finite,
// becomes an error of class range.
func (c *Chain) Apply(m *Measurement, now int64) bool {
	if !c.built {
		c.build(m.Quantity)
	}
	if m.Err != "" {
		c.Fail()
		return true
	}
	if !m.Time.IsZero() {
		now = m.Time.UnixNano()
	}
	v := outside
	if finite(m.Value) {
		v = pass
	}
	for i := 0; i < len(c.steps) && v == pass; i++ {
		if v = c.steps[i].apply(m, now); v == pass && !finite(m.Value) {
			v = outside
		}
	}
	switch v {
	case hold:
		return false
	case outside:
		m.Value, m.Err = 0, Range
		c.Fail()
		return true
	}
	m.Value = Tidy(m.Value)
	return true
}

// Fail tells the chain that there was an error in this series that did not come through Apply: the next value will pass delta.
func (c *Chain) Fail() {
	for _, d := range c.deltas {
		d.known = false
	}
}

// build makes the steps that concern q. Heartbeat is not a step of its own: wherever it stands in the list it belongs to the
// deltas of the list, and without one there is nothing that it could overrule.
func (c *Chain) build(q Quantity) {
	c.built = true
	var heartbeat int64
	for _, f := range c.specs {
		if f.Only != "" && f.Only != q || q.Boolean() && f.numeric() {
			continue
		}
		if err := f.Validate(); err != nil {
			panic("sensors: a filter was not validated: " + err.Error())
		}
		switch f.Name {
		case FilterCalibrate:
			c.steps = append(c.steps, newCalibrate(f))
		case FilterRange:
			c.steps = append(c.steps, newBounds(f))
		case FilterMedian:
			c.steps = append(c.steps, newMedian(f.Count))
		case FilterAverage:
			c.steps = append(c.steps, &average{window: int64(f.For)})
		case FilterDelta:
			d := &delta{change: f.Change, percent: f.Percent}
			c.steps, c.deltas = append(c.steps, d), append(c.deltas, d)
		case FilterHeartbeat:
			heartbeat = int64(f.For)
		}
	}
	for _, d := range c.deltas {
		d.heartbeat = heartbeat
	}
}

// Tidy rounds v to nine decimals, or to fifteen digits where that is coarser, which takes away the noise of binary fractions
// (21.400000000000002). Whole numbers stay exactly what they are; a negative zero becomes zero.
func Tidy(v float64) float64 {
	if v == math.Trunc(v) {
		return v + 0
	}
	scale := 1e9
	for scale > 1 && math.Abs(v)*scale >= 1e15 {
		scale /= 10
	}
	return math.Round(v*scale)/scale + 0
}
