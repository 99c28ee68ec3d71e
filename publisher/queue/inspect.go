package queue

import (
	"fmt"
	"math"
	"time"
)

// Summary is what a folder holds.
type Summary struct {
	Readings uint64 // unsettled
	Bytes    int64  // of the folder's segments
	Segments int
	Bad      int       // files with a damaged header, the one that was set aside among them; what they held shows by the numbers around
	Oldest   time.Time // when the file of the oldest unsettled reading was made, by the clock of then; zero: there is none
	Acked    Position
	Lost     []Loss // not delivered yet: listed in the state file, or found while reading
	Meta     []byte
}

// Inspect reads a folder without a lock and without writing: beside a running agent, whose latest readings it may miss, and on
// damaged folders. The error says that there is no readable folder.
func Inspect(dir string) (Summary, error) { return inspect(Dir(dir), dir, nil) }

// Dump calls f with every unsettled block, in order, until f fails. Its Data is valid during the call only. It reads as Inspect does.
func Dump(dir string, f func(Block) error) error {
	_, err := inspect(Dir(dir), dir, f)
	return err
}

func inspect(dir FS, name string, f func(Block) error) (Summary, error) {
	q, err := newQueue(Options{Dir: name, Max: math.MaxInt64, Stream: Stream{1}, FS: dir})
	if err != nil {
		return Summary{}, err
	}
	q.readOnly = true
	if err := q.load(); err != nil {
		return Summary{}, fmt.Errorf("queue: %w", err)
	}
	defer q.rd.close()
	s := Summary{Acked: q.acked, Meta: q.meta, Segments: len(q.segs), Bad: q.bad}
	for _, g := range q.segs {
		s.Bytes += g.size
	}
	for {
		b, ok := q.Next()
		if !ok {
			break
		}
		if s.Oldest.IsZero() && !b.End {
			s.Oldest = time.Unix(0, q.rd.seg.created)
		}
		s.Readings += uint64(b.Count - b.Skip)
		if f != nil {
			if err := f(b); err != nil {
				return s, err
			}
		}
	}
	moved, _ := loadState(dir) // what an agent beside us settled and removed meanwhile is no loss
	for _, e := range q.table.entries {
		if e.settled || !e.durable && !moved.cursor.Less(e.stop()) {
			continue
		}
		s.Lost = append(s.Lost, e.Loss)
	}
	return s, nil
}
