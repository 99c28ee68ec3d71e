package queue

import (
	"errors"
	"io/fs"
	"sort"
	"time"
)

// reader is the place of the one reader. pos, seg and off are guarded by the queue's mutex; file and scanner belong to the
// goroutine that calls Next.
type reader struct {
	pos   Position // the next number to give out
	high  Position // the furthest pos ever was: nothing beyond can be acknowledged
	given Position // where the last block given out ended; between it and pos there is nothing to settle
	seg   *segment // where pos is on disk; nil: to be looked up
	off   int64    // in seg
	retry time.Time
	tries int // failed reads in a row
	skips int // unreadable pages in a row

	file File
	of   *segment // the segment that file is
	sc   scanner
}

func (r *reader) close() {
	if r.file != nil {
		r.file.Close()
	}
	r.file, r.of = nil, nil
}

// Ready is signalled, with room for one signal, when Next or NextLoss may have something that they had not before.
func (q *Queue) Ready() <-chan struct{} { return q.ready }

// Next gives out the next block; false: there is none now. One goroutine calls Next and Rewind. It reads the disk when the
// block is not in memory. Holes in the numbers that nobody accounted for become losses on the way.
func (q *Queue) Next() (Block, bool) {
	var fr frame
	for {
		q.mu.Lock()
		e, s := q.peek()
		if e != nil {
			b := q.give(e)
			q.mu.Unlock()
			return b, true
		}
		if s == nil || s.held || !q.rd.retry.IsZero() && time.Now().Before(q.rd.retry) {
			q.mu.Unlock()
			return Block{}, false
		}
		off, end := q.rd.off, s.end
		q.mu.Unlock()

		ok, err := q.rd.read(q.o.FS, s, off, end, &fr)

		q.mu.Lock()
		switch {
		case err != nil:
			q.unreadable(s, err)
		case !ok:
			q.rd.off = max(end, off)
		default:
			q.rd.retry, q.rd.tries, q.rd.skips = time.Time{}, 0, 0
			q.rd.off = fr.off + fr.size
			if b, ok := q.take(s, &fr); ok {
				q.mu.Unlock()
				return b, true
			}
		}
		q.mu.Unlock()
	}
}

// peek decides where the next block comes from: memory, a segment, or nowhere (nil, nil).
func (q *Queue) peek() (*entry, *segment) {
	r := &q.rd
	if len(q.tail) > 0 && !r.pos.Less(Position{q.epoch, q.tail[0].seq}) {
		return q.fromTail(), nil
	}
	if r.seg == nil {
		if i := max(q.segmentAt(r.pos), 0); i < len(q.segs) {
			r.seg, r.off = q.segs[i], headerLen
		}
	}
	for r.seg != nil {
		i := sort.Search(len(q.segs), func(i int) bool { return !before(q.segs[i], r.seg) })
		listed := i < len(q.segs) && q.segs[i] == r.seg
		if listed && r.off+frameLen <= r.seg.end {
			return nil, r.seg
		}
		if listed {
			i++
		}
		for i < len(q.segs) && q.segs[i].end <= headerLen {
			i++
		}
		if i >= len(q.segs) {
			break
		}
		r.seg, r.off = q.segs[i], headerLen
	}
	return q.fromTail(), nil
}

// segmentAt returns the index of the last segment that begins at or before p; -1: there is none.
func (q *Queue) segmentAt(p Position) int {
	return sort.Search(len(q.segs), func(i int) bool { return p.Less(q.segs[i].start()) }) - 1
}

// before is the order of segments: by run, then by file.
func before(a, b *segment) bool {
	if a.epoch != b.epoch {
		return a.epoch < b.epoch
	}
	return a.ordinal < b.ordinal
}

// fromTail is the next block in memory, if it may be shown.
func (q *Queue) fromTail() *entry {
	if i := q.tailAt(q.rd.pos); i < len(q.tail) && q.visible(q.tail[i]) {
		return q.tail[i]
	}
	return nil
}

// give hands out a block from memory.
func (q *Queue) give(e *entry) Block {
	q.hole(q.o.Stream, Position{q.epoch, e.seq}, nil)
	b := Block{Epoch: q.epoch, Stream: q.o.Stream, Seq: e.seq, Count: int(e.count), Data: e.data, End: e.end, Born: e.born}
	q.pass(&b)
	return b
}

// take hands out a frame of s unless it is known, superseded or given up.
func (q *Queue) take(s *segment, fr *frame) (Block, bool) {
	r := &q.rd
	start, stop := Position{s.epoch, fr.seq}, fr.stop(s.epoch)
	if i := q.index(s); i >= 0 && i+1 < len(q.segs) {
		// Written again in the next file, after a failed sync in this one.
		if n := q.segs[i+1]; n.epoch == s.epoch && n.base <= fr.seq && n.end > headerLen {
			r.off = s.end
			return Block{}, false
		}
	}
	if q.acked.Less(fr.floor) && !start.Less(fr.floor) { // settled before they were ever written, and the state did not know
		q.advance(fr.floor)
	}
	if !r.pos.Less(stop) {
		return Block{}, false
	}
	q.hole(s.stream, start, s)
	if !fr.end && q.table.covers(s.epoch, fr.seq, stop.Seq) {
		q.moveTo(stop)
		if !q.acked.Less(r.given) {
			q.advance(r.pos)
		}
		return Block{}, false
	}
	b := Block{Epoch: s.epoch, Stream: s.stream, Seq: fr.seq, Count: int(fr.count), Data: fr.data, End: fr.end}
	q.pass(&b)
	return b, true
}

