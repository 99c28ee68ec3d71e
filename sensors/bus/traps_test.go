package bus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// TestHeaderOfEveryModel finds the lines of the header by the label of their chip, whatever the kernel numbers it.
func TestHeaderOfEveryModel(t *testing.T) {
	for _, tt := range []struct {
		model string
		chips map[string]string // number to label
		links map[string]string
		want  string
	}{
		{"Zero, 1", map[string]string{"0": "pinctrl-bcm2835"}, nil, "pinctrl-bcm2835"},
		{"2, 3, Zero 2", map[string]string{"0": "pinctrl-bcm2835", "1": "brcmvirt-gpio", "2": "raspberrypi-exp-gpio"}, nil, "pinctrl-bcm2835"},
		{"4, 400, CM4", map[string]string{"0": "pinctrl-bcm2711", "1": "raspberrypi-exp-gpio"}, nil, "pinctrl-bcm2711"},
		{"5, 500, CM5 at first", map[string]string{"0": "gpio-brcmstb@107d508500", "1": "gpio-brcmstb@107d508520",
			"2": "gpio-brcmstb@107d517c00", "3": "gpio-brcmstb@107d517c20", "4": "pinctrl-rp1"}, nil, "pinctrl-rp1"},
		{"5 since 6.6.45", map[string]string{"0": "pinctrl-rp1", "10": "gpio-brcmstb@107d508500", "11": "gpio-brcmstb@107d508520",
			"12": "gpio-brcmstb@107d517c00", "13": "gpio-brcmstb@107d517c20"}, map[string]string{"4": "0"}, "pinctrl-rp1"},
		{"5 since 6.12.96", map[string]string{"11": "gpio-brcmstb@107d508500", "12": "gpio-brcmstb@107d508520",
			"13": "gpio-brcmstb@107d517c00", "14": "gpio-brcmstb@107d517c20", "15": "pinctrl-rp1"}, map[string]string{"0": "15", "4": "15"}, "pinctrl-rp1"},
		{"4 with an expander", map[string]string{"0": "mcp23017", "1": "pinctrl-bcm2711"}, nil, "pinctrl-bcm2711"},
	} {
		chips := map[string]unix.GPIOChipInfo{}
		for number, label := range tt.chips {
			chips["gpiochip"+number] = chipInfo("gpiochip"+number, label, 54)
		}
		s, k := gpioBoard(t, chips)
		for from, to := range tt.links {
			if err := os.Symlink("gpiochip"+to, filepath.Join(s.root, "dev/gpiochip"+from)); err != nil {
				t.Fatal(err)
			}
		}
		for offset := range uint32(28) {
			var asked string
			k.asked = func(path string) { asked = tt.chips[strings.TrimPrefix(path, "gpiochip")] }
			l, err := s.Line(fmt.Sprintf("GPIO%d", offset), kind.LineOptions{})
			if err != nil {
				t.Fatalf("%s: %v", tt.model, err)
			}
			if asked != tt.want || k.got.Offsets[0] != offset {
				t.Errorf("%s: GPIO%d is line %d of %s, want %s", tt.model, offset, k.got.Offsets[0], asked, tt.want)
			}
			l.Close()
		}
	}
}

// TestLineOnDescriptorZero has a line get descriptor 0, as it does where nobody gave the agent a standard input: it is a line like
// any other, and closing it twice closes nothing else.
func TestLineOnDescriptorZero(t *testing.T) {
	stdin, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(unix.Dup2(stdin, 0), unix.Close(stdin)); err != nil {
			t.Error(err)
		}
	}()
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unix.Dup2(p[0], 0), unix.Close(p[0])); err != nil {
		t.Fatal(err)
	}
	feed := os.NewFile(uintptr(p[1]), "edges")
	defer feed.Close()
	l, err := newLine(&fakeKernel{value: 1}, "GPIO17", 0)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := l.Read(); !v || err != nil {
		t.Errorf("read %v, %v", v, err)
	}
	if _, err := feed.Write(edge(1, 1, 1)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	if err := l.Events(ctx, func(kind.Event) { n++; cancel() }); err != nil || n != 1 {
		t.Errorf("%d edges, %v", n, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	other, err := os.Open(os.DevNull) // gets the number that has become free
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := other.Stat(); other.Fd() != 0 || err != nil {
		t.Errorf("descriptor %d is somebody else's now, and was closed: %v", other.Fd(), err)
	}
	// Not closed: the deferred Dup2 replaces it.
}

// TestWaitWithoutEnd waits for an edge with a context that has no deadline: neither does it return at once, nor never.
func TestWaitWithoutEnd(t *testing.T) {
	s, k := gpioBoard(t, pi5())
	l, err := s.Line("GPIO17", kind.LineOptions{Edges: kind.BothEdges})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan kind.Event)
	done := make(chan error, 1)
	go func() { done <- l.Events(ctx, func(e kind.Event) { got <- e }) }()
	for seq := range uint32(3) {
		select {
		case err := <-done:
			t.Fatalf("returned without an edge: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
		if _, err := k.feed.Write(edge(1, 1, seq+1)); err != nil {
			t.Fatal(err)
		}
		if e := <-got; e.Seq != seq+1 {
			t.Errorf("edge %+v", e)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestReadChangesNothing reads and drives lines: beyond the request nobody reconfigures them.
func TestReadChangesNothing(t *testing.T) {
	s, k := gpioBoard(t, pi5())
	requests := 0
	k.asked = func(string) { requests++ }
	in, err := s.Line("GPIO17", kind.LineOptions{Pull: kind.PullUp})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := s.Output("GPIO23", kind.OutputOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := out.Set(true); err != nil {
		t.Error(err)
	}
	for range 3 {
		if v, err := in.Read(); !v || err != nil { // the fake has one level for all
			t.Errorf("read %v, %v", v, err)
		}
	}
	if requests != 2 || k.value != 1 {
		t.Errorf("%d requests, level %d", requests, k.value)
	}
}

// TestErrnoIsKept finds the kernel's own error behind everything that a line says.
func TestErrnoIsKept(t *testing.T) {
	s, k := gpioBoard(t, pi5())
	l, err := s.Line("GPIO17", kind.LineOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	k.bad = syscall.ENODEV
	if _, err := l.Read(); !errors.Is(err, syscall.ENODEV) || sensors.ClassOf(err) != sensors.Absent {
		t.Errorf("read: %v", err)
	}
	for _, errno := range []syscall.Errno{syscall.EBUSY, syscall.EINVAL, syscall.ENXIO, syscall.EPERM, syscall.ENODEV} {
		k.line = errno
		for _, edges := range []kind.Edges{kind.NoEdges, kind.BothEdges} {
			if _, err := s.Line("GPIO17", kind.LineOptions{Edges: edges}); !errors.Is(err, errno) {
				t.Errorf("request, %v: %v", errno, err)
			}
		}
	}
	for name := range k.chips {
		k.deny[name] = syscall.EACCES
	}
	if _, err := s.Line("GPIO17", kind.LineOptions{}); !errors.Is(err, syscall.EACCES) {
		t.Errorf("open: %v", err)
	}
}
