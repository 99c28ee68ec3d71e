package bus

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/pulse"
)

// script plays the kernel's part for a line: it numbers edges, and keeps as many as the kernel does, the last ones.
type script struct {
	t    testing.TB
	k    *fakeKernel
	seq  uint32
	text []byte
}

// edges has n edges come while nobody reads the line, a microsecond apart.
func (s *script) edges(n int) {
	if s.text == nil {
		s.text = bytes.Repeat(edge(0, unix.GPIO_V2_LINE_EVENT_RISING_EDGE, 0), eventBuffer)
	}
	waiting := min(n, eventBuffer)
	s.seq += uint32(n - waiting)
	for i := range waiting {
		s.seq++
		e := s.text[i*eventSize:]
		binary.LittleEndian.PutUint64(e, uint64(s.seq)*1000)
		binary.LittleEndian.PutUint32(e[20:], s.seq)
	}
	const whole = 4096 / eventSize * eventSize // PIPE_BUF: what a pipe takes in one piece, so that no event is torn
	for part := range slices.Chunk(s.text[:waiting*eventSize], whole) {
		if _, err := s.k.feed.Write(part); err != nil {
			s.t.Fatal(err)
		}
	}
}

// meter opens kind pulse on a line that is a pipe: a real file, read through the same poller and decoder as the kernel's.
func meter(t testing.TB, p kind.Params) (sensors.Watcher, *script) {
	t.Helper()
	s, k := gpioBoard(t, pi5())
	s.state = t.TempDir()
	row := pulse.Kinds()[0]
	p["pin"] = "GPIO5"
	dev, err := row.Open(t.Context(), s, kind.WithDefaults(row.Keys, p))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.(sensors.Watcher).Close() })
	if _, err := unix.FcntlInt(k.feed.Fd(), unix.F_SETPIPE_SZ, 1<<20); err != nil {
		t.Fatal(err)
	}
	return dev.(sensors.Watcher), &script{t: t, k: k}
}

// TestNoPulseIsLost keeps the agent from reading, again and again, for as long as the kernel's buffer lasts: a second at 1 kHz, or
// ten milliseconds at 100 kHz, which differ in nothing that is counted. Then it does so for longer.
func TestNoPulseIsLost(t *testing.T) {
	for _, tt := range []struct{ stalls, edges, lost int }{
		{200, eventBuffer, 0},
		{50, eventBuffer + 1, 1},
		{50, 5000, 5000 - eventBuffer},
	} {
		dev, feed := meter(t, kind.Params{"every": 10 * time.Millisecond, "window": 10 * time.Millisecond})
		ctx, cancel := context.WithCancel(t.Context())
		stalls, marks := 0, 0
		var last sensors.Measurement
		err := dev.Watch(ctx, func(m sensors.Measurement) {
			switch {
			case m.Quantity == sensors.Count:
				last = m
			case m.Err == sensors.IO:
				marks++
			}
			if m.Quantity == sensors.Frequency && stalls < tt.stalls {
				stalls++
				feed.edges(tt.edges) // nobody reads while a report is made
				if stalls == tt.stalls {
					cancel()
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := float64(tt.stalls * tt.edges); last.Value != want || last.Err != "" {
			t.Errorf("%d times %d edges: counted %+v, want %v", tt.stalls, tt.edges, last, want)
		}
		lost := dev.(interface{ Lost() uint64 }).Lost()
		if want := uint64(tt.stalls * tt.lost); lost != want || (marks > 0) != (lost > 0) {
			t.Errorf("%d times %d edges: %d are said to be lost and %d errors tell so, want %d", tt.stalls, tt.edges, lost, marks, want)
		}
	}
}

// BenchmarkPulses counts pulses of a line that is a pipe, as fast as they can be written. What is allocated is the few kilobytes of
// one watch, whatever their number.
func BenchmarkPulses(b *testing.B) {
	dev, feed := meter(b, kind.Params{"every": time.Hour, "window": time.Hour})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	var last sensors.Measurement
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		defer dev.Close() // or the pipe would fill up
		done <- dev.Watch(ctx, func(m sensors.Measurement) { last = m })
	}()
	for left := b.N; left > 0; left -= eventBuffer {
		feed.edges(min(left, eventBuffer))
	}
	for waiting := 1; waiting > 0; { // what is in the pipe may be more than the kernel would keep
		var err error
		if waiting, err = unix.IoctlGetInt(int(feed.k.feed.Fd()), unix.TIOCINQ); err != nil {
			b.Fatal(err)
		}
	}
	cancel()
	err := <-done
	b.StopTimer()
	if lost := dev.(interface{ Lost() uint64 }).Lost(); err != nil || lost != 0 || last.Value != float64(b.N) {
		b.Errorf("%d pulses: %+v, lost %d, %v", b.N, last, lost, err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pulses/s")
}
