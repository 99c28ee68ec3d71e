package lab

import (
	"net"
	"sync"
	"time"
)

// outbox collects what a connection has to write, so that whoever answers never waits for the peer: acknowledgements that
// come while a write is under way leave together with the next.
type outbox struct {
	mu     sync.Mutex
	buf    []byte
	closed bool
	wake   chan struct{} // one slot
}

func newOutbox() *outbox { return &outbox{wake: make(chan struct{}, 1)} }

// add queues bytes that f appends. It is false when the connection is over or too far behind.
func (o *outbox) add(f func(dst []byte) []byte) bool {
	o.mu.Lock()
	ok := !o.closed && len(o.buf) < maxBacklog
	if ok {
		o.buf = f(o.buf)
	}
	o.mu.Unlock()
	if ok {
		o.signal()
	}
	return ok
}

func (o *outbox) send(b ...byte) bool {
	return o.add(func(dst []byte) []byte { return append(dst, b...) })
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// finish lets run write what is queued and return.
func (o *outbox) finish() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.signal()
}

// run writes until finish or a failed write; then it drops the rest.
func (o *outbox) run(w net.Conn) {
	var spare []byte // what was written last; o.buf and out take turns
	for range o.wake {
		for {
			o.mu.Lock()
			out, closed := o.buf, o.closed
			if len(out) > 0 {
				o.buf = spare[:0]
			}
			o.mu.Unlock()
			if len(out) == 0 {
				if closed {
					return
				}
				break
			}
			w.SetWriteDeadline(time.Now().Add(writeTime))
			if _, err := w.Write(out); err != nil {
				o.mu.Lock()
				o.closed, o.buf = true, nil
				o.mu.Unlock()
				w.Close() // ends the reader
				return
			}
			if spare = out; cap(spare) > 1<<20 {
				spare = nil
			}
		}
	}
}
