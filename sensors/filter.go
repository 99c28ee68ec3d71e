package sensors

import (
	"fmt"
	"math"
	"time"
)

// The filters by name, as they stand in the configuration. Each does one thing to the values of one series (a quantity of a
// sensor); they run in the order of the list.
const (
	FilterCalibrate = "calibrate" // corrects the value: by points, or by scale and offset
	FilterRange     = "range"     // makes a value outside of its bounds an error reading of class range
	FilterMedian    = "median"    // the median of the last values, one for each value that comes
	FilterAverage   = "average"   // the mean over a time, one for each such time
	FilterDelta     = "delta"     // holds a value back until it differs enough from the last one it let through
	FilterHeartbeat = "heartbeat" // makes delta let a value through at least this often
)

// FilterSpec is one filter as it was configured: plain data. Which fields count depends on Name; Validate tells whether they
// make sense.
type FilterSpec struct {
	Name string
	Only Quantity // the filter applies to this quantity of the sensor alone; "": to all

	Points        [][2]float64  // calibrate: raw and true value, rising in raw; empty: Scale and Offset count
	Scale, Offset float64       // calibrate: true = raw * Scale + Offset
	Min, Max      float64       // range, in the quantity's unit, both inclusive
	NoMin, NoMax  bool          // range: that bound is absent
	Count         int           // median: how many values, 1 to MaxMedian
	For           time.Duration // average, heartbeat
	Change        float64       // delta: in the quantity's unit, or in percent
	Percent       bool          // delta: Change is a percentage of the last value that was let through
}

// MaxMedian is the longest window of a median, in values.
const MaxMedian = 255

// Validate says what is wrong with f, in words for the one who configured it.
func (f FilterSpec) Validate() error {
	if f.Only != "" {
		if _, ok := f.Only.Lookup(); !ok {
			return fmt.Errorf("there is no quantity %q", f.Only)
		}
	}
	switch f.Name {
	case FilterCalibrate:
		return f.validateCalibrate()
	case FilterRange:
		switch {
		case f.NoMin && f.NoMax:
			return fmt.Errorf("range needs min, max or both")
		case !f.NoMin && !finite(f.Min), !f.NoMax && !finite(f.Max):
			return fmt.Errorf("the bounds of range must be finite numbers; leave one out for none")
		case !f.NoMin && !f.NoMax && f.Min >= f.Max:
			return fmt.Errorf("range needs min below max, has %v and %v", f.Min, f.Max)
		}
	case FilterMedian:
		if f.Count < 1 || f.Count > MaxMedian {
			return fmt.Errorf("median needs 1 to %d values, has %d", MaxMedian, f.Count)
		}
	case FilterAverage, FilterHeartbeat:
		if f.For <= 0 {
			return fmt.Errorf("%s needs a time above zero, such as 60s", f.Name)
		}
	case FilterDelta:
		if !(f.Change > 0) || !finite(f.Change) {
			return fmt.Errorf("delta needs a change above zero, such as 0.2 or 5%%")
		}
	default:
		return fmt.Errorf("there is no filter %q", f.Name)
	}
	return nil
}

func (f FilterSpec) validateCalibrate() error {
	if len(f.Points) == 0 {
		switch {
		case !finite(f.Scale) || !finite(f.Offset):
			return fmt.Errorf("scale and offset must be finite numbers")
		case f.Scale == 0:
			return fmt.Errorf("a scale of 0 would make every value %v", f.Offset)
		}
		return nil
	}
	if len(f.Points) < 2 {
		return fmt.Errorf("calibrate needs two points at least, has %d", len(f.Points))
	}
	for i, p := range f.Points {
		switch {
		case !finite(p[0]) || !finite(p[1]):
			return fmt.Errorf("point %d is not a pair of finite numbers", i+1)
		case i > 0 && p[0] <= f.Points[i-1][0]:
			return fmt.Errorf("the raw values of the points must rise: point %d has %v after %v", i+1, p[0], f.Points[i-1][0])
		}
	}
	return nil
}

// Suits says why f makes no sense for a sensor that reports these quantities: numbers cannot be made of true and false, so only
// delta and heartbeat suit a sensor whose quantities are all boolean. Where a sensor reports both sorts, numeric filters pass its
// boolean quantities over.
func (f FilterSpec) Suits(quantities []Quantity) error {
	concerned, numeric := false, false
	for _, q := range quantities {
		if f.Only == "" || f.Only == q {
			concerned = true
			numeric = numeric || !q.Boolean()
		}
	}
	switch {
	case len(quantities) == 0: // it shows only when it runs
		return nil
	case !concerned:
		return fmt.Errorf("the sensor does not report %s", f.Only)
	case !numeric && f.numeric():
		return fmt.Errorf("%s works on numbers, and this sensor reports true and false; only delta and heartbeat suit it", f.Name)
	}
	return nil
}

// numeric reports whether the filter computes with values.
func (f FilterSpec) numeric() bool { return f.Name != FilterDelta && f.Name != FilterHeartbeat }

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
