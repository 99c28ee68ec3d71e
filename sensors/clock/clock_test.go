package clock

import (
	"testing"
	"time"
)

// TestAtHeldUp holds the process up after each of the readings in turn: an event keeps its time all the same.
func TestAtHeldUp(t *testing.T) {
	const event = int64(time.Second)
	for held := range 7 {
		mono, calls := event+int64(time.Minute), 0
		pass := func() int64 {
			now := mono
			mono += int64(time.Microsecond)
			if calls == held {
				mono += int64(30 * time.Millisecond)
			}
			calls++
			return now
		}
		c := New(BootID{}, func() Stamp { now := pass(); return Stamp{Boot: now, Wall: now, Synced: true} })
		c.mono = pass
		if s := c.At(event); time.Duration(s.Wall-event).Abs() > time.Microsecond || s.Boot != s.Wall || !s.Synced {
			t.Errorf("held up after reading %d: an event at %v is stamped %v", held, time.Duration(event), time.Duration(s.Wall))
		}
	}
}

// TestAtAlwaysHeldUp: a machine that is never fast enough still ends, with half the time in which it was held up for an error.
func TestAtAlwaysHeldUp(t *testing.T) {
	mono := int64(time.Minute)
	pass := func() int64 { mono += int64(time.Millisecond); return mono }
	c := New(BootID{}, func() Stamp { return Stamp{Boot: pass(), Wall: mono} })
	c.mono = pass
	if late := time.Duration(c.At(int64(time.Second)).Wall) - time.Second; late < 0 || late > 2*time.Millisecond {
		t.Errorf("stamped %v late", late)
	}
}
