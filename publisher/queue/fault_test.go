package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/publisher/queue"
	"pinhole/publisher/queue/queuetest"
)

var errIO error = syscall.EIO

// failing returns a fault that hits the given operations.
func failing(err error, ops ...queuetest.Op) queuetest.Fault {
	return func(op queuetest.Op, _ string) (int, error) {
		if slices.Contains(ops, op) {
			return 0, err
		}
		return 0, nil
	}
}

// backlog makes a folder with runs of some blocks of three readings each, cleanly closed.
func backlog(t testing.TB, runs, blocks, size int) *world {
	t.Helper()
	w := newWorld(t, queuetest.NewDisk(), queue.Options{Sync: time.Second, Max: 2 << 20, SegmentBytes: 128 << 10})
	for range runs {
		w.open()
		for range blocks {
			w.append(3, size)
		}
		if err := w.flush(); err != nil {
			t.Fatal(err)
		}
		w.q.End()
		w.close()
	}
	return w
}

func segments(d *queuetest.Disk) (out []string) {
	for _, n := range d.Names() {
		if len(n) == 20 && strings.HasSuffix(n, ".seg") {
			out = append(out, n)
		}
	}
	return out
}

func TestLocked(t *testing.T) {
	w := newWorld(t, queuetest.NewDisk(), queue.Options{})
	w.open()
	if _, err := queue.Open(w.opts); !errors.Is(err, queue.ErrLocked) {
		t.Errorf("second Open: %v, want ErrLocked", err)
	}
	w.close()
	w.open()
	w.close()
}

func TestMisuse(t *testing.T) {
	for name, o := range map[string]queue.Options{
		"no folder":       {Max: 1 << 20, Stream: queue.Stream{1}},
		"max too small":   {Dir: "x", Max: 1<<20 - 1, Stream: queue.Stream{1}},
		"negative sync":   {Dir: "x", Max: 1 << 20, Sync: -1, Stream: queue.Stream{1}},
		"no stream":       {Dir: "x", Max: 1 << 20},
		"unknown policy":  {Dir: "x", Max: 1 << 20, Stream: queue.Stream{1}, WhenFull: 9},
		"large segments":  {Dir: "x", Max: 1 << 20, Stream: queue.Stream{1}, SegmentBytes: 1 << 20},
		"negative memory": {Dir: "x", Max: 1 << 20, Stream: queue.Stream{1}, MemoryBytes: -1},
	} {
		if q, err := queue.Open(o); err == nil || q != nil {
			t.Errorf("%s: Open: %v, want an error", name, err)
		}
	}
}

// TestFailedSync: a sync that fails is not repeated on the same file, and what it was to save is saved elsewhere.
func TestFailedSync(t *testing.T) {
	for times := 1; times <= 5; times++ {
		t.Run(fmt.Sprint(times), func(t *testing.T) {
			w := newWorld(t, queuetest.NewDisk(), queue.Options{Sync: time.Second})
			w.open()
			w.append(2, 500)
			if err := w.flush(); err != nil {
				t.Fatal(err)
			}
			failed := map[string]bool{}
			n := 0
			w.disk.SetFault(func(op queuetest.Op, name string) (int, error) {
				if op == queuetest.Write && failed[name] || op == queuetest.Sync && failed[name] {
					t.Errorf("%s of %s after a failed sync", op, name)
				}
				if n < times && op == queuetest.Sync {
					n++
					failed[name] = true
					return 0, errIO
				}
				return 0, nil
			})
			w.append(3, 500)
			err := w.flush()
			switch st := w.q.Stats(); {
			case times < 3 && (err != nil || st.Disk != queue.DiskOK):
				t.Fatalf("after %d failures: %v, disk %v", times, err, st.Disk)
			case times >= 3 && (!errors.Is(err, errIO) || st.Disk != queue.DiskFailed || st.Why == ""):
				t.Fatalf("after %d failures: %v, disk %v %q", times, err, st.Disk, st.Why)
			}
			w.append(1, 500) // memory only, perhaps
			w.q.Step(time.Now().Add(2 * time.Minute))
			w.q.Step(time.Now().Add(4 * time.Minute))
			if st := w.q.Stats(); st.Disk != queue.DiskOK {
				t.Fatalf("later: disk %v %q", st.Disk, st.Why)
			}
			w.disk.SetFault(nil)
			d := w.disk.After(w.disk.Ops(), queuetest.Survival{Torn: -1})
			c := newWorld(t, d, w.opts)
			c.run = 9
			c.open()
			c.drain()
			c.complete(w.appended)
		})
	}
}

