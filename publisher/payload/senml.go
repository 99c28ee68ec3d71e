package payload

import (
	"slices"
	"strconv"

	"pinhole/publisher/record"
)

const (
	senmlNone = `,"n":"readings","v":0` // the value of a pack without readings
	senmlTail = "}]"
)

// senml is the Encoder of "senml". The first record holds the count and the base time, so its parts are joined at the end.
type senml struct {
	head []byte // up to bn
	bt   []byte // the member bt with its comma, once there is a reading
	mid  []byte // from stream to the count's name
	rest []byte // what follows the count's value
	body []byte // the records, the first one from the comma before its n on
	ends []int  // body's length before each reading
	base int64  // bt's value in microseconds
	out  []byte
}

func (e *senml) Begin(h Header) {
	b := record.AppendQuoted(append(e.head[:0], `[{"bn":`...), h.Device)
	e.head = append(b[:len(b)-1], `/"`...)
	e.mid = append(h.appendIdentity(append(e.mid[:0], ',')), `,"count":`...)
	e.rest = h.appendRest(e.rest[:0])
	e.bt, e.body, e.ends = e.bt[:0], e.body[:0], e.ends[:0]
}

func (e *senml) Add(it *record.Item, wall int64, unsynced bool) int {
	b := e.body
	e.ends = append(e.ends, len(b))
	if len(e.ends) == 1 {
		e.base, e.bt = wall, appendSeconds(append(e.bt[:0], `,"bt":`...), wall)
		b = append(b, ',')
	} else {
		b = append(b, "},{"...)
	}
	b = append(append(b, `"n":"`...), it.Series.Name...)
	if it.Kind == record.Failed {
		b = record.AppendQuoted(append(b, `/error","vs":`...), string(it.Err))
	} else {
		b = append(b, '"')
		if it.Series.Unit != "" {
			b = record.AppendQuoted(append(b, `,"u":`...), it.Series.Unit)
		}
		if it.Kind == record.Boolean {
			b = append(b, `,"vb":`...)
		} else {
			b = append(b, `,"v":`...)
		}
		b = appendValue(b, it)
	}
	if wall != e.base {
		b = appendSeconds(append(b, `,"t":`...), wall-e.base)
	}
	if unsynced {
		b = append(b, unsyncedMember...)
	}
	e.body = b
	return e.Len()
}

func (e *senml) Truncate(count int) {
	if count < len(e.ends) {
		e.body = e.body[:e.ends[count]]
		e.ends = e.ends[:count]
		if count == 0 {
			e.bt = e.bt[:0]
		}
	}
}

func (e *senml) Count() int { return len(e.ends) }

func (e *senml) Len() int {
	n := len(e.head) + len(e.bt) + len(e.mid) + digits(len(e.ends)) + len(e.rest) + len(e.body) + len(senmlTail)
	if len(e.ends) == 0 {
		n += len(senmlNone)
	}
	return n
}

func (e *senml) Finish() []byte {
	b := slices.Grow(e.out[:0], e.Len())
	b = append(append(append(b, e.head...), e.bt...), e.mid...)
	b = strconv.AppendInt(b, int64(len(e.ends)), 10)
	b = append(append(b, e.rest...), e.body...)
	if len(e.ends) == 0 {
		b = append(b, senmlNone...)
	}
	e.out = append(b, senmlTail...)
	return e.out
}
