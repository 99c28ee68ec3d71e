package publisher

import (
	"math/rand/v2"
	"time"
)

// Reconnect says how long to wait between two attempts to connect.
type Reconnect struct {
	Min    time.Duration // before every attempt, at least 1 s: AWS allows one CONNECT a second and client id
	Max    time.Duration // the largest random part
	Spread time.Duration // random extra before the first retry, fleet size divided by the broker's connect rate
}

// stable is how long a session must have lived to count as a success. A client id that is in use twice flaps faster.
const stable = time.Minute

// wait returns the pause before the next attempt after n failures in a row: Min + random(0, min(Max, 2^n s)), full jitter, so
// that a fleet which lost its broker in one moment does not come back in one moment.
func (r Reconnect) wait(n int) time.Duration {
	limit := r.Max
	if n < 20 {
		limit = min(limit, time.Second<<n)
	}
	d := max(r.Min, time.Second) + random(limit)
	if n == 0 {
		d += random(r.Spread)
	}
	return d
}

func random(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return time.Duration(rand.Int64N(int64(limit)))
}