// TestNoSpace: a full file system costs old blocks, by the policy, and comes back by itself.
func TestNoSpace(t *testing.T) {
	for _, p := range []queue.Policy{queue.DropOldest, queue.DropNewest, queue.Thin} {
		t.Run(fmt.Sprint(p), func(t *testing.T) {
			disk := queuetest.NewDisk()
			disk.SetLimit(600_000)
			w := newWorld(t, disk, queue.Options{Sync: time.Second, WhenFull: p, Max: 4 << 20, SegmentBytes: 128 << 10, MemoryBytes: 400_000})
			w.open()
			now := time.Now()
			for range 60 {
				w.append(2, 30_000)
				now = now.Add(10 * time.Second)
				w.q.Step(now)
			}
			st := w.q.Stats()
			if st.Lost[queue.QueueFull]+st.Lost[queue.Thinned] == 0 {
				t.Fatalf("nothing given up: %+v", st)
			}
			// Reading and settling works while it is full, ...
			for range 6 {
				if !w.next() {
					t.Fatal("Next: nothing while the disk is full")
				}
			}
			w.ack(6)
			w.q.Step(now)
			// ... and room is found again without a restart.
			disk.SetLimit(0)
			now = now.Add(11 * time.Second)
			w.q.Step(now)
			if st := w.q.Stats(); st.Disk != queue.DiskOK || st.Memory > 600_000 {
				t.Errorf("with room again: disk %v %q", st.Disk, st.Why)
			}
			w.drain()
			w.complete(w.appended)
			w.close()
		})
	}
}

// TestReadOnly: what a read-only folder holds is given out; what comes is kept in memory.
func TestReadOnly(t *testing.T) {
	w := backlog(t, 1, 10, 40_000)
	w.disk.SetFault(failing(syscall.EROFS, queuetest.Edit, queuetest.Create, queuetest.Rename, queuetest.Remove, queuetest.Write,
		queuetest.Truncate, queuetest.Allocate, queuetest.Lock))
	w.open()
	w.append(2, 100)
	w.q.Step(time.Now().Add(2 * time.Second))
	if st := w.q.Stats(); st.Disk != queue.DiskFailed {
		t.Errorf("disk %v, want failed", st.Disk)
	}
	w.drain()
	w.complete(w.appended)
	w.disk.SetFault(nil)
	w.q.Step(time.Now().Add(2 * time.Minute))
	if st := w.q.Stats(); st.Disk != queue.DiskOK || st.Segments != 0 {
		t.Errorf("writable again: disk %v, %d segments; want ok and none", st.Disk, st.Segments)
	}
	w.close()
}

// TestLateFolder: a folder that cannot be read at the start, with and without a backlog in it.
func TestLateFolder(t *testing.T) {
	for _, runs := range []int{0, 2} {
		t.Run(fmt.Sprint(runs, " runs in it"), func(t *testing.T) {
			w := backlog(t, runs, 10, 40_000)
			w.disk.SetFault(failing(syscall.EACCES, queuetest.Make, queuetest.List))
			w.open()
			for range 5 {
				w.append(2, 100)
			}
			for range 4 {
				if !w.next() {
					t.Fatal("Next: nothing from memory")
				}
			}
			w.ack(2)
			w.disk.SetFault(nil)
			w.q.Step(time.Now().Add(2 * time.Minute))
			if st := w.q.Stats(); st.Disk != queue.DiskOK {
				t.Fatalf("disk %v %q", st.Disk, st.Why)
			}
			if runs == 0 { // acknowledgements of what was given out before still count
				w.ack(2)
				if a := w.q.Acked(); a != (queue.Position{Epoch: 1, Seq: 8}) {
					t.Errorf("acked %v, want 8 of the first epoch", a)
				}
			} else {
				w.ack(2)
				if a := w.q.Acked(); a.Epoch > 1 {
					t.Errorf("acked %v: an old acknowledgement passed the backlog", a)
				}
				w.forget()
			}
			w.drain()
			w.complete(w.appended)
			w.close()
			if left := segments(w.disk); len(left) > 0 {
				t.Errorf("drained, but %v is left", left)
			}
		})
	}
}

// TestReadErrors: a read that fails for a while loses nothing; one that always fails costs a page, not the queue.
func TestReadErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := backlog(t, 2, 10, 40_000)
		w.open()
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.q.Run(ctx) }()
		name := segments(w.disk)[1]
		bad := 2
		w.disk.SetFault(func(op queuetest.Op, n string) (int, error) {
			if op == queuetest.Read && n == name && bad != 0 {
				bad--
				return 0, errIO
			}
			return 0, nil
		})
		all := func() {
			for len(w.got) < len(w.appended)-len(w.lost) {
				for w.next() {
				}
				select {
				case <-w.q.Ready():
				case <-time.After(time.Minute):
					w.losses()
				}
				w.losses()
			}
		}
		all()
		w.complete(w.appended)
		if len(w.lost) > 0 {
			t.Errorf("%d numbers lost to a passing failure", len(w.lost))
		}
		w.rewind()
		w.got = map[number]int{}
		bad = -1
		all()
		w.complete(w.appended)
		if n := len(w.lost); n != 9 {
			t.Errorf("%d numbers lost in an unreadable segment, want its 9", n)
		}
		stop()
		<-done
		w.disk.SetFault(nil)
		w.close()
	})
}
