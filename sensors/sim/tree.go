package sim

import (
	"fmt"
	"math"
	"time"

	"pinhole/sensors"
)

// file is one file below Root. A text that begins with LinkTo is what a symbolic link points to.
type file struct{ path, text string }

// bootedBefore is how long the simulated board has been running when it is made.
const bootedBefore = 26 * time.Hour

// files is the kernel's file tree at one instant, as far as kinds read it. Totals rise and are functions of the time since boot.
func (b *Board) files(now time.Time) []file {
	up := (now.Sub(b.start) + bootedBefore).Seconds()
	load := 0.35 + 0.25*math.Sin(up/97)
	// The integral of load over the time since boot, in processor seconds: it never falls, and its slope is the load.
	busy := 0.35*up - 0.25*97*(math.Cos(up/97)-1)
	const processors, hz = 4, 100
	user, system := int64(busy*hz*0.7), int64(busy*hz*0.3)
	idle := int64(processors*up*hz) - user - system
	available := 1_400_000 + int64(120_000*math.Sin(up/311))
	soc := b.world.Value(sensors.Temperature, "processor", now) + 24 + 8*load
	list := []file{
		{"proc/loadavg", fmt.Sprintf("%.2f %.2f %.2f 1/142 1234\n", load, 0.35, 0.35)},
		{"proc/uptime", fmt.Sprintf("%.2f %.2f\n", up, float64(idle)/hz)},
		{"proc/stat", fmt.Sprintf("cpu  %d 0 %d %d 0 0 0 0 0 0\ncpu0 %d 0 %d %d 0 0 0 0 0 0\nintr 0\nctxt 0\nbtime %d\n",
			user, system, idle, user/4, system/4, idle/4, b.start.Add(-bootedBefore).Unix())},
		{"proc/meminfo", fmt.Sprintf("MemTotal:        1894928 kB\nMemFree:          912345 kB\nMemAvailable:    %d kB\n", available)},
		{"proc/net/dev", fmt.Sprintf("Inter-|   Receive                                                |  Transmit\n"+
			" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"+
			"    lo:  %d 10 0 0 0 0 0 0  %d 10 0 0 0 0 0 0\n"+
			"  eth0: %d 100 0 0 0 0 0 0 %d 100 0 0 0 0 0 0\n", 5000, 5000, int64(up*1800), int64(up*420))},
		{"sys/class/thermal/thermal_zone0/type", "cpu-thermal\n"},
		{"sys/class/thermal/thermal_zone0/temp", fmt.Sprintf("%d\n", int64(soc*1000))},
		{"proc/device-tree/model", "Simulated Raspberry Pi\x00"},
	}
	list = append(list, b.hwmonFiles(now)...)
	list = append(list, b.iioFiles(now)...)
	return append(list, b.w1Files(now)...)
}
