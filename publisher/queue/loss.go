package queue

import (
	"slices"
	"time"
)

// lossEntry is one line of the table of losses: every hole in the numbers that is known and whose end the cursor has not
// passed, and every loss that has not been delivered. A hole that the reader meets is a new loss only where no entry covers it;
// that makes each reported once, whatever is read again.
type lossEntry struct {
	Loss
	epoch   uint32
	id      uint64
	offered bool // NextLoss gave it out since the last Rewind
	settled bool // delivered; kept until the cursor has passed, lest the reader take the hole for a new one
	durable bool // in the state file
}

func (e *lossEntry) start() Position { return Position{e.epoch, e.Seq} }
func (e *lossEntry) stop() Position  { return Position{e.epoch, e.Seq + e.width()} }

// table is guarded by the queue's mutex.
type table struct {
	entries   []lossEntry
	lastID    uint64
	waiting   time.Time // when the oldest entry that is neither settled nor durable was made; zero: none
	version   uint64    // counts changes
	lost      [reasons]uint64
	forgotten uint64
}

// how says what an addition does about numbers that stand in the table already.
type how uint8

const (
	asHole  how = iota // the reader's: nothing inside of any entry, thinned ranges included, is new
	asRange            // a segment given up: what is listed number by number is not counted again
	asIs               // counted by the caller
)

// add lists l and returns whether anything in it was new.
func (t *table) add(epoch uint32, l Loss, mode how) bool {
	if l.Count == 0 {
		return false
	}
	if mode != asIs && l.Span == 0 {
		from, to := l.Seq, l.Seq+l.Count
		for i := range t.entries {
			e := &t.entries[i]
			if e.epoch != epoch || mode == asRange && e.Span != 0 {
				continue
			}
			a, b := max(from, e.Seq), min(to, e.Seq+e.width())
			if a >= b {
				continue
			}
			left := t.add(epoch, Loss{Stream: l.Stream, Seq: from, Count: a - from, Reason: l.Reason}, mode)
			right := t.add(epoch, Loss{Stream: l.Stream, Seq: b, Count: to - b, Reason: l.Reason}, mode)
			return left || right
		}
	}
	t.version++
	if t.waiting.IsZero() {
		t.waiting = time.Now()
	}
	t.lost[l.Reason] += l.Count
	if t.merge(epoch, l, mode) {
		return true
	}
	if len(t.entries) >= maxLosses {
		i := max(0, slices.IndexFunc(t.entries, func(e lossEntry) bool { return e.settled }))
		if !t.entries[i].settled {
			t.forgotten++
		}
		t.entries = slices.Delete(t.entries, i, i+1)
	}
	t.lastID++
	t.entries = append(t.entries, lossEntry{Loss: l, epoch: epoch, id: t.lastID})
	return true
}

// merge joins l to an entry that waits to be given out: to a range that it continues, or, thinned, to a range that it touches. A
// gap is bridged only forward and by the reader, which has seen that nothing else is missing in it.
func (t *table) merge(epoch uint32, l Loss, mode how) bool {
	for i := range t.entries {
		e := &t.entries[i]
		if e.epoch != epoch || e.Reason != l.Reason || e.offered || e.settled {
			continue
		}
		from, to := min(e.Seq, l.Seq), max(e.Seq+e.width(), l.Seq+l.width())
		touch := e.Seq <= l.Seq+l.width() && l.Seq <= e.Seq+e.width()
		switch {
		case e.Span == 0 && l.Span == 0 && to-from == e.Count+l.Count:
			e.Seq, e.Count = from, to-from
		case l.Reason == Thinned && (touch || mode == asHole && e.Seq < l.Seq):
			e.Seq, e.Count, e.Span = from, e.Count+l.Count, to-from
		default:
			continue
		}
		e.durable = false
		return true
	}
	return false
}

// elide lists numbers [0, n) of a stream as settled without a loss.
func (t *table) elide(s Stream, epoch uint32, n uint64) {
	if n == 0 {
		return
	}
	t.version++
	t.lastID++
	t.entries = append(t.entries, lossEntry{Loss: Loss{Stream: s, Count: n}, epoch: epoch, id: t.lastID, settled: true})
}

