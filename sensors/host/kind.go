package host

import (
	"fmt"
	"path/filepath"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Kind describes the kind for the table of kinds.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "host",
		Summary: "this machine: processor, memory, disk, network, temperature, uptime",
		Keys: []kind.Key{
			{Name: "metrics", Type: kind.List, Min: new(1.0), Help: "which quantities to report; all that the machine has unless given",
				Elem: &kind.Key{Name: "metric", Type: kind.Enum, Enum: names()}},
			{Name: "disk", Type: kind.String, Help: "a path on the file system that disk_used is about; / unless given"},
			{Name: "interface", Type: kind.String,
				Help: "the network interface that is counted, such as eth0; all but lo together unless given"},
		},
		Yields: yields,
		Bus:    func(kind.Params) string { return "host" },
		Check:  check,
		Open:   open,
		Find: func(kind.Board) ([]kind.Found, error) {
			return []kind.Found{{What: "this machine, processor memory disk network"}}, nil
		},
		Manual: kind.Manual{
			Parts:     "any machine with Linux",
			Datasheet: "proc(5), statfs(2), https://docs.kernel.org/driver-api/thermal/sysfs-api.html",
			Range:     "shares to 0.01 %; a Raspberry Pi's temperature in steps of about 0.5 Cel",
			Notes: []string{
				"temperature is the processor's: zone cpu-thermal of a Raspberry Pi, x86_pkg_temp or acpitz of a PC. A virtual machine " +
					"has none.",
				"cpu_usage is the busy share of all processors since the last reading; the first one counts from boot. Read oftener " +
					"than every tenth of a second, the last figure is repeated.",
				"memory_used is what is not available to new programs (MemAvailable); caches do not count as used. disk_used is what " +
					"df shows.",
				"Network totals begin at 0 when an interface appears, so they fall when one is unplugged or the machine starts. " +
					"Containers' bridges count as well: name the interface if that is not wanted.",
				"What the machine does not have is left out. If it is named under metrics, or by disk or interface, it is an error " +
					"reading of class absent.",
			},
			Example: "name: board\nkind: host\nevery: 60s\nmetrics: [temperature, cpu_usage, memory_used, disk_used]\n",
		},
	}
}

func names() (list []string) {
	for _, m := range metrics() {
		list = append(list, string(m.quantity))
	}
	return list
}

// yields lists the quantities in the order in which Sense reports them. Some may be missing on a machine that does not have them.
func yields(p kind.Params) (list []sensors.Quantity) {
	asked := map[sensors.Quantity]bool{}
	for _, q := range requested(p) {
		asked[q] = true
	}
	for _, m := range metrics() {
		if !p.Has("metrics") || asked[m.quantity] {
			list = append(list, m.quantity)
		}
	}
	return list
}

// check finds what the keys' own rules do not.
func check(p kind.Params) (problems []kind.Problem) {
	seen := map[any]bool{}
	for i, name := range p.List("metrics") {
		if seen[name] {
			message := fmt.Sprintf("%v is there twice", name)
			problems = append(problems, kind.Problem{Key: fmt.Sprintf("metrics[%d]", i), Message: message, Hint: "take one out"})
		}
		seen[name] = true
	}
	if d := p.String("disk"); d != "" && !filepath.IsAbs(d) {
		message := fmt.Sprintf("%q is not an absolute path", d)
		problems = append(problems, kind.Problem{Key: "disk", Message: message, Hint: "use / or the path of a mount, such as /data"})
	}
	return problems
}
