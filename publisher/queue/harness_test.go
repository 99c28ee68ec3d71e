package queue_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"pinhole/publisher/queue"
	"pinhole/publisher/queue/queuetest"
)

// data is the one right content of a block: it follows from stream, number and length.
func data(s queue.Stream, seq uint64, size int) []byte {
	b := make([]byte, max(size, 4)+8)
	x := uint64(s[0])<<56 ^ seq*0x9E3779B97F4A7C15
	for i := 0; i < len(b)-8; i += 8 {
		x ^= x >> 12
		x ^= x << 25
		x ^= x >> 27
		binary.LittleEndian.PutUint64(b[i:], x*0x2545F4914F6CDD1D+seq)
		x++
	}
	binary.LittleEndian.PutUint32(b, uint32(len(b)-8))
	return b[:len(b)-8]
}

func rightData(b *queue.Block) bool {
	return len(b.Data) >= 4 && bytes.Equal(b.Data, data(b.Stream, b.Seq, int(binary.LittleEndian.Uint32(b.Data))))
}

// number is one reading.
type number struct {
	stream queue.Stream
	seq    uint64
}

// world is what a test knows about the numbers of all runs in one folder.
type world struct {
	t    testing.TB
	opts queue.Options
	disk *queuetest.Disk
	q    *queue.Queue
	run  byte

	appended  map[number]bool
	confirmed map[number]bool // a Flush after it returned nil
	settled   map[number]bool // acked
	settledIn map[number]byte // the run in which
	got       map[number]int
	lost      map[number]queue.Reason
	told      map[number]byte // the run in which
	thin      uint64          // numbers in losses that are spread over a span
	ends      map[queue.Stream]uint64
	last      map[queue.Stream]uint64 // highest number seen since the last rewind
	flying    []queue.Block
}

func newWorld(t testing.TB, disk *queuetest.Disk, o queue.Options) *world {
	o.FS, o.Dir = disk, "test"
	if o.Max == 0 {
		o.Max = 1 << 20
	}
	return &world{t: t, opts: o, disk: disk, appended: map[number]bool{}, confirmed: map[number]bool{}, settled: map[number]bool{},
		settledIn: map[number]byte{},
		got:       map[number]int{}, lost: map[number]queue.Reason{}, told: map[number]byte{},
		ends: map[queue.Stream]uint64{}, last: map[queue.Stream]uint64{}}
}

func (w *world) open() {
	w.t.Helper()
	w.run++
	w.opts.Stream = queue.Stream{w.run}
	if testing.Verbose() {
		w.opts.Log = slog.New(slog.NewTextHandler(w.t.Output(), nil))
	}
	q, err := queue.Open(w.opts)
	if err != nil {
		w.t.Fatalf("open: %v", err)
	}
	w.q = q
	w.forget()
}

func (w *world) append(count, size int) {
	w.t.Helper()
	seq := w.q.Stats().Appended
	if got := w.q.Append(time.Now(), count, data(w.opts.Stream, seq, size)); got != seq {
		w.t.Fatalf("Append: number %d, want %d", got, seq)
	}
	for i := range count {
		w.appended[number{w.opts.Stream, seq + uint64(i)}] = true
	}
}

func (w *world) flush() error {
	err := w.q.Flush(w.t.Context())
	if err == nil {
		for n := range w.appended {
			w.confirmed[n] = true
		}
	}
	return err
}

// next takes one block and checks it.
func (w *world) next() bool {
	w.t.Helper()
	b, ok := w.q.Next()
	if !ok {
		return false
	}
	if b.End {
		w.ends[b.Stream] = b.Seq
	} else if !rightData(&b) {
		w.t.Fatalf("block %d of %v: wrong bytes", b.Seq, b.Stream[0])
	}
	for i := b.Skip; i < b.Count; i++ {
		w.got[number{b.Stream, b.Seq + uint64(i)}]++
	}
	if at, ok := w.last[b.Stream]; ok && b.Seq < at {
		w.t.Fatalf("block %d of %v after %d", b.Seq, b.Stream[0], at)
	}
	w.last[b.Stream] = b.Seq + uint64(b.Count)
	b.Data = nil
	w.flying = append(w.flying, b)
	return true
}

// ack settles the oldest n blocks in flight.
func (w *world) ack(n int) {
	for _, b := range w.flying[:n] {
		for i := range b.Count {
			n := number{b.Stream, b.Seq + uint64(i)}
			w.settled[n], w.settledIn[n] = true, w.run
		}
		w.q.Ack(b.Stop())
	}
	w.flying = w.flying[n:]
}

func (w *world) rewind() {
	w.q.Rewind()
	w.forget()
}

// forget: what was in flight did not arrive.
func (w *world) forget() {
	for _, b := range w.flying {
		for i := range b.Count {
			if n := (number{b.Stream, b.Seq + uint64(i)}); !w.settled[n] {
				delete(w.got, n)
			}
		}
	}
	w.flying, w.last = nil, map[queue.Stream]uint64{}
}

// losses takes and settles all that is told now.
func (w *world) losses() {
	w.t.Helper()
	for {
		l, ok := w.q.NextLoss()
		if !ok {
			return
		}
		w.q.SettleLoss(l.ID)
		w.note(l.Loss)
	}
}

func (w *world) note(l queue.Loss) {
	w.t.Helper()
	if l.Count == 0 || l.Span != 0 && l.Span < l.Count {
		w.t.Fatalf("impossible loss %+v", l)
	}
	if l.Span > l.Count {
		w.thin += l.Count
		return
	}
	for i := range l.Count {
		n := number{l.Stream, l.Seq + i}
		if old, ok := w.lost[n]; ok && w.told[n] == w.run { // a crash may have it told again
			w.t.Fatalf("number %d of %v lost twice: %v, %v", n.seq, n.stream[0], old, l.Reason)
		}
		w.lost[n], w.told[n] = l.Reason, w.run
		if l.Reason == queue.QueueFull && slices.ContainsFunc(w.flying, func(b queue.Block) bool {
			return b.Stream == n.stream && b.Seq <= n.seq && n.seq < b.Seq+uint64(b.Count)
		}) {
			w.t.Fatalf("number %d of %v given up in flight", n.seq, n.stream[0])
		}
	}
}

// drain gives out, settles and tells everything.
func (w *world) drain() {
	w.t.Helper()
	for w.next() {
		w.ack(len(w.flying))
		w.losses()
	}
	w.losses()
}

func (w *world) close() {
	w.t.Helper()
	if err := w.q.Close(w.t.Context()); err != nil {
		w.t.Fatalf("close: %v", err)
	}
}

// complete checks that every number that must be accounted for is, exactly: given out or lost.
func (w *world) complete(must map[number]bool) {
	w.t.Helper()
	missing := uint64(0)
	first := ""
	for n := range must {
		_, lost := w.lost[n]
		switch {
		case lost && w.got[n] > 0:
			w.t.Fatalf("number %d of %v both given out and lost (%v)", n.seq, n.stream[0], w.lost[n])
		case !lost && w.got[n] == 0:
			missing++
			first = fmt.Sprintf("%d of %v", n.seq, n.stream[0])
		}
	}
	if missing != w.thin {
		w.t.Fatalf("%d numbers neither given out nor lost, %d in thinned ranges (one: %s)", missing, w.thin, first)
	}
}
