package kernel

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// edgeConfig asks for lines of the machine's GPIO chip, which has no pulls.
const edgeConfig = `
device: virt
sensors:
  - {name: switch, kind: gpio, pin: "9030000.pl061:6", quantity: level, debounce: 0s, pull: as-is}
  - {name: meter, kind: pulse, pin: "9030000.pl061:5", edge: both, pull: as-is, every: 1s, report: total}
publisher: {broker: mqtts://lab.test, queue: {dir: /tmp/queue}}
`

// lines are inputs of a PL061 that are driven from outside.
type lines struct {
	m     *machine
	chip  string
	level [8]int
}

// virt boots QEMU's own machine, which is no Raspberry Pi but has what the emulated one lacks: a GPIO chip whose inputs can be
// driven from outside and raise interrupts.
func virt(t *testing.T) *lines {
	l := &lines{m: boot(t, design{
		arch: "arm64", early: "pl011,0x9040000", tty: "ttyAMA0",
		options: []string{"-M", "virt", "-cpu", "cortex-a53", "-m", "512", "-trace", "pl061_read"},
		files:   map[string][]byte{"pinhole": file(t, "../../dist/pinhole-linux-arm64")},
	})}
	var list []struct{ Name, Type string }
	const devices = "/machine/unattached"
	if err := json.Unmarshal(l.m.qmp("qom-list", map[string]any{"path": devices}), &list); err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		if d.Type == "child<pl061>" {
			l.chip = devices + "/" + d.Name
		}
	}
	l.m.write("/pi.yaml", edgeConfig)
	return l
}

// edges changes a line n times, each as soon as the kernel is done with the last, which it is when it has asked the chip for the
// cause of the interrupt and then for the line's level: two changes within that time are one to any Linux. QEMU's trace shows
// both. It returns how many edges that was in a second.
func (l *lines) edges(line, n int) (rate float64) {
	l.m.t.Helper()
	const cause = " offset 0x418 "
	level := fmt.Sprintf(" offset 0x%x ", 4<<line)
	begun := time.Now()
	for range n {
		for len(l.m.traced) > 0 {
			<-l.m.traced
		}
		l.level[line] ^= 1
		l.m.test("set_irq_in %s unnamed-gpio-in %d %d", l.chip, line, l.level[line])
		late := time.After(limit)
		for _, want := range []string{cause, level} {
			for found := false; !found; {
				select {
				case text, ok := <-l.m.traced:
					if found = strings.Contains(text, want); !ok {
						l.m.t.Fatal("the machine is gone")
					}
				case <-late:
					l.m.t.Fatalf("the kernel does not see to an edge within %v", limit)
				}
			}
		}
	}
	return float64(n) / time.Since(begun).Seconds()
}

// TestBootEdges has the kernel see edges, by interrupts, and stamp them. Kind gpio reports each with that time. The agent may
// sleep for as many as the kernel keeps, 1024; after that it says that some are missing. Kind pulse counts those too.
func TestBootEdges(t *testing.T) {
	l := virt(t)
	agent := l.m.start("/pinhole", "read", "--watch", "--json", "-c", "/pi.yaml", "switch")
	printed := func(n int) func(string) bool {
		return func(out string) bool { return strings.Count(out, "\n") >= n }
	}
	agent.until("state at the start", printed(1))
	n := 0
	for range map[string]int{"short": 1, "long": 10}[*bootFlag] {
		const burst = 500 // less than the kernel keeps: what the agent prints goes over a slow line
		t.Logf("%d edges at %.0f a second", burst, l.edges(6, burst))
		n += burst
		agent.until("last edge", printed(n+1))
	}

	agent.signal(syscall.SIGSTOP)
	l.edges(6, 1000)
	agent.signal(syscall.SIGCONT)
	out := agent.until("last edge", printed(n+1001))
	list := readings(t, out)
	check := func(list []reading) {
		t.Helper()
		for i, r := range list {
			if r.Error != "" || r.Value != (i%2 == 1) || i > 0 && r.Time <= list[i-1].Time {
				t.Fatalf("reading %d of %d: %+v after %+v", i, len(list), r, list[max(i-1, 0)])
			}
		}
	}
	if check(list); len(list) != n+1001 {
		t.Errorf("%d readings, want %d", len(list), n+1001)
	}

	agent.signal(syscall.SIGSTOP)
	l.edges(6, 1500)
	agent.signal(syscall.SIGCONT)
	agent.until("hole", func(out string) bool { return strings.Contains(out, `"error":"io"`) })
	list = readings(t, agent.until("state after it", printed(n+1001+1024+2)))
	end := len(list) - 2
	if check(list[:end]); list[end].Error != "io" || list[end+1].Value != false || end != n+1001+1024 {
		t.Errorf("%d edges, then %+v; want %d, the error and false", end, list[end:], n+1001+1024)
	}
	meter := l.m.start("/pinhole", "read", "--watch", "--json", "-c", "/pi.yaml", "meter")
	total := func(want float64) func(string) bool {
		return func(out string) bool {
			list := readings(t, out)
			return len(list) > 0 && list[len(list)-1].Value == want
		}
	}
	meter.until("total of 0", total(0))
	t.Logf("1000 edges at %.0f a second", l.edges(5, 1000))
	meter.until("total of 1000", total(1000))
	meter.signal(syscall.SIGSTOP)
	l.edges(5, 1500)
	meter.signal(syscall.SIGCONT)
	meter.until("total of 2500", total(2500))
	l.edges(5, 1)
	meter.until("total of 2501", total(2501))
}
