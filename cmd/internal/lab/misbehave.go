package lab

import (
	"bytes"
	"errors"
	"net"
	"slices"
	"time"
)

func contains(payload []byte, text string) bool { return bytes.Contains(payload, []byte(text)) }

// misbehave carries out the faults that count messages: after CONNACK with 0, then after each message.
func (c *conn) misbehave() error {
	n := int(c.taken.Load())
	switch {
	case c.eff.due("cut-after", n):
		return errors.New("fault cut-after")
	case c.eff.due("reset", n):
		c.flush()
		c.tcp.SetLinger(0)
		c.kick("fault reset")
		return net.ErrClosed
	case c.eff.due("stop-reading", n):
		c.lab.event(c, "fault", "stop-reading")
		<-c.gone
		return net.ErrClosed
	case c.eff.due("garbage", n):
		noise := make([]byte, 64)
		for i := range noise {
			noise[i] = byte(c.random.Uint32())
		}
		c.out.send(noise...)
	case c.eff.due("huge", n):
		c.out.send(pPublish<<4, 0xff, 0xff, 0xff, 0x7f)
	}
	return nil
}

// flush waits until what is queued was handed to the connection, for a fault that must not take it along.
func (c *conn) flush() {
	for range 100 {
		c.out.mu.Lock()
		empty := len(c.out.buf) == 0
		c.out.mu.Unlock()
		if empty || !c.sleep(time.Millisecond) {
			return
		}
	}
}

type pendingAck struct {
	id  uint16
	due time.Time
}

// ack answers a QoS 1 publish, by way of the faults.
func (c *conn) ack(id uint16) {
	if c.eff.on("mute-ack") {
		return
	}
	if x, ok := c.eff["drop-acks"]; ok && c.random.IntN(100) < x.n {
		c.unacked.Add(-1)
		return
	}
	if c.acks != nil {
		select {
		case c.acks <- pendingAck{id, time.Now().Add(c.eff["slow-ack"].wait)}:
		case <-c.gone:
		}
		return
	}
	c.puback(id)
}

func (c *conn) puback(id uint16) {
	c.unacked.Add(-1)
	c.out.send(pPuback<<4, 2, byte(id>>8), byte(id))
	if c.eff.on("double-acks") {
		c.out.send(pPuback<<4, 2, byte(id>>8), byte(id))
	}
	if c.eff.on("stray-acks") {
		id ^= 0x8000
		c.out.send(pPuback<<4, 2, byte(id>>8), byte(id))
	}
}

// Acks that are held back to be reordered leave at the latest after this time, or when there are this many.
const (
	reorderTime  = 20 * time.Millisecond
	reorderCount = 8
)

// delayAcks sends acknowledgements when they are due, in another order if a fault says so.
func (c *conn) delayAcks() {
	reorder := c.eff.on("reorder-acks")
	var held []uint16
	for a := range c.acks {
		if wait := time.Until(a.due); wait > 0 && !c.sleep(wait) {
			continue
		}
		if !reorder {
			c.puback(a.id)
			continue
		}
		held = append(held[:0], a.id)
		for timer := time.After(reorderTime); len(held) < reorderCount; {
			select {
			case next, ok := <-c.acks:
				if ok {
					held = append(held, next.id)
					continue
				}
			case <-timer:
			}
			break
		}
		slices.Reverse(held)
		for _, id := range held {
			c.puback(id)
		}
	}
}
