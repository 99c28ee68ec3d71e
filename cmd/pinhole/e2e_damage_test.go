package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestE2EDamage: a card gives back something else than was written. The agent starts, `queue` and `queue dump` work, what is
// sound arrives, and what is not is told of.
func TestE2EDamage(t *testing.T) {
	t.Parallel()
	const n = 120_000
	for name, damage := range map[string]func(segments []string, state string){
		"bytes turned":      func(s []string, _ string) { overwrite(t, s[0], 20_000, strings.Repeat("\xa5", 300)) },
		"a page of zeros":   func(s []string, _ string) { overwrite(t, s[len(s)/2], 8192, strings.Repeat("\x00", 4096)) },
		"a header gone":     func(s []string, _ string) { overwrite(t, s[1], 0, strings.Repeat("\xff", 80)) },
		"a file gone":       func(s []string, _ string) { remove(t, s[1]) },
		"the state gone":    func(_ []string, state string) { remove(t, state) },
		"the state garbage": func(_ []string, state string) { overwrite(t, state, 0, strings.Repeat("garbage!", 8192)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.gate.set(true)
			config := d.configure(settings{sensors: d.tape(n), batch: "age: 1s", queue: "max: 2MiB, sync: 1s"})
			d.run(config)
			d.await(time.Minute, "all readings are on disk", func() bool { return d.played() && d.queue(config).Readings == n })
			d.live.kill()
			segments, err := filepath.Glob(filepath.Join(d.dir, "state", "queue", "*.seg"))
			if err != nil || len(segments) < 3 {
				t.Fatalf("%d segments: %v", len(segments), err)
			}
			damage(segments, filepath.Join(d.dir, "state", "queue", "state"))

			out, errs, code := output(t, "", d.agent, "queue", "dump", "-c", config)
			readable := strings.Count(out, "\n")
			if code != 0 || readable < n/2 {
				t.Errorf("queue dump: code %d, %d of %d readings\n%s", code, readable, n, errs)
			}
			d.queue(config)

			d.configure(settings{sensors: counters(4, 100*time.Millisecond), batch: "age: 1s", queue: "max: 2MiB, sync: 1s"})
			d.gate.set(false)
			d.run(config)
			d.arrived(time.Minute, uint64(readable)+20)
			r := d.finish()
			old := r.Streams[0]
			t.Logf("of %d readings %d can be read, %d arrived, %v were told of as lost", n, readable, old.Arrived, old.Lost)
			if old.Arrived != uint64(readable) || old.Taken != n || old.Lost["corrupt"] != n-old.Arrived {
				t.Errorf("of %d readings %d could be read and %d arrived; lost %v", n, readable, old.Arrived, old.Lost)
			}
			if touched := !strings.Contains(name, "state"); touched == (old.Lost["corrupt"] == 0) {
				t.Errorf("%d lost", old.Lost["corrupt"])
			}
		})
	}
}

// TestE2ENoFolder: where the queue's folder cannot be, readings are kept in memory and delivered all the same.
func TestE2ENoFolder(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	config := d.configure(settings{sensors: counters(10, 50*time.Millisecond)})
	if err := os.WriteFile(filepath.Join(d.dir, "state"), []byte("a file stands where the folder should be"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.run(config)
	d.arrived(20*time.Second, 100)
	d.lab.Cut()
	d.arrived(20*time.Second, 100)
	d.finish()
	d.books.check(t)
	d.logged("the queue's folder cannot be used, readings are kept in memory")

	// What is neither delivered nor on disk when the agent stops is lost, and the exit code says so.
	d.gate.set(true)
	d.run(config)
	d.await(20*time.Second, "the start", func() bool { return strings.Contains(d.live.log.String(), "msg=started") })
	d.live.signal(syscall.SIGTERM)
	if code := d.live.wait(20 * time.Second); code != 1 {
		t.Errorf("exit code %d though readings were lost, want 1", code)
	}
	d.logged("the queue could not be written")
}

// logged demands that the agent's log says something.
func (d *desk) logged(what string) {
	d.t.Helper()
	if !strings.Contains(d.live.log.String(), what) {
		d.t.Errorf("the log does not say: %s", what)
	}
}

func overwrite(t *testing.T, path string, at int64, with string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(with), at); err != nil {
		t.Error(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Error(err)
	}
}
