package record

import (
	"encoding/binary"
	"math"
	"slices"

	"pinhole/sensors"
	"pinhole/sensors/clock"
)

// The layout's constants; see the package comment.
const (
	version = 1
	headLen = 1 + len(clock.BootID{})

	tagFloat  = 10
	tagFalse  = 11
	tagTrue   = 12
	tagError  = 13
	tagSeries = 14
	tagClock  = 15
	tagEnd    = 0xff

	tagMask    = 0x0f
	flagSame   = 0x10 // reading: same time; series: same sensor
	flagSynced = 0x10 // clock
	flagNext   = 0x20 // reading: the series after the last
	flagsMask  = flagSame | flagNext
)

// slack, in microseconds, is how far the difference of wall and boot time may be off before it is recorded anew while the
// clock is synced.
const slack = 2000

// maxKnown bounds the series that a Writer remembers; past it, it starts afresh. Only a source that makes up names gets there.
const maxKnown = 1 << 16

// Writer collects readings into a block. It is for one goroutine. Once it has met every series it does not allocate, except
// in Take, once a block.
type Writer struct {
	boot  clock.BootID
	known map[name]*series
	buf   []byte

	// Of the clock; kept from block to block.
	held   bool
	synced bool
	offset int64

	// Of the block in hand.
	block    uint64 // its ordinal; series with another one are not defined in it
	count    int
	defined  uint32
	sensor   string // of the latest definition
	clocked  bool   // a clock entry is written
	recorded int64  // the offset in it
	time     int64  // boot time of the latest reading
	last     uint32 // series of the latest reading
}

type name struct {
	sensor   string
	quantity sensors.Quantity
}

// series is what the Writer knows of one (sensor, quantity).
type series struct {
	block   uint64
	index   uint32
	code    int
	unit    string
	boolean bool
	hint    int // decimals of its latest decimal value
}

// NewWriter returns a Writer for readings whose stamps belong to the given boot.
func NewWriter(boot clock.BootID) *Writer {
	return &Writer{boot: boot, known: make(map[name]*series), block: 1, last: math.MaxUint32}
}

// Count returns the number of readings in the block in hand.
func (w *Writer) Count() int { return w.count }

// Len returns the bytes that Take would return.
func (w *Writer) Len() int {
	if w.count == 0 {
		return 0
	}
	n := len(w.buf) + 1
	for c := w.count; ; c >>= 7 {
		n++
		if c < 0x80 {
			return n
		}
	}
}

// Add appends r to the block. It keeps r's strings, not r. A value that is not finite, which no sensor may hand out, is
// recorded as an error of class range.
func (w *Writer) Add(r *sensors.Reading) {
	if w.count == 0 {
		w.buf = append(append(w.buf[:0], version), w.boot[:]...)
	}
	s := w.known[name{r.Sensor, r.Quantity}]
	if s == nil || s.block != w.block {
		s = w.define(r, s)
	}
	t := w.clock(r.Stamp)

	at := len(w.buf)
	b := append(w.buf, 0)
	var tag byte
	if s.index == w.last+1 {
		tag = flagNext
	} else {
		b = binary.AppendUvarint(b, uint64(s.index))
	}
	if t == w.time {
		tag |= flagSame
	} else {
		b = binary.AppendVarint(b, t-w.time)
	}
	w.time, w.last = t, s.index

	switch class := r.Err; {
	case class == "" && s.boolean && r.Value == 0:
		tag |= tagFalse
	case class == "" && s.boolean:
		tag |= tagTrue
	case class != "" || math.IsNaN(r.Value) || math.IsInf(r.Value, 0):
		if class == "" {
			class = sensors.Range
		}
		tag |= tagError
		code := classCode(class)
		b = binary.AppendUvarint(b, uint64(code))
		if code == 0 {
			b = appendText(b, string(class))
		}
	default:
		if m, decimals, ok := decimal(r.Value, s.hint); ok {
			s.hint = max(s.hint, decimals)
			tag |= byte(decimals)
			b = binary.AppendVarint(b, m)
		} else {
			tag |= tagFloat
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(r.Value))
		}
	}
	b[at] = tag
	w.buf = b
	w.count++
}

// define writes the definition of r's series into the block; s is what is known of it, or nil.
func (w *Writer) define(r *sensors.Reading, s *series) *series {
	if s == nil {
		unit := r.Quantity.Unit()
		s = &series{unit: unit, code: quantityCode(r.Quantity, unit), boolean: r.Quantity.Boolean()}
		w.known[name{r.Sensor, r.Quantity}] = s
	}
	s.block, s.index = w.block, w.defined
	if w.defined > 0 && w.sensor == r.Sensor {
		w.buf = append(w.buf, tagSeries|flagSame)
	} else {
		w.buf = appendText(append(w.buf, tagSeries), r.Sensor)
	}
	w.buf = binary.AppendUvarint(w.buf, uint64(s.code))
	if s.code == 0 {
		w.buf = appendText(appendText(w.buf, string(r.Quantity)), s.unit)
	}
	w.sensor = r.Sensor
	w.defined++
	return s
}

// clock returns the boot time, in microseconds, to record for stamp, after a clock entry where one is due.
func (w *Writer) clock(stamp clock.Stamp) int64 {
	wall, boot := micros(stamp.Wall), micros(stamp.Boot)
	off := wall - boot - w.offset
	if !w.held || !stamp.Synced || off >= slack || off <= -slack {
		w.offset = wall - boot
	}
	if !w.clocked || w.offset != w.recorded || stamp.Synced != w.synced {
		tag := byte(tagClock)
		if stamp.Synced {
			tag |= flagSynced
		}
		w.buf = binary.AppendVarint(append(w.buf, tag), w.offset-w.recorded)
		w.held, w.clocked, w.synced, w.recorded = true, true, stamp.Synced, w.offset
	}
	return wall - w.offset
}

// Take ends the block and returns it; the next Add starts another one. The bytes are the caller's. Without readings it is nil.
func (w *Writer) Take() []byte {
	if w.count == 0 {
		return nil
	}
	w.buf = binary.AppendUvarint(append(w.buf, tagEnd), uint64(w.count))
	block := slices.Clone(w.buf)
	w.block++
	w.count, w.defined, w.clocked, w.recorded, w.time, w.last = 0, 0, false, 0, 0, math.MaxUint32
	if len(w.known) > maxKnown {
		clear(w.known)
	}
	return block
}

// micros turns nanoseconds into microseconds, rounding down.
func micros(ns int64) int64 {
	us := ns / 1000
	if ns%1000 < 0 {
		us--
	}
	return us
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
