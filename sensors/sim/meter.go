package sim

import (
	"math"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// attachMeter wires what a sensor of kind pulse or frequency counts: a contact on a wheel that the world turns. It draws the line to
// ground, or to the supply where the line is pulled down, for half of each turn.
func (b *Board) attachMeter(kindName string, p kind.Params) error {
	pin, err := b.pin(p.String("pin"))
	if err != nil {
		return err
	}
	w := &wheel{}
	unit := 1.0
	if p.Has("pulses_per_unit") {
		unit = 1 / p.Float("pulses_per_unit")
	} else if p.Has("scale") {
		unit = p.Float("scale")
	}
	switch q := sensors.Quantity(p.String("quantity")); {
	case kindName == "frequency":
		w.turns = turning(&b.world, sensors.Frequency, p.String("pin"), 1/float64(max(p.Int("pulses"), 1)))
	case q == sensors.Distance: // of wind, which has no total
		w.turns = turning(&b.world, sensors.Speed, p.String("pin"), unit)
	default:
		w.turns = turned(&b.world, q, p.String("pin"), unit)
	}
	toGround := p.String("pull") != string(kind.PullDown)
	pin.connect(func(at time.Time) (bool, time.Time) {
		closed, until := w.level(at)
		return closed != toGround, until
	})
	return nil
}

const (
	// lookAgain is how long a wheel is believed to go on as it does.
	lookAgain = 100 * time.Millisecond
	// spin is the shortest time between two of its edges.
	spin = 20 * time.Microsecond
	// unseen is how long nobody may look before the turns in between are passed over: nobody has counted them.
	unseen = 10 * time.Second
)

// wheel closes a contact for the first half of each of its turns. It passes over no edge while somebody looks.
type wheel struct {
	turns func(at time.Time) (turns, perSecond float64)
	half  int64 // turns that it has shown
	seen  time.Time
}

func (w *wheel) level(at time.Time) (closed bool, until time.Time) {
	turns, perSecond := w.turns(at)
	half := int64(math.Floor(2 * turns))
	switch {
	case w.seen.IsZero(), at.Sub(w.seen) > unseen, half < w.half: // or the world has begun anew
		w.half = half
	case half > w.half:
		w.half++
	}
	w.seen = at
	next := lookAgain
	switch {
	case half > w.half:
		next = spin
	case perSecond > 0:
		left := (float64(w.half+1)/2 - turns) / perSecond
		next = max(time.Duration(min(left, lookAgain.Seconds())*float64(time.Second)), spin)
	}
	return w.half%2 == 0, at.Add(next)
}

// turned is the wheel of a meter that shows a total of the world.
func turned(world World, q sensors.Quantity, place string, unit float64) func(time.Time) (turns, perSecond float64) {
	const step = 10 * time.Millisecond
	return func(at time.Time) (turns, perSecond float64) {
		turns = world.Value(q, place, at) / unit
		return turns, (world.Value(q, place, at.Add(step))/unit - turns) / step.Seconds()
	}
}

// turning is a wheel that turns by a rate of the world.
func turning(world World, rate sensors.Quantity, place string, unit float64) func(time.Time) (turns, perSecond float64) {
	var last time.Time
	var turns, perSecond float64
	return func(at time.Time) (float64, float64) {
		if past := at.Sub(last); past < unseen && past > 0 {
			turns += perSecond * past.Seconds()
		}
		last, perSecond = at, max(world.Value(rate, place, at)/unit, 0)
		return turns, perSecond
	}
}
