package judge

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// Reading is one decoded reading.
type Reading struct {
	Sensor, Quantity, Unit string
	Time                   int64   // nanoseconds since 1970 UTC
	Value                  float64 // 1 or 0 when Boolean; nothing when Error is set
	Boolean                bool
	Error                  string // "" or why there is no value
	Unsynced               bool   // marked "clock":"unsynced"
}

// Loss is one lost entry.
type Loss struct {
	Stream           string
	Seq, Count, Span uint64 // Span 0: the Count numbers from Seq on
	Reason           string
}

// Batch is one decoded message.
type Batch struct {
	Format   string // json, columns or senml
	Device   string
	Stream   string
	Seq      uint64
	Count    uint64 // numbers covered: Seq to Seq+Count-1
	End      bool
	Lost     []Loss
	Readings []Reading
	Numbered bool // reading k is number Seq+k; false for columns, where only the whole is known
}

// maxSeq keeps sums of numbers far from overflowing.
const maxSeq = 1 << 60

// keys already seen in an object: a key that comes twice could mean two things.
const (
	kDevice = 1 << iota
	kStream
	kSeq
	kReadings
	kSeries
	kLost
	kEnd
	kCount
	kSpan
	kReason
	kSensor
	kQuantity
	kUnit
	kTime
	kValue
	kError
	kClock
	kBaseName
	kName
	kBaseTime
	kBool
	kBaseUnit
)

// maxNames bounds the interned strings against a sender that invents names for ever.
const maxNames = 1 << 20

// decoder turns messages into batches. The batch, its slices and scratch space are used again for the next message.
type decoder struct {
	scan  scanner
	batch Batch
	names map[string]string
	key   []byte
	times []int64
	vals  []value
}

type value struct {
	v    float64
	bool bool
}

// name returns b as a string without allocating for one that came before.
func (d *decoder) name(b []byte) string {
	if n, ok := d.names[string(b)]; ok {
		return n
	}
	if len(d.names) >= maxNames {
		clear(d.names)
	}
	n := string(b)
	d.names[n] = n
	return n
}

// text scans a string value into *dst.
func (d *decoder) text(dst *string) bool {
	b, ok := d.scan.str()
	if ok {
		*dst = d.name(b)
	}
	return ok
}

// once notes that a key of the object came, and refuses the second.
func (d *decoder) once(seen *uint32, bit uint32) bool {
	if *seen&bit != 0 {
		return d.scan.fail("a key that comes twice")
	}
	*seen |= bit
	return true
}

// decode always returns the batch; with an error it holds what was read so far.
func (d *decoder) decode(payload []byte) (*Batch, error) {
	b := &d.batch
	*b = Batch{Lost: b.Lost[:0], Readings: b.Readings[:0]}
	if !utf8.Valid(payload) {
		return b, errors.New("not UTF-8")
	}
	d.scan.reset(payload)
	ok := false
	if d.scan.peek() == '[' {
		ok = d.senml(b)
	} else {
		ok = d.object(b)
	}
	if ok && d.scan.finish() {
		return b, d.whole(b)
	}
	return b, fmt.Errorf("not a batch: %w", d.scan.err)
}

// whole checks what holds for every format once the message is read.
func (d *decoder) whole(b *Batch) error {
	switch {
	case b.Device == "":
		return errors.New("no device")
	case b.Stream == "":
		return errors.New("no stream")
	case b.Seq > maxSeq || b.Count > maxSeq:
		return errors.New("a number beyond all reason")
	case b.Count != uint64(len(b.Readings)):
		return fmt.Errorf("count is %d, but %d readings are there", b.Count, len(b.Readings))
	}
	return nil
}

// object decodes json and columns, which share their header.
func (d *decoder) object(b *Batch) bool {
	s := &d.scan
	var seen uint32
	ok := s.object(func(key []byte) bool {
		switch string(key) {
		case "device":
			return d.once(&seen, kDevice) && d.text(&b.Device)
		case "stream":
			return d.once(&seen, kStream) && d.text(&b.Stream)
		case "seq":
			return d.once(&seen, kSeq) && d.number(&b.Seq)
		case "count":
			return d.once(&seen, kCount) && d.number(&b.Count)
		case "end":
			return d.once(&seen, kEnd) && d.flag(&b.End)
		case "lost":
			return d.once(&seen, kLost) && d.lost(b)
		case "readings":
			return d.once(&seen, kReadings) && s.array(func() bool { return d.reading(b) })
		case "series":
			return d.once(&seen, kSeries) && s.array(func() bool { return d.column(b) })
		}
		return s.skip()
	})
	switch {
	case !ok:
		return false
	case seen&kSeq == 0:
		return s.fail("no seq")
	case seen&kReadings != 0 && seen&kSeries != 0:
		return s.fail("both readings and series")
	case seen&kReadings != 0:
		b.Format, b.Numbered = "json", true
		if seen&kCount == 0 {
			b.Count = uint64(len(b.Readings))
		}
		return true
	case seen&(kSeries|kCount) == kSeries|kCount:
		b.Format = "columns"
		return true
	}
	return s.fail("neither readings nor series with a count")
}

func (d *decoder) number(dst *uint64) (ok bool) {
	*dst, ok = d.scan.whole()
	return ok
}

func (d *decoder) flag(dst *bool) (ok bool) {
	*dst, ok = d.scan.boolean()
	return ok
}

// unsynced scans the value of "clock", which has only one.
func (d *decoder) unsynced(dst *bool) bool {
	b, ok := d.scan.str()
	if ok && string(b) != "unsynced" {
		return d.scan.fail("a clock that is not unsynced")
	}
	*dst = true
	return ok
}