// covers reports whether all numbers of [from, to) are listed as lost, number by number, in one entry.
func (t *table) covers(epoch uint32, from, to uint64) bool {
	for i := range t.entries {
		if e := &t.entries[i]; e.epoch == epoch && e.Span == 0 && e.Seq <= from && to <= e.Seq+e.Count {
			return true
		}
	}
	return false
}

// spanned reports whether a thinned range reaches into [from, to).
func (t *table) spanned(epoch uint32, from, to uint64) bool {
	return slices.ContainsFunc(t.entries, func(e lossEntry) bool {
		return e.epoch == epoch && e.Span != 0 && e.Seq < to && from < e.Seq+e.Span
	})
}

// prune forgets what is settled and lies below the cursor.
func (t *table) prune(acked Position) {
	t.entries = slices.DeleteFunc(t.entries, func(e lossEntry) bool { return e.settled && !acked.Less(e.stop()) })
}

// floor is the highest position up to which a crash may recover without forgetting a loss that only memory knows.
func (t *table) floor(acked Position) Position {
	for i := range t.entries {
		if e := &t.entries[i]; !e.settled && !e.durable && e.start().Less(acked) {
			acked = e.start()
		}
	}
	return acked
}

// saved notes that the entries of a snapshot are durable.
func (t *table) saved(snap []lossEntry) {
	byID := make(map[uint64]*lossEntry, len(snap))
	for i := range snap {
		byID[snap[i].id] = &snap[i]
	}
	for i := range t.entries {
		e := &t.entries[i]
		if s := byID[e.id]; s != nil && s.Loss == e.Loss {
			e.durable = true
		}
	}
	if t.stopWaiting(); !t.waiting.IsZero() {
		t.waiting = time.Now()
	}
}

// stopWaiting notes that no loss waits to become durable, if none does.
func (t *table) stopWaiting() {
	if !slices.ContainsFunc(t.entries, func(e lossEntry) bool { return !e.settled && !e.durable }) {
		t.waiting = time.Time{}
	}
}

// GivenUp is a loss to be told to the consumer, with the name by which it is settled.
type GivenUp struct {
	Loss
	ID uint64
}

// NextLoss returns the oldest loss that has not been given out since the last Rewind; false: none now. The caller sends it with
// a batch and calls SettleLoss when that batch is acknowledged. Ready is signalled when there is a new one.
func (q *Queue) NextLoss() (GivenUp, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.table.entries {
		if e := &q.table.entries[i]; !e.settled && !e.offered {
			e.offered = true
			return GivenUp{e.Loss, e.id}, true
		}
	}
	return GivenUp{}, false
}

// SettleLoss says that the loss has been delivered. An ID that is settled or unknown is ignored.
func (q *Queue) SettleLoss(ids ...uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, id := range ids {
		for i := range q.table.entries {
			if e := &q.table.entries[i]; e.id == id && !e.settled {
				e.settled = true
				q.table.version++
			}
		}
	}
	q.table.stopWaiting()
	q.table.prune(q.acked)
}

// Lose says that the caller gives up readings that Next gave it: oversize or rejected. Their numbers stay unsettled until Ack
// passes them; the loss is durable before, or at the same time as, a cursor that has passed them.
func (q *Queue) Lose(l Loss) {
	if l.Reason >= reasons {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	epoch := q.acked.Epoch
	if l.Stream == q.o.Stream {
		epoch = q.epoch
	} else if i := slices.IndexFunc(q.segs, func(s *segment) bool { return s.stream == l.Stream }); i >= 0 {
		epoch = q.segs[i].epoch
	}
	if q.table.add(epoch, l, asRange) {
		q.noteLoss()
	}
}

// noteLoss tells the reader and the disk's keeper that the table grew.
func (q *Queue) noteLoss() {
	signal(q.ready)
	signal(q.wake)
}
