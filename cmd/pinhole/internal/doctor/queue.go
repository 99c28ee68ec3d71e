package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"pinhole/cmd/pinhole/internal/agent"
	"pinhole/publisher/queue"
)

// presence says whether an agent runs on this machine with this configuration.
type presence int

const (
	unknown presence = iota // its lock cannot be looked at
	absent
	running
)

// checkQueue reads the backlog, beside a running agent too.
func (d *doctor) checkQueue(ctx context.Context) []Check {
	dir := agent.QueueDir(d.c)
	d.agent = agentOf(dir)
	who := map[presence]string{unknown: "whether an agent runs cannot be seen", absent: "no agent runs", running: "an agent runs"}[d.agent]
	type answer struct {
		s   queue.Summary
		err error
	}
	done := make(chan answer, 1)
	go func() { // ends by itself: it only reads
		s, err := queue.Inspect(dir)
		done <- answer{s, err}
	}()
	ctx, cancel := context.WithTimeout(ctx, d.o.Limits.Queue)
	defer cancel()
	var a answer
	select {
	case a = <-done:
	case <-ctx.Done():
		return []Check{skip(fmt.Sprintf("%s: a long backlog; `pinhole queue` counts it; %s", dir, who))}
	}
	switch {
	case errors.Is(a.err, fs.ErrNotExist):
		return []Check{ok("empty; no agent has run here yet")}
	case errors.Is(a.err, fs.ErrPermission):
		return []Check{warn(fmt.Sprintf("%s may not be read; %s", dir, who), you, "run this as the agent's user")}
	case a.err != nil:
		return []Check{fail(fmt.Sprintf("%s cannot be read: %v", dir, a.err), you, "the card may be failing: see dmesg")}
	}
	evidence := fmt.Sprintf("%d readings wait, %s; %s", a.s.Readings, size(a.s.Bytes), who)
	if !a.s.Oldest.IsZero() && a.s.Readings > 0 {
		evidence += fmt.Sprintf("; the oldest since %s", a.s.Oldest.UTC().Format(time.DateTime))
	}
	lost := map[queue.Reason]uint64{}
	for _, l := range a.s.Lost {
		lost[l.Reason] += l.Count
	}
	switch {
	case a.s.Bad > 0:
		return []Check{warn(fmt.Sprintf("%s; %s of the queue cannot be read any more, in %s", evidence, plural(a.s.Bad, "file"), dir), you,
			"the card gave back something else than was written: replace it; the agent sets the file aside and reports the loss as far as the "+
				"numbers around it tell")}
	case lost[queue.Corrupt] > 0:
		return []Check{warn(fmt.Sprintf("%s; %d are damaged", evidence, lost[queue.Corrupt]), you,
			"the card gave back something else than was written: replace it; the loss will be reported to the receiver")}
	case lost[queue.QueueFull]+lost[queue.Thinned] > 0:
		return []Check{warn(fmt.Sprintf("%s; it was full, %d were given up", evidence, lost[queue.QueueFull]+lost[queue.Thinned]), you,
			"mend the way out first; a larger publisher.queue.max bridges longer outages")}
	case lost[queue.Rejected] > 0:
		return []Check{warn(fmt.Sprintf("%s; %d were refused by the broker", evidence, lost[queue.Rejected]), d.operator(),
			"see its log for why")}
	}
	return []Check{ok(evidence)}
}

// agentOf looks whether an agent holds the lock of a queue. The file is never made.
func agentOf(dir string) presence {
	f, err := os.Open(filepath.Join(dir, "LOCK"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return absent
	case err != nil:
		return unknown
	}
	defer f.Close() // gives the lock back
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return running
	case err != nil:
		return unknown
	}
	return absent
}