func (d *decoder) lost(b *Batch) bool {
	s := &d.scan
	return s.array(func() bool {
		var l Loss
		var seen uint32
		ok := s.object(func(key []byte) bool {
			switch string(key) {
			case "stream":
				return d.once(&seen, kStream) && d.text(&l.Stream)
			case "seq":
				return d.once(&seen, kSeq) && d.number(&l.Seq)
			case "count":
				return d.once(&seen, kCount) && d.number(&l.Count)
			case "span":
				return d.once(&seen, kSpan) && d.number(&l.Span)
			case "reason":
				return d.once(&seen, kReason) && d.text(&l.Reason)
			}
			return s.skip()
		})
		const must = kStream | kSeq | kCount | kReason
		if ok && seen&must != must {
			return s.fail("a lost entry without stream, seq, count and reason")
		}
		b.Lost = append(b.Lost, l)
		return ok
	})
}

// reading decodes one object of "readings".
func (d *decoder) reading(b *Batch) bool {
	s := &d.scan
	b.Readings = append(b.Readings, Reading{})
	r := &b.Readings[len(b.Readings)-1]
	var seen uint32
	ok := s.object(func(key []byte) bool {
		switch string(key) {
		case "sensor":
			return d.once(&seen, kSensor) && d.text(&r.Sensor)
		case "quantity":
			return d.once(&seen, kQuantity) && d.text(&r.Quantity)
		case "unit":
			return d.once(&seen, kUnit) && d.text(&r.Unit)
		case "time":
			return d.once(&seen, kTime) && d.millis(&r.Time)
		case "value":
			return d.once(&seen, kValue) && d.value(&r.Value, &r.Boolean)
		case "error":
			return d.once(&seen, kError) && d.text(&r.Error)
		case "clock":
			return d.once(&seen, kClock) && d.unsynced(&r.Unsynced)
		}
		return s.skip()
	})
	const must = kSensor | kQuantity | kTime
	switch {
	case !ok:
		return false
	case seen&must != must:
		return s.fail("a reading without sensor, quantity and time")
	case (seen&kValue != 0) == (seen&kError != 0), seen&kError != 0 && r.Error == "":
		return s.fail("a reading needs either a value or an error")
	}
	return true
}

// millis scans a time in milliseconds, to the nanosecond.
func (d *decoder) millis(dst *int64) bool {
	n, ok := d.scan.num()
	if !ok {
		return false
	}
	if *dst, ok = n.scaled(6); !ok {
		return d.scan.fail("a time that is finer than a nanosecond or out of range")
	}
	return true
}

func (d *decoder) value(v *float64, isBool *bool) bool {
	switch d.scan.peek() {
	case 't', 'f':
		on, ok := d.scan.boolean()
		*isBool = true
		if on {
			*v = 1
		}
		return ok
	}
	n, ok := d.scan.num()
	if !ok {
		return false
	}
	if *v, ok = n.float(); !ok || math.IsInf(*v, 0) {
		return d.scan.fail("a value that no number can hold")
	}
	return true
}

// column decodes one object of "series" and appends its readings.
func (d *decoder) column(b *Batch) bool {
	s := &d.scan
	d.times, d.vals = d.times[:0], d.vals[:0]
	var r Reading
	var seen uint32
	ok := s.object(func(key []byte) bool {
		switch string(key) {
		case "sensor":
			return d.once(&seen, kSensor) && d.text(&r.Sensor)
		case "quantity":
			return d.once(&seen, kQuantity) && d.text(&r.Quantity)
		case "unit":
			return d.once(&seen, kUnit) && d.text(&r.Unit)
		case "error":
			return d.once(&seen, kError) && d.text(&r.Error)
		case "clock":
			return d.once(&seen, kClock) && d.unsynced(&r.Unsynced)
		case "time":
			var t int64
			return d.once(&seen, kTime) && s.array(func() bool {
				var dt int64
				ok := d.millis(&dt)
				t += dt
				d.times = append(d.times, t)
				return ok
			})
		case "value":
			return d.once(&seen, kValue) && s.array(func() bool {
				var v value
				ok := d.value(&v.v, &v.bool)
				d.vals = append(d.vals, v)
				return ok
			})
		}
		return s.skip()
	})
	const must = kSensor | kQuantity | kTime
	switch {
	case !ok:
		return false
	case seen&must != must:
		return s.fail("a series without sensor, quantity and time")
	case (seen&kValue != 0) == (seen&kError != 0), seen&kError != 0 && r.Error == "":
		return s.fail("a series needs either values or an error")
	case seen&kValue != 0 && len(d.vals) != len(d.times):
		return s.fail("a series with more values than times, or fewer")
	}
	for i, t := range d.times {
		r.Time = t
		if seen&kValue != 0 {
			r.Value, r.Boolean = d.vals[i].v, d.vals[i].bool
		}
		b.Readings = append(b.Readings, r)
	}
	return true
}

// split takes a SenML name apart: device/sensor/quantity, with /error behind it for an error. The device may hold no slash.
func split(name []byte) (device, sensor, quantity []byte, isError, ok bool) {
	name, isError = bytes.CutSuffix(name, []byte("/error"))
	first, last := bytes.IndexByte(name, '/'), bytes.LastIndexByte(name, '/')
	if first <= 0 || last <= first+1 || last == len(name)-1 {
		return nil, nil, nil, false, false
	}
	return name[:first], name[first+1 : last], name[last+1:], isError, true
}
