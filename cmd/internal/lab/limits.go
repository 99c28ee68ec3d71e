package lab

import "time"

// AWS IoT Core's limits, as its quota page and its developer guide give them for one connection.
const (
	MaxPayload     = 128 * 1024 // bytes
	MaxTopic       = 256        // bytes
	MaxSlashes     = 7
	MaxClientID    = 128        // bytes
	MaxPublishes   = 100        // publishes a second; what exceeds them is discarded in silence
	MaxThroughput  = 512 * 1024 // bytes a second; what exceeds them waits
	MaxUnacked     = 100        // QoS 1 publishes without an answer; what exceeds them is discarded
	maxFilters     = 8          // topics in one SUBSCRIBE
	maxSubscribed  = 50         // subscriptions of a connection
	maxKeepAlive   = 1200 * time.Second
	connectSpacing = time.Second // between two CONNECTs of one client id
	// Two CONNECTs that left a second apart may arrive a little closer together.
	connectGrace = 50 * time.Millisecond
)

// The endpoint's own patience, which AWS does not publish.
const (
	handshakeTime = 15 * time.Second
	connectTime   = 10 * time.Second
	writeTime     = 20 * time.Second
	lingerTime    = 500 * time.Millisecond
	maxBacklog    = 16 << 20 // bytes that wait for a slow observer before it is dropped
)

// window admits at most MaxPublishes in any second: the time of each of the last ones is kept.
type window struct {
	at   [MaxPublishes]time.Time
	next int
}

func (w *window) admit(now time.Time) bool {
	if now.Sub(w.at[w.next]) < time.Second {
		return false
	}
	w.at[w.next] = now
	w.next = (w.next + 1) % MaxPublishes
	return true
}

// bucket is a token bucket of one second's throughput.
type bucket struct {
	left float64 // bytes; below 0: in debt
	last time.Time
}

// spend takes n bytes and returns how long to wait before the next may be handled.
func (b *bucket) spend(n int, now time.Time) time.Duration {
	if b.last.IsZero() {
		b.left = MaxThroughput
	} else {
		b.left = min(b.left+now.Sub(b.last).Seconds()*MaxThroughput, MaxThroughput)
	}
	b.last = now
	b.left -= float64(n)
	if b.left >= 0 {
		return 0
	}
	return time.Duration(-b.left / MaxThroughput * float64(time.Second))
}
