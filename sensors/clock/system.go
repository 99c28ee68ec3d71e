package clock

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// floor is a time that had passed when this was written, 2026-01-01 in seconds since 1970: a clock that shows less is wrong,
// whatever speaks for it.
const floor = 1767225600

// Built returns when this program was built, as far as that is known: stamped, which the build may have set, in RFC 3339; else
// the time of the commit; else the first day of 2026. It is never before that.
func Built(stamped string) time.Time {
	best := time.Unix(floor, 0).UTC()
	if t, err := time.Parse(time.RFC3339, stamped); err == nil && t.After(best) {
		return t
	}
	info, ok := debug.ReadBuildInfo()
	for i := 0; ok && i < len(info.Settings); i++ {
		if info.Settings[i].Key == "vcs.time" {
			if t, err := time.Parse(time.RFC3339, info.Settings[i].Value); err == nil && t.After(best) {
				best = t
			}
		}
	}
	return best
}

// System returns this machine's clock. root is where /proc, /sys and /run are found; built is when this program was built, a
// time below which no clock is believed (see Built).
//
// The wall time is trusted when the kernel says that something keeps it (adjtimex without STA_UNSYNC, which NTP daemons clear),
// when systemd-timesyncd says so, or when a hardware clock set it and still agrees. Whether that is so is looked up every 5 s
// until it is, every minute from then on, and at once after a step; so Now costs two clock readings.
//
// A machine without a readable boot id gets one by chance: then nothing can be repaired after a restart of the program, and
// nothing is repaired wrongly.
func System(root string, built time.Time) (*Clock, error) {
	if _, err := read(unix.CLOCK_BOOTTIME); err != nil {
		return nil, fmt.Errorf("read CLOCK_BOOTTIME: %w", err)
	}
	s := &system{
		floor:    max(built.UnixNano(), floor*int64(time.Second)),
		boottime: func() int64 { t, _ := read(unix.CLOCK_BOOTTIME); return t },
		wall:     func() int64 { return time.Now().UnixNano() },
		evidence: evidence{root: root, kernel: kernelSynced, always: hasPersistentClock}.trusted,
	}
	return &Clock{
		id:   bootID(filepath.Join(root, "proc/sys/kernel/random/boot_id")),
		read: s.now,
		mono: func() int64 { t, _ := read(unix.CLOCK_MONOTONIC); return t },
	}, nil
}

// read reads a kernel clock in nanoseconds.
func read(clock int32) (int64, error) {
	var t unix.Timespec
	err := unix.ClockGettime(clock, &t)
	return t.Nano(), err
}

// bootID reads the id of this boot, a UUID in text.
func bootID(path string) (id BootID) {
	text, err := os.ReadFile(path)
	if err == nil {
		digits := strings.ReplaceAll(strings.TrimSpace(string(text)), "-", "")
		if n, err := hex.Decode(id[:], []byte(digits[:min(len(digits), 2*len(id))])); err == nil && n == len(id) {
			return id
		}
	}
	rand.Read(id[:])
	return id
}

// How often the evidence is looked at, in nanoseconds of boot time, and the step of the wall clock that makes it worth another
// look at once.
const (
	lookUnsynced = int64(5 * time.Second)
	lookSynced   = int64(time.Minute)
	stepLimit    = int64(100 * time.Millisecond)
)

// system reads the clocks and remembers what the evidence said.
type system struct {
	floor          int64
	boottime, wall func() int64
	evidence       func(wall int64) bool

	looking sync.Mutex
	next    atomic.Int64 // boot time of the next look
	offset  atomic.Int64 // wall minus boot time at the last look
	synced  atomic.Bool
}

func (s *system) now() Stamp {
	boot := s.boottime()
	wall := s.wall()
	return Stamp{Boot: boot, Wall: wall, Synced: s.trusted(boot, wall)}
}

func (s *system) trusted(boot, wall int64) bool {
	if wall < s.floor {
		return false
	}
	if s.stale(boot, wall) {
		s.look(boot, wall)
	}
	return s.synced.Load()
}

func (s *system) stale(boot, wall int64) bool {
	step := wall - boot - s.offset.Load()
	return boot >= s.next.Load() || step > stepLimit || step < -stepLimit
}

func (s *system) look(boot, wall int64) {
	s.looking.Lock()
	defer s.looking.Unlock()
	if !s.stale(boot, wall) { // another has just looked
		return
	}
	synced, after := s.evidence(wall), lookUnsynced
	if synced {
		after = lookSynced
	}
	s.synced.Store(synced)
	s.offset.Store(wall - boot)
	s.next.Store(boot + after)
}
