package sim

import (
	"hash/fnv"
	"math"
	"time"

	"pinhole/sensors"
)

// Weather is a mild day in a house: a daily curve of temperature, humidity against it, pressure that walks slowly, light that
// follows the sun, a door that is used, meters that run. Another seed is another day.
func Weather(seed uint64) World { return weather{seed: seed} }

// weather finds what follows from something else, as humidity from temperature, in top, which may be a world that changes
// some of it; nil: in itself.
type weather struct {
	seed uint64
	top  World
}

// installed is when the meters of the weather stood at zero. What a part or a pulse counts is the difference.
var installed = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (w weather) Value(q sensors.Quantity, place string, t time.Time) float64 {
	noise := func(what string, period time.Duration) float64 { return w.noise(what, place, period, t) }
	around := func(mean, most float64, period time.Duration) float64 { return mean + most*noise(string(q), period) }
	seconds := max(t.Sub(installed).Seconds(), 0)
	switch q {
	case sensors.Temperature:
		return w.temperature(place, t)
	case sensors.RelativeHumidity:
		return min(max(48-2.2*(w.other(sensors.Temperature, place, t)-21.5)+5*noise("humidity", 40*time.Minute), 5), 98)
	case sensors.Pressure: // the same air everywhere in the house
		return 101325 + 1300*w.noise("pressure", "", 30*time.Hour, t) + 60*w.noise("pressure", "", 2*time.Hour, t)
	case sensors.Illuminance: // by a window, with a lamp in the evening
		lamp := 0.0
		if d := day(t); d > 17.0/24 && d < 22.5/24 {
			lamp = 140
		}
		return 0.6 + 0.3*noise("dark", time.Minute) + lamp*(1+0.01*noise("lamp", 10*time.Second)) + 420*w.sun(t)
	case sensors.UVIndex:
		return 5 * w.sun(t) * w.sun(t)
	case sensors.CO2: // people come and go, and somebody opens a window
		return around(780, 360, 25*time.Minute)
	case sensors.TVOC:
		return around(110, 105, 20*time.Minute)
	case sensors.CO2Equivalent: // what parts make of the same signal
		return 400 + 3.5*w.other(sensors.TVOC, place, t)
	case sensors.AQIUBA: // steps at roughly the numbers of the UBA, in ppb
		return float64(1 + min(int(w.other(sensors.TVOC, place, t)/65), 4))
	case sensors.GasResistance: // people and cooking bring it down
		return 90000 + 60000*noise("gas", 40*time.Minute)
	case sensors.PM1, sensors.PM25, sensors.PM10: // each counts the smaller particles too
		share := map[sensors.Quantity]float64{sensors.PM1: 0.65, sensors.PM25: 1, sensors.PM10: 1.4}[q]
		return share * (9 + 7*noise("dust", 30*time.Minute) + 0.6*noise("dust", 10*time.Second))
	case sensors.Voltage: // two alkaline cells, which every converter on 3.3 V can measure
		return 2.85 + 0.2*noise("charge", 12*time.Hour) + 0.004*noise("ripple", 5*time.Second)
	case sensors.Current: // of a small board at work
		return 0.4 + 0.2*noise("load", time.Minute) + 0.02*noise("load", 3*time.Second)
	case sensors.Power:
		return w.other(sensors.Voltage, place, t) * w.other(sensors.Current, place, t)
	case sensors.Energy: // a house that takes 250 W, more by day than by night
		return 250*seconds/3600 + 300*math.Sin(2*math.Pi*seconds/86400)
	case sensors.Frequency: // the mains
		return around(50, 0.03, 20*time.Second)
	case sensors.Resistance: // a Pt100 (IEC 60751, above 0 degrees)
		c := w.other(sensors.Temperature, place, t)
		return 100 * (1 + 3.9083e-3*c - 5.775e-7*c*c)
	case sensors.Distance: // to the water in a cistern
		return around(1.2, 0.6, 15*time.Minute)
	case sensors.StormDistance: // one comes and goes
		return around(20000, 18000, 40*time.Minute)
	case sensors.Speed: // wind with gusts; sometimes there is none
		return max(3+3*noise("wind", 20*time.Minute)+1.5*noise("gust", 15*time.Second), 0)
	case sensors.Volume: // somebody draws a litre of water once a minute
		drawn, _ := w.bursts("water", place, time.Minute, t)
		return 0.001 * drawn
	case sensors.FlowRate: // the same water, in litres a second
		_, flow := w.bursts("water", place, time.Minute, t)
		return flow
	case sensors.Rainfall: // a shower of a millimetre every ten minutes
		fallen, _ := w.bursts("rain", place, 10*time.Minute, t)
		return fallen
	case sensors.RainfallRate:
		_, falling := w.bursts("rain", place, 10*time.Minute, t)
		return 3600 * falling
	case sensors.AccelerationX, sensors.AccelerationY: // it lies flat
		return around(0, 0.04, 300*time.Millisecond)
	case sensors.AccelerationZ:
		return around(9.81, 0.04, 300*time.Millisecond)
	case sensors.AngularRateX, sensors.AngularRateY, sensors.AngularRateZ:
		return around(0, 0.4, 300*time.Millisecond)
	case sensors.Count: // one about every six seconds
		counted, _ := w.bursts("count", place, 6*time.Second, t)
		return math.Floor(counted)
	case sensors.Raw: // somewhere in the middle of 16 bits
		return around(30000, 2500, 10*time.Minute)
	case sensors.Load:
		return around(0.35, 0.25, time.Minute)
	case sensors.CPUUsage:
		return around(12, 8, time.Minute)
	case sensors.MemoryUsed:
		return around(42, 6, 20*time.Minute)
	case sensors.DiskUsed:
		return around(37, 1, 24*time.Hour)
	case sensors.Uptime:
		return seconds
	case sensors.NetworkReceived:
		return math.Floor(1800 * seconds)
	case sensors.NetworkSent:
		return math.Floor(420 * seconds)
	}
	return around(0.5, 0.4, 10*time.Minute) // ratio, and whatever comes to the table
}

