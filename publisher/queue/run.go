package queue

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Run keeps the disk: it writes what has waited for Options.Sync, removes what is settled, saves the cursor and tries a failed
// disk again. It blocks until ctx ends, and returns nil then; what is in memory at that moment stays there until Close. One
// Run at a time. Without it nothing is written but by Flush and Close.
func (q *Queue) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-q.wake:
		case <-timer.C:
		}
		select {
		case <-ctx.Done():
			return nil
		case q.io <- struct{}{}:
		}
		next := q.step(time.Now())
		<-q.io
		timer.Reset(next)
	}
}

// step does what is due and returns how long until something may be due again.
func (q *Queue) step(now time.Time) time.Duration {
	q.mu.Lock()
	closed, wait := q.closed, q.disk != DiskOK && now.Before(q.retryAt)
	attached := q.attached
	q.mu.Unlock()
	if closed {
		return probeInterval
	}
	if !wait {
		if !attached {
			attached = q.attach(now) == nil
		}
		if attached {
			q.writeDue(now)
		}
	}
	if attached {
		q.tidy(now, false)
		q.surveyOne()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.rd.retry.IsZero() && !now.Before(q.rd.retry) {
		signal(q.ready)
	}
	return q.nextDue(now)
}

// writeDue flushes if the oldest pending block is due, and saves the state if a loss that only memory knows is; on a disk that
// has failed it does both, to see whether it works again.
func (q *Queue) writeDue(now time.Time) {
	q.mu.Lock()
	probe := q.disk != DiskOK
	t := q.flushDue()
	due := !t.IsZero() && (probe || !now.Before(t))
	losses := !q.table.waiting.IsZero() && (probe || !now.Before(q.table.waiting.Add(q.o.Sync)))
	limit := probe && !due && q.why == errFull.Error()
	if limit && q.used()+q.o.SegmentBytes > q.room() { // nothing to write, and no room as before
		q.retryAt = now.Add(max(q.o.Sync, roomInterval))
		probe = false
	}
	q.mu.Unlock()
	if due && q.flush(now) != nil {
		return
	}
	if !losses && !(probe && !due) {
		return
	}
	if err := q.saveState(); err != nil {
		q.failWrite(err, now)
	} else if probe {
		q.recovered()
	}
}

// flushDue is when pending blocks must go to disk; zero: there are none.
func (q *Queue) flushDue() time.Time {
	if q.flushed >= len(q.tail) {
		return time.Time{}
	}
	e := q.tail[q.flushed]
	if q.pending >= flushBytes {
		return e.born
	}
	return e.born.Add(q.o.Sync)
}

// nextDue is how long step may wait. Between the events that signal wake, time alone makes these due.
func (q *Queue) nextDue(now time.Time) time.Duration {
	d := time.Hour
	at := func(t time.Time) { d = min(d, t.Sub(now)) }
	if q.disk != DiskOK {
		at(q.retryAt)
	} else if q.attached {
		if t := q.flushDue(); !t.IsZero() {
			at(t)
		}
		if !q.table.waiting.IsZero() {
			at(q.table.waiting.Add(q.o.Sync))
		}
	}
	if q.attached && q.disk != DiskFailed && len(q.segs)+len(q.trash) > 0 {
		at(q.tidyAt.Add(stateInterval))
	}
	if q.unknown() != nil {
		d = 0
	}
	if !q.rd.retry.IsZero() {
		at(q.rd.retry)
	}
	return max(d, time.Millisecond)
}

// tidy removes what is settled and saves the cursor: at once when a file can go, otherwise after a minute or stateAcks acks. A
// segment that is still being written goes when all of it is settled and nothing was added for a minute.
func (q *Queue) tidy(now time.Time, closing bool) error {
	q.mu.Lock()
	idle := closing || now.Sub(q.tidyAt) >= stateInterval
	drained := len(q.segs) > 0 && !q.acked.Less(q.stop(len(q.segs)-1))
	failed := q.disk == DiskFailed && !closing
	q.mu.Unlock()
	if failed {
		return nil
	}
	if drained && idle || closing {
		q.seal()
	}
	q.retire()
	q.mu.Lock()
	cursor := len(q.segs) > 0 && (q.acks >= stateAcks || idle) && q.savedAt != q.acked
	other := closing && (q.metaDirty || q.table.version != q.savedVersion)
	trash := len(q.trash) > 0 && (idle || !q.trashFailed)
	if idle {
		q.tidyAt = now
	}
	q.mu.Unlock()
	if !cursor && !other && !trash {
		return nil
	}
	if err := q.saveState(); err != nil {
		q.failWrite(err, now)
		return err
	}
	err := q.emptyTrash()
	q.mu.Lock()
	q.trashFailed = err != nil
	if q.disk == DiskFull && err == nil {
		q.retryAt = now // there is room again
	}
	q.mu.Unlock()
	if err != nil {
		q.note(err)
	}
	return err
}

// saveState makes cursor, losses and meta durable.
func (q *Queue) saveState() error {
	q.mu.Lock()
	q.table.prune(q.acked)
	s := snapshot{cursor: q.acked, losses: slices.Clone(q.table.entries), meta: q.meta}
	version := q.table.version
	q.metaDirty = false
	q.mu.Unlock()
	var err error
	q.stateBuf, err = q.state.save(q.o.FS, &s, q.stateBuf)
	q.counted(err)
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		q.metaDirty = true
		return fmt.Errorf("write %s: %w", stateName, err)
	}
	q.table.saved(s.losses)
	q.stateOnDisk = true
	q.savedAt, q.savedVersion, q.acks = s.cursor, version, 0
	return nil
}

// unknown returns a segment of an earlier run whose last number nobody has looked up.
func (q *Queue) unknown() *segment {
	for i, s := range q.segs {
		if !s.known && !s.held && (i+1 == len(q.segs) || q.segs[i+1].epoch != s.epoch) {
			return s
		}
	}
	return nil
}

// surveyOne looks up one of them: a stream that crashed is settled where its last frame ends.
func (q *Queue) surveyOne() {
	q.mu.Lock()
	s := q.unknown()
	q.mu.Unlock()
	if s == nil {
		return
	}
	last, ended, _, _, err := survey(q.o.FS, s, s.end)
	q.mu.Lock()
	defer q.mu.Unlock()
	s.known = true
	if err == nil {
		s.last, s.ended = max(last, s.base), ended
	} else {
		s.ended = true // unreadable: settled when a later stream is
	}
}
