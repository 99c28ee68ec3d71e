package queue_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"pinhole/publisher/queue"
	"pinhole/publisher/queue/queuetest"
)

var long = flag.Bool("queue.long", false, "run the long versions of the crash, model and kill tests")

// moment is what was promised when the disk had done its first ops operations.
type moment struct {
	ops       int
	confirmed map[number]bool
	settled   map[number]bool
	lost      map[number]bool
	appended  map[number]bool
}

// recorder runs a script and notes the moments.
type recorder struct {
	*world
	moments []moment
}

func (r *recorder) mark() {
	lost := map[number]bool{}
	for n := range r.lost {
		lost[n] = true
	}
	r.moments = append(r.moments, moment{r.disk.Ops(), maps.Clone(r.confirmed), maps.Clone(r.settled), lost, maps.Clone(r.appended)})
}

// scripts are short lives of a folder in which every kind of write happens.
var scripts = []struct {
	name string
	opts queue.Options
	run  func(r *recorder)
}{
	{"first start, two runs", queue.Options{Sync: time.Second}, func(r *recorder) {
		r.open()
		r.append(3, 100)
		r.step(r.flush)
		r.append(2, 5000)
		r.append(1, 300)
		r.step(r.flush)
		r.next()
		r.ack(1)
		r.mark()
		r.append(4, 9000)
		r.step(r.flush)
		r.q.End()
		r.step(r.flush)
		r.close()
		r.mark()
		r.open()
		r.mark()
		r.append(2, 700)
		r.step(r.flush)
		r.drain()
		r.mark()
		r.close()
		r.mark()
	}},
	{"elided numbers, then an outage", queue.Options{Sync: time.Second}, func(r *recorder) {
		r.open()
		for range 5 {
			r.append(2, 50)
			r.next()
			r.ack(1)
		}
		r.mark()
		r.append(2, 4090)
		r.append(2, 4090)
		r.step(r.flush)
		r.next()
		r.next()
		r.ack(2)
		for range 3 {
			r.append(7, 60)
			r.next()
			r.ack(1)
		}
		r.mark()
		r.append(3, 100)
		r.step(r.flush)
		r.append(3, 6000)
		r.step(r.flush)
		r.rewind()
		r.mark()
		r.next()
		r.ack(1)
		r.mark()
		r.close()
		r.mark()
	}},
	{"rolling and draining", queue.Options{Sync: time.Second}, func(r *recorder) {
		r.open()
		for range 10 {
			r.append(2, 40_000)
			r.step(r.flush)
		}
		for range 10 {
			r.next()
			r.ack(1)
			r.q.Step(time.Now())
			r.mark()
		}
		r.append(1, 100)
		r.step(r.flush)
		r.close()
		r.mark()
	}},
	{"drop-oldest", queue.Options{Sync: time.Second}, func(r *recorder) { fill(r) }},
	{"drop-newest", queue.Options{Sync: time.Second, WhenFull: queue.DropNewest}, func(r *recorder) { fill(r) }},
	{"thin", queue.Options{Sync: time.Second, WhenFull: queue.Thin}, func(r *recorder) { fill(r) }},
	{"failing syncs", queue.Options{Sync: time.Second}, func(r *recorder) {
		r.open()
		r.append(1, 3000)
		r.step(r.flush)
		for i := range 4 {
			r.append(2, 9000)
			r.append(2, 5000)
			n := 0
			r.disk.SetFault(func(op queuetest.Op, _ string) (int, error) {
				if op == queuetest.Sync {
					if n++; n == 1+i%2 {
						return 0xFFD &^ i, errIO // not the second page: the first block is torn, the second there
					}
				}
				return 0, nil
			})
			r.step(r.flush)
			r.disk.SetFault(nil)
			r.append(1, 2000)
			r.step(r.flush)
		}
		r.next()
		r.ack(1)
		r.mark()
		r.close()
		r.mark()
	}},
}

func (r *recorder) step(f func() error) { f(); r.mark() }

