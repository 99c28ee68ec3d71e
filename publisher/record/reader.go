package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"pinhole/sensors"
	"pinhole/sensors/clock"
)

// ErrDamaged is what every error of a Reader wraps: the bytes are not a block of a version that is known here.
var ErrDamaged = errors.New("damaged block")

// maxTime bounds times and offsets, in microseconds, so that sums of two cannot overflow. A Stamp's nanoseconds stay below.
const maxTime = 1 << 56

// Kind tells what an Item holds.
type Kind uint8

// The kinds.
const (
	Decimal Kind = iota // Mantissa / 10^Decimals, which is Value
	Float               // Value, for which nine decimals do not do
	Boolean             // Value is 1 or 0
	Failed              // no value; Err says why
)

// Item is one reading as a block holds it.
type Item struct {
	Series   *Series
	Boot     int64 // microseconds since boot; within 2 ms when Synced, else exact
	Wall     int64 // microseconds since 1970 UTC, as the clock stood
	Synced   bool  // the wall time could be trusted
	Kind     Kind
	Decimals uint8         // 0 to 9, of Kind Decimal; the fewest that do
	Mantissa int64         // of Kind Decimal
	Value    float64       // finite; 0 of Kind Failed
	Err      sensors.Class // of Kind Failed, else ""
}

// Reader reads blocks. It is for one goroutine. Reading a block whose series are in its Table allocates nothing.
type Reader struct {
	table *Table

	block   []byte
	at      int
	boot    clock.BootID
	series  []*Series
	sensor  []byte // of the latest definition, inside block
	clocked bool
	synced  bool
	offset  int64
	time    int64
	last    uint32
	count   int // readings handed out or skipped
	done    bool
	err     error
}

// NewReader returns a Reader that finds its series in t.
func NewReader(t *Table) *Reader { return &Reader{table: t, done: true} }

// Reset starts on a block, which must not change until the last Next. Items stay valid for ever.
func (r *Reader) Reset(block []byte) error {
	*r = Reader{table: r.table, block: block, series: r.series[:0], last: math.MaxUint32}
	switch {
	case len(block) < headLen:
		r.fail("%d bytes are too short for a header", len(block))
	case block[0] != version:
		r.fail("version %d is not known", block[0])
	default:
		r.at = headLen
		copy(r.boot[:], block[1:])
	}
	return r.err
}

// Boot returns the boot to which the boot times of the block belong.
func (r *Reader) Boot() clock.BootID { return r.boot }

// Count returns how many readings were passed so far.
func (r *Reader) Count() int { return r.count }

// Err returns why Next returned false before the end of the block, nil at the end. It wraps ErrDamaged.
func (r *Reader) Err() error { return r.err }

// Skip passes over the next n readings; false when there are fewer, or damage among them.
func (r *Reader) Skip(n int) bool {
	var it Item
	for range n {
		if !r.Next(&it) {
			return false
		}
	}
	return true
}

// Next reads the next reading into it; false at the end of the block or at damage, after which it holds nothing of use.
func (r *Reader) Next(it *Item) bool {
	for !r.done {
		if r.at >= len(r.block) {
			r.fail("it ends without an end mark")
			return false
		}
		tag := r.block[r.at]
		r.at++
		switch {
		case tag == tagEnd:
			r.end()
			return false
		case tag&^(tagMask|flagsMask) != 0:
			r.fail("tag %#x is not known", tag)
		case tag&tagMask == tagSeries:
			r.define(tag)
		case tag&tagMask == tagClock:
			r.clock(tag)
		default:
			return r.reading(tag, it)
		}
	}
	return false
}

