package payload

import (
	"slices"
	"strconv"

	"pinhole/publisher/record"
	"pinhole/sensors"
)

const columnsTail = "]}"

// none stands for no cell and no column.
const none = -1

// columns is the Encoder of "columns". The text of each reading is made once, in the order of arrival, as a cell in one
// buffer; cells of one column are chained, and Finish follows the chains. So memory is bounded by the message, whatever its
// mixture of series, and the latest reading can always be taken back.
type columns struct {
	head  []byte // up to the count's name
	rest  []byte // from behind the count's value up to the first series
	text  []byte // of all cells
	cells []cell
	cols  []column
	first map[*record.Series]int32 // the newest column of a series
	body  int                      // bytes of all series, their separators included
	out   []byte
}

// cell is one reading: text[time:value] is its time, text[value:] up to the next cell's time its value.
type cell struct {
	wall        int64
	time, value int32
	column      int32
	prev, next  int32 // in the same column
}

// column is one member of "series".
type column struct {
	series   *record.Series
	err      sensors.Class
	boolean  bool
	unsynced bool
	older    int32 // another column of the same series
	first    int32 // cells
	last     int32
	frame    int // bytes besides the cells
}

func newColumns() *columns { return &columns{first: make(map[*record.Series]int32)} }

func (e *columns) Begin(h Header) {
	b := record.AppendQuoted(append(e.head[:0], `{"device":`...), h.Device)
	e.head = append(h.appendIdentity(append(b, ',')), `,"count":`...)
	e.rest = append(h.appendRest(e.rest[:0]), `,"series":[`...)
	e.text, e.cells, e.body = e.text[:0], e.cells[:0], 0
	clear(e.cols) // lets go of the series
	e.cols = e.cols[:0]
	clear(e.first)
}

func (e *columns) Add(it *record.Item, wall int64, unsynced bool) int {
	id := e.column(it, unsynced)
	col := &e.cols[id]
	c := cell{wall: wall, time: int32(len(e.text)), column: id, prev: col.last, next: none}
	if c.prev == none {
		e.text = appendMillis(e.text, wall)
		col.first = int32(len(e.cells))
	} else {
		prev := &e.cells[c.prev]
		e.text = appendMillis(e.text, wall-prev.wall)
		prev.next = int32(len(e.cells))
	}
	c.value = int32(len(e.text))
	if col.err == "" {
		e.text = appendValue(e.text, it)
	}
	col.last = int32(len(e.cells))
	e.cells = append(e.cells, c)
	e.body += len(e.text) - int(c.time) + col.commas(c.prev)
	return e.Len()
}

// commas returns how many commas a cell brings along.
func (c *column) commas(prev int32) int {
	switch {
	case prev == none:
		return 0
	case c.err == "":
		return 2
	}
	return 1
}

// column finds or makes the column for a reading.
func (e *columns) column(it *record.Item, unsynced bool) int32 {
	boolean := it.Kind == record.Boolean
	newest, ok := e.first[it.Series]
	if !ok {
		newest = none
	}
	for id := newest; id != none; id = e.cols[id].older {
		if c := &e.cols[id]; c.err == it.Err && c.boolean == boolean && c.unsynced == unsynced {
			return id
		}
	}
	id := int32(len(e.cols))
	e.cols = append(e.cols, column{series: it.Series, err: it.Err, boolean: boolean, unsynced: unsynced, older: newest,
		first: none, last: none})
	e.first[it.Series] = id
	c := &e.cols[id]
	at := len(e.text)
	e.text = c.appendEnd(c.appendMiddle(c.appendStart(e.text)))
	c.frame = len(e.text) - at
	e.text = e.text[:at]
	if id > 0 {
		c.frame++ // the comma before it
	}
	e.body += c.frame
	return id
}

func (c *column) appendStart(dst []byte) []byte {
	return append(append(append(dst, '{'), c.series.JSON...), `,"time":[`...)
}

func (c *column) appendMiddle(dst []byte) []byte {
	if c.err != "" {
		return append(dst, ']')
	}
	return append(dst, `],"value":[`...)
}

func (c *column) appendEnd(dst []byte) []byte {
	if c.err != "" {
		dst = record.AppendQuoted(append(dst, `,"error":`...), string(c.err))
	} else {
		dst = append(dst, ']')
	}
	if c.unsynced {
		dst = append(dst, unsyncedMember...)
	}
	return append(dst, '}')
}

func (e *columns) Truncate(count int) {
	for len(e.cells) > count {
		last := len(e.cells) - 1
		c := e.cells[last]
		col := &e.cols[c.column]
		e.body -= len(e.text) - int(c.time) + col.commas(c.prev)
		e.text, e.cells = e.text[:c.time], e.cells[:last]
		if c.prev != none {
			col.last = c.prev
			e.cells[c.prev].next = none
			continue
		}
		// Its column is the newest of all, because columns are made in the order of their first cells.
		e.body -= col.frame
		if col.older != none {
			e.first[col.series] = col.older
		} else {
			delete(e.first, col.series)
		}
		e.cols = e.cols[:c.column]
	}
}

func (e *columns) Count() int { return len(e.cells) }

func (e *columns) Len() int {
	return len(e.head) + digits(len(e.cells)) + len(e.rest) + e.body + len(columnsTail)
}

func (e *columns) Finish() []byte {
	b := slices.Grow(e.out[:0], e.Len())
	b = strconv.AppendInt(append(b, e.head...), int64(len(e.cells)), 10)
	b = append(b, e.rest...)
	for i := range e.cols {
		col := &e.cols[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = col.appendStart(b)
		for id := col.first; id != none; id = e.cells[id].next {
			if id != col.first {
				b = append(b, ',')
			}
			b = append(b, e.text[e.cells[id].time:e.cells[id].value]...)
		}
		b = col.appendMiddle(b)
		for id := col.first; id != none && col.err == ""; id = e.cells[id].next {
			if id != col.first {
				b = append(b, ',')
			}
			b = append(b, e.text[e.cells[id].value:e.end(id)]...)
		}
		b = col.appendEnd(b)
	}
	e.out = append(b, columnsTail...)
	return e.out
}

// end returns where the text of a cell ends.
func (e *columns) end(id int32) int32 {
	if int(id)+1 < len(e.cells) {
		return e.cells[id+1].time
	}
	return int32(len(e.text))
}