// fill goes well past the limit, delivers a bit, and goes on.
func fill(r *recorder) {
	r.open()
	for i := range 24 {
		r.append(3, 15_000)
		r.append(2, 18_000)
		r.append(2, 12_000)
		r.step(r.flush)
		if i == 18 {
			r.next()
			r.next()
			r.ack(1)
			r.mark()
		}
		if i == 21 {
			r.rewind()
		}
	}
	r.close()
	r.mark()
}

// TestCrash cuts the power after every operation of every script, in several ways, and looks at what comes back.
func TestCrash(t *testing.T) {
	t.Parallel()
	for _, s := range scripts {
		t.Run(s.name, func(t *testing.T) {
			r := &recorder{world: newWorld(t, queuetest.NewDisk(), s.opts)}
			r.mark()
			s.run(r)
			cases := 0
			for k := 0; k <= r.disk.Ops(); k += slower {
				for name, how := range survivals(r.disk, k) {
					cases++
					after(t, r, s.opts, k, name, how)
				}
			}
			t.Logf("%d operations, %d crashes", r.disk.Ops(), cases)
		})
	}
}

// survivals lists the ways to lose power after operation k.
func survivals(d *queuetest.Disk, k int) map[string]queuetest.Survival {
	m := map[string]queuetest.Survival{
		"nothing unsynced": {Torn: -1},
		"everything":       {All: true, Torn: -1},
	}
	rounds := 2
	if *long {
		rounds = 30
	}
	for i := range rounds {
		m[fmt.Sprintf("part %d", i)] = queuetest.Survival{Torn: -1, Some: rand.New(rand.NewPCG(uint64(k), uint64(i)))}
	}
	n := d.LastWrite(k)
	every := max(512, n/4/512*512)
	if *long {
		every = 512
	}
	for cut := 0; cut < n; cut += every {
		m[fmt.Sprintf("torn at %d", cut)] = queuetest.Survival{All: true, Torn: cut}
		m[fmt.Sprintf("torn at odd %d", cut+77)] = queuetest.Survival{All: true, Torn: min(cut+77, n-1)}
	}
	return m
}

// after opens the card that a crash left, twice over, and checks every number.
func after(t *testing.T, r *recorder, o queue.Options, k int, name string, how queuetest.Survival) {
	t.Helper()
	i := 0
	for i+1 < len(r.moments) && r.moments[i+1].ops <= k {
		i++
	}
	sure, maybe := r.moments[i], r.moments[min(i+1, len(r.moments)-1)]

	disk := r.disk.After(k, how)
	w := newWorld(t, disk, o)
	w.run = 200
	w.open() // and crash again at once
	w.q.Step(time.Now())
	w.disk = disk.After(disk.Ops(), queuetest.Survival{Torn: -1})
	w.opts.FS = w.disk
	w.open()
	w.drain()

	missing := uint64(0)
	for n := range sure.confirmed {
		_, lost := w.lost[n]
		switch {
		case w.got[n] > 0 && lost && !maybe.settled[n]:
			t.Fatalf("after %d operations, %s: number %d both given out and lost (%v)", k, name, n.seq, w.lost[n])
		case w.got[n] > 0 || maybe.settled[n] || maybe.lost[n]:
		case lost && w.lost[n] == queue.Corrupt:
			t.Fatalf("after %d operations, %s: number %d is corrupt", k, name, n.seq)
		case !lost:
			missing++
		}
	}
	if missing > w.thin {
		t.Fatalf("after %d operations, %s: %d durable numbers gone, %d thinned", k, name, missing, w.thin)
	}
	for n := range w.lost {
		if maybe.settled[n] && w.lost[n] == queue.Corrupt {
			t.Fatalf("after %d operations, %s: settled number %d told as corrupt", k, name, n.seq)
		}
	}
	for n := range w.got {
		if !maybe.appended[n] {
			t.Fatalf("after %d operations, %s: number %d was never appended", k, name, n.seq)
		}
	}
	w.close()
	for _, f := range w.disk.Names() {
		if f != "state" && f != "segment.bad" {
			t.Fatalf("after %d operations, %s: drained, but %s is left", k, name, f)
		}
	}
}
