package queue_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pinhole/publisher/queue"
	"pinhole/publisher/queue/queuetest"
)

// TestModel runs random lives of a folder against what must be true of every number. PINHOLE_QUEUE_SEED repeats one.
func TestModel(t *testing.T) {
	t.Parallel()
	n := 2000 / slower
	if *long {
		n = 100_000
	}
	if s := os.Getenv("PINHOLE_QUEUE_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		life(t, seed)
		return
	}
	start := uint64(time.Now().UnixNano())
	for i := range uint64(n) {
		if !t.Run(fmt.Sprint(start+i), func(t *testing.T) { life(t, start+i) }) {
			t.Fatalf("repeat with PINHOLE_QUEUE_SEED=%d", start+i)
		}
	}
}

// life is one random sequence of operations, faults and crashes.
func life(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	o := queue.Options{WhenFull: queue.Policy(r.IntN(3)), Sync: time.Duration(r.IntN(3)) * time.Second, MemoryBytes: int64(r.IntN(3)) * 300_000}
	w := newWorld(t, queuetest.NewDisk(), o)
	stale := map[number]bool{} // settled before a crash: may come again, or be told as lost
	faulty := false
	allowed := w.opts.Max
	w.open()
	now := time.Now()
	for range 15 + r.IntN(45) {
		switch r.IntN(16) {
		case 0, 1, 2, 3:
			for range 1 + r.IntN(4) {
				w.append(1+r.IntN(4), 10+r.IntN(500))
			}
		case 4:
			for range r.IntN(10) {
				w.append(1+r.IntN(4), 20_000+r.IntN(40_000))
			}
		case 5, 6:
			for range r.IntN(8) {
				w.next()
			}
		case 7, 8:
			w.ack(r.IntN(len(w.flying) + 1))
		case 9:
			w.rewind()
		case 10:
			w.losses()
		case 11:
			if err := w.flush(); err != nil && !faulty && o.WhenFull == queue.DropOldest && len(w.flying) == 0 {
				t.Fatalf("flush: %v", err)
			}
		case 12, 13:
			now = now.Add(time.Duration(r.IntN(90)) * time.Second)
			w.q.Step(now)
		case 14:
			faulty = r.IntN(2) == 0
			w.disk.SetFault(nil)
			if faulty {
				w.disk.SetFault(someFault(r))
			}
		case 15:
			w.disk.SetFault(nil)
			faulty = false
			w.restart(r, stale)
			w.disk.ResetPeak() // removals that a power cut undid
			have, _ := w.disk.Used()
			allowed = max(w.opts.Max, have)
			now = time.Now()
		}
		if _, peak := w.disk.Used(); peak > allowed {
			t.Fatalf("the folder took %d bytes, %d allowed", peak, allowed)
		}
	}
	w.disk.SetFault(nil)
	w.q.Step(now.Add(time.Hour))
	w.rewind()
	w.drain()
	w.settle(stale, w.appended)
	w.close()
	for _, f := range w.disk.Names() {
		if f != "state" && f != "segment.bad" {
			t.Fatalf("drained and closed, but %s is left", f)
		}
	}
}

func someFault(r *rand.Rand) queuetest.Fault {
	errs := []error{syscall.EIO, syscall.ENOSPC, syscall.EROFS}
	err := errs[r.IntN(len(errs))]
	ops := [][]queuetest.Op{
		{queuetest.Sync}, {queuetest.Write}, {queuetest.Create}, {queuetest.Allocate}, {queuetest.SyncDir}, {queuetest.Rename}, {queuetest.Remove},
		{queuetest.Write, queuetest.Create, queuetest.Allocate, queuetest.Rename, queuetest.Remove},
	}
	hit := ops[r.IntN(len(ops))]
	odds := 1 + r.IntN(3)
	return func(op queuetest.Op, _ string) (int, error) {
		for _, o := range hit {
			if o == op && r.IntN(odds) == 0 {
				return r.IntN(5000), err
			}
		}
		return 0, nil
	}
}

// restart ends the run in one of the ways in which runs end, checks that nothing durable can be missing, and starts the next.
func (w *world) restart(r *rand.Rand, stale map[number]bool) {
	w.t.Helper()
	if w.run > 250 {
		return
	}
	switch r.IntN(4) {
	case 0:
		w.q.End()
		if err := w.q.Close(w.t.Context()); err != nil && !strings.Contains(err.Error(), "full") {
			w.t.Fatal(err)
		}
		for n := range w.appended {
			w.confirmed[n] = true
		}
	case 1:
		if w.q.Flush(w.t.Context()) == nil {
			for n := range w.appended {
				w.confirmed[n] = true
			}
		}
		w.disk = w.disk.Kill()
	case 2:
		w.disk = w.disk.After(w.disk.Ops(), queuetest.Survival{Torn: -1})
	case 3:
		w.disk = w.disk.After(w.disk.Ops(), queuetest.Survival{Torn: -1, Some: r})
	}
	for n := range w.settled {
		stale[n] = true
	}
	for n := range w.appended { // what was never durable may be gone
		if !w.confirmed[n] && !w.settled[n] {
			delete(w.appended, n)
		}
	}
	w.opts.FS = w.disk
	w.open()
}

// settle checks the whole life.
func (w *world) settle(stale, must map[number]bool) {
	w.t.Helper()
	missing := uint64(0)
	for n := range must {
		why, lost := w.lost[n]
		switch {
		case w.settled[n]:
			if lost && !stale[n] && w.told[n] == w.settledIn[n] {
				w.t.Fatalf("number %d of %d settled and lost (%v)", n.seq, n.stream[0], why)
			}
		case lost && why == queue.Corrupt:
			w.t.Fatalf("number %d of %d corrupt on a sound disk", n.seq, n.stream[0])
		case !lost:
			missing++
			if testing.Verbose() {
				w.t.Logf("missing %d of %d", n.seq, n.stream[0])
			}
		}
	}
	if missing > w.thin {
		w.t.Fatalf("%d numbers neither given out nor lost, %d thinned", missing, w.thin)
	}
}
