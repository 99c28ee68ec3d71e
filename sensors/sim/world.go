package sim

import (
	"hash/fnv"
	"math"
	"time"

	"pinhole/sensors"
)

// World is the physical truth around the board. Both methods are pure functions of time: asked again, they say the same.
// They are called concurrently.
type World interface {
	// Value is a quantity at a place, in the quantity's unit.
	Value(q sensors.Quantity, place string, t time.Time) float64
	// Switch tells whether a two-state quantity is on at a place (a contact closed, something moving), and until when at least.
	Switch(q sensors.Quantity, place string, t time.Time) (on bool, until time.Time)
}

// Weather is a mild day in a house: a daily curve of temperature, humidity against it, pressure that walks slowly, and a door that
// is used. Another seed is another day.
func Weather(seed uint64) World { return weather{seed} }

type weather struct{ seed uint64 }

func (w weather) Value(q sensors.Quantity, place string, t time.Time) float64 {
	switch q {
	case sensors.Temperature:
		return w.temperature(place, t)
	case sensors.RelativeHumidity:
		return min(max(48-2.2*(w.temperature(place, t)-21.5)+5*w.noise("humidity", place, 40*time.Minute, t), 5), 98)
	case sensors.Pressure: // the same air everywhere in the house
		return 101325 + 1300*w.noise("pressure", "", 30*time.Hour, t) + 60*w.noise("pressure", "", 2*time.Hour, t)
	case sensors.CO2: // people come and go, and somebody opens a window
		return 780 + 360*w.noise("co2", place, 25*time.Minute, t)
	case sensors.TVOC:
		return 110 + 105*w.noise("tvoc", place, 20*time.Minute, t)
	case sensors.GasResistance: // people and cooking bring it down
		return 90000 + 60000*w.noise("gas", place, 40*time.Minute, t)
	case sensors.Illuminance: // a room by day
		return 260 + 240*w.noise("light", place, 20*time.Minute, t)
	case sensors.Raw: // somewhere in the middle of 16 bits
		return 30000 + 2500*w.noise("raw", place, 10*time.Minute, t)
	}
	return 0.5 + 0.5*w.noise(string(q), place, 10*time.Minute, t)
}

// temperature is lowest at three in the morning, UTC, and highest in the afternoon.
func (w weather) temperature(place string, t time.Time) float64 {
	day := float64(t.UnixMilli()%86_400_000) / 86_400_000
	return 21.5 + 3.5*math.Sin(2*math.Pi*(day-0.375)) + 0.6*w.hash("temperature", place, 0) +
		0.7*w.noise("temperature", place, 2*time.Hour, t) + 0.12*w.noise("temperature", place, 3*time.Minute, t)
}

// slotLength is how often something happens to a switch: a door is used once in every half minute, for a demonstration's sake.
const slotLength = 30 * time.Second

func (w weather) Switch(q sensors.Quantity, place string, t time.Time) (on bool, until time.Time) {
	slot := t.UnixNano() / int64(slotLength)
	begin := time.Unix(0, slot*int64(slotLength))
	if (q == sensors.Undervoltage || q == sensors.Throttled) && w.hash("trouble", place, slot) < 0.9 {
		return false, begin.Add(slotLength) // the supply is a good one: it fails in one slot of twenty
	}
	unit := func(what string) float64 { return (w.hash(what, place, slot) + 1) / 2 }
	from := begin.Add(2*time.Second + time.Duration(unit("from")*12*float64(time.Second)))
	to := from.Add(2*time.Second + time.Duration(unit("to")*10*float64(time.Second)))
	happening := false
	switch {
	case t.Before(from):
		until = from
	case t.Before(to):
		happening, until = true, to
	default:
		until = begin.Add(slotLength)
	}
	return happening != (q == sensors.Contact), until // a door is closed when nobody goes through
}

// noise is smooth and lies between -1 and 1; it turns about once in period.
func (w weather) noise(what, place string, period time.Duration, t time.Time) float64 {
	n := t.UnixNano()
	i := n / int64(period)
	f := float64(n%int64(period)) / float64(period)
	f = f * f * (3 - 2*f)
	return w.hash(what, place, i)*(1-f) + w.hash(what, place, i+1)*f
}

// hash is a number between -1 and 1 for each name, place and index.
func (w weather) hash(what, place string, i int64) float64 {
	h := fnv.New64a()
	var b [16]byte
	for k := range 8 {
		b[k], b[8+k] = byte(w.seed>>(8*k)), byte(uint64(i)>>(8*k))
	}
	h.Write(b[:])
	h.Write([]byte(what))
	h.Write([]byte{0})
	h.Write([]byte(place))
	x := h.Sum64() // FNV's last bytes hardly reach its high bits: mix them (murmur3's finaliser)
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	x ^= x >> 33
	return float64(x>>11)/(1<<52) - 1
}

// Still is a world in which nothing moves, for tests: a value for each quantity, and switches that are off.
type Still map[sensors.Quantity]float64

// Value returns the quantity's value, 0 if it has none.
func (s Still) Value(q sensors.Quantity, _ string, _ time.Time) float64 { return s[q] }

// Switch is on where the quantity's value is not 0.
func (s Still) Switch(q sensors.Quantity, _ string, t time.Time) (on bool, until time.Time) {
	return s[q] != 0, t.Add(24 * time.Hour)
}
