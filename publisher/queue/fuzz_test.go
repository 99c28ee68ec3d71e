package queue_test

import (
	"testing"
	"time"

	"pinhole/publisher/queue"
	"pinhole/publisher/queue/queuetest"
)

// survives opens a folder, reads and settles all that is in it, and closes it. It must end, and leave a folder that is drained.
func survives(t *testing.T, d *queuetest.Disk) {
	t.Helper()
	o := queue.Options{Dir: "test", FS: d, Max: 2 << 20, SegmentBytes: 128 << 10, Sync: time.Second, Stream: queue.Stream{99}}
	q, err := queue.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	seq := q.Append(time.Now(), 2, []byte("new"))
	last := queue.Position{}
	for {
		b, ok := q.Next()
		if !ok {
			break
		}
		if b.Pos().Less(last) || b.Skip < 0 || b.Skip > b.Count || len(b.Data) > queue.MaxBlock {
			t.Fatalf("block %+v after %v", b, last)
		}
		last = b.Stop()
		if b.Stream != o.Stream {
			q.Ack(last)
		}
	}
	if seq != 0 || last.Seq != 2 {
		t.Fatalf("the new block was not given out: at %v", last)
	}
	for range 2000 {
		l, ok := q.NextLoss()
		if !ok {
			break
		}
		q.SettleLoss(l.ID)
	}
	if err := q.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	q.Ack(last)
	if err := q.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := segments(d); len(left) > 1 || len(left) == 1 && left[0] != "00000000000000f0.seg" {
		t.Fatalf("drained, but %v is left", left)
	}
}

func FuzzSegment(f *testing.F) {
	w := backlog(f, 2, 3, 50)
	good := w.disk.ReadFile("0000000000000000.seg")
	f.Add(good, uint16(0))
	f.Add(good[:len(good)-1], uint16(0))
	f.Add(append(good[:200:200], good[80:]...), uint16(200))
	f.Add([]byte{}, uint16(9))
	f.Add(make([]byte, 100), uint16(0))
	f.Fuzz(func(t *testing.T, b []byte, at uint16) {
		if len(b) > 1<<17 {
			return
		}
		d := w.disk.Clone()
		d.WriteFile("0000000000000000.seg", b)
		if whole := append([]byte{}, good...); int(at) < len(whole) { // the same bytes inside of a sound segment too
			d.WriteFile("0000000000000000.seg", append(whole[:at:at], b...))
		}
		survives(t, d)
	})
}

func FuzzState(f *testing.F) {
	w := backlog(f, 2, 3, 50)
	good := w.disk.ReadFile("state")
	slot := good[:32<<10]
	if slot[0] == 0 {
		slot = good[32<<10:]
	}
	f.Add(slot[:200])
	f.Add(slot[:60])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		d := w.disk.Clone()
		d.WriteFile("state", b)
		survives(t, d)
	})
}

// FuzzFrames feeds frames with right checksums and wild contents.
func FuzzFrames(f *testing.F) {
	f.Add(uint64(0), uint32(3), uint32(1), uint64(0), false, []byte("abc"))
	f.Add(^uint64(0), uint32(1), uint32(1), ^uint64(0), false, []byte{})
	f.Add(uint64(1)<<63, uint32(1<<31), uint32(7), uint64(5), true, []byte("x"))
	f.Add(uint64(4), uint32(0), uint32(0), uint64(0), true, []byte{})
	f.Add(^uint64(83), uint32(0), uint32(1), ^uint64(0), true, []byte{}) // a floor above its own frame
	f.Fuzz(func(t *testing.T, seq uint64, count, epoch uint32, floor uint64, end bool, data []byte) {
		if len(data) > queue.MaxBlock {
			return
		}
		d := queuetest.NewDisk()
		p := queue.Position{Epoch: epoch % 3, Seq: floor}
		d.WriteFile("0000000000000005.seg", queue.MakeSegment(5, queue.Stream{7}, 1, 0, p, seq, count, end, data))
		survives(t, d)
	})
}
