package queue

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"slices"
	"time"
)

// segment is one file of blocks of one stream. The fields after the header are guarded by the queue's mutex.
type segment struct {
	segHeader
	size  int64  // what the file takes, in whole pages
	end   int64  // where the sound contents end: the reader and a restart look no further
	last  uint64 // the number after the last frame, if known
	known bool
	ended bool // the last frame ends the stream
	held  bool // being thinned or given up: the reader waits
	spent bool // thinning gains nothing any more
}

func (s *segment) start() Position { return Position{s.epoch, s.base} }

// writer is the segment that blocks are appended to. It belongs to whoever holds the queue's disk.
type writer struct {
	seg *segment
	f   File
	off int64
	buf []byte
}

func (q *Queue) index(s *segment) int { return slices.Index(q.segs, s) }

// stop is the position after everything in segment i.
func (q *Queue) stop(i int) Position {
	s := q.segs[i]
	if i+1 < len(q.segs) && q.segs[i+1].epoch == s.epoch {
		return q.segs[i+1].start()
	}
	if s.known && !s.ended {
		return Position{s.epoch, s.last}
	}
	return Position{Epoch: s.epoch + 1}
}

// used is what the folder holds, as it counts against Max: the state twice, as it has to be made anew after a failed sync.
func (q *Queue) used() int64 {
	n := int64(dirReserve+2*stateLen) + q.foreign
	for _, s := range q.segs {
		n += s.size
	}
	for _, s := range q.trash {
		n += s.size
	}
	return n
}

// room is the limit for segments: thinning needs space for the copy that it makes.
func (q *Queue) room() int64 {
	if q.o.WhenFull == Thin {
		return q.o.Max - q.o.SegmentBytes
	}
	return q.o.Max
}

// errFull says that the folder holds Max and nothing gives way.
var errFull = errors.New("the folder is full")

// roll starts a new segment that begins with number base and has room for a frame of need bytes.
func (q *Queue) roll(base uint64, need int64) error {
	q.seal()
	for {
		q.mu.Lock()
		full := q.used()+q.o.SegmentBytes > q.room()
		q.mu.Unlock()
		if !full {
			break
		}
		if !q.makeRoom() {
			return errFull
		}
	}
	salt := make([]byte, 4)
	rand.Read(salt)
	q.mu.Lock()
	h := segHeader{stream: q.o.Stream, epoch: q.epoch, salt: le.Uint32(salt), base: base, created: time.Now().UnixNano()}
	q.mu.Unlock()
	var f File
	for {
		h.ordinal = q.ordinal
		q.ordinal++
		var err error
		if f, err = q.o.FS.Create(segName(h.ordinal)); err == nil {
			break
		} else if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	size := q.o.SegmentBytes
	err := f.Allocate(size)
	for noSpace(err) && size/2 >= roundPage(headerLen+need) {
		size = roundPage(size / 2)
		err = f.Allocate(size)
	}
	s := &segment{segHeader: h, size: size, end: headerLen, last: base, known: true}
	if err != nil {
		f.Close()
		q.scrap(segName(s.ordinal), s.size)
		return err
	}
	q.w = writer{seg: s, f: f, buf: q.w.buf}
	q.mu.Lock()
	q.segs = append(q.segs, s)
	q.mu.Unlock()
	return nil
}

// write appends as many of the blocks as the segment holds, in one write and one sync, and returns how many these were. They
// are on the card when the error is nil.
func (q *Queue) write(group []*entry, floor Position) (int, error) {
	first := group[0]
	need := int64(frameLen + pad8(len(first.data)))
	if q.w.seg != nil && q.w.off+need > q.w.seg.size {
		q.seal()
	}
	fresh := q.w.seg == nil
	if fresh {
		if err := q.roll(first.seq, need); err != nil {
			return 0, err
		}
	}
	w := &q.w
	w.buf = w.buf[:0]
	if fresh {
		w.buf = w.seg.segHeader.append(w.buf)
	}
	n := 0
	for _, e := range group {
		if w.off+int64(len(w.buf)+frameLen+pad8(len(e.data))) > w.seg.size {
			break
		}
		w.buf = appendFrame(w.buf, w.seg.salt, floor, e.seq, e.count, e.end, e.data)
		n++
	}
	_, err := w.f.WriteAt(w.buf, w.off)
	if err == nil {
		q.countWrite(w.off, int64(len(w.buf)))
		err = q.counted(w.f.Sync())
	}
	if err == nil && fresh {
		err = q.counted(q.o.FS.Sync())
	}
	if err != nil {
		q.abandon()
		return 0, err
	}
	w.off += int64(len(w.buf))
	last := group[n-1]
	q.mu.Lock()
	w.seg.end, w.seg.last, w.seg.ended = w.off, last.seq+uint64(last.count), last.end
	q.mu.Unlock()
	return n, nil
}

// seal ends the segment being written and gives its unused room back.
func (q *Queue) seal() {
	if q.w.seg == nil {
		return
	}
	// Synced, or the room would be in use again after a power cut.
	if size := roundPage(q.w.off); size < q.w.seg.size && q.w.f.Truncate(q.w.off) == nil && q.counted(q.w.f.Sync()) == nil {
		q.mu.Lock()
		q.w.seg.size = size
		q.mu.Unlock()
	}
	q.w.f.Close()
	q.w = writer{buf: q.w.buf}
}

// abandon leaves a segment in which a write or a sync failed. What was synced before stays; the rest is written again from
// memory into a new file, whose base tells the reader where the old one ends.
func (q *Queue) abandon() {
	s := q.w.seg
	q.w.f.Close()
	q.w = writer{buf: q.w.buf}
	if s.end > headerLen {
		return
	}
	q.mu.Lock()
	q.segs = slices.DeleteFunc(q.segs, func(o *segment) bool { return o == s })
	q.mu.Unlock()
	q.scrap(segName(s.ordinal), s.size)
}

// litter is a file that has to go.
type litter struct {
	name string
	size int64
}

func litterOf(segs []*segment) (l []litter) {
	for _, s := range segs {
		l = append(l, litter{segName(s.ordinal), s.size})
	}
	return l
}

// scrap removes a file in which nothing counts, now or with the trash.
func (q *Queue) scrap(name string, size int64) {
	if err := q.o.FS.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		q.mu.Lock()
		q.trash = append(q.trash, litter{name, size})
		q.mu.Unlock()
	}
}

