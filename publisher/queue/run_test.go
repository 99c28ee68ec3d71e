package queue_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/publisher/queue"
	"pinhole/publisher/queue/queuetest"
)

// running starts Run inside of a synctest bubble and returns what ends it.
func (w *world) running() (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- w.q.Run(ctx) }()
	return func() {
		w.t.Helper()
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	}
}

// changes is how many operations changed the disk.
func changes(d *queuetest.Disk) int {
	return d.Count(queuetest.Write) + d.Count(queuetest.Sync) + d.Count(queuetest.SyncDir) + d.Count(queuetest.Create) +
		d.Count(queuetest.Remove) + d.Count(queuetest.Rename) + d.Count(queuetest.Truncate)
}

// TestElision: on a good link a day of readings writes nothing at all.
func TestElision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, queuetest.NewDisk(), queue.Options{Sync: 10 * time.Second})
		w.open()
		stop := w.running()
		for range 24 * 3600 / 5 {
			w.append(5, 60)
			time.Sleep(time.Second)
			if !w.next() {
				t.Fatal("Next: nothing")
			}
			time.Sleep(4 * time.Second)
			w.ack(1)
		}
		w.q.End()
		w.drain()
		stop()
		w.close()
		if n := changes(w.disk); n != 0 {
			t.Errorf("%d operations changed the disk, want none", n)
		}
		if st := w.q.Stats(); st.Elided != st.Appended || st.Written != 0 {
			t.Errorf("%d of %d elided, %d bytes written", st.Elided, st.Appended, st.Written)
		}
	})
}

// TestSyncAge: what is not settled Sync after it was made is on disk, in one write for all.
func TestSyncAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, queuetest.NewDisk(), queue.Options{Sync: 10 * time.Second})
		w.open()
		stop := w.running()
		w.append(1, 100)
		time.Sleep(9 * time.Second)
		w.append(1, 100)
		time.Sleep(time.Second - time.Millisecond)
		synctest.Wait()
		if n := changes(w.disk); n != 0 {
			t.Fatalf("%d operations before Sync, want none", n)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		cut := w.disk.After(w.disk.Ops(), queuetest.Survival{Torn: -1})
		c := newWorld(t, cut, w.opts)
		c.run = 9
		c.open()
		c.drain()
		if len(c.got) != 2 {
			t.Errorf("%d readings on disk after Sync, want both", len(c.got))
		}
		syncs := w.disk.Count(queuetest.Sync)
		w.append(1, 100)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if n := w.disk.Count(queuetest.Sync) - syncs; n != 1 {
			t.Errorf("%d syncs for a block, want 1", n)
		}
		stop()
		w.drain()
		w.close()
	})
}

// TestWriteFirst: with Sync 0 a block is shown when it is on disk, and many share a sync; on a failed disk it is shown at once.
func TestWriteFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, queuetest.NewDisk(), queue.Options{})
		w.open()
		for range 50 {
			w.append(1, 100)
		}
		if w.next() {
			t.Fatal("Next: a block that is not on disk")
		}
		stop := w.running()
		synctest.Wait()
		cut := w.disk.After(w.disk.Ops(), queuetest.Survival{Torn: -1})
		for w.next() {
		}
		if n := w.disk.Count(queuetest.Sync); len(w.flying) != 50 || n > 2 { // one for the state
			t.Errorf("%d blocks shown after %d syncs, want 50 after 2", len(w.flying), n)
		}
		c := newWorld(t, cut, w.opts)
		c.run = 9
		c.open()
		c.drain()
		if len(c.got) != 50 {
			t.Errorf("%d blocks survive, want 50", len(c.got))
		}
		w.disk.SetFault(failing(errIO, queuetest.Write))
		w.append(1, 100)
		synctest.Wait()
		if !w.next() {
			t.Error("Next: nothing on a failed disk")
		}
		w.disk.SetFault(nil)
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if st := w.q.Stats(); st.Disk != queue.DiskOK {
			t.Errorf("a minute later: disk %v %q", st.Disk, st.Why)
		}
		stop()
		w.drain()
		w.close()
	})
}

// TestDrain: draining gives room back and writes only cursors.
func TestDrain(t *testing.T) {
	w := newWorld(t, queuetest.NewDisk(), queue.Options{Max: 16 << 20, Sync: time.Second})
	w.open()
	for range 200 {
		w.append(100, 40_000)
	}
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	before := w.q.Stats()
	if before.Readings != 20_000 || before.Memory > 1<<20 {
		t.Errorf("%d readings, %d bytes in memory; want 20000 and less than 1 MiB", before.Readings, before.Memory)
	}
	for i := range 200 {
		if !w.next() {
			t.Fatal("Next: nothing")
		}
		w.ack(1)
		w.q.Step(time.Now())
		if st := w.q.Stats(); st.Bytes > before.Bytes-int64(i-60)*40_000 {
			t.Fatalf("after %d blocks the folder still has %d of %d bytes", i, st.Bytes, before.Bytes)
		}
	}
	w.q.Step(time.Now().Add(2 * time.Minute))
	after := w.q.Stats()
	if after.Segments != 0 || after.Readings != 0 {
		t.Errorf("drained: %d segments, %d readings", after.Segments, after.Readings)
	}
	if n := after.Written - before.Written; n > 64<<10 {
		t.Errorf("draining 8 MB wrote %d bytes", n)
	}
	w.close()
}

