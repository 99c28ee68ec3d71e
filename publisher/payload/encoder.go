package payload

import (
	"fmt"
	"strconv"

	"pinhole/publisher/record"
)

// Header is what a message says besides its readings.
type Header struct {
	Device string
	Stream [16]byte // a UUID
	Seq    uint64   // number of the first reading, or the next one to come
	Lost   []Loss
	End    bool // the stream ends cleanly with this message
}

// Loss is an entry about readings that were given up.
type Loss struct {
	Stream [16]byte
	Seq    uint64 // the first number
	Count  uint64
	Span   uint64 // not 0: the Count are spread over the Span numbers from Seq on
	Reason string // queue_full thinned corrupt oversize rejected
}

// Encoder builds one message after the other. It is for one goroutine.
//
//  1. Begin starts a message and forgets the one before.
//  2. Add appends a reading. wall is its time in microseconds since 1970 UTC, which may be better than the item's own;
//     unsynced marks it as not to be trusted. The item is not kept. Add returns the new Len.
//  3. Truncate takes readings back until count are left.
//  4. Finish returns the message, Len bytes, valid until the next call of any method but Len and Count. The message may be
//     continued after it.
type Encoder interface {
	Begin(h Header)
	Add(it *record.Item, wall int64, unsynced bool) int
	Truncate(count int)
	Count() int // readings in the message
	Len() int   // bytes of the message if it were finished now
	Finish() []byte
}

// Formats returns the names that New knows, the default first.
func Formats() []string { return []string{"json", "columns", "senml"} }

// New returns an Encoder for a format.
func New(format string) (Encoder, error) {
	switch format {
	case "json":
		return new(rows), nil
	case "columns":
		return newColumns(), nil
	case "senml":
		return new(senml), nil
	}
	return nil, fmt.Errorf("payload: no format %q", format)
}

// AddWithin adds the reading if the message stays within limit bytes, and says whether it did.
func AddWithin(e Encoder, it *record.Item, wall int64, unsynced bool, limit int) bool {
	if e.Add(it, wall, unsynced) <= limit {
		return true
	}
	e.Truncate(e.Count() - 1)
	return false
}

// appendIdentity appends stream and seq as members.
func (h *Header) appendIdentity(dst []byte) []byte {
	dst = appendUUID(append(dst, `"stream":"`...), h.Stream)
	return strconv.AppendUint(append(dst, `","seq":`...), h.Seq, 10)
}

// appendRest appends lost and end as members with a comma before each.
func (h *Header) appendRest(dst []byte) []byte {
	for i := range h.Lost {
		l := &h.Lost[i]
		if i == 0 {
			dst = append(dst, `,"lost":[`...)
		} else {
			dst = append(dst, ',')
		}
		dst = appendUUID(append(dst, `{"stream":"`...), l.Stream)
		dst = strconv.AppendUint(append(dst, `","seq":`...), l.Seq, 10)
		dst = strconv.AppendUint(append(dst, `,"count":`...), l.Count, 10)
		if l.Span != 0 {
			dst = strconv.AppendUint(append(dst, `,"span":`...), l.Span, 10)
		}
		dst = append(record.AppendQuoted(append(dst, `,"reason":`...), l.Reason), '}')
	}
	if len(h.Lost) > 0 {
		dst = append(dst, ']')
	}
	if h.End {
		dst = append(dst, `,"end":true`...)
	}
	return dst
}
