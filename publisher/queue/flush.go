package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"syscall"
	"time"
)

// flush writes everything pending. It returns nil when all of it is on disk.
func (q *Queue) flush(now time.Time) error {
	gave := false
	for failures := 0; ; {
		q.mu.Lock()
		pending := q.flushed < len(q.tail)
		state := q.metaDirty || !q.state.made || q.table.version != q.savedVersion
		q.mu.Unlock()
		if !pending {
			return nil
		}
		var err error
		if state { // what the blocks are read by goes first: meta, and the holes before them; and a full disk must find the file made
			err = q.saveState()
		}
		if err == nil {
			group, floor := q.collect()
			if len(group) == 0 {
				return nil // settled just now
			}
			var n int
			n, err = q.write(group, floor)
			q.commit(group, n, now)
		}
		switch {
		case err == nil:
			failures = 0
			q.recovered()
		case errors.Is(err, errFull):
			q.refuse()
			q.fail(DiskFull, err, now.Add(max(q.o.Sync, roomInterval)))
			return err
		case noSpace(err):
			if !gave && q.o.WhenFull != DropNewest && q.dropOldest() {
				gave = true
				continue
			}
			q.failWrite(err, now)
			return err
		default:
			if failures++; failures >= failuresInARow {
				q.failWrite(err, now)
				return err
			}
		}
	}
}

// noSpace reports whether the file system, or the user's share of it, is full.
func noSpace(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

func (q *Queue) failWrite(err error, now time.Time) {
	if noSpace(err) {
		q.fail(DiskFull, err, now.Add(fullInterval))
	} else {
		q.fail(DiskFailed, err, now.Add(probeInterval))
	}
}

// collect marks the oldest pending blocks, up to flushBytes of them, as being written.
func (q *Queue) collect() (group []*entry, floor Position) {
	q.mu.Lock()
	defer q.mu.Unlock()
	group = q.group[:0]
	size := 0
	for _, e := range q.tail[q.flushed:] {
		if size += frameLen + pad8(len(e.data)); size > flushBytes && len(group) > 0 {
			break
		}
		e.busy = true
		group = append(group, e)
	}
	q.group = group
	return group, q.table.floor(q.acked)
}

// commit notes that the first n blocks of group are on the card.
func (q *Queue) commit(group []*entry, n int, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, e := range group {
		e.busy = false
		e.onDisk = e.onDisk || i < n
	}
	clear(group)
	for q.flushed < len(q.tail) && q.tail[q.flushed].onDisk {
		c := q.tail[q.flushed].cost()
		q.pending -= c
		q.kept += c
		q.flushed++
	}
	if n > 0 {
		q.tidyAt = now // the frames carry the cursor
		if q.o.Sync == 0 {
			signal(q.ready)
		}
	}
	q.trim()
}

// refuse gives up the pending blocks that do not fit, under DropNewest. What is in flight stays in memory.
func (q *Queue) refuse() {
	if q.o.WhenFull != DropNewest {
		return
	}
	q.mu.Lock()
	freed := q.discard(QueueFull, func(e *entry) bool { return !e.end && !q.inFlight(e) })
	q.mu.Unlock()
	if freed > 0 {
		if err := q.saveState(); err != nil {
			q.note(err)
		}
	}
}

// fail notes that the disk does not take blocks until it is tried again.
func (q *Queue) fail(d Disk, err error, retry time.Time) {
	q.mu.Lock()
	changed := q.disk != d
	q.disk, q.why, q.retryAt = d, err.Error(), retry
	pending := q.pending
	q.mu.Unlock()
	if changed {
		q.log.Warn("queue: disk takes nothing", slog.String("state", d.String()), slog.String("error", err.Error()), slog.Int64("waiting_bytes", pending))
	}
	signal(q.ready) // with Sync 0, blocks are shown from memory now
	signal(q.wake)
}

// recovered notes that the disk takes blocks again.
func (q *Queue) recovered() {
	q.mu.Lock()
	was := q.disk
	q.disk, q.why = DiskOK, ""
	q.mu.Unlock()
	if was != DiskOK {
		q.log.Info("queue: disk works again", slog.String("was", was.String()))
	}
}

// note logs a failure that has no consequence but that something is tried again.
func (q *Queue) note(err error) { q.log.Warn("queue: disk", slog.String("error", err.Error())) }

// counted counts a sync.
func (q *Queue) counted(err error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.syncs++
	if err != nil {
		q.syncFails++
	}
	return err
}

func (q *Queue) countWrite(off, n int64) {
	q.mu.Lock()
	q.bytesOut += uint64(roundPage(off+n) - off&^(pageLen-1))
	q.mu.Unlock()
}

// exclusive runs f while nobody else uses the disk. If ctx ends first it returns, and f goes on in the background.
func (q *Queue) exclusive(ctx context.Context, f func() error) error {
	select {
	case q.io <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	done := make(chan error, 1)
	go func() {
		err := f()
		<-q.io
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Flush writes everything unsettled to disk now. It returns nil when all of it is there, and ctx's cause when that did not
// happen in time.
func (q *Queue) Flush(ctx context.Context) error {
	return q.exclusive(ctx, func() error { return q.flushAll(time.Now()) })
}

func (q *Queue) flushAll(now time.Time) error {
	q.mu.Lock()
	attached, closed := q.attached, q.closed
	q.mu.Unlock()
	if closed {
		return fmt.Errorf("queue: flush: closed")
	}
	if !attached {
		if err := q.attach(now); err != nil {
			return fmt.Errorf("queue: flush: %w", err)
		}
	}
	if err := q.flush(now); err != nil {
		return fmt.Errorf("queue: flush: %w", err)
	}
	q.mu.Lock()
	losses := !q.table.waiting.IsZero()
	q.mu.Unlock()
	if losses {
		if err := q.saveState(); err != nil {
			return fmt.Errorf("queue: flush: %w", err)
		}
	}
	return nil
}

// Close flushes, saves the cursor, removes what is settled and lets go of the folder. Run must have returned, and the reader
// must be done. When ctx ends first, its cause is returned and what was not written is left to the disk's own time.
func (q *Queue) Close(ctx context.Context) error {
	return q.exclusive(ctx, func() error {
		q.mu.Lock()
		closed := q.closed
		q.mu.Unlock()
		if closed {
			return nil
		}
		now := time.Now()
		err := q.flushAll(now)
		q.mu.Lock()
		attached := q.attached
		q.closed = true
		if err != nil { // no room: what leaves without a trace otherwise becomes a loss
			q.discard(QueueFull, func(e *entry) bool { return !e.end })
		}
		q.mu.Unlock()
		if attached {
			if e := q.tidy(now, true); e != nil {
				err = errors.Join(err, fmt.Errorf("queue: close: %w", e))
			}
		}
		q.seal()
		q.state.close()
		q.rd.close()
		if q.unlock != nil {
			q.unlock.Close()
		}
		return err
	})
}
