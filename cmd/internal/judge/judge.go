// Package judge keeps the books of a receiver: it takes the messages that arrived at a broker and says which readings of
// which stream are there, which arrived twice, which were given up openly, and which are simply missing.
//
// It promises a second opinion: it decodes json, columns and senml with code of its own and shares none with the publisher.
// It holds four bytes a number, so a run of many millions of readings fits in memory, and it takes well over a million
// readings a second on one core. What it cannot know it says: inside a columns message a number cannot be told from its
// neighbours, so a repeat that was cut differently counts as unchecked. How messages get here is left to others.
package judge

import (
	"context"
	"strings"
	"sync"

	"pinhole/sensors"
)

// Rules name what a message can break. They stand in Violation.Rule.
const (
	Malformed   = "malformed"   // not what section 4 of the payload's description allows
	Altered     = "altered"     // a repeat differs from what arrived first, beyond the repair of an unsynced time
	Invented    = "invented"    // a number at or after the stream's end, or an end in two places
	Resurrected = "resurrected" // a reading arrived for the first time after it had been declared lost
	Unit        = "unit"        // an unknown quantity, or a unit that is not the quantity's
	Order       = "order"       // times of a series do not increase with the numbers
	Identity    = "identity"    // a stream that is no UUIDv7, or that two devices claim
	Claim       = "claim"       // a lost entry that cannot be: no count, span below count, unknown reason, numbers after the end
)

// Violation is one broken rule.
type Violation struct {
	Rule   string `json:"rule"`
	Device string `json:"device,omitempty"`
	Stream string `json:"stream,omitempty"`
	Seq    uint64 `json:"seq"`
	Detail string `json:"detail"`
}

// keptViolations bounds the list; the count goes on.
const keptViolations = 100

// Totals are the judge's running counters.
type Totals struct {
	Messages   uint64 `json:"messages"`   // messages taken, repeats included
	Bytes      uint64 `json:"bytes"`      // their payloads
	Readings   uint64 `json:"readings"`   // distinct readings
	Duplicates uint64 `json:"duplicates"` // readings that had arrived before
	Claimed    uint64 `json:"claimed"`    // readings declared lost, each entry once
	Ended      uint64 `json:"ended"`      // streams with an end
	Violations uint64 `json:"violations"`
}

type streamKey struct{ device, stream string }

// series is a (sensor, quantity) pair; its id is its place in order of appearance.
type series struct {
	id       uint32
	sensor   string
	quantity string
}

// Judge is safe for concurrent use.
type Judge struct {
	mu         sync.Mutex
	totals     Totals
	streams    map[streamKey]*stream
	order      []*stream
	owner      map[string]string // stream -> device
	series     map[string]*series
	violations []Violation
	dec        decoder
	changed    chan struct{} // closed at the next Take; nil when nobody waits
}

// New returns an empty judge.
func New() *Judge {
	return &Judge{
		streams: map[streamKey]*stream{},
		owner:   map[string]string{},
		series:  map[string]*series{},
		dec:     decoder{names: map[string]string{}},
	}
}

// Take books one message. It returns an error for a message that is not what the payload's description allows; such a message
// is counted as a violation and changes nothing else. seen, when not nil, is called with the decoded batch before Take
// returns; the batch belongs to the judge and must not be kept. payload is not kept.
func (j *Judge) Take(payload []byte, seen func(*Batch)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.totals.Messages++
	j.totals.Bytes += uint64(len(payload))
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
	b, err := j.dec.decode(payload)
	if err != nil {
		j.violate(Malformed, nil, b.Seq, err.Error()+excerpt(payload))
		return err
	}
	j.book(b)
	if seen != nil {
		seen(b)
	}
	return nil
}

func (j *Judge) book(b *Batch) {
	s := j.stream(b.Device, b.Stream)
	for i := range b.Lost {
		l := &b.Lost[i]
		j.claim(j.stream(b.Device, l.Stream), *l)
	}
	if b.Numbered {
		for i := range b.Readings {
			j.row(s, b.Seq+uint64(i), &b.Readings[i])
		}
	} else {
		j.pack(s, b)
	}
	if n := b.Seq + b.Count; b.End {
		j.end(s, n)
	}
}

