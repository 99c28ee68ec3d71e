package queue_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"pinhole/publisher/queue"
)

// TestMain runs the child of TestKill when asked to.
func TestMain(m *testing.M) {
	if dir := os.Getenv("PINHOLE_QUEUE_CHILD"); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// child appends and settles until it is killed. It prints what it was promised: f, stream, number: all below is on disk or
// settled; a, stream, number: all below is settled.
func child(dir string) error {
	run, err := strconv.Atoi(os.Getenv("PINHOLE_QUEUE_RUN"))
	if err != nil {
		return err
	}
	s := queue.Stream{byte(run), byte(run >> 8), 1}
	q, err := queue.Open(queue.Options{Dir: dir, Max: 256 << 20, Sync: time.Millisecond, Stream: s, SegmentBytes: 256 << 10, Log: slog.Default()})
	if err != nil {
		return err
	}
	go q.Run(context.Background())
	r := rand.New(rand.NewPCG(uint64(run), 1))
	seq := uint64(0)
	var buf []byte
	for {
		for range 1 + r.IntN(30) {
			buf = binary.LittleEndian.AppendUint64(buf[:0], seq)
			buf = append(buf, data(s, seq, 100+r.IntN(3000))...)
			seq = q.Append(time.Now(), 2, buf) + 2
		}
		if r.IntN(4) == 0 {
			if err := q.Flush(context.Background()); err != nil {
				return err
			}
			fmt.Println("f", run, seq)
		}
		for range r.IntN(40) {
			b, ok := q.Next()
			if !ok {
				break
			}
			fmt.Println("a", runOf(b.Stream), b.Seq+uint64(b.Count))
			q.Ack(b.Stop())
		}
		if r.IntN(50) == 0 {
			q.Rewind()
		}
	}
}

func runOf(s queue.Stream) int { return int(s[0]) | int(s[1])<<8 }

// TestKill kills a process with SIGKILL at random moments, again and again in one folder, and reads what is left.
func TestKill(t *testing.T) {
	t.Parallel()
	rounds := 30
	if *long {
		rounds = 500
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "queue")
	safe, settled := map[int]uint64{}, map[int]uint64{} // by run
	for run := 1; run <= rounds; run++ {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), "PINHOLE_QUEUE_CHILD="+dir, "PINHOLE_QUEUE_RUN="+strconv.Itoa(run))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(20+rand.IntN(60))*time.Millisecond, func() { cmd.Process.Kill() })
		for sc := bufio.NewScanner(out); sc.Scan(); {
			var what string
			var n int
			var seq uint64
			if _, err := fmt.Sscan(sc.Text(), &what, &n, &seq); err != nil {
				continue // cut by the kill
			}
			if what == "f" {
				safe[n] = max(safe[n], seq)
			} else {
				settled[n] = max(settled[n], seq)
			}
		}
		err = cmd.Wait()
		timer.Stop()
		if x, ok := err.(*exec.ExitError); !ok || x.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("run %d: the child ended by itself: %v", run, err)
		}
	}
	q, err := queue.Open(queue.Options{Dir: dir, Max: 256 << 20, Sync: time.Second, Stream: queue.Stream{0, 0, 2}})
	if err != nil {
		t.Fatal(err)
	}
	at := map[int]uint64{}
	blocks := 0
	for {
		b, ok := q.Next()
		if !ok {
			break
		}
		run := runOf(b.Stream)
		if seq := binary.LittleEndian.Uint64(b.Data); seq != b.Seq || string(b.Data[8:]) != string(data(b.Stream, b.Seq, len(b.Data)-8)) {
			t.Fatalf("run %d: block %d has wrong bytes", run, b.Seq)
		}
		// A run starts anywhere up to what was settled; from there on there is no hole.
		if from, seen := at[run]; seen && b.Seq != from || !seen && b.Seq > settled[run] {
			t.Fatalf("run %d: block %d after %d; %d settled", run, b.Seq, from, settled[run])
		}
		at[run] = b.Seq + uint64(b.Count)
		q.Ack(b.Stop())
		blocks++
	}
	for run, n := range safe {
		if at[run] < n && settled[run] < n {
			t.Errorf("run %d: %d were on disk, %d settled; came up to %d", run, n, settled[run], at[run])
		}
	}
	if l, ok := q.NextLoss(); ok {
		t.Errorf("lost: %+v", l)
	}
	t.Logf("%d kills, %d blocks left", rounds, blocks)
	if err := q.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
