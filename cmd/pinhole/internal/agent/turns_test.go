package agent

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/publisher"
)

// fakeLink acknowledges at once.
type fakeLink struct{ publisher.Link }

func (fakeLink) Publish(_ string, _ byte, _ []byte, done func(error)) error { done(nil); return nil }
func (fakeLink) Close(context.Context) error                                { return nil }
func (fakeLink) Attrs() []any                                               { return []any{"route", "fake"} }

// fakeWays are three ways of which some work.
type fakeWays struct {
	*turns
	t     *testing.T
	works map[string]bool
	tried string
}

func newFakeWays(t *testing.T, path string) *fakeWays {
	f := &fakeWays{t: t, works: map[string]bool{}, turns: &turns{memory: memory{path: path, log: slog.New(slog.DiscardHandler)}}}
	for _, name := range []string{"mqtts", "wss", "https"} {
		f.names = append(f.names, name)
		f.ways = append(f.ways, func(context.Context) (publisher.Link, error) {
			f.tried = name
			if f.works[name] {
				return fakeLink{}, nil
			}
			return nil, errors.New("no")
		})
	}
	return f
}

// fails tries once, by the way that is expected to be tried, and expects that to fail.
func (f *fakeWays) fails(want string) {
	f.t.Helper()
	if _, err := f.dial(f.t.Context()); err == nil || f.tried != want {
		f.t.Errorf("tried %s, %v, want %s and an error", f.tried, err, want)
	}
	time.Sleep(time.Second) // the publisher's pause
}

// lives makes a session by the way that is expected, delivers a message if so wanted, and is cut after a while.
func (f *fakeWays) lives(want string, d time.Duration, message bool) {
	f.t.Helper()
	link, err := f.dial(f.t.Context())
	if err != nil || f.tried != want {
		f.t.Fatalf("tried %s, %v, want %s", f.tried, err, want)
	}
	if attrs := link.(*trial).Attrs(); len(attrs) != 2 {
		f.t.Errorf("the log says %v", attrs)
	}
	for range 2 {
		acked := false
		if message && (link.Publish("t", 1, nil, func(err error) { acked = err == nil }) != nil || !acked) {
			f.t.Error("a message did not get through")
		}
	}
	time.Sleep(d)
	if err := link.Close(f.t.Context()); err != nil {
		f.t.Error(err)
	}
	time.Sleep(2 * time.Minute) // of the pause, which is no part of the session
}

// TestTwoFailures: each way has two attempts, where a short session is a failed one, and a long one forgives a failure.
func TestTwoFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeWays(t, filepath.Join(t.TempDir(), "route"))
		for _, want := range []string{"mqtts", "mqtts", "wss", "wss", "https", "https", "mqtts"} {
			f.fails(want)
		}
		f.works["mqtts"] = true
		f.lives("mqtts", lasting, false)
		f.works["mqtts"] = false
		f.fails("mqtts")
		f.works["mqtts"] = true
		f.lives("mqtts", lasting-time.Second, true)
		f.works["wss"] = true
		f.lives("wss", time.Second, false)
		f.lives("wss", time.Minute, false)
		f.lives("wss", 59*time.Second, false)
		f.lives("wss", 0, false)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for range 3 {
			if _, err := f.dial(ended); err == nil {
				t.Error("https works")
			}
		}
		f.fails("https") // those said nothing about the way
		f.fails("https")
	})
}

// TestTheFirstAgain: after an hour elsewhere the first way has one attempt, when a session was lost and not before.
func TestTheFirstAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeWays(t, filepath.Join(t.TempDir(), "route"))
		f.works["wss"] = true
		f.fails("mqtts")
		f.fails("mqtts")
		for range 2 {
			f.lives("wss", homesick/2-3*time.Minute, true)
			f.lives("wss", homesick/2, true)
			f.fails("mqtts") // once, and back to what works
		}
		f.lives("wss", homesick, true)
		f.works["mqtts"] = true
		f.lives("mqtts", 30*time.Second, true) // no better than a failure
		f.lives("wss", homesick, true)
		f.lives("mqtts", time.Minute, true)
		f.lives("mqtts", time.Second, true) // it stays, with its two attempts
		f.lives("mqtts", time.Second, true)
		f.lives("wss", time.Minute, true)
	})
}

// TestTheLastGoodWay: a new run begins with the way by which messages went last, if the first is still the same.
func TestTheLastGoodWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "state", "route")
		run := func() *fakeWays {
			f := newFakeWays(t, path)
			f.works["wss"], f.works["mqtts"] = true, true
			return f
		}
		f := run()
		f.lives("mqtts", time.Minute, true)
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("there is a file for what goes without saying: %v", err)
		}
		f.works["mqtts"] = false
		f.fails("mqtts")
		f.fails("mqtts")
		f.lives("wss", 0, false) // nothing was acknowledged
		f = run()
		f.works["mqtts"] = false
		f.fails("mqtts")
		f.fails("mqtts")
		f.lives("wss", 0, true)

		was, err := os.Stat(path)
		if err != nil || was.Mode().Perm() != 0o600 {
			t.Fatal(was, err)
		}
		f = run()
		f.lives("wss", homesick, true)
		if is, err := os.Stat(path); err != nil || !os.SameFile(was, is) {
			t.Errorf("written anew without need: %v", err)
		}
		other := run()
		other.names[0] = "mqtts elsewhere" // as after a change of the configuration
		other.lives("mqtts", time.Minute, false)
		f.lives("mqtts", time.Minute, true)
		run().lives("mqtts", time.Minute, true)
		if list, err := os.ReadDir(filepath.Dir(path)); err != nil || len(list) != 1 {
			t.Errorf("%v, %v", list, err)
		}
	})
}

// TestForgetful: a file that holds nonsense, or cannot be had at all, costs nothing but the memory.
func TestForgetful(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		for name, text := range map[string]string{"empty": "", "torn": "wss\nmq", "unknown": "pigeon\nmqtts\n", "zeros": "\x00\x00\x00"} {
			path := filepath.Join(folder, name)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			f := newFakeWays(t, path)
			f.works["wss"] = true
			f.fails("mqtts")
			f.fails("mqtts")
			f.lives("wss", time.Minute, true)
			f = newFakeWays(t, path)
			f.works["wss"] = true
			f.lives("wss", time.Minute, true)
		}
		for _, path := range []string{folder, filepath.Join(folder, "empty", "route")} { // a folder; below a file
			for range 2 {
				f := newFakeWays(t, path)
				f.works["wss"] = true
				f.fails("mqtts")
				f.fails("mqtts")
				f.lives("wss", time.Minute, true)
			}
		}
	})
}