func (j *Judge) end(s *stream, n uint64) {
	switch {
	case s.ended && s.endAt != n:
		j.violate(Invented, s, n, "a second end, elsewhere than the first")
	case !s.ended:
		s.ended, s.endAt = true, n
		j.totals.Ended++
		if s.next > n {
			j.violate(Invented, s, s.next-1, "arrived, though the stream ends before it")
		}
	}
}

func (j *Judge) stream(device, id string) *stream {
	k := streamKey{device, id}
	s := j.streams[k]
	if s != nil {
		return s
	}
	// The decoder's names live as long as the judge, so the key's strings may be kept.
	s = newStream(device, id)
	j.streams[k] = s
	j.order = append(j.order, s)
	if !uuid7(id) {
		j.violate(Identity, s, 0, "the stream is not a UUIDv7")
	}
	if d, ok := j.owner[id]; ok && d != device {
		j.violate(Identity, s, 0, "the stream belongs to device "+d)
	} else {
		j.owner[id] = device
	}
	return s
}

// seriesOf finds the pair and checks its unit once a reading, against the closed table.
func (j *Judge) seriesOf(s *stream, n uint64, r *Reading) *series {
	key := append(append(append(j.dec.key[:0], r.Sensor...), 0), r.Quantity...)
	j.dec.key = key
	p := j.series[string(key)]
	if p == nil {
		p = &series{id: uint32(len(j.series)), sensor: r.Sensor, quantity: r.Quantity}
		j.series[string(key)] = p
	}
	info, ok := sensors.Quantity(r.Quantity).Lookup()
	switch {
	case !ok:
		j.violate(Unit, s, n, "unknown quantity "+r.Quantity)
	case info.Unit != r.Unit && (r.Unit != "" || r.Error == "" || j.dec.batch.Format != "senml"):
		// A SenML error is a text, and a text has no unit.
		j.violate(Unit, s, n, r.Quantity+" in "+quoted(r.Unit)+" instead of "+quoted(info.Unit))
	case r.Error == "" && info.Boolean != r.Boolean:
		j.violate(Unit, s, n, r.Quantity+": a number in place of a truth value, or the reverse")
	}
	return p
}

func (j *Judge) violate(rule string, s *stream, n uint64, detail string) {
	j.totals.Violations++
	if len(j.violations) == keptViolations {
		return
	}
	v := Violation{Rule: rule, Seq: n, Detail: detail}
	if s != nil {
		v.Device, v.Stream = s.device, s.id
	}
	j.violations = append(j.violations, v)
}

// Totals returns the counters as they stand.
func (j *Judge) Totals() Totals {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.totals
}

// Await returns nil as soon as cond holds, looking again after every message, or ctx's error.
func (j *Judge) Await(ctx context.Context, cond func(Totals) bool) error {
	for {
		j.mu.Lock()
		if cond(j.totals) {
			j.mu.Unlock()
			return nil
		}
		if j.changed == nil {
			j.changed = make(chan struct{})
		}
		changed := j.changed
		j.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func quoted(unit string) string {
	if unit == "" {
		return "no unit"
	}
	return unit
}

// excerpt shows how a refused message begins, on one line.
func excerpt(payload []byte) string {
	const most = 80
	if len(payload) > most {
		payload = payload[:most]
	}
	clean := func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return '.'
		}
		return r
	}
	return ": " + strings.Map(clean, string(payload))
}

// uuid7 reports whether s is a UUID of version 7 in its canonical text form (RFC 9562, section 5.7).
func uuid7(s string) bool {
	if len(s) != 36 || s[14] != '7' || !strings.ContainsRune("89ab", rune(s[19])) {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case c < '0' || c > '9' && c < 'a' || c > 'f':
			return false
		}
	}
	return true
}
