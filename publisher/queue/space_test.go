//go:build linux

package queue_test

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"pinhole/publisher/queue"
)

// TestRealNoSpace fills a small file system of its own, gives it room again and looks for every number. It needs root.
func TestRealNoSpace(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	mnt := t.TempDir()
	if err := syscall.Mount("tmpfs", mnt, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("mount tmpfs: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(mnt, syscall.MNT_DETACH) })
	other := filepath.Join(mnt, "other")
	if err := os.WriteFile(other, make([]byte, 900<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	o := queue.Options{Dir: filepath.Join(mnt, "queue"), Max: 16 << 20, SegmentBytes: 256 << 10, Sync: time.Second, Stream: queue.Stream{1}}
	q, err := queue.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	put := func(blocks int) {
		for range blocks {
			q.Append(now, 10, bytes.Repeat([]byte{7}, 10_000))
			now = now.Add(2 * time.Second)
			q.Step(now)
		}
	}
	put(300)
	st := q.Stats()
	if st.Lost[queue.QueueFull] == 0 {
		t.Fatalf("nothing given up on a full file system: %+v", st)
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	put(50)
	if st := q.Stats(); st.Disk != queue.DiskOK {
		t.Errorf("with room again: disk %v %q", st.Disk, st.Why)
	}
	arrived, lost := uint64(0), uint64(0)
	for {
		b, ok := q.Next()
		if !ok {
			break
		}
		arrived += uint64(b.Count)
		q.Ack(b.Stop())
	}
	for {
		l, ok := q.NextLoss()
		if !ok {
			break
		}
		lost += l.Count
		q.SettleLoss(l.ID)
	}
	if arrived+lost != 3500 {
		t.Errorf("%d arrived, %d lost; want 3500 together", arrived, lost)
	}
	if err := q.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
