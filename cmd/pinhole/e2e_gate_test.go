package main

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// gate is a TCP relay on 127.0.0.1. It can be shut: then it resets whoever comes, as a front does that has lost its broker. And it
// can swallow what comes from the agent, as a network does that has died without a word. Of several backends it takes the first that
// accepts.
type gate struct {
	ln       net.Listener
	backends []string
	wg       sync.WaitGroup

	mu        sync.Mutex
	shut      bool
	swallows  bool
	swallowed int // bytes
	conns     map[net.Conn]bool
}

func newGate(t testing.TB, backends ...string) *gate {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{ln: ln, backends: backends, conns: map[net.Conn]bool{}}
	g.wg.Go(g.accept)
	t.Cleanup(func() {
		_ = ln.Close()
		g.set(true)
		g.wg.Wait()
	})
	return g
}

func (g *gate) addr() string { return g.ln.Addr().String() }

// set shuts the gate and resets all connections, or opens it.
func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	for c := range g.conns {
		if shut {
			reset(c)
		}
	}
}

// cut lets at least n bytes of the agent's vanish and resets the connections then.
func (g *gate) cut(t testing.TB, n int) {
	t.Helper()
	g.mu.Lock()
	g.swallows, g.swallowed = true, 0
	g.mu.Unlock()
	await(t, 20*time.Second, "bytes vanish", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.swallowed >= n
	})
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.conns {
		reset(c)
	}
	g.swallows = false
}

// throat is the way from the agent to the broker.
type throat struct {
	gate *gate
	to   net.Conn
}

func (h throat) Write(b []byte) (int, error) {
	h.gate.mu.Lock()
	swallows := h.gate.swallows
	if swallows {
		h.gate.swallowed += len(b)
	}
	h.gate.mu.Unlock()
	if swallows {
		return len(b), nil
	}
	return h.to.Write(b)
}

func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// enter notes a connection; false: the gate is shut.
func (g *gate) enter(c net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		reset(c)
		return false
	}
	g.conns[c] = true
	return true
}

func (g *gate) leave(c net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, c)
	_ = c.Close()
}

func (g *gate) dial() (c net.Conn, err error) {
	for _, addr := range g.backends {
		if c, err = net.Dial("tcp", addr); err == nil {
			break
		}
	}
	return c, err
}

func (g *gate) accept() {
	for {
		in, err := g.ln.Accept()
		if err != nil {
			return
		}
		if !g.enter(in) {
			continue
		}
		g.wg.Go(func() {
			defer g.leave(in)
			out, err := g.dial()
			if err != nil || !g.enter(out) {
				return
			}
			defer g.leave(out)
			var back sync.WaitGroup
			back.Go(func() {
				_, _ = io.Copy(in, out)
				_ = in.(*net.TCPConn).CloseWrite()
			})
			_, _ = io.Copy(throat{g, out}, in)
			_ = out.(*net.TCPConn).CloseWrite()
			back.Wait()
		})
	}
}
