package queue

import (
	"bytes"
	"slices"
	"sort"
	"time"
)

// entry is one block of this run in memory. All but onDisk and busy are constant.
type entry struct {
	seq    uint64
	count  uint32
	end    bool
	born   time.Time
	data   []byte
	onDisk bool // written and synced
	busy   bool // being written
}

func (e *entry) cost() int64 { return int64(len(e.data)) + entryCost }

func (e *entry) stop(epoch uint32) Position {
	if e.end {
		return Position{Epoch: epoch + 1}
	}
	return Position{epoch, e.seq + uint64(e.count)}
}

// Append puts count readings at the end of this run's stream and returns the number of the first. born is when the oldest of
// them was taken, by a clock with a monotonic part (zero: now). data is copied: one allocation a block. Append never waits for
// the disk and never fails: a block that cannot be kept (longer than MaxBlock, or no room is left) becomes a Loss, and its
// numbers are used up. Without readings, after End and after Close it does nothing.
func (q *Queue) Append(born time.Time, count int, data []byte) uint64 {
	if born.IsZero() {
		born = time.Now()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	seq := q.next
	if count <= 0 || int64(count) > 1<<32-1 || q.ended || q.closed {
		return seq
	}
	q.next += uint64(count)
	q.appended += uint64(count)
	lost := Loss{Stream: q.o.Stream, Seq: seq, Count: uint64(count), Reason: Oversize}
	if len(data) > MaxBlock {
		q.table.add(q.epoch, lost, asIs)
		q.noteLoss()
		return seq
	}
	if q.pending+int64(len(data))+entryCost > q.o.MemoryBytes && !q.makeMemory() {
		lost.Reason = QueueFull
		q.table.add(q.epoch, lost, asIs)
		q.noteLoss()
		return seq
	}
	q.push(&entry{seq: seq, count: uint32(count), born: born, data: bytes.Clone(data)})
	return seq
}

// End says that the stream ends cleanly here. Next gives it out as a block of its own after all others.
func (q *Queue) End() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended || q.closed {
		return
	}
	q.ended = true
	q.push(&entry{seq: q.next, end: true, born: time.Now()})
}

func (q *Queue) push(e *entry) {
	first := q.flushed == len(q.tail)
	q.tail = append(q.tail, e)
	q.pending += e.cost()
	if first || q.o.Sync == 0 || q.pending >= flushBytes {
		signal(q.wake)
	}
	if q.visible(e) {
		signal(q.ready)
	}
}

// visible: with Sync 0 a block is shown only once it is on disk, unless the disk takes nothing.
func (q *Queue) visible(e *entry) bool { return q.o.Sync > 0 || e.onDisk || q.disk != DiskOK }

// inFlight reports whether e was given to the reader since the last Rewind and may be on its way.
func (q *Queue) inFlight(e *entry) bool {
	return !q.rd.pos.Less(e.stop(q.epoch))
}

// makeMemory gives up pending blocks by the policy. Neither what is in flight nor what is being written goes. It returns
// whether there is room for another block.
func (q *Queue) makeMemory() bool {
	if q.o.WhenFull == DropNewest {
		return false
	}
	may := func(e *entry) bool { return !e.onDisk && !e.busy && !e.end && !q.inFlight(e) }
	left := q.o.MemoryBytes / 16 // not block by block: each round walks the whole tail
	if q.o.WhenFull == Thin {
		left -= q.discard(Thinned, q.halfOf(may))
	}
	q.discard(QueueFull, func(e *entry) bool {
		if left <= 0 || !may(e) {
			return false
		}
		left -= e.cost()
		return true
	})
	return q.pending+MaxBlock+entryCost <= q.o.MemoryBytes
}

// halfOf picks one of every two blocks, by a coin.
func (q *Queue) halfOf(may func(*entry) bool) func(*entry) bool {
	pick := make(map[*entry]bool)
	var prev *entry
	for _, e := range q.tail[q.flushed:] {
		switch {
		case !may(e):
			prev = nil
		case prev == nil:
			prev = e
		default:
			if coin(q.next, prev.seq) {
				pick[prev] = true
			} else {
				pick[e] = true
			}
			prev = nil
		}
	}
	return func(e *entry) bool { return pick[e] }
}

// discard takes blocks out of memory that are not on disk and lists them as lost. It returns the bytes freed.
func (q *Queue) discard(why Reason, pick func(*entry) bool) int64 {
	var freed int64
	sum := Loss{Stream: q.o.Stream, Reason: why}
	kept := slices.DeleteFunc(q.tail[q.flushed:], func(e *entry) bool {
		if !pick(e) {
			return false
		}
		freed += e.cost()
		if sum.Count > 0 && why != Thinned && sum.Seq+sum.Count != e.seq {
			sum.Span = 0
			q.table.add(q.epoch, sum, asIs)
			sum.Count = 0
		}
		if sum.Count == 0 {
			sum.Seq = e.seq
		}
		sum.Count += uint64(e.count)
		sum.Span = e.seq + uint64(e.count) - sum.Seq
		return true
	})
	if sum.Span == sum.Count {
		sum.Span = 0
	}
	q.table.add(q.epoch, sum, asIs)
	q.tail = q.tail[:q.flushed+len(kept)]
	q.pending -= freed
	if freed > 0 {
		q.noteLoss()
	}
	return freed
}

// tailAt returns the index of the first block in memory that ends after p.
func (q *Queue) tailAt(p Position) int {
	return sort.Search(len(q.tail), func(i int) bool { return p.Less(q.tail[i].stop(q.epoch)) })
}

// trim takes settled blocks out of memory, and those on disk that are more than keepBytes.
func (q *Queue) trim() {
	n := 0
	for n < len(q.tail) {
		e := q.tail[n]
		done := !q.acked.Less(e.stop(q.epoch))
		if !done && !(n < q.flushed && q.kept > keepBytes) {
			break
		}
		q.tail[n] = nil
		if n < q.flushed {
			q.kept -= e.cost()
		} else {
			q.pending -= e.cost()
			if !e.busy {
				q.elided += uint64(e.count)
			}
		}
		n++
	}
	q.tail = q.tail[n:]
	q.flushed = max(0, q.flushed-n)
}
