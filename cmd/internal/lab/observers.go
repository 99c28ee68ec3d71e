package lab

import (
	"slices"
	"sync"
)

// delivery is an observer's QoS 1 side: at most MaxUnacked publishes out, the rest waits.
type delivery struct {
	mu     sync.Mutex
	last   uint16
	out    map[uint16]bool
	queued []*message
}

func (d *delivery) send(m *message, qos byte, retain bool, out *outbox) bool {
	if qos == 0 {
		return out.add(func(dst []byte) []byte { return appendPublish(dst, m, 0, 0, retain) })
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.out == nil {
		d.out = map[uint16]bool{}
	}
	if len(d.out) >= MaxUnacked {
		d.queued = append(d.queued, m)
		return len(d.queued) < maxBacklog>>10
	}
	return d.put(m, retain, out)
}

// put sends m under the next free packet id. The caller holds the lock.
func (d *delivery) put(m *message, retain bool, out *outbox) bool {
	for d.last++; d.last == 0 || d.out[d.last]; d.last++ {
	}
	d.out[d.last] = true
	return out.add(func(dst []byte) []byte { return appendPublish(dst, m, 1, d.last, retain) })
}

func (d *delivery) acked(id uint16, out *outbox) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.out[id] {
		return
	}
	delete(d.out, id)
	if len(d.queued) > 0 {
		m := d.queued[0]
		d.queued = d.queued[1:]
		d.put(m, false, out)
	}
}

// maxRetained bounds the kept messages.
const maxRetained = 1000

// route hands a message to whoever subscribed to it.
func (l *Lab) route(m *message) {
	if !m.retain && l.observers.Load() == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var kept *message
	keep := func() *message { // the payload is only borrowed: copied once, when needed
		if kept == nil {
			c := *m
			c.payload = slices.Clone(m.payload)
			kept = &c
		}
		return kept
	}
	if m.retain {
		if len(m.payload) == 0 { // [MQTT-3.3.1-10]
			delete(l.kept, m.topic)
		} else if len(l.kept) < maxRetained || l.kept[m.topic] != nil {
			l.kept[m.topic] = keep()
		}
	}
	for c := range l.conns {
		best := -1
		for _, f := range c.filters {
			if matches(f.text, m.topic) {
				best = max(best, int(min(f.qos, m.qos)))
			}
		}
		if best >= 0 && !c.deliver.send(keep(), byte(best), false, c.out) {
			c.kick("observer too slow")
		}
	}
}

// subscribe adds filters and returns the SUBACK's codes.
func (l *Lab) subscribe(c *conn, filters []filter) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	var granted []byte
	for _, f := range filters {
		f.qos = min(f.qos, 1)
		i := slices.IndexFunc(c.filters, func(x filter) bool { return x.text == f.text })
		switch {
		case i >= 0:
			c.filters[i] = f
		case len(c.filters) >= maxSubscribed:
			granted = append(granted, 0x80)
			continue
		default:
			c.filters = append(c.filters, f)
			l.observers.Add(1)
		}
		granted = append(granted, f.qos)
	}
	return granted
}

func (l *Lab) unsubscribe(c *conn, filters []filter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.filters = slices.DeleteFunc(c.filters, func(x filter) bool {
		drop := slices.ContainsFunc(filters, func(f filter) bool { return f.text == x.text })
		if drop {
			l.observers.Add(-1)
		}
		return drop
	})
}

// retained sends kept messages to a new subscription. As at AWS, one with a wildcard gets none.
func (l *Lab) retained(c *conn, filters []filter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range filters {
		if m := l.kept[f.text]; m != nil {
			c.deliver.send(m, min(f.qos, m.qos, 1), true, c.out)
		}
	}
}
