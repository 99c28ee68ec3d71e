package queue_test

import (
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"pinhole/publisher/queue"
	"pinhole/publisher/queue/queuetest"
)

// BenchmarkAppend is the data path online: append, give out, settle, nothing written. A block has 100 readings of 12 bytes.
func BenchmarkAppend(b *testing.B) {
	q, err := queue.Open(queue.Options{Dir: b.TempDir(), Max: 256 << 20, Sync: time.Hour, Stream: queue.Stream{1}})
	if err != nil {
		b.Fatal(err)
	}
	block := make([]byte, 1200)
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		q.Append(now, 100, block)
		blk, _ := q.Next()
		q.Ack(blk.Stop())
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/reading")
}

// BenchmarkWrite is the data path offline: groups of 30 blocks of 1200 bytes, each group one write and one sync on this disk.
func BenchmarkWrite(b *testing.B) {
	q, err := queue.Open(queue.Options{Dir: b.TempDir(), Max: 256 << 20, Sync: time.Hour, Stream: queue.Stream{1}})
	if err != nil {
		b.Fatal(err)
	}
	block := make([]byte, 1200)
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		for range 30 {
			q.Append(now, 100, block)
		}
		if err := q.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	st := q.Stats()
	b.ReportMetric(float64(st.Written)/float64(b.N*30*len(block)), "written/payload")
	b.ReportMetric(float64(st.Syncs)/float64(b.N), "syncs/group")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/3000, "ns/reading")
}

// BenchmarkDrain reads and settles a backlog from disk.
func BenchmarkDrain(b *testing.B) {
	block := make([]byte, 1200)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		q, err := queue.Open(queue.Options{Dir: b.TempDir(), Max: 64 << 20, Sync: time.Hour, Stream: queue.Stream{1}})
		if err != nil {
			b.Fatal(err)
		}
		for range 10_000 {
			q.Append(time.Now(), 100, block)
			if q.Stats().Memory > 1<<20 {
				if err := q.Flush(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		}
		q.Flush(b.Context())
		before := q.Stats().Written
		b.StartTimer()
		for {
			blk, ok := q.Next()
			if !ok {
				break
			}
			q.Ack(blk.Stop())
			if blk.Seq%100_000 == 0 {
				q.Step(time.Now())
			}
		}
		b.StopTimer()
		b.ReportMetric(float64(q.Stats().Written-before)/12e6, "written/payload")
		q.Close(b.Context())
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ns/reading")
}

// TestMemory: a million readings on disk, opened and read, cost little memory; appending costs two allocations a block.
func TestMemory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "q")
	o := queue.Options{Dir: dir, Max: 64 << 20, Sync: time.Second, Stream: queue.Stream{1}}
	q, err := queue.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 1600)
	for i := range 10_000 {
		q.Append(time.Now(), 100, block)
		if i%500 == 499 {
			if err := q.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := q.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	o.Stream = queue.Stream{2}
	start := time.Now()
	if q, err = queue.Open(o); err != nil {
		t.Fatal(err)
	}
	t.Logf("opened in %v", time.Since(start))
	n := 0
	for range 5000 {
		b, ok := q.Next()
		if !ok {
			t.Fatal("Next: nothing")
		}
		n += b.Count
	}
	if after := heap(); after > before+8<<20 {
		t.Errorf("a backlog of 1,000,000 readings takes %d bytes of heap", after-before)
	}
	runtime.KeepAlive(q)
	st := q.Stats()
	if st.Readings != 1_000_000 {
		t.Errorf("%d readings, want 1,000,000", st.Readings)
	}
	if err := q.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	w := newWorld(t, queuetest.NewDisk(), queue.Options{Sync: time.Hour})
	w.open()
	now := time.Now()
	if a := testing.AllocsPerRun(1000, func() {
		w.q.Append(now, 100, block)
		b, _ := w.q.Next()
		w.q.Ack(b.Stop())
	}); a > 3 {
		t.Errorf("%v allocations a block, want 2 and the tail's own now and then", a)
	}
}
