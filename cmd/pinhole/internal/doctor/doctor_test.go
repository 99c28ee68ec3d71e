package doctor

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pinhole/cmd/pinhole/internal/agent"
	"pinhole/cmd/pinhole/internal/config"
	"pinhole/publisher/queue"
	"pinhole/publisher/route"
)

// TestBooksStayClean: what the doctor publishes is a whole stream without readings, in every format, for a judge who counts.
func TestBooksStayClean(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"json", "columns", "senml"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, awsHost)
			b.yaml["more"] = "  format: " + format + "\n"
			if r := b.run(); !r.OK {
				t.Fatal(show(r))
			}
			if err := b.lab.Judge().Report().Err(); err != nil {
				t.Error(err)
			}
			if total := b.lab.Judge().Totals(); total.Readings != 0 || b.lab.Stats().Publishes != 2 {
				t.Errorf("%+v, %+v", total, b.lab.Stats())
			}
		})
	}
}

// TestBesideAnAgent: the agent's client id and queue are left alone, and what is refused to another id is no fault.
func TestBesideAnAgent(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"", "connack=2", "not-active"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, awsHost)
			b.o.Config = b.config()
			q, err := queue.Open(queue.Options{Dir: agent.QueueDir(b.o.Config), Max: queue.MinMax, Stream: queue.Stream{1}})
			if err != nil {
				t.Fatal(err)
			}
			defer q.Close(context.Background())
			if fault != "" {
				b.fault(fault)
			}
			r := b.run()
			if !r.OK || !strings.Contains(show(r), "pi-7-doctor") || !strings.Contains(show(r), "an agent runs") {
				t.Error(show(r))
			}
			if q.Stats().Disk != queue.DiskOK {
				t.Errorf("the queue says %+v", q.Stats())
			}
		})
	}
}

// TestNothingIsLeftBehind: a walk leaves the queue's folder as it was.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	b := newBench(t, awsHost)
	b.o.Config = b.config()
	b.run()
	entries, err := os.ReadDir(b.o.Config.Publisher.Queue.Dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// TestTimeIsBounded: with no time left the rest is skipped, and says so; the culprit found before stays.
func TestTimeIsBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t, awsHost)
	b.fault("no-connack")
	b.o.Limits = Limits{All: 1500 * time.Millisecond}
	begin := time.Now()
	r := b.run()
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("took %v", took)
	}
	if r.Culprit != route.StageConnack && !strings.Contains(show(r), "no time left") {
		t.Error(show(r))
	}
}

// TestInterrupted: Ctrl-C ends a walk at once.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	b := newBench(t, awsHost)
	b.names[awsHost] = []string{"silent"}
	b.o.Limits = Limits{}
	b.o.Config = b.config()
	b.o.resolver, b.o.dialer = b.resolver(), world{b}
	ctx, cancel := context.WithCancel(t.Context())
	b.o.Begin = func(s route.Stage) {
		if s == route.StageDNS {
			time.AfterFunc(50*time.Millisecond, cancel)
		}
	}
	begin := time.Now()
	_, err := Run(ctx, b.o)
	if took := time.Since(begin); !errors.Is(err, context.Canceled) || took > 2*time.Second {
		t.Errorf("%v after %v", err, took)
	}
}

// TestFullDisk fills a real file system, where the test may mount one.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root may mount a file system")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("mount: %v %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", dir).Run() })
	if s := examine(dir); s.err != nil || s.free == 0 {
		t.Errorf("empty: %+v", s)
	}
	if err := os.WriteFile(filepath.Join(dir, "big"), bytes.Repeat([]byte("x"), 64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, awsHost)
	b.o.Config = b.config()
	b.o.Config.Publisher.Queue.Dir = dir
	if r := b.run(); r.Culprit != StageDisk || !strings.Contains(show(r), "the disk is full") {
		t.Error(show(r))
	}
}

// TestDamagedQueue: what the card has lost is a warning with the number, and the network is examined all the same.
func TestDamagedQueue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage func(text []byte) []byte
		note   string
	}{
		"a byte turned":    {func(text []byte) []byte { text[len(text)/2] ^= 1; return text }, "1 are damaged"},
		"another's data":   {func(text []byte) []byte { return bytes.Repeat([]byte("damaged"), len(text)/7) }, "1 file of the queue cannot be read"},
		"nothing happened": {func(text []byte) []byte { return text }, "300 readings wait"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, awsHost)
			b.o.Config = b.config()
			dir := agent.QueueDir(b.o.Config)
			q, err := queue.Open(queue.Options{Dir: dir, Max: queue.MinMax, Stream: queue.Stream{1}})
			if err != nil {
				t.Fatal(err)
			}
			for range 300 {
				q.Append(time.Now(), 1, bytes.Repeat([]byte("reading"), 9))
			}
			if err := q.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			segments, _ := filepath.Glob(filepath.Join(dir, "*.seg"))
			if len(segments) != 1 {
				t.Fatalf("segments: %v", segments)
			}
			text, err := os.ReadFile(segments[0])
			if err == nil {
				err = os.WriteFile(segments[0], c.damage(text), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			if r := b.run(); !r.OK || !strings.Contains(show(r), c.note) || !strings.Contains(show(r), "ok   ack") {
				t.Error(show(r))
			}
		})
	}
}

// TestSimulatedBoard needs no bus.
func TestSimulatedBoard(t *testing.T) {
	t.Parallel()
	b := newBench(t, awsHost)
	b.yaml["board"], b.yaml["sensors"] = config.Sim, "[{name: air, kind: bme280}]"
	if r := b.run(); !r.OK || !strings.Contains(show(r), "the board is simulated") {
		t.Error(show(r))
	}
}
