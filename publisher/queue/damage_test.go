package queue_test

import (
	"bytes"
	"testing"
	"time"

	"pinhole/publisher/queue"
	"pinhole/publisher/queue/queuetest"
)

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
