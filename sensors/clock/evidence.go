package clock

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// hasPersistentClock: on these machines the kernel itself reads the time at boot, from the CMOS clock or the hypervisor, also
// where no clock device shows (arch/x86/kernel/rtc.c). A Raspberry Pi begins in 1970.
const hasPersistentClock = runtime.GOARCH == "amd64" || runtime.GOARCH == "386"

// rtcAgrees is how far a hardware clock may be from the system's and still count as its source: both drift by seconds a day.
const rtcAgrees = 5 * time.Minute

// evidence is what speaks for the wall time.
type evidence struct {
	root   string
	kernel func() bool // something keeps the kernel's clock
	always bool        // the kernel sets its clock at boot even without a clock device
}

// trusted reports whether the wall time, in nanoseconds, can be trusted.
func (e evidence) trusted(wall int64) bool {
	if e.kernel() {
		return true
	}
	// Touched by systemd-timesyncd at each synchronisation, gone after a boot; see systemd-timesyncd.service(8).
	if _, err := os.Stat(filepath.Join(e.root, "run/systemd/timesync/synchronized")); err == nil {
		return true
	}
	return e.hardware(wall)
}

// hardware reports whether a hardware clock set the time. That it did is not enough: one without a battery begins in 1970 as
// well, and the system then moves its clock forward to when it was last up. So it must also still agree.
func (e evidence) hardware(wall int64) bool {
	devices, err := filepath.Glob(filepath.Join(e.root, "sys/class/rtc/rtc*"))
	if err != nil || len(devices) == 0 {
		return e.always
	}
	for _, dir := range devices {
		if set, ok := number(filepath.Join(dir, "hctosys")); !ok || set != 1 {
			continue
		}
		if seconds, ok := number(filepath.Join(dir, "since_epoch")); ok {
			if d := time.Unix(0, wall).Sub(time.Unix(seconds, 0)); d.Abs() <= rtcAgrees {
				return true
			}
		}
	}
	return false
}

// number reads a file that holds one number.
func number(path string) (int64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// kernelSynced asks the kernel whether something keeps its clock, adjtimex(2). The kernel withdraws it by itself when nothing
// has done so for about nine hours.
func kernelSynced() bool {
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err != nil {
		return false
	}
	return t.Status&unix.STA_UNSYNC == 0
}
