package pulse

import (
	"context"
	"errors"
	"maps"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sim"
)

// bench is a watched water meter on a simulated board: one litre a pulse, and a report every ten seconds.
type bench struct {
	t     *testing.T
	board *sim.Board
	dev   *Dev
	stop  context.CancelFunc
	done  chan error

	mu  sync.Mutex
	got map[sensors.Quantity][]sensors.Measurement
}

// watching runs f while the meter is watched. disk stands in for writing the file.
func watching(t *testing.T, p kind.Params, disk func(path string, text []byte) error, f func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now().Add(-time.Minute)
		b := &bench{t: t, done: make(chan error, 1), got: map[sensors.Quantity][]sensors.Measurement{},
			board: sim.New(sim.Options{State: t.TempDir(), Mono: func() int64 { return int64(time.Since(begin)) }})}
		all := kind.Params{"pin": "GPIO5", "quantity": "volume", "scale": 0.001, "every": 10 * time.Second}
		maps.Copy(all, p)
		dev, err := openPulse(b.board, kind.WithDefaults(Kinds()[0].Keys, all))
		if err != nil {
			t.Fatal(err)
		}
		b.dev = dev
		if disk != nil {
			dev.total.write = disk
		}
		b.board.Drive("GPIO5", true)
		var ctx context.Context
		ctx, b.stop = context.WithCancel(t.Context())
		go func() {
			b.done <- dev.Watch(ctx, func(m sensors.Measurement) {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.got[m.Quantity] = append(b.got[m.Quantity], m)
			})
		}()
		f(b)
		b.stop()
		if err := <-b.done; err != nil {
			t.Error(err)
		}
		dev.Close()
	})
}

func (b *bench) pulses(n int, period time.Duration) {
	for range n {
		b.board.Drive("GPIO5", false)
		time.Sleep(period / 2)
		b.board.Drive("GPIO5", true)
		time.Sleep(period - period/2)
	}
	synctest.Wait()
}

// take returns what was reported of a quantity since the last take.
func (b *bench) take(q sensors.Quantity) []sensors.Measurement {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.got[q]
	b.got[q] = nil
	return list
}

// TestSparesTheCard counts the writes of a day of pulses.
func TestSparesTheCard(t *testing.T) {
	for _, tt := range []struct {
		save time.Duration
		most int64
	}{{time.Minute, 62}, {10 * time.Minute, 8}} {
		var writes atomic.Int64
		disk := func(path string, text []byte) error { writes.Add(1); return writeFile(path, text) }
		watching(t, kind.Params{"save": tt.save}, disk, func(b *bench) {
			b.pulses(3600, time.Second)
			if n := writes.Load(); n > tt.most || n < tt.most-3 {
				t.Errorf("save: %v: %d writes in an hour of pulses, want about %d", tt.save, n, tt.most)
			}
			if n := int64(len(b.take(sensors.Volume))); n > tt.most || n < tt.most-3 {
				t.Errorf("save: %v: %d totals in an hour of pulses", tt.save, n)
			}
			time.Sleep(time.Hour)
			before := writes.Load()
			time.Sleep(10 * time.Hour)
			if n := writes.Load() - before; n != 0 {
				t.Errorf("%d writes while nothing comes", n)
			}
		})
	}
}

// TestDiskFails reports no total that is not on disk, and all of it once the disk is back.
func TestDiskFails(t *testing.T) {
	var full atomic.Bool
	disk := func(path string, text []byte) error {
		if full.Load() {
			return syscall.ENOSPC
		}
		return writeFile(path, text)
	}
	watching(t, kind.Params{"save": 10 * time.Second}, disk, func(b *bench) {
		b.pulses(100, time.Second)
		before := b.take(sensors.Volume)
		if last := before[len(before)-1]; last.Err != "" || last.Value < 0.09 {
			t.Fatalf("total %+v", last)
		}
		full.Store(true)
		b.pulses(1000, 100*time.Millisecond)
		for _, m := range b.take(sensors.Volume) {
			if m.Err != sensors.IO || !errors.Is(m.Cause, syscall.ENOSPC) {
				t.Errorf("the disk is full: %+v", m)
			}
		}
		if rates := b.take(sensors.FlowRate); math.Abs(rates[len(rates)-1].Value-10) > 0.01 {
			t.Errorf("the rate needs no disk: %+v", rates)
		}
		full.Store(false)
		time.Sleep(21 * time.Second)
		after := b.take(sensors.Volume)
		if last := after[len(after)-1]; last.Value != 1.1 {
			t.Errorf("with space again: %+v", after)
		}
		full.Store(true)
		b.pulses(10, time.Millisecond)
		b.stop()
		if err := <-b.done; err != nil {
			t.Error(err)
		}
		b.done <- nil
		if end := b.take(sensors.Volume); len(end) != 1 || end[0].Err != sensors.IO {
			t.Errorf("stopped with pulses that cannot be kept: %+v", end)
		}
	})
}