func (r *Reader) reading(tag byte, it *Item) bool {
	index := uint64(r.last + 1)
	if tag&flagNext == 0 {
		index = r.uvarint()
	}
	if tag&flagSame == 0 {
		r.time = r.sum(r.time)
	}
	switch {
	case r.err != nil:
		return false
	case index >= uint64(len(r.series)):
		return r.fail("series %d is not defined", index)
	case !r.clocked:
		return r.fail("a reading before the clock")
	}
	r.last = uint32(index)
	it.Series = r.series[index]
	it.Boot, it.Wall, it.Synced = r.time, r.time+r.offset, r.synced
	it.Kind, it.Decimals, it.Mantissa, it.Value, it.Err = Decimal, 0, 0, 0, ""
	switch tag &= tagMask; tag {
	case tagFalse:
		it.Kind = Boolean
	case tagTrue:
		it.Kind, it.Value = Boolean, 1
	case tagError:
		it.Kind, it.Err = Failed, r.class()
	case tagFloat:
		it.Kind, it.Value = Float, r.float()
	default:
		m := r.varint()
		if m >= maxMantissa || m <= -maxMantissa {
			return r.fail("mantissa %d is out of range", m)
		}
		it.Decimals, it.Mantissa, it.Value = tag, m, float64(m)/powers[tag]
	}
	if r.err != nil {
		return false
	}
	r.count++
	return true
}

func (r *Reader) define(tag byte) {
	if tag&flagNext != 0 || tag&flagSame != 0 && len(r.series) == 0 {
		r.fail("tag %#x is not known", tag)
		return
	}
	if tag&flagSame == 0 {
		r.sensor = r.text()
	}
	code := r.uvarint()
	var q, unit []byte
	switch {
	case r.err != nil:
		return
	case code >= uint64(len(quantities)):
		r.fail("quantity code %d is not known", code)
		return
	case code == 0:
		q, unit = r.text(), r.text()
	}
	if r.err == nil {
		r.series = append(r.series, r.table.lookup(r.sensor, int(code), q, unit))
	}
}

func (r *Reader) clock(tag byte) {
	if tag&flagNext != 0 {
		r.fail("tag %#x is not known", tag)
		return
	}
	r.offset = r.sum(r.offset)
	r.synced = tag&flagSynced != 0
	r.clocked = true
}

func (r *Reader) end() {
	n := r.uvarint()
	switch {
	case r.err != nil:
	case n != uint64(r.count):
		r.fail("%d readings where %d were written", r.count, n)
	case r.at != len(r.block):
		r.fail("%d bytes after the end", len(r.block)-r.at)
	}
	r.done = true
}

func (r *Reader) class() sensors.Class {
	code := r.uvarint()
	switch {
	case r.err != nil:
		return ""
	case code >= uint64(len(classes)):
		r.fail("error class %d is not known", code)
		return ""
	case code > 0:
		return classes[code]
	}
	text := r.text()
	if r.err == nil && len(text) == 0 {
		r.fail("an empty error class")
	}
	return r.table.class(text)
}

func (r *Reader) float() float64 {
	if len(r.block)-r.at < 8 {
		r.fail("it ends within a number")
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.block[r.at:]))
	r.at += 8
	if math.IsNaN(v) || math.IsInf(v, 0) {
		r.fail("a number that is not finite")
	}
	return v
}

// text returns the next text, which lies inside the block.
func (r *Reader) text() []byte {
	n := r.uvarint()
	if r.err != nil {
		return nil
	}
	if n > uint64(len(r.block)-r.at) {
		r.fail("it ends within a text of %d bytes", n)
		return nil
	}
	r.at += int(n)
	return r.block[r.at-int(n) : r.at]
}

// sum returns base plus the next signed number, a time.
func (r *Reader) sum(base int64) int64 {
	d := r.varint()
	if d > 2*maxTime || d < -2*maxTime || base+d > maxTime || base+d < -maxTime {
		r.fail("a time out of range")
		return 0
	}
	return base + d
}

func (r *Reader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (r *Reader) uvarint() uint64 {
	if r.at < len(r.block) && r.block[r.at] < 0x80 {
		r.at++
		return uint64(r.block[r.at-1])
	}
	v, n := binary.Uvarint(r.block[r.at:])
	if n <= 0 {
		r.fail("it ends within a number, or that is too long")
		return 0
	}
	r.at += n
	return v
}

// fail notes the first error and ends the block. It returns false.
func (r *Reader) fail(format string, args ...any) bool {
	if r.err == nil {
		r.err = fmt.Errorf("read block at byte %d of %d: %s: %w", r.at, len(r.block), fmt.Sprintf(format, args...), ErrDamaged)
	}
	r.done = true
	return false
}
