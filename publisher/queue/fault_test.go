package queue_test

import (
	"bytes"
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

// TestDamagedFolder breaks a folder of two runs in the ways in which folders break.
func TestDamagedFolder(t *testing.T) {
	for _, c := range []struct {
		name    string
		harm    func(d *queuetest.Disk)
		corrupt uint64 // numbers that must be told as such
		missing uint64 // numbers that may be missing beside
	}{
		{"untouched", func(*queuetest.Disk) {}, 0, 0},
		{"state missing", func(d *queuetest.Disk) { d.Remove("state") }, 0, 0},
		{"state empty", func(d *queuetest.Disk) { d.WriteFile("state", nil) }, 0, 0},
		{"state garbage", func(d *queuetest.Disk) { d.WriteFile("state", bytes.Repeat([]byte("PINHSTA\x01"), 8192)) }, 0, 0},
		{"middle segment missing", func(d *queuetest.Disk) { d.Remove(segments(d)[1]) }, 9, 0},
		{"first segment missing", func(d *queuetest.Disk) { d.Remove(segments(d)[0]) }, 9, 0},
		{"last segment of the first run missing", func(d *queuetest.Disk) { d.Remove(segments(d)[3]) }, 0, 3},
		{"segment header damaged", func(d *queuetest.Disk) {
			b := d.ReadFile(segments(d)[1])
			b[20] ^= 4
			d.WriteFile(segments(d)[1], b)
		}, 9, 0},
		{"segment renamed", func(d *queuetest.Disk) { d.Rename(segments(d)[1], "00000000000000ff.seg") }, 9, 0},
		{"segment empty", func(d *queuetest.Disk) { d.WriteFile(segments(d)[1], nil) }, 9, 0},
		{"segment zero", func(d *queuetest.Disk) { d.WriteFile(segments(d)[1], make([]byte, 9000)) }, 9, 0},
		{"segment cut", func(d *queuetest.Disk) { d.WriteFile(segments(d)[1], d.ReadFile(segments(d)[1])[:50_000]) }, 6, 0},
		{"page of zeros", func(d *queuetest.Disk) {
			b := d.ReadFile(segments(d)[1])
			clear(b[36864:40960])
			d.WriteFile(segments(d)[1], b)
		}, 6, 0}, // the page holds the end of one block and the header of the next
		{"frames of another segment behind", func(d *queuetest.Disk) {
			d.WriteFile(segments(d)[0], append(d.ReadFile(segments(d)[0]), d.ReadFile(segments(d)[1])[80:]...))
		}, 0, 0},
		{"frames of another segment instead", func(d *queuetest.Disk) {
			d.WriteFile(segments(d)[3], append(d.ReadFile(segments(d)[3])[:80:80], d.ReadFile(segments(d)[7])[80:]...))
		}, 0, 3},
		{"foreign files", func(d *queuetest.Disk) {
			d.WriteFile("README", []byte("hello"))
			d.WriteFile("0000000000000001.SEG", []byte("hello"))
			d.WriteFile("1.seg", []byte("hello"))
			d.WriteFile("state.new", []byte("hello"))
			d.WriteFile("0000000000000001.seg.tmp", []byte("hello"))
			d.AddDir("00000000000000aa.seg")
		}, 0, 0},
		{"a later version's segment", func(d *queuetest.Disk) {
			b := bytes.Clone(d.ReadFile(segments(d)[0])[:80])
			b[7] = 2
			queue.Reseal(b)
			d.WriteFile("00000000000000f0.seg", b)
		}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := backlog(t, 2, 10, 40_000)
			if n := len(segments(w.disk)); n != 8 {
				t.Fatalf("%d segments, want 4 a run", n)
			}
			c.harm(w.disk)
			var dumped uint64
			sum, err := queue.InspectFS(w.disk, func(b queue.Block) error { dumped += uint64(b.Count); return nil })
			if err != nil {
				t.Fatal(err)
			}
			w.open()
			w.drain()
			var corrupt, missing uint64
			for n := range w.appended {
				if _, ok := w.lost[n]; ok {
					corrupt++
				} else if w.got[n] == 0 {
					missing++
				}
			}
			if corrupt != c.corrupt || missing != c.missing {
				t.Errorf("%d corrupt, %d missing; want %d, %d", corrupt, missing, c.corrupt, c.missing)
			}
			lost := uint64(0)
			for _, l := range sum.Lost {
				lost += l.Count
			}
			if sum.Readings != uint64(len(w.got)) || dumped != sum.Readings || lost != c.corrupt {
				t.Errorf("Inspect: %d readings, %d dumped, %d lost; want %d and %d lost", sum.Readings, dumped, lost, len(w.got), c.corrupt)
			}
			w.close()
			if left := segments(w.disk); len(left) > 0 && c.name != "a later version's segment" {
				t.Errorf("drained, but %v is left", left)
			}
			if c.name == "foreign files" && string(w.disk.ReadFile("README")) != "hello" {
				t.Error("a foreign file was touched")
			}
		})
	}
}

// TestBitFlips flips every bit of a small folder, one at a time.
func TestBitFlips(t *testing.T) {
	t.Parallel()
	w := backlog(t, 2, 3, 20)
	w.open() // a run that crashed, and a cursor inside of the first
	w.append(2, 20)
	w.append(2, 20)
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	w.next()
	w.ack(1)
	w.q.Step(time.Now().Add(time.Hour))
	for _, name := range w.disk.Names() {
		whole := w.disk.ReadFile(name)
		used := len(bytes.TrimRight(whole, "\x00"))
		t.Run(name, func(t *testing.T) {
			for bit := 0; bit < used*8; bit += 2*slower - 1 {
				if name == "state" && bit/8 > 200 && bit/8 < 32<<10 {
					continue // zeros between the slots
				}
				d := w.disk.Clone()
				b := bytes.Clone(whole)
				b[bit/8] ^= 1 << (bit % 8)
				d.WriteFile(name, b)
				c := newWorld(t, d, w.opts)
				c.run = 100
				c.open()
				c.drain()
				missing, told := 0, 0
				for n := range w.appended {
					if _, ok := c.lost[n]; ok {
						told++
					} else if c.got[n] == 0 && !w.settled[n] {
						missing++
					}
				}
				most := 3
				if bit/8 < 80 && name != "state" {
					most = 30
				}
				if name == "state" {
					most = 0
				}
				if missing+told > most {
					t.Fatalf("bit %d of byte %d: %d missing, %d told as lost; %d at most", bit%8, bit/8, missing, told, most)
				}
				for n := range c.got {
					if !w.appended[n] {
						t.Fatalf("bit %d of byte %d: number %d was never appended", bit%8, bit/8, n.seq)
					}
				}
				c.close()
			}
		})
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
