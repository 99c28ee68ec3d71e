package pulse

import (
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// what is a quantity that pulses add up to, its rate, and the factor from units a second to that.
var what = [...]struct {
	total, rate sensors.Quantity
	factor      float64
}{
	{sensors.Count, sensors.Frequency, 1},
	{sensors.Volume, sensors.FlowRate, 1000}, // m3 to l/s
	{sensors.Energy, sensors.Power, 3600},    // Wh to W
	{sensors.Rainfall, sensors.RainfallRate, 3600},
	{sensors.Distance, sensors.Speed, 1},
}

// The words of the key report.
const (
	both      = "both"
	onlyTotal = "total"
	onlyRate  = "rate"
)

// unit is how much of its quantity a pulse is.
func unit(p kind.Params) float64 {
	if p.Has("pulses_per_unit") {
		return 1 / p.Float("pulses_per_unit")
	}
	if p.Has("scale") {
		return p.Float("scale")
	}
	return 1
}

// window is over how long the rate is taken.
func window(p kind.Params) time.Duration {
	if p.Has("window") {
		return p.Duration("window")
	}
	return max(p.Duration("every"), time.Minute)
}

func newRate(window, every time.Duration) *rate { return &rate{window: window, slack: every / 2} }

func openPulse(b kind.Board, p kind.Params) (*Dev, error) {
	d := &Dev{every: p.Duration("every")}
	report := p.String("report")
	for _, w := range what {
		if w.total != sensors.Quantity(p.String("quantity")) {
			continue
		}
		if report != onlyRate {
			dir, keep := b.State()
			d.total = newTotal(dir, keep, p.String("pin"), w.total)
			d.total.scale, d.total.pause = unit(p), p.Duration("save")
			if p.Has("initial") {
				d.total.initial = new(p.Float("initial"))
			}
		}
		if report != onlyTotal {
			d.rate = newRate(window(p), d.every)
			d.quantity, d.factor = w.rate, unit(p)*w.factor
		}
	}
	return d, d.request("pulse", b, p)
}

func openFrequency(b kind.Board, p kind.Params) (*Dev, error) {
	d := &Dev{every: p.Duration("every"), quantity: sensors.Frequency}
	d.rate = newRate(d.every, d.every)
	d.factor, d.most = 1/float64(p.Int("pulses")), p.Float("max")
	return d, d.request("frequency", b, p)
}

// request takes the line.
func (d *Dev) request(name string, b kind.Board, p kind.Params) error {
	d.name = name + " at " + p.String("pin")
	line, err := b.Line(p.String("pin"), options(p))
	if err != nil {
		return kind.Fail(d.name+": request line", err)
	}
	d.line = line
	return nil
}

// options are those of a pulse that draws the line down against a pull-up (a reed contact, an open collector) unless the line is
// pulled down.
func options(p kind.Params) kind.LineOptions {
	o := kind.LineOptions{Pull: kind.Pull(p.String("pull")), Debounce: p.Duration("debounce"), Consumer: "pinhole"}
	o.ActiveLow = o.Pull != kind.PullDown
	if p.Has("active_low") {
		o.ActiveLow = p.Bool("active_low")
	}
	switch p.String("edge") {
	case "begin":
		o.Edges = kind.RisingEdges
	case "end":
		o.Edges = kind.FallingEdges
	case "both":
		o.Edges = kind.BothEdges
	}
	return o
}
