package payload

import "pinhole/publisher/record"

const rowsTail = "]}"

// rows is the Encoder of "json".
type rows struct {
	buf  []byte
	ends []int // buf's length before each reading

	// The latest time and its text: the readings of one poll share it.
	wall int64
	time []byte
}

func (e *rows) Begin(h Header) {
	e.ends = e.ends[:0]
	b := record.AppendQuoted(append(e.buf[:0], `{"device":`...), h.Device)
	b = h.appendIdentity(append(b, ','))
	e.buf = append(h.appendRest(b), `,"readings":[`...)
}

func (e *rows) Add(it *record.Item, wall int64, unsynced bool) int {
	if wall != e.wall || len(e.time) == 0 {
		e.wall, e.time = wall, appendMillis(append(e.time[:0], `,"time":`...), wall)
	}
	b := e.buf
	e.ends = append(e.ends, len(b))
	if len(e.ends) > 1 {
		b = append(b, ',')
	}
	b = append(append(b, '{'), it.Series.JSON...)
	e.buf = appendOutcome(append(b, e.time...), it, unsynced)
	return len(e.buf) + len(rowsTail)
}

func (e *rows) Truncate(count int) {
	if count < len(e.ends) {
		e.buf = e.buf[:e.ends[count]]
		e.ends = e.ends[:count]
	}
}

func (e *rows) Count() int { return len(e.ends) }

func (e *rows) Len() int { return len(e.buf) + len(rowsTail) }

func (e *rows) Finish() []byte {
	b := append(e.buf, rowsTail...)
	e.buf = b[:len(e.buf)]
	return b
}
