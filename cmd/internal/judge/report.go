package judge

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Range is the numbers from From up to, but without, To.
type Range struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

func (r Range) String() string {
	if r.To == r.From+1 {
		return fmt.Sprint(r.From)
	}
	return fmt.Sprintf("%d-%d", r.From, r.To-1)
}

// keptRanges bounds the list of missing ranges; Missing counts all.
const keptRanges = 100

// StreamReport is the account of one stream. Taken = Arrived + the sum of Lost + Missing.
type StreamReport struct {
	Device     string            `json:"device"`
	Stream     string            `json:"stream"`
	Taken      uint64            `json:"taken"`   // numbers given out, as far as the end, an arrival or a lost entry tells
	Ended      bool              `json:"ended"`   // closed by an end marker: Taken is certain
	Arrived    uint64            `json:"arrived"` // distinct readings
	Errors     uint64            `json:"errors"`  // of them, error readings
	Unsynced   uint64            `json:"unsynced"`
	Duplicates uint64            `json:"duplicates"`
	Unchecked  uint64            `json:"unchecked"` // repeats inside columns messages that were cut differently
	Late       uint64            `json:"late"`      // first arrivals after a higher number; right only after a refused batch was split
	Lost       map[string]uint64 `json:"lost"`      // by reason; without those that arrived nevertheless
	LostYet    uint64            `json:"lost_yet"`  // arrived first and were declared lost later, as when only the ack was lost
	Missing    uint64            `json:"missing"`
	Ranges     []Range           `json:"missing_ranges"` // the first of them
}

// Report is the whole account.
type Report struct {
	Totals
	Streams []StreamReport `json:"streams"` // in order of appearance
	Broken  []Violation    `json:"broken"`  // the first of them; Totals.Violations counts all
}

// Report works the account out; it may take a while after millions of readings with holes.
func (j *Judge) Report() Report {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := Report{Totals: j.totals, Broken: slices.Clone(j.violations), Streams: []StreamReport{}}
	for _, s := range j.order {
		r.Streams = append(r.Streams, s.report(func(l Loss, what string) {
			r.Violations++
			if len(r.Broken) < keptViolations {
				r.Broken = append(r.Broken, Violation{Claim, s.device, s.id, l.Seq, what})
			}
		}))
	}
	return r
}

func (s *stream) report(broken func(Loss, string)) StreamReport {
	r := StreamReport{
		Device: s.device, Stream: s.id, Ended: s.ended, Arrived: s.arrived, Errors: s.errors, Unsynced: uint64(len(s.loose)),
		Duplicates: s.duplicates, Unchecked: s.unchecked, Late: s.late, Lost: map[string]uint64{},
	}
	r.Taken = max(s.next, s.claimedTo)
	if s.ended {
		r.Taken = max(s.endAt, s.next)
	}
	open := s.holes(r.Taken)
	var spans []Loss
	for _, l := range s.claims {
		if s.ended && l.Seq+max(l.Span, l.Count) > s.endAt {
			broken(l, "a lost entry reaches beyond the stream's end")
		}
		if l.Span > l.Count {
			spans = append(spans, l)
			continue
		}
		var n uint64
		open, n = take(open, Range{l.Seq, l.Seq + l.Count}, l.Count)
		r.Lost[l.Reason] += n
	}
	for _, p := range s.plain {
		r.LostYet += s.arrivedIn(p)
	}
	// Spread losses: the span that ends first takes its share of the holes first, which settles as many as can be settled.
	slices.SortStableFunc(spans, func(a, b Loss) int { return int(int64(a.Seq+a.Span) - int64(b.Seq+b.Span)) })
	for _, l := range spans {
		var n uint64
		open, n = take(open, Range{l.Seq, l.Seq + l.Span}, l.Count)
		r.Lost[l.Reason] += n
		r.LostYet += l.Count - n
	}
	for _, h := range open {
		r.Missing += h.To - h.From
	}
	r.Ranges = append([]Range{}, open[:min(len(open), keptRanges)]...)
	return r
}

// holes lists the numbers below end that did not arrive.
func (s *stream) holes(end uint64) []Range {
	var out []Range
	from := uint64(0) // everything below it is settled
	for _, at := range slices.Sorted(maps.Keys(s.chunks)) {
		c := s.chunks[at]
		for i := range c {
			if c[i] == 0 {
				continue
			}
			if n := at*chunkSize + uint64(i); n > from && from < end {
				out = append(out, Range{from, min(n, end)})
			}
			from = at*chunkSize + uint64(i) + 1
		}
	}
	if from < end {
		out = append(out, Range{from, end})
	}
	return out
}