// retire takes the segments that are settled out of the list. The files go once the cursor that has passed them is durable.
func (q *Queue) retire() {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for n < len(q.segs) && q.segs[n] != q.w.seg && !q.acked.Less(q.stop(n)) {
		n++
	}
	if n > 0 {
		q.trash = append(q.trash, litterOf(q.segs[:n])...)
		q.segs = slices.Delete(q.segs, 0, n)
	}
}

// emptyTrash removes the files of retired segments; to be called only after the state was saved.
func (q *Queue) emptyTrash() error {
	q.mu.Lock()
	trash := q.trash
	q.trash = nil
	q.mu.Unlock()
	var failed []litter
	var last error
	for _, l := range trash {
		if err := q.o.FS.Remove(l.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, l)
			last = err
		}
	}
	q.mu.Lock()
	q.trash = append(q.trash, failed...)
	q.mu.Unlock()
	return last
}

// free returns the indices of the segments that may be given up, oldest first: not the one being written, none that holds
// blocks in flight, none that the reader is in.
func (q *Queue) free() (idx []int) {
	for i, s := range q.segs {
		flying := q.acked.Less(q.rd.pos) && s.start().Less(q.rd.pos) && q.acked.Less(q.stop(i))
		if s != q.w.seg && s != q.rd.seg && !s.held && !flying {
			idx = append(idx, i)
		}
	}
	return idx
}

// makeRoom gives up a segment, or a part of one, by the policy. The loss is durable before the file goes.
func (q *Queue) makeRoom() bool {
	q.retire()
	q.mu.Lock()
	waits := len(q.trash) > 0
	q.mu.Unlock()
	if waits {
		return q.saveState() == nil && q.emptyTrash() == nil
	}
	switch q.o.WhenFull {
	case DropNewest:
		return false
	case Thin:
		if q.thinOne() {
			return true
		}
	}
	return q.dropOldest()
}

// dropOldest gives up the oldest segment that is free.
func (q *Queue) dropOldest() bool {
	q.mu.Lock()
	idx := q.free()
	if len(idx) == 0 {
		q.mu.Unlock()
		return false
	}
	s := q.segs[idx[0]]
	s.held = true
	q.mu.Unlock()

	q.measure(s)

	q.mu.Lock()
	i := q.index(s)
	from, to := later(q.acked, s.start()), q.stop(i)
	if to.Epoch > s.epoch { // an ended stream, or one whose last frames nobody can read
		to = Position{s.epoch, max(s.base, s.last)}
	}
	if from.Less(to) {
		q.table.add(s.epoch, Loss{Stream: s.stream, Seq: from.Seq, Count: to.Seq - from.Seq, Reason: QueueFull}, asRange)
	}
	q.segs = slices.Delete(q.segs, i, i+1)
	q.trash = append(q.trash, litter{segName(s.ordinal), s.size})
	q.purge(s.start(), to)
	q.mu.Unlock()
	q.noteLoss()
	if err := q.saveState(); err != nil {
		q.note(err)
		return false
	}
	return q.emptyTrash() == nil
}

// purge takes blocks out of memory whose segment was given up.
func (q *Queue) purge(from, to Position) {
	if from.Epoch != q.epoch {
		return
	}
	kept := q.tail[:0]
	flushed := 0
	for i, e := range q.tail {
		p := Position{q.epoch, e.seq}
		if i < q.flushed && !p.Less(from) && p.Less(to) {
			q.kept -= e.cost()
			continue
		}
		if i < q.flushed {
			flushed++
		}
		kept = append(kept, e)
	}
	clear(q.tail[len(kept):])
	q.tail, q.flushed = kept, flushed
}

// measure finds out where a segment's last frame ends.
func (q *Queue) measure(s *segment) {
	q.mu.Lock()
	known, end := s.known, s.end
	q.mu.Unlock()
	if known {
		return
	}
	last, ended, _, _, err := survey(q.o.FS, s, end)
	if err != nil {
		return
	}
	q.mu.Lock()
	s.last, s.ended, s.known = max(last, s.base), ended, true
	q.mu.Unlock()
}

// survey reads a whole segment: the number after its last frame, whether that ends the stream, the highest floor, and where the
// sound contents end.
func survey(dir FS, s *segment, end int64) (last uint64, ended bool, floor Position, sound int64, err error) {
	f, err := dir.Open(segName(s.ordinal))
	if err != nil {
		return 0, false, floor, 0, err
	}
	defer f.Close()
	var sc scanner
	var fr frame
	sc.reset(f, s.salt, headerLen, end)
	sound = headerLen
	for {
		ok, err := sc.next(&fr)
		if err != nil || !ok {
			return last, ended, floor, sound, err
		}
		last, ended, sound = fr.seq+uint64(fr.count), fr.end, sc.off
		if !(Position{s.epoch, fr.seq}).Less(fr.floor) {
			floor = later(floor, fr.floor)
		}
	}
}
