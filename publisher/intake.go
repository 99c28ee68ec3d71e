package publisher

import (
	"sync"
	"sync/atomic"
	"time"

	"pinhole/publisher/queue"
	"pinhole/publisher/record"
	"pinhole/sensors"
	"pinhole/sensors/clock"
)

// cutBytes is the size of a record block at which it goes to the queue in any case.
const cutBytes = 16 << 10

// intake packs readings into blocks and hands these to the queue: when the sender wants more, when a block is large or old
// enough, or, where every reading must be on disk before it is sent, at once.
type intake struct {
	queue   *queue.Queue
	clock   *clock.Clock
	history *clock.History
	age     time.Duration // of the oldest reading at which a block is cut
	count   int           // readings at which a block is cut
	atOnce  bool

	mu     sync.Mutex
	writer *record.Writer
	born   time.Time // of the oldest reading in writer
	timer  *time.Timer
	ended  bool

	// wanted is how many more readings the sender could use to fill its message; 0: it has enough to do.
	wanted atomic.Int64
}

func newIntake(o *Options) *intake {
	in := &intake{
		queue: o.Queue, clock: o.Clock, history: o.History, count: o.Batch.Readings,
		age: o.Batch.Age, atOnce: o.Sync == 0, writer: record.NewWriter(o.Clock.ID()),
	}
	if o.Sync > 0 {
		in.age = min(in.age, o.Sync)
	}
	in.timer = time.AfterFunc(time.Hour, in.cut)
	in.timer.Stop()
	return in
}

// add takes readings. It does not block on disk or network.
func (in *intake) add(list []sensors.Reading) {
	if len(list) == 0 {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.ended {
		return
	}
	for i := range list {
		if in.writer.Count() == 0 {
			in.born = time.Now()
			in.timer.Reset(in.age)
		}
		in.writer.Add(&list[i])
		n := in.writer.Count()
		if n >= in.count || in.writer.Len() >= cutBytes {
			in.cutLocked()
		} else if w := in.wanted.Load(); w > 0 && int64(n) >= w {
			in.cutLocked()
		}
	}
	if in.atOnce {
		in.cutLocked()
	}
}

// cut hands what has been collected to the queue.
func (in *intake) cut() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.cutLocked()
}

func (in *intake) cutLocked() {
	n := in.writer.Count()
	if n == 0 {
		return
	}
	in.timer.Stop()
	in.wanted.Store(0)
	in.learn()
	in.queue.Append(in.born, n, in.writer.Take())
}

// learn keeps what the clock knows of this boot, once a block: by it times that could not be trusted are repaired, in a later run too.
func (in *intake) learn() {
	if !in.history.Learn(in.clock.ID(), in.clock.Now()) {
		return
	}
	if data, err := in.history.MarshalBinary(); err == nil {
		in.queue.SetMeta(data)
	}
}

// want tells that the sender has run out of readings and could use n more to fill a message. It reports whether a block was cut
// on the spot.
func (in *intake) want(n int) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if c := in.writer.Count(); c > 0 && c >= n {
		in.cutLocked()
		return true
	}
	in.wanted.Store(int64(n))
	return false
}

// end cuts what is left and ends the stream: nothing is taken any more.
func (in *intake) end() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.ended {
		return
	}
	in.cutLocked()
	in.timer.Stop()
	in.ended = true
	in.queue.End()
}
