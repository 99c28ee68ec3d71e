package lab

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
)

// What is queued while a write is under way must not touch the bytes being written.
func TestOutboxKeepsItsBytesApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		o := newOutbox()
		done := make(chan struct{})
		go func() {
			o.run(here)
			here.Close()
			close(done)
		}()
		one := make([]byte, 1)
		for round := range byte(50) { // idle before each round: the writer has looked and found nothing
			synctest.Wait()
			o.send(round, round)
			io.ReadFull(there, one) // the writer stands in the middle of its bytes
			o.send(0xff, 0xff)
			rest := make([]byte, 3)
			if _, err := io.ReadFull(there, rest); err != nil || one[0] != round || rest[0] != round || rest[1] != 0xff || rest[2] != 0xff {
				t.Fatalf("round %d: % x % x, %v", round, one, rest, err)
			}
		}
		o.send(1)
		o.finish()
		if o.send(2) {
			t.Error("took bytes after the end")
		}
		if b, err := io.ReadAll(there); err != nil || string(b) != "\x01" {
			t.Errorf("% x, %v", b, err)
		}
		<-done
	})
}

// A peer that reads nothing ends the connection, not the lab.
func TestOutboxGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		o := newOutbox()
		o.send(1)
		o.run(here) // returns once the write's time is over
		if o.send(2) {
			t.Error("took bytes for a dead peer")
		}
	})
}
