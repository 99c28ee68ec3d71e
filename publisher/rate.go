package publisher

import "time"

// Rate limits what is sent on one connection. AWS IoT discards publishes beyond 100 a second without a word and delays what
// exceeds 512 KiB/s (AWS IoT Core endpoints and quotas), so staying below is ours to do.
type Rate struct {
	Messages float64 // a second; 0: no limit
	Bytes    float64 // a second, payload and topic; 0: no limit
}

// burst is how much of a second's allowance may go out at once: with it, no window of one second exceeds 1.2 times the rate.
const burst = 5

// bucket holds what may be sent now. A message may take the bytes below zero; the next one then waits for the debt.
type bucket struct {
	rate            Rate
	messages, bytes float64
	last            time.Time
}

func newBucket(r Rate, now time.Time) *bucket {
	return &bucket{rate: r, messages: max(r.Messages/burst, 1), bytes: r.Bytes / burst, last: now}
}

// delay returns how long the next message must wait; 0: it may go now.
func (b *bucket) delay(now time.Time) time.Duration {
	dt := now.Sub(b.last).Seconds()
	b.last = now
	b.messages = min(b.messages+dt*b.rate.Messages, max(b.rate.Messages/burst, 1))
	b.bytes = min(b.bytes+dt*b.rate.Bytes, b.rate.Bytes/burst)
	var wait float64
	if b.rate.Messages > 0 && b.messages < 1 {
		wait = (1 - b.messages) / b.rate.Messages
	}
	if b.rate.Bytes > 0 && b.bytes < 0 {
		wait = max(wait, -b.bytes/b.rate.Bytes)
	}
	if wait <= 0 {
		return 0
	}
	return time.Duration(wait*float64(time.Second)) + time.Microsecond
}

// take accounts for a message of n bytes.
func (b *bucket) take(n int) {
	b.messages--
	b.bytes -= float64(n)
}
