package queue

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Queue is one folder in use by one run. Its methods may be called from several goroutines, but Next and Rewind from one only.
type Queue struct {
	o     Options
	log   *slog.Logger
	wake  chan struct{} // to Run: something may be due
	ready chan struct{} // to the reader
	io    chan struct{} // held by whoever uses the disk; guards w, state, stateBuf, ordinal, group

	w        writer
	state    stateFile
	stateBuf []byte
	ordinal  uint64 // of the next segment
	group    []*entry
	unlock   io.Closer
	readOnly bool // Inspect and Dump

	mu       sync.Mutex // never held during I/O
	epoch    uint32
	next     uint64
	ended    bool
	closed   bool
	attached bool // the folder is read and locked
	acked    Position
	acks     int // since the state was saved
	meta     []byte

	tail    []*entry // this run's blocks in memory, in order
	flushed int      // how many of them, from the first on, are on disk
	pending int64    // cost of the others
	kept    int64    // cost of those

	segs    []*segment // in the order of before
	trash   []litter   // settled or given up; the files go after the next save
	foreign int64      // bytes of files that are ours but of no use
	bad     int        // files with a damaged header
	table   table
	rd      reader

	disk         Disk
	why          string
	retryAt      time.Time
	tidyAt       time.Time // when blocks were last written, or the state looked at
	trashFailed  bool
	metaDirty    bool
	stateOnDisk  bool
	savedAt      Position
	savedVersion uint64

	appended, elided uint64
	syncs, syncFails uint64
	bytesOut         uint64
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Open reads the folder and starts a new stream in it. The error is ErrLocked, or says what is wrong in o. Nothing on the disk
// keeps a queue from opening: what is damaged is passed over, and while the folder cannot be used, blocks stay in memory and
// Run tries again. Open writes nothing but what it mends: it cuts the newest file to its sound contents and removes settled ones.
func Open(o Options) (*Queue, error) {
	q, err := newQueue(o)
	if err != nil {
		return nil, err
	}
	if err := q.attach(time.Now()); errors.Is(err, ErrLocked) {
		return nil, fmt.Errorf("queue: open %s: %w", o.Dir, ErrLocked)
	}
	return q, nil
}

func newQueue(o Options) (*Queue, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	q := &Queue{o: o, log: o.Log, wake: make(chan struct{}, 1), ready: make(chan struct{}, 1), io: make(chan struct{}, 1)}
	q.state.written = q.countWrite
	return q, nil
}

// attach takes the folder into use. Until it has succeeded, this run's epoch is 0.
func (q *Queue) attach(now time.Time) error {
	err := q.load()
	if err != nil {
		if q.unlock != nil {
			q.unlock.Close()
			q.unlock = nil
		}
		q.failWrite(err, now)
		return err
	}
	q.recovered()
	signal(q.ready)
	return nil
}

func (q *Queue) load() error {
	dir := q.o.FS
	if !q.readOnly {
		if err := dir.Make(); err != nil {
			return fmt.Errorf("make %s: %w", q.o.Dir, err)
		}
		unlock, err := dir.Lock()
		if errors.Is(err, ErrLocked) {
			return err
		}
		q.unlock = unlock
		if err != nil { // a read-only card without the file: what is there can be read all the same
			q.note(fmt.Errorf("lock: %w", err))
		}
	}
	names, err := dir.List()
	if err != nil {
		return fmt.Errorf("list %s: %w", q.o.Dir, err)
	}
	s, found := loadState(dir)
	q.state.gen = s.gen
	q.foreign, q.bad = 0, 0
	segs := q.loadSegments(names)
	cursor := s.cursor
	if len(segs) > 0 {
		cursor = later(cursor, q.mendNewest(segs[len(segs)-1]))
	}
	epoch := cursor.Epoch
	for _, s := range segs {
		epoch = max(epoch, s.epoch)
	}
	for i := range s.losses {
		epoch = max(epoch, s.losses[i].epoch)
	}

	q.mu.Lock()
	defer q.mu.Unlock()
	q.adopt(epoch+1, cursor, segs, s, found)
	q.attached = true
	return nil
}

// adopt joins what the folder holds with what this run has in memory already, if the folder came late: the run is the last in
// the folder, what it has settled so far is listed as such, and the reader goes back to the oldest block of all.
func (q *Queue) adopt(epoch uint32, cursor Position, segs []*segment, s snapshot, found bool) {
	settled := uint64(0)
	if q.acked.Epoch == q.epoch {
		settled = q.acked.Seq
	}
	for i := range q.table.entries {
		q.table.entries[i].epoch = epoch
	}
	for _, e := range s.losses {
		q.table.lastID++
		e.id = q.table.lastID
		q.table.entries = append(q.table.entries, e)
	}
	if q.meta == nil && found {
		q.meta = s.meta
	}
	q.epoch, q.segs = epoch, segs
	q.stateOnDisk, q.savedAt, q.savedVersion = found, s.cursor, q.table.version
	q.acked = cursor
	n := 0
	for n < len(q.segs) && !q.acked.Less(q.stop(n)) {
		n++
	}
	q.trash, q.segs = append(q.trash, litterOf(q.segs[:n])...), slices.Delete(q.segs, 0, n)
	if len(q.segs) == 0 {
		q.acked = Position{epoch, settled}
		q.rd.pos.Epoch, q.rd.high.Epoch = epoch, epoch
		q.rd.pos, q.rd.high = later(q.rd.pos, q.acked), later(q.rd.high, q.acked)
		q.rd.given = q.rd.pos
		return
	}
	q.table.elide(q.o.Stream, epoch, settled)
	q.rd = reader{pos: q.acked, high: q.acked, given: q.acked}
}

// loadSegments reads the header of every segment.
func (q *Queue) loadSegments(names []Entry) (segs []*segment) {
	dir := q.o.FS
	for _, e := range names {
		ordinal, ok := parseSegName(e.Name)
		if ok {
			q.ordinal = max(q.ordinal, ordinal+1)
		}
		switch {
		case !e.Regular:
		case e.Name == badName:
			q.bad++
			q.foreign += roundPage(e.Size)
		case e.Name == stateTemp || strings.HasSuffix(e.Name, segSuffix+tmpSuffix):
			if !q.readOnly { // a crash before the rename: what it was to replace is there, or nothing was
				dir.Remove(e.Name)
			}
		case ok:
			h, v := readHeader(dir, e.Name)
			if v == valid && h.ordinal != ordinal {
				v = damaged // not the file that it says it is
			}
			switch v {
			case valid:
				segs = append(segs, &segment{segHeader: h, size: roundPage(e.Size), end: e.Size})
			case empty:
				if !q.readOnly {
					dir.Remove(e.Name)
				}
			case newer:
				q.foreign += roundPage(e.Size)
				q.log.Warn("queue: written by a later version, left alone", "file", e.Name)
			case damaged:
				q.bad++
				q.setAside(e)
			}
		}
	}
	slices.SortFunc(segs, func(a, b *segment) int {
		if before(a, b) {
			return -1
		}
		return 1
	})
	return segs
}

func readHeader(dir FS, name string) (segHeader, verdict) {
	f, err := dir.Open(name)
	if err != nil {
		return segHeader{}, damaged
	}
	defer f.Close()
	b := make([]byte, headerLen)
	n, err := f.ReadAt(b, 0)
	if n < headerLen && err != nil && !errors.Is(err, io.EOF) {
		return segHeader{}, newer // unreadable today, perhaps not tomorrow: left alone
	}
	return parseHeader(b[:n])
}

// setAside renames a file whose header is damaged, for a person to look at. One such file is kept, the newest.
func (q *Queue) setAside(e Entry) {
	q.log.Warn("queue: damaged header, set aside", "file", e.Name, "as", badName)
	if q.readOnly {
		return
	}
	if err := q.o.FS.Rename(e.Name, badName); err != nil {
		q.note(err)
	}
	q.foreign = roundPage(e.Size)
}

// mendNewest cuts the newest segment to its sound contents, which gives preallocated room back, and returns the highest floor
// in it. Nothing is ever appended to the file of an earlier run.
func (q *Queue) mendNewest(s *segment) Position {
	last, ended, floor, sound, err := survey(q.o.FS, s, s.end)
	if err != nil {
		return floor
	}
	s.known, s.ended = true, ended
	s.last = max(last, s.base)
	if sound == s.end || q.readOnly {
		return floor
	}
	s.end = sound
	f, err := q.o.FS.Edit(segName(s.ordinal))
	if err != nil {
		return floor
	}
	if f.Truncate(sound) == nil && q.counted(f.Sync()) == nil {
		s.size = roundPage(sound)
	}
	f.Close()
	return floor
}

// SetMeta keeps up to MaxMeta bytes of the caller's in the state file; more are refused. They are durable before any block that
// is written later, and after Close.
func (q *Queue) SetMeta(b []byte) error {
	if len(b) > MaxMeta {
		return fmt.Errorf("queue: set meta: %d bytes; %d are possible", len(b), MaxMeta)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !bytes.Equal(q.meta, b) {
		q.meta, q.metaDirty = bytes.Clone(b), true
	}
	return nil
}

// Meta returns what SetMeta kept, in this run or an earlier one.
func (q *Queue) Meta() []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	return bytes.Clone(q.meta)
}

// Stats returns a snapshot.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	st := Stats{Memory: q.pending + q.kept, Appended: q.appended, Elided: q.elided, Lost: q.table.lost, Forgotten: q.table.forgotten,
		Syncs: q.syncs, SyncFails: q.syncFails, Written: q.bytesOut, Segments: len(q.segs), Disk: q.disk, Why: q.why}
	if q.attached && (q.stateOnDisk || len(q.segs) > 0) {
		st.Bytes = q.used()
	}
	if q.acked.Epoch == q.epoch {
		st.Acked = q.acked.Seq
	} else if q.acked.Epoch > q.epoch {
		st.Acked = q.next
	}
	for i, s := range q.segs {
		n := q.readings(i)
		st.Readings += n
		if n > 0 && st.Oldest.IsZero() {
			st.Oldest = time.Unix(0, s.created)
		}
	}
	for _, e := range q.tail[q.flushed:] {
		p := Position{q.epoch, e.seq}
		st.Readings += uint64(e.count) - min(uint64(e.count), later(p, q.acked).Seq-e.seq)
		if st.Oldest.IsZero() {
			st.Oldest = e.born
		}
	}
	return st
}

// readings estimates what is unsettled in segment i.
func (q *Queue) readings(i int) uint64 {
	s := q.segs[i]
	from, to := later(q.acked, s.start()), q.stop(i)
	if to.Epoch > s.epoch {
		to = Position{s.epoch, s.last}
	}
	if from.Epoch != s.epoch || to.Seq <= from.Seq {
		return 0
	}
	n := to.Seq - from.Seq
	if s.level > 0 {
		n = min(n, s.records)
	}
	return n
}
