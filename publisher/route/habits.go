package route

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Habits remember which ClientHello, and which family of addresses, got through to an address where the usual ones had met silence:
// separately for each way there, as another proxy stands in another network. What was learnt holds for a day, then the usual is tried
// again, which costs seconds once if the network has not changed. They are safe for concurrent use, and what they know can be kept
// over a restart. The zero value knows nothing.
type Habits struct {
	// Save is called with all that is known when that has changed, one call at a time; nil: it goes with this process.
	Save func(text string)

	mu    sync.Mutex
	known map[string]habit // by the address and the way there

	saving sync.Mutex // held around Save
	saved  string
}

const (
	habitsLast = 24 * time.Hour
	maxHabits  = 64 // many more than there are brokers and proxies in a configuration
)

// habit is what got through after the first choice had met silence.
type habit struct {
	classical bool
	network   string // tcp4 or tcp6; "" for whatever comes first
	learnt    time.Time
}

// any reports whether this differs from the first choice.
func (h habit) any() bool { return h.classical || h.network != "" }

// fresh reports whether a habit still holds. One from the future was learnt before a clock was set back, and is as old as that.
func (h habit) fresh(now time.Time) bool { return now.Sub(h.learnt).Abs() <= habitsLast }

// recall returns what is known of a way to an address.
func (h *Habits) recall(addr, way string, now time.Time) (habit, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	known, ok := h.known[addr+" "+way]
	if !ok || !known.fresh(now) {
		return habit{}, false
	}
	return known, true
}

// keep remembers what got through by a way to an address; the zero habit: that nothing is known any more.
func (h *Habits) keep(addr, way string, what habit, now time.Time) {
	h.saving.Lock()
	defer h.saving.Unlock()
	h.mu.Lock()
	what.learnt = now
	delete(h.known, addr+" "+way)
	for key, old := range h.known {
		if !old.fresh(now) {
			delete(h.known, key)
		}
	}
	if h.known == nil {
		h.known = map[string]habit{}
	}
	if what.any() && len(h.known) < maxHabits {
		h.known[addr+" "+way] = what
	}
	text := h.text()
	h.mu.Unlock()
	if h.Save != nil && text != h.saved {
		h.Save(text)
		h.saved = text
	}
}

// text is a line for each habit: when it was learnt in seconds since 1970, what it is, and of which address and way.
func (h *Habits) text() string {
	var lines []string
	for key, k := range h.known {
		kind, network := "hybrid", "tcp"
		if k.classical {
			kind = "classical"
		}
		if k.network != "" {
			network = k.network
		}
		lines = append(lines, fmt.Sprintf("%d %s %s %s\n", k.learnt.Unix(), kind, network, key))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// Load takes over what Save was given in an earlier run. Lines that it cannot have been given are passed over.
func (h *Habits) Load(text string) {
	h.saving.Lock()
	defer h.saving.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.saved = text
	h.known = map[string]habit{}
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
		if len(f) < 4 || len(h.known) == maxHabits {
			continue
		}
		seconds, err := strconv.ParseInt(f[0], 10, 64)
		k := habit{classical: f[1] == "classical", network: f[2], learnt: time.Unix(seconds, 0)}
		if k.network == "tcp" {
			k.network = ""
		}
		if err == nil && (k.classical || f[1] == "hybrid") && slices.Contains([]string{"", "tcp4", "tcp6"}, k.network) && k.any() {
			h.known[f[3]] = k
		}
	}
}
