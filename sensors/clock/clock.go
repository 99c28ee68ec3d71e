// Package clock tells when a reading was taken on boards whose clock may be wrong.
//
// A Raspberry Pi without a battery starts in the past and jumps once the network has told it the time. So a Stamp carries
// three things: the time since boot (CLOCK_BOOTTIME, which never jumps and goes on in suspend), the wall time as it was
// believed, and whether that belief could be trusted. With the boot's id the wall time of an untrusted stamp can be worked
// out later, when the offset between both clocks is known; see History.
package clock

import (
	"math"
	"time"
)

// BootID is the kernel's id of one boot, /proc/sys/kernel/random/boot_id.
type BootID [16]byte

// Stamp is one instant.
type Stamp struct {
	Boot   int64 // nanoseconds since boot, CLOCK_BOOTTIME
	Wall   int64 // nanoseconds since 1970 UTC, as the clock stood
	Synced bool  // the wall time could be trusted
}

// Time returns the wall time.
func (s Stamp) Time() time.Time { return time.Unix(0, s.Wall).UTC() }

// Clock reads the clocks of one boot. It is safe for concurrent use.
type Clock struct {
	id   BootID
	read func() Stamp
	mono func() int64 // nil: read's boot time stands in
}

// New makes a clock from a source: tests and the simulated board bring their own. read must be safe for concurrent use.
func New(id BootID, read func() Stamp) *Clock { return &Clock{id: id, read: read} }

// Now returns the present instant.
func (c *Clock) Now() Stamp { return c.read() }

// Mono reads CLOCK_MONOTONIC, in nanoseconds: the clock by which the kernel stamps the edges of a line. On a clock made by New it
// is the boot time, which differs from it by suspended time alone.
func (c *Clock) Mono() int64 {
	if c.mono == nil {
		return c.read().Boot
	}
	return c.mono()
}

// At returns the instant at which Mono read mono, which lies in the past; one that seems to lie in the future is now. Both clocks
// are read one after the other, and a process may be held up between: the reading in the middle of two that are close together is
// believed, or of those that are the closest.
func (c *Clock) At(mono int64) Stamp {
	const near, attempts = int64(50 * time.Microsecond), 4
	var s Stamp
	var age int64
	spread := int64(math.MaxInt64)
	for i := 0; i < attempts && spread > near; i++ {
		before, now := c.Mono(), c.read()
		if d := c.Mono() - before; d < spread {
			s, age, spread = now, before+d/2-mono, d
		}
	}
	age = max(age, 0)
	s.Boot -= age
	s.Wall -= age
	return s
}

// ID returns the id of this boot.
func (c *Clock) ID() BootID { return c.id }

// Desk returns a clock for tests and the simulated board: the machine's own time, trusted; boot is the moment of the call. It
// goes by package time alone, so it follows testing/synctest.
func Desk(id BootID) *Clock {
	start := time.Now()
	return New(id, func() Stamp {
		now := time.Now()
		return Stamp{Boot: int64(now.Sub(start)), Wall: now.UnixNano(), Synced: true}
	})
}
