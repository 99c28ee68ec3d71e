package queue

import (
	"errors"
	"io/fs"
	"slices"
)

// coin is a fair coin that depends on both numbers: a block is kept by chance, so that a slow sensor whose readings fall into
// every second block does not vanish.
func coin(a, b uint64) bool {
	x := (a+0x9E3779B97F4A7C15)*0xBF58476D1CE4E5B9 ^ b*0x94D049BB133111EB
	x ^= x >> 29
	x *= 0xBF58476D1CE4E5B9
	return x>>63 == 1
}

// span is a frame of a segment as thinning sees it.
type span struct {
	off, size int64
	seq       uint64
	count     uint32
}

// thinOne halves the oldest of the least thinned segments that are free. The first and the last frame of a segment stay, so
// that every hole lies inside of a file that says that it was thinned.
func (q *Queue) thinOne() bool {
	q.mu.Lock()
	var s *segment
	for _, i := range q.free() {
		c := q.segs[i]
		// Where a thinned range was told already, the reader would take new holes for those.
		told := q.table.spanned(c.epoch, c.base, max(c.last, q.stop(i).Seq, c.base+1))
		if !told && !c.spent && (s == nil || c.level < s.level) {
			s = c
		}
	}
	if s == nil {
		q.mu.Unlock()
		return false
	}
	s.held = true
	limit := q.stop(q.index(s))
	q.mu.Unlock()
	err := q.thin(s, limit)
	q.mu.Lock()
	s.held = false
	if err != nil {
		s.spent = true
	}
	q.mu.Unlock()
	signal(q.ready)
	if errors.Is(err, errSpent) { // another one may do
		return q.thinOne()
	}
	if err != nil {
		q.note(err)
	}
	return err == nil
}

var errSpent = errors.New("nothing to thin")

func (q *Queue) thin(s *segment, limit Position) error {
	src, err := q.o.FS.Open(segName(s.ordinal))
	if err != nil {
		return err
	}
	defer src.Close()
	all, err := frames(src, s, limit)
	if err != nil {
		return err
	}
	keep, dropped := q.choose(s, all)
	h := s.segHeader
	h.level++
	h.records = 0
	size := int64(headerLen)
	for _, f := range keep {
		size += f.size
		h.records += uint64(f.count)
	}
	if h.level == 0 || roundPage(size) >= s.size {
		return errSpent
	}
	if err := q.rewrite(src, &h, keep, size); err != nil {
		return err
	}
	q.mu.Lock()
	s.segHeader, s.size, s.end = h, roundPage(size), size
	s.spent = len(keep) <= 2
	q.purgeSpans(s.epoch, dropped)
	q.mu.Unlock()
	return nil
}

// frames lists the sound frames of a segment, but for those from limit on, which the next one holds too.
func frames(f File, s *segment, limit Position) (all []span, err error) {
	var sc scanner
	var fr frame
	sc.reset(f, s.salt, headerLen, s.end)
	for {
		ok, err := sc.next(&fr)
		if err != nil || !ok {
			return all, err
		}
		if (Position{s.epoch, fr.seq}).Less(limit) {
			all = append(all, span{fr.off, fr.size, fr.seq, fr.count})
		}
	}
}

// choose keeps one of every two frames between the first and the last.
func (q *Queue) choose(s *segment, all []span) (keep, dropped []span) {
	for i := 0; i < len(all); i++ {
		if i == 0 || i+2 >= len(all) {
			keep = append(keep, all[i])
			continue
		}
		a, b := all[i], all[i+1]
		if coin(s.ordinal<<8|uint64(s.level), a.seq) {
			a, b = b, a
		}
		keep, dropped = append(keep, a), append(dropped, b)
		i++
	}
	return keep, dropped
}

// rewrite copies the frames of keep into a new file that takes the place of the old one.
func (q *Queue) rewrite(src File, h *segHeader, keep []span, size int64) error {
	name := segName(h.ordinal)
	if err := q.o.FS.Remove(name + tmpSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dst, err := q.o.FS.Create(name + tmpSuffix)
	if err != nil {
		return err
	}
	err = q.copyFrames(dst, src, h, keep, size)
	if err == nil {
		err = q.counted(dst.Sync())
	}
	err = errors.Join(err, dst.Close())
	if err == nil {
		err = q.o.FS.Rename(name+tmpSuffix, name)
	}
	if err != nil {
		q.scrap(name+tmpSuffix, roundPage(size))
		return err
	}
	q.counted(q.o.FS.Sync()) // should it fail, a crash may bring the fuller file back: no harm
	return nil
}

func (q *Queue) copyFrames(dst, src File, h *segHeader, keep []span, size int64) error {
	if err := dst.Allocate(size); err != nil {
		return err
	}
	buf := h.append(make([]byte, 0, flushBytes))
	var off int64
	for i, f := range keep {
		n := len(buf)
		buf = slices.Grow(buf, int(f.size))[:n+int(f.size)]
		if got, err := src.ReadAt(buf[n:], f.off); got < int(f.size) {
			return err
		}
		if len(buf) >= flushBytes-MaxBlock || i == len(keep)-1 {
			if _, err := dst.WriteAt(buf, off); err != nil {
				return err
			}
			q.countWrite(off, int64(len(buf)))
			off += int64(len(buf))
			buf = buf[:0]
		}
	}
	return nil
}

// purgeSpans takes blocks out of memory that thinning took off the disk.
func (q *Queue) purgeSpans(epoch uint32, dropped []span) {
	for _, f := range dropped {
		q.purge(Position{epoch, f.seq}, Position{epoch, f.seq + uint64(f.count)})
	}
}
