package host

import (
	"errors"
	"math"
	"path/filepath"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
)

// The sources, below the board's root. See proc(5).
const (
	procLoad   = "proc/loadavg"
	procStat   = "proc/stat"
	procMemory = "proc/meminfo"
	procUptime = "proc/uptime"
	procNet    = "proc/net/dev"
)

// paths are the sources with the root in front, put together once.
type paths struct{ load, stat, memory, uptime, net, disk, zone string }

func newPaths(root, disk string) paths {
	return paths{
		load: filepath.Join(root, procLoad), stat: filepath.Join(root, procStat), memory: filepath.Join(root, procMemory),
		uptime: filepath.Join(root, procUptime), net: filepath.Join(root, procNet), disk: filepath.Join(root, disk), zone: findZone(root),
	}
}

func (h *host) load() (float64, error)       { return h.number(h.paths.load, parseFirst) }
func (h *host) uptime() (float64, error)     { return h.number(h.paths.uptime, parseFirst) }
func (h *host) memoryUsed() (float64, error) { return h.number(h.paths.memory, parseMemory) }

// number reads a source that holds one number.
func (h *host) number(path string, parse func([]byte) (float64, bool)) (float64, error) {
	text, err := h.read(path)
	if err != nil {
		return 0, err
	}
	v, ok := parse(text)
	if !ok {
		return 0, unexpected(path)
	}
	return v, nil
}

// minTicks is the shortest time over which usage is told, in ticks of all processors together. Below it one tick would be many
// percent, so the last figure stands until that much time has passed.
const minTicks = 10

// cpuUsage counts from the last reading; the first one counts from boot, as vmstat and iostat do.
func (h *host) cpuUsage() (float64, error) {
	text, err := h.read(h.paths.stat)
	if err != nil {
		return 0, err
	}
	now, ok := parseStat(text)
	if !ok {
		return 0, unexpected(h.paths.stat)
	}
	if now.total < h.cpu.total { // the counters began anew
		h.cpu = cpuTimes{}
	}
	ticks := now.total - h.cpu.total
	if ticks < minTicks {
		if h.usage < 0 {
			return 0, &sensors.Error{Class: sensors.Warmup, Op: "host: " + h.paths.stat, Err: errors.New("too little time has been counted")}
		}
		return h.usage, nil
	}
	idle := float64(now.idle) - float64(h.cpu.idle) // idle times may step back a little, see proc(5) on iowait
	h.usage = percent(float64(ticks)-idle, float64(ticks))
	h.cpu = now
	return h.usage, nil
}

func (h *host) networkReceived() (float64, error) {
	err := h.network()
	return h.net.received, err
}

func (h *host) networkSent() (float64, error) {
	err := h.network()
	return h.net.sent, err
}

// network reads the totals, once for both.
func (h *host) network() error {
	if h.fresh {
		return nil
	}
	text, err := h.read(h.paths.net)
	if err != nil {
		return err
	}
	totals, found, ok := parseNet(text, h.link)
	switch {
	case !ok:
		return unexpected(h.paths.net)
	case h.link != "" && !found:
		return &sensors.Error{Class: sensors.Absent, Op: "host: " + h.paths.net, Err: errors.New("there is no interface " + h.link)}
	}
	h.net, h.fresh = totals, true
	return nil
}

// diskUsed is the share that df shows: what is reserved for root counts neither as used nor as free.
func (h *host) diskUsed() (float64, error) {
	path := h.paths.disk
	var s unix.Statfs_t
	err := unix.Statfs(path, &s)
	for err == unix.EINTR {
		err = unix.Statfs(path, &s)
	}
	if err != nil {
		return 0, &sensors.Error{Class: sensors.ClassOf(err), Op: "host: " + path, Err: err}
	}
	used := float64(s.Blocks) - float64(s.Bfree)
	size := used + float64(s.Bavail)
	if size <= 0 { // /proc and its like hold no blocks
		return 0, &sensors.Error{Class: sensors.Absent, Op: "host: " + path, Err: errors.New("it is no file system that holds files")}
	}
	return percent(used, size), nil
}

// percent is part in percent of whole, to two decimals, between 0 and 100.
func percent(part, whole float64) float64 {
	return math.Round(min(max(part/whole, 0), 1)*1e4) / 1e2
}
