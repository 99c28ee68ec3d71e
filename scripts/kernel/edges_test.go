package kernel

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"
)

// edgeConfig asks for line 5 of the machine's GPIO chip, which has no pulls.
const edgeConfig = `
device: virt
sensors:
  - {name: line, kind: gpio, pin: "9030000.pl061:5", quantity: level, debounce: 0s, pull: as-is}
publisher: {broker: mqtts://lab.test}
`

// line is an input of a PL061 that is driven from outside.
type line struct {
	m     *machine
	chip  string
	level int
}

// virt boots QEMU's own machine, which is no Raspberry Pi but has what the emulated one lacks: a GPIO chip whose inputs can be
// driven from outside and raise interrupts.
func virt(t *testing.T) *line {
	l := &line{m: boot(t, design{
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

// edges changes the level n times, each as soon as the kernel is done with the last, which it is when it has asked the chip for the
// cause of the interrupt and then for the level: two changes within that time are one to any Linux. It returns how long it took.
func (l *line) edges(n int) time.Duration {
	l.m.t.Helper()
	const cause, level = " offset 0x418 ", " offset 0x80 "
	begun := time.Now()
	for range n {
		for len(l.m.traced) > 0 {
			<-l.m.traced
		}
		l.level ^= 1
		l.m.test("set_irq_in %s unnamed-gpio-in 5 %d", l.chip, l.level)
		late := time.After(limit)
		for _, want := range []string{cause, level} {
			for found := false; !found; {
				select {
				case line, ok := <-l.m.traced:
					if found = strings.Contains(line, want); !ok {
						l.m.t.Fatal("the machine is gone")
					}
				case <-late:
					l.m.t.Fatalf("the kernel does not see to an edge within %v", limit)
				}
			}
		}
	}
	return time.Since(begun)
}

// TestBootEdges has the kernel see edges, by interrupts, and stamp them; the agent reports each with that time. It may sleep
// for as many as the kernel keeps, 1024; after that it says that some are missing.
func TestBootEdges(t *testing.T) {
	l := virt(t)
	agent := l.m.start("/pinhole", "read", "--watch", "--json", "-c", "/pi.yaml")
	lines := func(n int) func(string) bool {
		return func(out string) bool { return strings.Count(out, "\n") >= n }
	}
	agent.until("state at the start", lines(1))
	n := 0
	for range map[string]int{"short": 1, "long": 10}[*bootFlag] {
		const burst = 500 // less than the kernel keeps: what the agent prints goes over a slow line
		took := l.edges(burst)
		t.Logf("%d edges at %.0f a second", burst, burst/took.Seconds())
		n += burst
		agent.until("last edge", lines(n+1))
	}

	agent.signal(syscall.SIGSTOP)
	l.edges(1000)
	agent.signal(syscall.SIGCONT)
	out := agent.until("last edge", lines(n+1001))
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
	l.edges(1500)
	agent.signal(syscall.SIGCONT)
	agent.until("hole", func(out string) bool { return strings.Contains(out, `"error":"io"`) })
	list = readings(t, agent.until("state after it", lines(n+1001+1024+2)))
	end := len(list) - 2
	if check(list[:end]); list[end].Error != "io" || list[end+1].Value != false || end != n+1001+1024 {
		t.Errorf("%d edges, then %+v; want %d, the error and false", end, list[end:], n+1001+1024)
	}
}
