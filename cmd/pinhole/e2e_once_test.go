package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pinhole/cmd/internal/lab"
	"pinhole/publisher/publishertest"
)

// TestE2EOnce: as from cron. Without a broker the exit code is 1, in time, and the reading is in the queue; when there is one, the
// next run delivers both.
func TestE2EOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	addr := publishertest.FreeAddr(t) // nobody listens there yet
	folder := t.TempDir()
	first, err := lab.Start(lab.Options{Dir: folder}) // for its certificates
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	config := d.configure(settings{
		sensors: "{name: a, kind: mock, every: 1h, quantity: count, signal: {shape: counter}}\n{name: air, kind: bme280, every: 1h}",
		broker:  "mqtts://" + addr, batch: "age: 1h",
		tls: "ca: " + folder + "/ca.pem, cert: " + folder + "/device.crt, key: " + folder + "/device.key, server_name: localhost, alpn: [" + lab.ALPN + "]",
	})
	once := func(timeout string) (string, int, time.Duration) {
		t.Helper()
		began := time.Now()
		out, errs, code := output(t, "", d.agent, "run", "--once", "--timeout", timeout, "-c", config)
		if out != "" {
			t.Errorf("on the standard output: %s", out)
		}
		return errs, code, time.Since(began)
	}

	errs, code, took := once("3s")
	if code != 1 || took < 3*time.Second || took > 9*time.Second || !strings.Contains(errs, "4 readings stay in the queue: ") {
		t.Fatalf("no broker: code %d after %v, want 1 after 3s\n%s", code, took, errs)
	}
	if b := d.queue(config); b.Readings != 4 || b.Oldest == nil || time.Since(time.UnixMilli(int64(*b.Oldest))).Abs() > time.Minute {
		t.Errorf("queue --json: %+v", b)
	}
	kept := d.dump(config)
	if len(kept) != 4 || kept[0].Sensor != "a" || kept[0].Value != 0 || kept[3].Sensor != "air" || kept[3].Seq != 3 || kept[3].Stream != kept[0].Stream {
		t.Errorf("queue dump: %+v", kept)
	}

	broker, err := lab.Start(lab.Options{Listen: addr, Dir: folder, OnBatch: d.books.take})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	d.acct = broker.Judge()
	if errs, code, took = once("30s"); code != 0 || took > 15*time.Second {
		t.Fatalf("with a broker: code %d after %v\n%s", code, took, errs)
	}
	r := d.account()
	if r.Readings != 8 || r.Ended != 2 || len(r.Streams) != 2 || r.Duplicates > 0 {
		t.Errorf("8 readings of two streams with their ends are due: %+v", r)
	}
	d.arrivedAll(kept[:1])
	if b := d.queue(config); b.Readings != 0 || b.Oldest != nil {
		t.Errorf("queue --json after delivery: %+v", b)
	}
}

// TestE2ERead: `read` prints what sensors say now, touches neither queue nor network, and helps with a name it does not know.
func TestE2ERead(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	config := d.configure(settings{sensors: `{name: air, kind: bme280}
		{name: door, kind: gpio, pin: GPIO17}
		{name: a, kind: mock, quantity: count, signal: {shape: counter}}`})
	out, errs, code := output(t, "", d.agent, "read", "-c", config)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || errs != "" || len(lines) != 6 || !strings.HasPrefix(lines[0], "SENSOR") || strings.Fields(lines[1])[0] != "a" {
		t.Errorf("read: code %d\n%s%s", code, out, errs)
	}
	out, errs, code = output(t, "", d.agent, "read", "--json", "-c", config, "air")
	seen := map[string]float64{}
	for line := range strings.Lines(out) {
		var r struct {
			Sensor, Quantity, Unit string
			Time, Value            float64
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Sensor != "air" || r.Unit == "" {
			t.Errorf("read --json: %v in %s", err, line)
		}
		if at := time.UnixMilli(int64(r.Time)); time.Since(at).Abs() > time.Minute {
			t.Errorf("read --json: the time is %v", at)
		}
		seen[r.Quantity] = r.Value
	}
	if code != 0 || errs != "" || len(seen) != 3 || seen["pressure"] < 80000 || seen["pressure"] > 110000 {
		t.Errorf("read --json air: code %d, %v\n%s", code, seen, errs)
	}
	out, errs, code = output(t, "", d.agent, "read", "-c", config, "dor")
	if code != 2 || out != "" || !strings.Contains(errs, "did you mean door?") {
		t.Errorf("read dor: code %d\n%s%s", code, out, errs)
	}
	if _, err := os.Stat(filepath.Join(d.dir, "state", "queue")); err == nil {
		t.Error("read made a queue")
	}
	if n := d.lab.Stats().Accepted; n > 0 {
		t.Errorf("read made %d connections", n)
	}
}

// TestE2EConfigPassesCheck: what `config` prints, `check` takes from a pipe.
func TestE2EConfigPassesCheck(t *testing.T) {
	t.Parallel()
	agent := agentPath(t)
	example, errs, code := output(t, "", agent, "config")
	if code != 0 || errs != "" {
		t.Fatalf("config: code %d\n%s", code, errs)
	}
	if out, errs, code := output(t, example, agent, "check", "-c", "-"); code != 0 || errs != "" || !strings.HasPrefix(out, "ok") {
		t.Errorf("check: code %d\n%s%s", code, out, errs)
	}
	out, errs, code := output(t, strings.Replace(example, "kind: host", "kind: hsot", 1), agent, "check", "--json", "-c", "-")
	if code != 3 || errs != "" || !strings.Contains(out, `"ok":false`) && !strings.Contains(out, `"ok": false`) {
		t.Errorf("check of a mistake: code %d\n%s%s", code, out, errs)
	}
}

// TestE2ESecondAgent: one queue, one agent.
func TestE2ESecondAgent(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	config := d.configure(settings{sensors: counters(4, 50*time.Millisecond)})
	d.run(config)
	d.arrived(20*time.Second, 10)
	out, errs, code := output(t, "", d.agent, "run", "-c", config)
	if code != 1 || out != "" || !strings.Contains(errs, "another agent uses this queue") {
		t.Errorf("a second agent: code %d\n%s%s", code, out, errs)
	}
	d.arrived(20*time.Second, 10)
	r := d.finish()
	if len(r.Streams) != 1 {
		t.Errorf("%d streams, want one", len(r.Streams))
	}
	d.books.check(t)
}
