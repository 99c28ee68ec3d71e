package judge

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// chunkSize numbers share one allocation, so that a stray huge number costs little.
const chunkSize = 1 << 10

// chunk holds a fingerprint for each of its numbers; 0: not arrived.
type chunk [chunkSize]uint32

// packed stands for a number that arrived inside a columns message, where readings have no number of their own.
const packed = 1

// packSum is the fingerprint of a whole columns message, with times and without.
type packSum struct {
	full, loose uint64
	unsynced    bool
}

// lastTime is how far the times of one series have come.
type lastTime struct {
	n           uint64
	known       bool
	time, below int64 // the latest time at number n, and at numbers below n
}

// stream is one run of one device.
type stream struct {
	device, id string
	chunks     map[uint64]*chunk
	loose      map[uint64]uint32 // numbers that stand unsynced: the fingerprint without time
	packs      map[Range]packSum
	times      []lastTime // by series id
	claims     []Loss     // each once, as they came
	plain      []Range    // numbers of claims without a span, merged and sorted
	next       uint64     // the number after the highest that arrived
	arrived    uint64
	duplicates uint64
	unchecked  uint64
	errors     uint64
	late       uint64
	claimedTo  uint64 // the number after the highest in a claim
	ended      bool
	endAt      uint64

	recent   *chunk // the last one used, and its place
	recentAt uint64
}

func newStream(device, id string) *stream {
	return &stream{device: device, id: id, chunks: map[uint64]*chunk{}, loose: map[uint64]uint32{}, packs: map[Range]packSum{}}
}

// slot returns the place of number n.
func (s *stream) slot(n uint64) *uint32 {
	at := n / chunkSize
	if s.recent == nil || s.recentAt != at {
		c := s.chunks[at]
		if c == nil {
			c = new(chunk)
			s.chunks[at] = c
		}
		s.recent, s.recentAt = c, at
	}
	return &s.recent[n%chunkSize]
}

// mix spreads x over h (the finalizer of a multiplicative hash; it need not resist attack).
func mix(h, x uint64) uint64 {
	h = (h ^ x) * 0x9E3779B97F4A7C15
	return h ^ bits.RotateLeft64(h, 29)
}

// prints returns the fingerprints of a reading with its time and its clock mark, and without both.
func prints(p *series, r *Reading) (full, loose uint64) {
	loose = mix(uint64(p.id)+1, math.Float64bits(r.Value))
	if r.Boolean {
		loose = mix(loose, 1)
	}
	for i := range len(r.Error) {
		loose = mix(loose, uint64(r.Error[i]))
	}
	full = mix(loose, uint64(r.Time))
	if r.Unsynced {
		full = mix(full, 2)
	}
	return full, loose
}

// short folds a fingerprint to what a number's slot holds: never 0 nor packed.
func short(h uint64) uint32 { return max(uint32(h>>32)^uint32(h), packed+1) }

// row books reading r under its number.
func (j *Judge) row(s *stream, n uint64, r *Reading) {
	p := j.seriesOf(s, n, r)
	full, loose := prints(p, r)
	slot := s.slot(n)
	switch *slot {
	case 0:
		*slot = short(full)
		j.first(s, n, r)
		j.advance(s, p, n, r)
		if r.Unsynced {
			s.loose[n] = short(loose)
		}
		return
	case packed:
		s.unchecked++
	case short(full):
	default:
		// The one change that is allowed: an unsynced time was repaired.
		if old, ok := s.loose[n]; ok && !r.Unsynced && old == short(loose) {
			*slot = short(full)
			delete(s.loose, n)
		} else {
			j.violate(Altered, s, n, fmt.Sprintf("%s %s arrived again, but not as before", r.Sensor, r.Quantity))
		}
	}
	s.duplicates++
	j.totals.Duplicates++
}

// first books the first arrival of a number.
func (j *Judge) first(s *stream, n uint64, r *Reading) {
	s.arrived++
	j.totals.Readings++
	if r.Error != "" {
		s.errors++
	}
	if n < s.next {
		s.late++
	} else {
		s.next = n + 1
	}
	if s.ended && n >= s.endAt {
		j.violate(Invented, s, n, fmt.Sprintf("arrived, though the stream ended at %d", s.endAt))
	}
	if len(s.plain) > 0 && contains(s.plain, n) {
		j.violate(Resurrected, s, n, "arrived for the first time after it was declared lost")
	}
}

// advance checks that the times of a series increase with its numbers. Untrusted times prove nothing.
func (j *Judge) advance(s *stream, p *series, n uint64, r *Reading) {
	if r.Unsynced {
		return
	}
	for uint32(len(s.times)) <= p.id {
		s.times = append(s.times, lastTime{})
	}
	t := &s.times[p.id]
	switch {
	case !t.known:
		*t = lastTime{n: n, known: true, time: r.Time, below: math.MinInt64}
		return
	case n > t.n:
		t.n, t.below = n, t.time
	case n < t.n: // late, after a split: its neighbours have gone
		return
	}
	if r.Time <= t.below {
		j.violate(Order, s, n, fmt.Sprintf("%s %s: time does not increase", r.Sensor, r.Quantity))
	}
	t.time = max(t.time, r.Time)
}

// pack books a columns message: its numbers as one piece.
func (j *Judge) pack(s *stream, b *Batch) {
	var sum packSum
	at := Range{b.Seq, b.Seq + b.Count}
	for i := range b.Readings {
		r := &b.Readings[i]
		full, loose := prints(j.seriesOf(s, b.Seq, r), r)
		sum.full += full
		sum.loose += loose
		sum.unsynced = sum.unsynced || r.Unsynced
	}
	old, again := s.packs[at]
	switch {
	case again && old.full == sum.full:
	case again && old.unsynced && old.loose == sum.loose:
		s.packs[at] = sum
	case again:
		j.violate(Altered, s, b.Seq, "a columns message arrived again, but not as before")
	case b.Count > 0:
		s.packs[at] = sum
	}
	for i := range b.Readings {
		n, r := b.Seq+uint64(i), &b.Readings[i]
		if slot := s.slot(n); *slot == 0 {
			*slot = packed
			j.first(s, n, r)
			j.advance(s, j.seriesOf(s, n, r), b.Seq, r)
			continue
		}
		s.duplicates++
		j.totals.Duplicates++
		if !again {
			s.unchecked++
		}
	}
}

var reasons = []string{"queue_full", "thinned", "corrupt", "oversize", "rejected"}

// claim books a lost entry.
func (j *Judge) claim(s *stream, l Loss) {
	if slices.Contains(s.claims, l) {
		return
	}
	span := max(l.Span, l.Count)
	switch {
	case l.Count == 0, l.Span != 0 && l.Span < l.Count:
		j.violate(Claim, s, l.Seq, fmt.Sprintf("lost %d of a span of %d", l.Count, l.Span))
		return
	case l.Seq > maxSeq || span > maxSeq:
		j.violate(Claim, s, l.Seq, "a lost entry beyond all reason")
		return
	case !slices.Contains(reasons, l.Reason):
		j.violate(Claim, s, l.Seq, "unknown reason "+l.Reason)
	}
	s.claims = append(s.claims, l)
	s.claimedTo = max(s.claimedTo, l.Seq+span)
	j.totals.Claimed += l.Count
	if span == l.Count {
		s.plain = insert(s.plain, Range{l.Seq, l.Seq + span})
	}
}
