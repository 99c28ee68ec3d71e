package agent

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"pinhole/cmd/pinhole/internal/local"
	"pinhole/sensors"
)

// hub hands readings to those who watch. Nobody watching costs one atomic load.
type hub struct {
	some atomic.Bool
	mu   sync.Mutex
	next int
	subs map[int]func([]sensors.Reading)
}

func (h *hub) send(list []sensors.Reading) {
	if !h.some.Load() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.subs {
		f(list)
	}
}

// Subscribe implements local.Source.
func (a *Agent) Subscribe(f func([]sensors.Reading)) (cancel func()) {
	h := &a.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.subs == nil {
		h.subs = map[int]func([]sensors.Reading){}
	}
	h.next++
	id := h.next
	h.subs[id] = f
	h.some.Store(true)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.subs, id)
		h.some.Store(len(h.subs) > 0)
	}
}

// Snapshot implements local.Source.
func (a *Agent) Snapshot() local.Snapshot {
	a.mu.RLock()
	c, pub := a.config, a.pub
	a.mu.RUnlock()
	q, s := a.queue.Stats(), a.stream
	return local.Snapshot{
		Device: c.Device, Version: a.o.Version, Started: a.started, Synced: a.board.Clock.Now().Synced,
		Stream: fmt.Sprintf("%x-%x-%x-%x-%x", s[:4], s[4:6], s[6:8], s[8:10], s[10:]),
		Broker: c.Publisher.Broker.String(), Topic: c.Publisher.Topic, Taken: q.Appended,
		Link: pub.Stats(), Queue: q, Sensors: a.sampler.Health(),
	}
}

// serveLocal runs the local endpoint. That it cannot be had is worth a warning and no more: the agent's work is elsewhere.
func (a *Agent) serveLocal(ctx context.Context) {
	st := a.config.Status
	if st.Listen == "" {
		return
	}
	server := &local.Server{Source: a, Listen: st.Listen, Log: a.o.Log}
	if st.TokenFile != "" {
		text, err := os.ReadFile(st.TokenFile)
		if err != nil {
			a.o.Log.Warn("no status page", "error", err)
			return
		}
		server.Token = strings.TrimSpace(string(text))
	}
	if err := server.Run(ctx); err != nil {
		a.o.Log.Warn("no status page", "error", err)
	}
}