// arrivedIn counts the numbers of p that arrived.
func (s *stream) arrivedIn(p Range) (n uint64) {
	for at, c := range s.chunks {
		first := at * chunkSize
		for i := max(p.From, first); i < min(p.To, first+chunkSize); i++ {
			if c[i-first] != 0 {
				n++
			}
		}
	}
	return n
}

// insert adds r to a sorted list of ranges that neither touch nor overlap.
func insert(list []Range, r Range) []Range {
	i, _ := slices.BinarySearchFunc(list, r.From, func(x Range, from uint64) int {
		if x.To < from {
			return -1
		}
		return 1
	})
	k := i
	for ; k < len(list) && list[k].From <= r.To; k++ {
		r = Range{min(r.From, list[k].From), max(r.To, list[k].To)}
	}
	return slices.Replace(list, i, k, r)
}

func contains(list []Range, n uint64) bool {
	i, _ := slices.BinarySearchFunc(list, n, func(x Range, n uint64) int {
		if x.To <= n {
			return -1
		}
		return 1
	})
	return i < len(list) && list[i].From <= n
}

// take removes the first most numbers that lie in r from the list and says how many there were.
func take(list []Range, r Range, most uint64) (rest []Range, n uint64) {
	i, _ := slices.BinarySearchFunc(list, r.From, func(x Range, from uint64) int {
		if x.To <= from {
			return -1
		}
		return 1
	})
	var left []Range
	k := i
	for ; k < len(list) && list[k].From < r.To && n < most; k++ {
		x := list[k]
		from := max(x.From, r.From)
		to := min(x.To, r.To, from+(most-n))
		n += to - from
		if x.From < from {
			left = append(left, Range{x.From, from})
		}
		if to < x.To {
			left = append(left, Range{to, x.To})
		}
	}
	return slices.Replace(list, i, k, left...), n
}

// Sum adds the streams up.
func (r Report) Sum() (taken, arrived, lost, missing uint64) {
	for _, s := range r.Streams {
		taken += s.Taken
		arrived += s.Arrived
		missing += s.Missing
		for _, n := range s.Lost {
			lost += n
		}
	}
	return taken, arrived, lost, missing
}

// Err returns nil when every number arrived or was declared lost and no rule was broken.
func (r Report) Err() error {
	_, _, _, missing := r.Sum()
	switch {
	case r.Violations > 0:
		return fmt.Errorf("%d rules broken, first: %s", r.Violations, r.Broken[0])
	case missing > 0:
		for _, s := range r.Streams {
			if s.Missing > 0 {
				return fmt.Errorf("%d readings missing, first: %v of stream %s", missing, s.Ranges[0], s.Stream)
			}
		}
	}
	return nil
}

func (v Violation) String() string {
	return fmt.Sprintf("%s: %s (device %q, stream %s, number %d)", v.Rule, v.Detail, v.Device, v.Stream, v.Seq)
}

// WriteText prints the account for people.
func (r Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d messages, %d bytes, %d readings, %d of them again\n", r.Messages, r.Bytes, r.Readings+r.Duplicates, r.Duplicates)
	for _, s := range r.Streams {
		state := "open"
		if s.Ended {
			state = "ended"
		}
		fmt.Fprintf(&b, "%s %s (%s): taken %d, arrived %d, missing %d", s.Device, s.Stream, state, s.Taken, s.Arrived, s.Missing)
		for _, reason := range slices.Sorted(maps.Keys(s.Lost)) {
			fmt.Fprintf(&b, ", lost %d %s", s.Lost[reason], reason)
		}
		for _, extra := range []struct {
			n    uint64
			what string
		}{{s.Duplicates, "again"}, {s.Errors, "errors"}, {s.Unsynced, "unsynced"}, {s.Late, "late"}, {s.LostYet, "declared lost yet arrived"}} {
			if extra.n > 0 {
				fmt.Fprintf(&b, ", %d %s", extra.n, extra.what)
			}
		}
		b.WriteByte('\n')
		if s.Missing > 0 {
			fmt.Fprintf(&b, "  missing: %v\n", s.Ranges)
		}
	}
	for _, v := range r.Broken {
		fmt.Fprintf(&b, "  %s\n", v)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