// TestDiskIsSlow has a card stall for most of a minute: meanwhile nothing is lost, at 2 kHz, and rates go on.
func TestDiskIsSlow(t *testing.T) {
	disk := func(path string, text []byte) error {
		time.Sleep(45 * time.Second)
		return writeFile(path, text)
	}
	watching(t, nil, disk, func(b *bench) {
		time.Sleep(50 * time.Second)
		b.take(sensors.Volume)
		b.pulses(200_000, 500*time.Microsecond)
		rates := b.take(sensors.FlowRate)
		if last := rates[len(rates)-1]; len(rates) < 10 || math.Abs(last.Value-2000) > 0.1 {
			t.Errorf("rates %+v", rates)
		}
		time.Sleep(3 * time.Minute)
		totals := b.take(sensors.Volume)
		if last := totals[len(totals)-1]; last.Value != 200 || b.dev.Lost() != 0 {
			t.Errorf("totals %+v, lost %d", totals, b.dev.Lost())
		}
		for i := 1; i < len(totals); i++ {
			if totals[i].Value < totals[i-1].Value {
				t.Errorf("the total goes back: %+v", totals)
			}
		}
	})
}

// TestTotalIsReadLater has a file that cannot be read at first: what comes meanwhile is counted.
func TestTotalIsReadLater(t *testing.T) {
	watching(t, kind.Params{"save": 10 * time.Second}, nil, func(b *bench) {
		synctest.Wait()
		path := b.dev.total.path
		b.pulses(100, 100*time.Millisecond) // 0.1 m3 that are kept
		time.Sleep(30 * time.Second)
		b.stop()
		if err := <-b.done; err != nil {
			t.Fatal(err)
		}
		b.dev.Close()
		b.take(sensors.Volume)
		again, err := openPulse(b.board, kind.WithDefaults(Kinds()[0].Keys,
			kind.Params{"pin": "GPIO5", "quantity": "volume", "scale": 0.001, "every": 10 * time.Second}))
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if err := errors.Join(os.Rename(path, path+".away"), os.Mkdir(path, 0o700)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.t.Context())
		done := make(chan error, 1)
		var last atomic.Pointer[sensors.Measurement]
		go func() {
			done <- again.Watch(ctx, func(m sensors.Measurement) {
				if m.Quantity == sensors.Volume {
					last.Store(&m)
				}
			})
		}()
		synctest.Wait()
		if m := last.Load(); m == nil || m.Err != sensors.IO {
			t.Errorf("the file cannot be read: %+v", m)
		}
		b.pulses(50, 100*time.Millisecond)
		if err := errors.Join(os.Remove(path), os.Rename(path+".away", path)); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if m := last.Load(); m.Err != "" || m.Value != 0.15 {
			t.Errorf("once it can: %+v, want 0.15", m)
		}
		cancel()
		b.done <- <-done
	})
}

// TestBackwards has the numbers of edges go back, which no lost edge explains: the watch ends rather than count four billion.
func TestBackwards(t *testing.T) {
	c := &counter{name: "pulse at GPIO5", line: numbered{5, 6, 3}}
	err := c.watch(t.Context(), time.Now().Add(time.Hour))
	if sensors.ClassOf(err) != sensors.IO || c.n != 6 {
		t.Errorf("counted %d, %v", c.n, err)
	}
	c = &counter{line: numbered{1<<32 - 1, 0, 1}, seq: 1<<32 - 2} // the number starts over
	if err := c.watch(t.Context(), time.Now().Add(time.Hour)); err != nil || c.n != 3 || c.Lost() != 0 {
		t.Errorf("wrapped: counted %d, lost %d, %v", c.n, c.Lost(), err)
	}
}

// numbered is a line with edges of these numbers.
type numbered []uint32

func (n numbered) Read() (bool, error) { return false, nil }
func (n numbered) Close() error        { return nil }

func (n numbered) Events(_ context.Context, f func(kind.Event)) error {
	for _, seq := range n {
		f(kind.Event{Seq: seq, Rising: true})
	}
	return nil
}