// TestThin: a thinned backlog covers the whole time, and every number is accounted for.
func TestThin(t *testing.T) {
	w := newWorld(t, queuetest.NewDisk(), queue.Options{Sync: time.Second, WhenFull: queue.Thin})
	w.open()
	for range 400 {
		w.append(10, 8000)
		if err := w.flush(); err != nil {
			t.Fatal(err)
		}
	}
	w.drain()
	w.complete(w.appended)
	if st := w.q.Stats(); st.Lost[queue.Thinned] == 0 || st.Lost[queue.QueueFull] > 1000 {
		t.Errorf("lost %v: want most of it thinned", st.Lost)
	}
	tenths := [10]int{}
	for n := range w.got {
		tenths[n.seq*10/4000]++
	}
	if st := w.q.Stats(); st.Lost[queue.QueueFull] == 0 {
		for i, n := range tenths {
			if n == 0 {
				t.Errorf("tenth %d of the time is empty: %v", i, tenths)
			}
		}
	}
	w.close()
}

// TestMemoryFull: without a usable disk the policies decide in memory, and the counts are exact.
func TestMemoryFull(t *testing.T) {
	for _, p := range []queue.Policy{queue.DropOldest, queue.DropNewest, queue.Thin} {
		w := newWorld(t, queuetest.NewDisk(), queue.Options{Sync: time.Second, WhenFull: p, MemoryBytes: 1 << 20})
		w.disk.SetFault(failing(errIO, queuetest.Create))
		w.open()
		w.append(2, 10_000)
		w.next()
		for range 300 {
			w.append(2, 10_000)
			w.q.Step(time.Now().Add(time.Hour))
		}
		if st := w.q.Stats(); st.Memory > 1<<20 || st.Disk != queue.DiskFailed {
			t.Errorf("policy %d: %d bytes in memory, disk %v", p, st.Memory, st.Disk)
		}
		w.ack(1)
		w.drain()
		w.complete(w.appended)
		w.disk.SetFault(nil)
		w.q.Step(time.Now().Add(3 * time.Hour))
		w.close()
	}
}

func TestLosses(t *testing.T) {
	w := newWorld(t, queuetest.NewDisk(), queue.Options{Sync: time.Second})
	w.open()
	seq := w.q.Append(time.Now(), 4, make([]byte, queue.MaxBlock+1))
	l, ok := w.q.NextLoss()
	if want := (queue.Loss{Stream: w.opts.Stream, Seq: seq, Count: 4, Reason: queue.Oversize}); !ok || l.Loss != want {
		t.Fatalf("NextLoss: %+v %v, want %+v", l, ok, want)
	}
	if _, ok := w.q.NextLoss(); ok {
		t.Error("NextLoss gave the same one twice")
	}
	w.q.Rewind()
	if m, ok := w.q.NextLoss(); !ok || m != l {
		t.Errorf("NextLoss after Rewind: %+v %v, want the same", m, ok)
	}
	w.q.Append(time.Now(), 5, data(w.opts.Stream, 4, 50))
	b, _ := w.q.Next()
	w.q.Lose(queue.Loss{Stream: b.Stream, Seq: b.Seq + 2, Count: 1, Reason: queue.Rejected})
	w.q.Ack(queue.Position{Epoch: b.Epoch, Seq: b.Seq + 3})
	w.q.SetMeta([]byte("offsets"))
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	// Both losses, the cursor inside of the block and the meta bytes survive.
	w.disk = w.disk.After(w.disk.Ops(), queuetest.Survival{Torn: -1})
	w.opts.FS = w.disk
	w.open()
	if got := string(w.q.Meta()); got != "offsets" {
		t.Errorf("Meta: %q", got)
	}
	b, ok = w.q.Next()
	if !ok || b.Seq != 4 || b.Skip != 3 {
		t.Errorf("Next: block %d, skip %d; want 4, skip 3", b.Seq, b.Skip)
	}
	for _, want := range []queue.Loss{{Seq: 0, Count: 4, Reason: queue.Oversize}, {Seq: 6, Count: 1, Reason: queue.Rejected}} {
		want.Stream = b.Stream
		if l, ok := w.q.NextLoss(); !ok || l.Loss != want {
			t.Errorf("NextLoss: %+v %v, want %+v", l, ok, want)
		} else {
			w.q.SettleLoss(l.ID)
		}
	}
	w.q.Ack(b.Stop())
	w.close()
	w.open()
	if l, ok := w.q.NextLoss(); ok {
		t.Errorf("NextLoss after all were settled: %+v", l)
	}
	w.close()
}