// pass moves the reader behind b.
func (q *Queue) pass(b *Block) {
	if p := q.rd.pos; p.Epoch == b.Epoch && p.Seq > b.Seq {
		b.Skip = int(min(p.Seq-b.Seq, uint64(b.Count)))
	}
	q.moveTo(b.Stop())
	q.rd.given = q.rd.pos
}

func (q *Queue) moveTo(p Position) {
	q.rd.pos = later(q.rd.pos, p)
	q.rd.high = later(q.rd.high, q.rd.pos)
}

// hole lists the numbers between the reader and a block that begins at start as lost, but for those that are listed already. s is
// the block's segment. The missing end of an earlier stream is no loss entry: nobody knows how long it was.
func (q *Queue) hole(stream Stream, start Position, s *segment) {
	from := later(q.rd.pos, Position{Epoch: start.Epoch})
	if from.Epoch != start.Epoch || from.Seq >= start.Seq {
		return
	}
	add := func(a, b uint64, why Reason) {
		if a < b && q.table.add(start.Epoch, Loss{Stream: stream, Seq: a, Count: b - a, Reason: why}, asHole) {
			q.noteLoss()
		}
	}
	if i := q.segmentAt(from); s == nil && i >= 0 { // the block came from memory, what is missing was on disk
		s = q.segs[i]
	}
	if s != nil && s.level > 0 && s.epoch == start.Epoch {
		cut := min(max(from.Seq, s.base), start.Seq)
		add(from.Seq, cut, Corrupt)
		add(cut, start.Seq, Thinned)
		return
	}
	add(from.Seq, start.Seq, Corrupt)
}

// unreadable deals with a failed read: it is tried again a second later, three times in all; then the page is passed over, and
// after three such pages the rest of the file. A file that vanished is passed over at once.
func (q *Queue) unreadable(s *segment, err error) {
	r := &q.rd
	r.tries++
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.off = s.end
		return
	case r.tries < readTries && !q.readOnly:
		r.retry = time.Now().Add(readRetry)
		signal(q.wake)
		return
	}
	q.log.Warn("queue: cannot read", "file", segName(s.ordinal), "offset", r.off, "error", err.Error())
	r.retry, r.tries = time.Time{}, 0
	if r.skips++; r.skips > readTries {
		r.off, r.skips = s.end, 0
		return
	}
	r.off = (r.off/pageLen + 1) * pageLen
}

// read finds the next sound frame of s from off on.
func (r *reader) read(dir FS, s *segment, off, end int64, fr *frame) (bool, error) {
	if r.of != s {
		r.close()
		f, err := dir.Open(segName(s.ordinal))
		if err != nil {
			return false, err
		}
		r.file, r.of = f, s
		r.sc.reset(f, s.salt, off, end)
	}
	r.sc.off, r.sc.end = off, end
	ok, err := r.sc.next(fr)
	if err != nil {
		r.close()
	}
	return ok, err
}

// Rewind puts the reader back to the first block that is not settled: nothing is in flight any more. To be called after a lost
// link, by the goroutine that calls Next.
func (q *Queue) Rewind() {
	q.rd.close()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rd.pos, q.rd.given = q.acked, q.acked
	q.rd.seg, q.rd.retry, q.rd.tries = nil, time.Time{}, 0
	for i := range q.table.entries {
		q.table.entries[i].offered = false
	}
	signal(q.ready)
	signal(q.wake)
}

// Acked is the position below which everything is settled.
func (q *Queue) Acked() Position {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.acked
}

// Ack settles everything below p. It is cumulative and idempotent, and may come late or after a Rewind. What was never given
// out cannot be settled: p is cut to the furthest that Next has reached.
func (q *Queue) Ack(p Position) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if p.Epoch == 0 && q.acked.Epoch == q.epoch { // given out while there was no folder
		p.Epoch = q.epoch
	}
	if q.rd.high.Less(p) {
		p = q.rd.high
	}
	if !p.Less(q.rd.given) {
		p = later(p, q.rd.pos)
	}
	if !q.acked.Less(p) {
		return
	}
	q.acks++
	q.advance(p)
	if q.acks >= stateAcks || len(q.segs) > 0 && !p.Less(q.stop(0)) || q.disk == DiskFull {
		signal(q.wake)
	}
}

func (q *Queue) advance(p Position) {
	q.acked = p
	q.moveTo(p)
	q.table.prune(p)
	q.trim()
}
