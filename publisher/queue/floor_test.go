package queue_test

import (
	"strings"
	"testing"
	"time"

	"pinhole/publisher/queue"
	"pinhole/publisher/queue/queuetest"
)

// TestFloors: numbers that were settled unwritten are no holes, even if only an old frame knows.
func TestFloors(t *testing.T) {
	w := newWorld(t, queuetest.NewDisk(), queue.Options{Sync: time.Second})
	w.open()
	for range 5 {
		w.append(2, 100)
		w.next()
		w.ack(1)
	}
	for range 6 {
		w.append(2, 40_000)
	}
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	w.disk = w.disk.Kill()
	w.disk.Remove("state")
	newest := segments(w.disk)[1]
	b := w.disk.ReadFile(newest)
	for i := 80; i < len(b); i += 16 {
		b[i] ^= 1
	}
	w.disk.WriteFile(newest, b)
	w.opts.FS = w.disk
	w.open()
	w.drain()
	if n := len(w.got); n != 10+6 || len(w.lost) != 0 {
		t.Errorf("%d numbers, %d lost; want the 10 settled and the 6 of the first segment", n, len(w.lost))
	}
	w.close()
}

// TestLossDuringWrite: a loss that comes, and is passed by Ack, between the saving of the state and the writing of blocks is not
// forgotten by a crash at any moment after.
func TestLossDuringWrite(t *testing.T) {
	w := newWorld(t, queuetest.NewDisk(), queue.Options{Sync: time.Second})
	w.open()
	w.append(2, 100)
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	durable := w.disk.Ops()
	w.next()
	w.append(2, 100)
	w.q.SetMeta([]byte("changed")) // so that the state is saved first
	w.disk.SetFault(func(op queuetest.Op, name string) (int, error) {
		if op == queuetest.Sync && strings.HasPrefix(name, "state") {
			w.q.Lose(queue.Loss{Stream: w.opts.Stream, Seq: 1, Count: 1, Reason: queue.Rejected})
			w.q.Ack(queue.Position{Epoch: 1, Seq: 2})
		}
		return 0, nil
	})
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	w.disk.SetFault(nil)
	for k := durable; k <= w.disk.Ops(); k++ {
		c := newWorld(t, w.disk.After(k, queuetest.Survival{Torn: -1}), w.opts)
		c.run = 9
		c.open()
		c.drain()
		n := number{w.opts.Stream, 1}
		if _, lost := c.lost[n]; !lost && c.got[n] == 0 {
			t.Errorf("after %d operations: number 1 neither given out nor lost", k)
		}
	}
}

// TestThinSuperseded: blocks that stand in a file whose sync failed, and again in the next, are thinned as blocks of the next.
func TestThinSuperseded(t *testing.T) {
	w := newWorld(t, queuetest.NewDisk(), queue.Options{Sync: time.Second, WhenFull: queue.Thin})
	w.open()
	for i := range 2 {
		for range 4 {
			w.append(2, 12_000)
		}
		if i == 1 {
			n := 0
			w.disk.SetFault(func(op queuetest.Op, _ string) (int, error) {
				if op == queuetest.Sync {
					if n++; n == 1 {
						return 0, errIO
					}
				}
				return 0, nil
			})
		}
		if err := w.flush(); err != nil {
			t.Fatal(err)
		}
	}
	w.disk = w.disk.Kill()
	w.opts.FS = w.disk
	w.open()
	for range 120 {
		w.append(2, 12_000)
		if err := w.flush(); err != nil {
			t.Fatal(err)
		}
	}
	w.drain()
	w.complete(w.appended)
	if st := w.q.Stats(); st.Lost[queue.Corrupt] != 0 || st.Lost[queue.Thinned] == 0 {
		t.Errorf("lost %v: want some thinned, none corrupt", st.Lost)
	}
	w.close()
}
