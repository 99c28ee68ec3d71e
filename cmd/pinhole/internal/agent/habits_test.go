package agent

import (
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"pinhole/cmd/internal/lab"
	"pinhole/cmd/pinhole/internal/config"
)

// firewall is a relay that swallows large ClientHellos. It notes the size of each: "large" or "small".
type firewall struct {
	net.Listener
	mu   sync.Mutex
	seen []string
}

func startFirewall(t *testing.T, backend string) *firewall {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &firewall{Listener: ln}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { f.pass(in, backend) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return f
}

func (f *firewall) pass(in net.Conn, backend string) {
	defer in.Close()
	head := make([]byte, 5)
	if _, err := io.ReadFull(in, head); err != nil {
		return
	}
	size := "small"
	if binary.BigEndian.Uint16(head[3:]) > 1000 {
		size = "large"
	}
	f.mu.Lock()
	f.seen = append(f.seen, size)
	f.mu.Unlock()
	if size == "large" {
		_, _ = io.Copy(io.Discard, in) // until the client gives up
		return
	}
	out, err := net.Dial("tcp", backend)
	if err != nil {
		return
	}
	defer out.Close()
	if _, err := out.Write(head); err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(in, out) // ends with the connections
		_ = in.Close()
	}()
	_, _ = io.Copy(out, in)
}

func (f *firewall) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := f.seen
	f.seen = nil
	return seen
}

// TestTheSmallHelloIsRemembered: behind a firewall that swallows large ClientHellos the first run finds out, and the next one, even of
// another publisher, begins with the small one; a day later it is tried anew. A file that cannot be had costs the memory alone.
func TestTheSmallHelloIsRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wall := startFirewall(t, w.Addr())
	c := w.config(t, "mqtts://"+wall.Addr().String(), true, config.ALPN{Names: []string{lab.ALPN}}, config.AWS{})
	path := filepath.Join(c.Publisher.Queue.Dir, "state", "hello")
	late := time.Duration(0)
	run := func(name string, want ...string) {
		t.Helper()
		link, err := dialer(c, func() time.Time { return time.Now().Add(late) }, os.Getenv, slog.New(slog.DiscardHandler))(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := link.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if seen := wall.take(); !slices.Equal(seen, want) {
			t.Errorf("%s: ClientHellos %q, want %q", name, seen, want)
		}
	}
	run("the first run", "large", "small")
	run("the next", "small")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	late = 25 * time.Hour
	run("a day later", "large", "small")
	run("and after that", "small")

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	run("without a file", "large", "small")
}
