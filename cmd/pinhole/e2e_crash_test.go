package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// many is how many sensors the tests of cuts and kills have.
const many = 200

// TestE2ECutsAndKills: 200 counters, a queue that syncs every reading, five cuts of the link, three kills of the agent. No number is
// missing, none invented, repeats are identical, and what was on disk at a kill arrives later.
func TestE2ECutsAndKills(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	config := d.configure(settings{sensors: counters(many, 100*time.Millisecond), queue: "max: 64MiB, sync: 0s"})
	d.run(config)
	var accepted []stored
	kills, cuts := 0, 0
	for range *campaign {
		for _, what := range "ccKcKccK" {
			d.arrived(30*time.Second, 1200)
			if what == 'c' { // by turns after the broker has taken what was sent, and before
				if cuts++; cuts%2 == 0 {
					links := d.links()
					d.lab.Cut()
					d.await(30*time.Second, "the next link", func() bool { return d.links() > links })
				} else {
					d.cut(10 << 10)
				}
				continue
			}
			kills++
			at := d.live.kill()
			await(t, 20*time.Second, "the lab has read what was on its way", func() bool { return len(d.lab.Peers()) == 0 })
			list := d.dump(config)
			d.diskFirst(list)
			accepted = append(accepted, list...)
			d.slack("sync 0", at, 0)
			d.run(config)
		}
	}
	d.arrived(30*time.Second, 1200)
	r := d.finish()
	t.Logf("%d cuts, %d kills: %d readings in %d streams, %d repeats; %d readings were on disk when a kill came",
		cuts, kills, r.Readings, len(r.Streams), r.Duplicates, len(accepted))
	if len(r.Streams) != kills+1 || r.Ended != 1 {
		t.Errorf("%d streams, %d with an end; want %d and 1", len(r.Streams), r.Ended, kills+1)
	}
	d.arrivedAll(accepted)
	if n := d.books.check(t); n != int(r.Readings) {
		t.Errorf("the counters have %d values, %d readings came", n, r.Readings)
	}
}

// diskFirst demands that nothing of the newest stream has arrived that was not on disk before.
func (d *desk) diskFirst(list []stored) {
	d.t.Helper()
	if len(list) == 0 {
		d.t.Fatal("nothing on disk")
	}
	last := list[len(list)-1]
	if n := d.books.highest(last.Stream); n > last.Seq {
		d.t.Errorf("number %d of stream %s has arrived, and on disk there is nothing above %d", n, last.Stream, last.Seq)
	}
}

// arrivedAll demands that readings that had been in the queue arrived, under their numbers.
func (d *desk) arrivedAll(list []stored) {
	d.t.Helper()
	for _, s := range list {
		if !d.books.has(s) {
			d.t.Fatalf("%+v was in the queue after a kill, and did not arrive", s)
		}
	}
}

// killSlack is what a kill may cost beyond publisher.queue.sync: the time to the next measurement of the fastest sensor (a tenth of
// a second), one write and one fdatasync that block the next write, and what a machine that is busy with other tests adds.
const killSlack = 1500 * time.Millisecond

// slack demands that the newest reading known of the stream that was killed at that time, from the queue's folder or the broker,
// is not older than sync and the slack.
func (d *desk) slack(what string, at time.Time, sync time.Duration) {
	d.t.Helper()
	var newest time.Time
	d.books.mu.Lock()
	for _, n := range d.books.newest {
		if n.After(newest) {
			newest = n
		}
	}
	d.books.mu.Unlock()
	for _, s := range d.dump(d.dir + "/pinhole.yaml") {
		if n := time.UnixMicro(int64(s.Time * 1000)); n.After(newest) {
			newest = n
		}
	}
	gap := at.Sub(newest)
	d.t.Logf("%s: the newest reading that survived was taken %v before the kill", what, gap.Round(time.Millisecond))
	if gap > sync+killSlack {
		d.t.Errorf("%s: a kill cost the readings of %v, want %v at most", what, gap, sync+killSlack)
	}
}

// TestE2EKillsOffline: no broker, three kills. After each, at most the newest readings of publisher.queue.sync are missing, and nothing
// else: what is on disk is each stream from 0 on without a hole.
func TestE2EKillsOffline(t *testing.T) {
	t.Parallel()
	for _, sync := range []time.Duration{0, 2 * time.Second} {
		t.Run(fmt.Sprintf("sync=%v", sync), func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.gate.set(true)
			d.killOffline(d.configure(settings{sensors: counters(many, 100*time.Millisecond), queue: fmt.Sprintf("max: 64MiB, sync: %v", sync)}), sync)
		})
	}
}

func (d *desk) killOffline(config string, sync time.Duration) {
	kills := 3 * *campaign
	var accepted []stored
	for i := range kills {
		d.run(config)
		d.written() // of whatever came first
		d.written()
		pause := d.written()
		d.t.Logf("run %d: %v between two writes", i+1, pause.Round(time.Millisecond))
		if pause > sync+killSlack {
			d.t.Errorf("nothing was written for %v: a kill then would have cost as much, want %v at most", pause, sync+killSlack)
		}
		<-time.After(rand.N(sync + time.Second)) // at any moment between two writes
		at := d.live.kill()
		d.slack(fmt.Sprintf("kill %d", i+1), at, sync)
		accepted = d.dump(config)
	}
	d.run(config)
	d.gate.set(false)
	d.arrived(30*time.Second, uint64(len(accepted)))
	r := d.finish()
	if len(r.Streams) != kills+1 || r.Ended != 1 {
		d.t.Errorf("%d streams, %d with an end; want %d and 1", len(r.Streams), r.Ended, kills+1)
	}
	if r.Duplicates > 0 {
		d.t.Errorf("%d repeats; the broker acknowledged each message once", r.Duplicates)
	}
	d.arrivedAll(accepted)
	d.books.check(d.t)
}

// written waits for the next write to the queue's files and returns how long after the last one it came, by the files' own times.
func (d *desk) written() time.Duration {
	d.t.Helper()
	last := d.writtenAt()
	next := last
	d.await(30*time.Second, "readings are written", func() bool { next = d.writtenAt(); return next.After(last) })
	return next.Sub(last)
}

// writtenAt returns when the queue's files were last written.
func (d *desk) writtenAt() (at time.Time) {
	files, err := filepath.Glob(filepath.Join(d.dir, "state", "queue", "*.seg"))
	if err != nil {
		d.t.Fatal(err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && info.ModTime().After(at) { // one may go while we look
			at = info.ModTime()
		}
	}
	return at
}

// TestE2EKillsOnline: write-behind with a broker that acknowledges at once. A kill costs at most what is younger than sync, here the
// few readings on their way.
func TestE2EKillsOnline(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	config := d.configure(settings{sensors: counters(many, 100*time.Millisecond), queue: "max: 64MiB, sync: 2s"})
	for i := range 2 * *campaign {
		d.run(config)
		d.arrived(30*time.Second, 2500)
		d.slack(fmt.Sprintf("kill %d", i+1), d.live.kill(), 2*time.Second)
	}
	d.run(config)
	d.arrived(30*time.Second, 500)
	d.finish()
	d.books.check(t)
}
