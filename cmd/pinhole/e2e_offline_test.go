package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pinhole/cmd/internal/judge"
)

// tapeSensors is how many sensors a tape has.
const tapeSensors = 200

// tape writes a CSV of n readings and returns the sensor that plays it back as fast as it can. The value of row n is n/100, so that
// what arrives tells its place.
func (d *desk) tape(n int) string {
	d.t.Helper()
	path := filepath.Join(d.dir, "tape.csv")
	f, err := os.Create(path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "time,sensor,quantity,unit,value")
	for i := range n {
		fmt.Fprintf(w, "%d,s%05d,temperature,Cel,%d.%02d\n", int64(1764000000000)+int64(i), i%tapeSensors, i/100, i%100)
	}
	if err := w.Flush(); err != nil {
		d.t.Fatal(err)
	}
	return fmt.Sprintf("{name: tape, kind: replay, file: %s, speed: max}", path)
}

// played reports whether the agent has read the tape to its end and closed it.
func (d *desk) played() bool {
	folder := fmt.Sprintf("/proc/%d/fd", d.live.cmd.Process.Pid)
	list, err := os.ReadDir(folder)
	for _, e := range list {
		if to, err := os.Readlink(filepath.Join(folder, e.Name())); err == nil && to == filepath.Join(d.dir, "tape.csv") {
			return false
		}
	}
	return err == nil && strings.Contains(d.live.log.String(), "msg=started")
}

// memory returns what /proc says of the process, in bytes: VmHWM is the most it ever had in memory, RssAnon what it has now without the
// pages of the program itself.
func (p *process) memory(key string) int64 {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), key+":")
	n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		p.t.Fatalf("%s: %v", key, err)
	}
	return n << 10
}

// What an agent may take while it holds any backlog, and when it delivers one, in bytes. A million readings in memory, packed as they are,
// would not fit into it.
const (
	holdLimit  = 14 << 20 // without the program's own pages
	drainLimit = 36 << 20 // with them
)

// TestE2EOffline: a million readings go in while there is no broker, in little memory. When it is back, all arrive, once and in
// order, and the disk is given back.
func TestE2EOffline(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 100_000
	}
	d := newDesk(t)
	d.agent = program(t, target{}) // the race detector's memory is not the agent's
	inOrder := uint64(0)
	d.books.each = func(b *judge.Batch) {
		for i, r := range b.Readings {
			if seq := b.Seq + uint64(i); seq == inOrder && uint64(r.Value*100+0.5) == seq {
				inOrder++
			}
		}
	}
	config := d.configure(settings{sensors: d.tape(n), batch: "age: 1s", queue: "max: 256MiB, sync: 1s"})
	d.gate.set(true)
	began := time.Now()
	d.run(config)
	d.await(3*time.Minute, "all readings are on disk", func() bool { return d.played() && d.queue(config).Readings == uint64(n) })
	filled := time.Since(began)
	_, most := d.disk()
	held := d.live.memory("RssAnon")

	d.gate.set(false)
	came := d.arrives(time.Minute)
	d.await(3*time.Minute, "all readings", func() bool { return d.acct.Totals().Readings >= uint64(n) })
	drained := time.Since(came)
	// While the agent runs, the file that was written last stays for a minute.
	d.await(20*time.Second, "the disk is given back", func() bool { _, taken := d.disk(); return taken < 4<<20+128<<10 })
	peak := d.live.memory("VmHWM")
	t.Logf("%d readings: filled in %v, %.1f bytes a reading on disk; drained in %v; %d KiB of memory hold them, at most %d KiB were in use",
		n, filled, float64(most)/float64(n), drained, held>>10, peak>>10)
	if held > holdLimit || peak > drainLimit {
		t.Errorf("%d and %d KiB of memory, want %d and %d at most", held>>10, peak>>10, holdLimit>>10, drainLimit>>10)
	}
	r := d.finish()
	if length, taken := d.disk(); max(length, taken) > 128<<10 {
		t.Errorf("%d bytes stay in the queue's folder after all was delivered", max(length, taken))
	}
	if inOrder != uint64(n) || r.Readings != uint64(n) || r.Streams[0].Taken != uint64(n) {
		t.Errorf("%d of %d readings came with their own value and in order", inOrder, n)
	}
	if r.Duplicates > 0 || len(r.Streams) != 1 || r.Streams[0].Late > 0 {
		t.Errorf("an outage alone made repeats: %+v", r.Streams)
	}
}

// arrives waits for the first reading and returns when that was.
func (d *desk) arrives(limit time.Duration) time.Time {
	d.t.Helper()
	d.await(limit, "the first reading", func() bool { return d.acct.Totals().Readings > 0 })
	return time.Now()
}

// TestE2EFull: more than the queue may hold goes in while there is no broker. The folder keeps to its limit, something is given up by
// the policy, and each number arrives or stands in a lost entry.
func TestE2EFull(t *testing.T) {
	const n, limit = 400_000, 1 << 20
	for _, policy := range []string{"drop-oldest", "drop-newest", "thin"} {
		t.Run(policy, func(t *testing.T) {
			d := newDesk(t)
			d.agent = program(t, target{})
			var quarters [4]int
			d.books.each = func(b *judge.Batch) {
				for i := range b.Readings {
					quarters[(b.Seq+uint64(i))*4/n]++
				}
			}
			config := d.configure(settings{sensors: d.tape(n), batch: "age: 1s", queue: "max: 1MiB, sync: 1s, when_full: " + policy})
			d.gate.set(true)
			d.run(config)
			var most int64
			look := func() {
				length, taken := d.disk()
				most = max(most, length, taken)
			}
			d.await(2*time.Minute, "the tape was played", func() bool { look(); return d.played() })
			d.await(time.Minute, "`queue` accounts for everything", func() bool {
				look()
				b := d.queue(config)
				for _, l := range b.Lost {
					b.Readings += l.Count
				}
				return b.Readings == n
			})
			d.gate.set(false)
			r := d.untilAll(n)
			if most > limit || most < limit/2 {
				t.Errorf("the folder held %d bytes, want no more than %d and not much less", most, limit)
			}
			s := r.Streams[0]
			reason := map[string]string{"thin": "thinned"}[policy]
			if reason == "" {
				reason = "queue_full"
			}
			t.Logf("arrived %d, lost %v, by quarters of the numbers %v; the folder held at most %d KiB", s.Arrived, s.Lost, quarters, most>>10)
			if s.Taken != n || s.Lost[reason] == 0 || s.Arrived < n/100 {
				t.Errorf("taken %d, arrived %d, lost %v", s.Taken, s.Arrived, s.Lost)
			}
			oldest, newest := quarters[0], quarters[3]
			switch {
			case policy == "drop-oldest" && newest <= oldest, policy == "drop-newest" && newest >= oldest, policy == "thin" && (newest == 0 || oldest == 0):
				t.Errorf("%s kept, by quarters of the numbers: %v", policy, quarters)
			}
		})
	}
}

// untilAll waits until each of n numbers has arrived or was declared lost, stops the agent and returns the account.
func (d *desk) untilAll(n uint64) judge.Report {
	d.t.Helper()
	d.await(time.Minute, "each number has arrived or was declared lost", func() bool {
		have := d.acct.Totals()
		return have.Readings+have.Claimed >= n
	})
	return d.finish()
}