// other is a quantity on which another depends.
func (w weather) other(q sensors.Quantity, place string, t time.Time) float64 {
	if w.top != nil {
		return w.top.Value(q, place, t)
	}
	return w.Value(q, place, t)
}

// day is the share of the day that has passed, in UTC.
func day(t time.Time) float64 { return float64(t.UnixMilli()%86_400_000) / 86_400_000 }

// temperature is lowest at three in the morning, UTC, and highest in the afternoon.
func (w weather) temperature(place string, t time.Time) float64 {
	return 21.5 + 3.5*math.Sin(2*math.Pi*(day(t)-0.375)) + 0.6*w.hash("temperature", place, 0) +
		0.7*w.noise("temperature", place, 2*time.Hour, t) + 0.12*w.noise("temperature", place, 3*time.Minute, t)
}

// sun is how much of it there is, 0 to 1: it is up from six to six, UTC, behind clouds.
func (w weather) sun(t time.Time) float64 {
	return max(math.Sin(2*math.Pi*(day(t)-0.25)), 0) * (0.7 + 0.3*w.noise("clouds", "", 12*time.Minute, t))
}

// slotLength is how often something happens to a switch: a door is used once in every half minute, for a demonstration's sake.
const slotLength = 30 * time.Second

func (w weather) Switch(q sensors.Quantity, place string, t time.Time) (on bool, until time.Time) {
	slot := t.UnixNano() / int64(slotLength)
	begin := time.Unix(0, slot*int64(slotLength))
	if (q == sensors.Undervoltage || q == sensors.Throttled || q == sensors.Alarm) && w.hash("trouble", place, slot) < 0.9 {
		return false, begin.Add(slotLength) // all is well: there is trouble in one slot of twenty
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

// bursts counts something that happens once in every slot since the meters were installed, for a quarter of the slot at most. It
// also tells how much of it happens in a second.
func (w weather) bursts(what, place string, slot time.Duration, t time.Time) (total, perSecond float64) {
	since := t.Sub(installed)
	if since < 0 {
		return 0, 0
	}
	n := int64(since / slot)
	within := float64(since%slot) / float64(slot)
	from := 0.35 + 0.3*w.hash(what+" from", place, n)
	length := 0.15 + 0.1*w.hash(what+" length", place, n)
	switch done := (within - from) / length; {
	case done < 0:
		return float64(n), 0
	case done < 1:
		return float64(n) + done, 1 / (length * slot.Seconds())
	}
	return float64(n) + 1, 0
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
	return float64(mix(h.Sum64())>>11)/(1<<52) - 1 // FNV's last bytes hardly reach its high bits
}

// mix spreads every bit over all others: murmur3's finaliser.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
