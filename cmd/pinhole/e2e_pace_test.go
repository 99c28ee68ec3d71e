package main

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// hangsUp accepts connections at one address, reads a first byte and closes them, as a firewall does that dislikes every greeting. It
// notes when they came.
type hangsUp struct {
	net.Listener
	mu   sync.Mutex
	came []time.Time
}

func newHangsUp(t *testing.T) *hangsUp {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hangsUp{Listener: ln}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			h.mu.Lock()
			h.came = append(h.came, time.Now())
			h.mu.Unlock()
			_, _ = conn.Read(make([]byte, 1)) // it may have gone
			_ = conn.Close()
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return h
}

func (h *hangsUp) times() []time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.came)
}

// TestE2EOneConnectASecond: whatever is tried by turns, another ClientHello, another way out, another proxy, a post's connection, the
// endpoint never sees more than one connection a second.
func TestE2EOneConnectASecond(t *testing.T) {
	t.Parallel()
	const enough = 8
	for name, s := range map[string]func(addr string) settings{
		"one way": func(addr string) settings { return settings{broker: "mqtts://" + addr} },
		"routes": func(addr string) settings {
			return settings{broker: "mqtts://" + addr, more: fmt.Sprintf("routes: [\"wss://%[1]s/mqtt\", \"https://%[1]s\"]", addr)}
		},
		"https": func(addr string) settings { return settings{broker: "https://" + addr, more: "parallel: 4"} },
		"direct twice": func(addr string) settings {
			return settings{broker: "mqtts://" + addr, proxy: "[direct, \"socks5://" + addr + "\"]"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHangsUp(t)
			d := newDesk(t)
			s := s(h.Addr().String())
			s.sensors = counters(2, 100*time.Millisecond)
			config, began := d.configure(s), time.Now()
			d.run(config)
			d.await(40*time.Second, "connections", func() bool { return len(h.times()) >= enough })
			d.live.stop()
			// A busy machine may have one arrive late, and then the next one closer behind it, but none before its time.
			for i, at := range h.times() {
				if since := at.Sub(began); since < time.Duration(i)*time.Second {
					t.Errorf("%d connections came before the one %v after the start", i, since)
				}
			}
		})
	}
}
