package bus

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// TestLayout compares sizes, offsets and numbers with those that a C compiler prints for linux/gpio.h, on 32 and 64 bits alike.
func TestLayout(t *testing.T) {
	var req unix.GPIOV2LineRequest
	var info unix.GPIOV2LineInfo
	var ev unix.GPIOV2LineEvent
	for _, tt := range []struct {
		name      string
		got, want uintptr
	}{
		{"sizeof gpiochip_info", unsafe.Sizeof(unix.GPIOChipInfo{}), 68},
		{"sizeof gpio_v2_line_request", unsafe.Sizeof(req), 592},
		{"sizeof gpio_v2_line_config", unsafe.Sizeof(req.Config), 272},
		{"sizeof gpio_v2_line_config_attribute", unsafe.Sizeof(req.Config.Attrs[0]), 24},
		{"sizeof gpio_v2_line_attribute", unsafe.Sizeof(req.Config.Attrs[0].Attr), 16},
		{"sizeof gpio_v2_line_info", unsafe.Sizeof(info), 256},
		{"sizeof gpio_v2_line_event", unsafe.Sizeof(ev), 48},
		{"sizeof gpio_v2_line_values", unsafe.Sizeof(unix.GPIOV2LineValues{}), 16},
		{"request.consumer", unsafe.Offsetof(req.Consumer), 256},
		{"request.config", unsafe.Offsetof(req.Config), 288},
		{"request.num_lines", unsafe.Offsetof(req.Num_lines), 560},
		{"request.event_buffer_size", unsafe.Offsetof(req.Event_buffer_size), 564},
		{"request.fd", unsafe.Offsetof(req.Fd), 588},
		{"config.num_attrs", unsafe.Offsetof(req.Config.Num_attrs), 8},
		{"config.attrs", unsafe.Offsetof(req.Config.Attrs), 32},
		{"event.id", unsafe.Offsetof(ev.Id), 8},
		{"event.seqno", unsafe.Offsetof(ev.Seqno), 16},
		{"event.line_seqno", unsafe.Offsetof(ev.Line_seqno), 20},
		{"info.consumer", unsafe.Offsetof(info.Consumer), 32},
		{"info.offset", unsafe.Offsetof(info.Offset), 64},
		{"info.flags", unsafe.Offsetof(info.Flags), 72},
		{"GPIO_GET_CHIPINFO_IOCTL", getChipInfo, 0x8044b401},
		{"GPIO_V2_GET_LINE_IOCTL", unix.GPIO_V2_GET_LINE_IOCTL, 0xc250b407},
		{"GPIO_V2_LINE_GET_VALUES_IOCTL", unix.GPIO_V2_LINE_GET_VALUES_IOCTL, 0xc010b40e},
		{"GPIO_V2_LINE_SET_VALUES_IOCTL", unix.GPIO_V2_LINE_SET_VALUES_IOCTL, 0xc010b40f},
		{"GPIO_V2_GET_LINEINFO_IOCTL", unix.GPIO_V2_GET_LINEINFO_IOCTL, 0xc100b405},
	} {
		if tt.got != tt.want {
			t.Errorf("%s is %#x, want %#x", tt.name, tt.got, tt.want)
		}
	}
}

// TestRequest compares whole requests with bytes laid out by hand.
func TestRequest(t *testing.T) {
	for _, tt := range []struct {
		name   string
		offset uint32
		opts   kind.LineOptions
		flags  uint64
		events uint32
		us     uint32
	}{
		{"plain", 4, kind.LineOptions{Pull: kind.PullAsIs}, 0x004, 0, 0},
		{"contact", 17, kind.LineOptions{Pull: kind.PullUp, ActiveLow: true, Edges: kind.BothEdges, Debounce: 20 * time.Millisecond, Consumer: "pinhole"},
			0x136, 1024, 20000},
		{"down", 27, kind.LineOptions{Pull: kind.PullDown, Edges: kind.BothEdges}, 0x234, 1024, 0},
		{"pulse", 5, kind.LineOptions{Edges: kind.RisingEdges}, 0x014, 1024, 0},
		{"pulse that ends", 5, kind.LineOptions{Edges: kind.FallingEdges, ActiveLow: true}, 0x026, 1024, 0},
		{"none", 1, kind.LineOptions{Pull: kind.PullNone, Debounce: time.Nanosecond}, 0x404, 0, 1},
		{"for ever", 1, kind.LineOptions{Debounce: 1 << 62, Consumer: strings.Repeat("x", 40)}, 0x004, 0, 1<<32 - 1},
	} {
		var want [592]byte
		binary.LittleEndian.PutUint32(want[0:], tt.offset)
		copy(want[256:287], tt.opts.Consumer)
		binary.LittleEndian.PutUint64(want[288:], tt.flags)
		if tt.us > 0 {
			binary.LittleEndian.PutUint32(want[296:], 1)     // num_attrs
			binary.LittleEndian.PutUint32(want[320:], 3)     // id: debounce
			binary.LittleEndian.PutUint32(want[328:], tt.us) // debounce_period_us
			binary.LittleEndian.PutUint64(want[336:], 1)     // mask
		}
		binary.LittleEndian.PutUint32(want[560:], 1) // num_lines
		binary.LittleEndian.PutUint32(want[564:], tt.events)
		req := request(tt.offset, tt.opts)
		if got := unsafe.Slice((*byte)(unsafe.Pointer(&req)), len(want)); !bytes.Equal(got, want[:]) {
			t.Errorf("%s:\ngot  %x\nwant %x", tt.name, got, want)
		}
	}
}

func edge(mono uint64, id, seq uint32) []byte {
	b := make([]byte, eventSize)
	binary.LittleEndian.PutUint64(b, mono)
	binary.LittleEndian.PutUint32(b[8:], id)
	binary.LittleEndian.PutUint32(b[12:], 17)
	binary.LittleEndian.PutUint32(b[16:], seq+100)
	binary.LittleEndian.PutUint32(b[20:], seq)
	return b
}

// fakeKernel has chips by path, and lines that are pipes: what a test writes into one is read as edges.
type fakeKernel struct {
	chips map[string]unix.GPIOChipInfo
	deny  map[string]error
	opens map[int]string // fd to path
	next  int
	line  error // answer to getLine
	value uint64
	got   unix.GPIOV2LineRequest
	feed  *os.File          // into the line
	bad   error             // answer to getValues and setValues
	asked func(path string) // called for each request of a line
}

func (k *fakeKernel) open(path string) (int, error) {
	if err := k.deny[filepath.Base(path)]; err != nil {
		return -1, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	k.next++
	k.opens[k.next] = filepath.Base(path)
	return k.next, nil
}

func (k *fakeKernel) close(fd int) error {
	if _, ok := k.opens[fd]; !ok {
		return syscall.EBADF
	}
	delete(k.opens, fd)
	return nil
}

func (k *fakeKernel) chipInfo(fd int, info *unix.GPIOChipInfo) error {
	c, ok := k.chips[k.opens[fd]]
	if !ok {
		return syscall.ENOTTY
	}
	*info = c
	return nil
}

func (k *fakeKernel) lineInfo(_ int, info *unix.GPIOV2LineInfo) error {
	copy(info.Consumer[:], "onewire@0")
	return nil
}

func (k *fakeKernel) getLine(fd int, r *unix.GPIOV2LineRequest) error {
	k.got = *r
	if k.asked != nil {
		k.asked(k.opens[fd])
	}
	if k.line != nil {
		return k.line
	}
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	k.feed = os.NewFile(uintptr(p[1]), "edges")
	r.Fd = int32(p[0])
	return nil
}

func (k *fakeKernel) getValues(_ uintptr, v *unix.GPIOV2LineValues) error {
	v.Bits = k.value & v.Mask
	return k.bad
}

func (k *fakeKernel) setValues(_ uintptr, v *unix.GPIOV2LineValues) error {
	k.value = k.value&^v.Mask | v.Bits
	return k.bad
}

func chipInfo(name, label string, lines uint32) (c unix.GPIOChipInfo) {
	copy(c.Name[:], name)
	copy(c.Label[:], label)
	c.Lines = lines
	return c
}

// gpioBoard has the chips given, by the name of their device file.
func gpioBoard(t testing.TB, chips map[string]unix.GPIOChipInfo) (*Set, *fakeKernel) {
	t.Helper()
	var files []string
	for name := range maps.Keys(chips) {
		files = append(files, name)
	}
	s := board(t, files)
	k := &fakeKernel{chips: chips, opens: map[int]string{}, deny: map[string]error{}}
	s.kernel = k
	return s, k
}

func pi5() map[string]unix.GPIOChipInfo {
	return map[string]unix.GPIOChipInfo{
		"gpiochip0":  chipInfo("gpiochip0", "gpio-brcmstb@107d508500", 32),
		"gpiochip10": chipInfo("gpiochip10", "gpio-brcmstb@107d517c00", 36),
		"gpiochip11": chipInfo("gpiochip11", "pinctrl-rp1", 54),
	}
}

func TestFindLine(t *testing.T) {
	pi3 := map[string]unix.GPIOChipInfo{
		"gpiochip0": chipInfo("gpiochip0", "pinctrl-bcm2835", 54),
		"gpiochip1": chipInfo("gpiochip1", "raspberrypi-exp-gpio", 8),
	}
	twice := map[string]unix.GPIOChipInfo{
		"gpiochip0": chipInfo("gpiochip0", "pinctrl-bcm2711", 58),
		"gpiochip4": chipInfo("gpiochip0", "pinctrl-bcm2711", 58), // an old number, as a node of its own
		"gpiochip5": chipInfo("gpiochip5", "mcp23017", 16),
		"gpiochip6": chipInfo("gpiochip6", "mcp23017", 16),
	}
	for _, tt := range []struct {
		name  string
		chips map[string]unix.GPIOChipInfo
		pin   string
		class sensors.Class
		says  string
	}{
		{"pi 3", pi3, "GPIO17", "", ""},
		{"pi 5", pi5(), "GPIO17", "", ""},
		{"by label", pi5(), "gpio-brcmstb@107d508500:3", "", ""},
		{"two names", twice, "GPIO17", "", ""},
		{"same label", twice, "mcp23017:3", sensors.Wrong, "gpiochip5"},
		{"another label", pi3, "pinctrl-rp1:3", sensors.Absent, "no chip has this label"},
		{"too far", pi3, "raspberrypi-exp-gpio:8", sensors.Absent, "lines 0 to 7"},
		{"no chips", nil, "GPIO17", sensors.Absent, "pinctrl-bcm2835"},
		{"no pin", pi3, "17", sensors.Absent, "17"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, k := gpioBoard(t, tt.chips)
			if err := os.Symlink("gpiochip0", filepath.Join(s.root, "dev/gpiochip99")); err != nil {
				t.Fatal(err)
			}
			l, err := s.Line(tt.pin, kind.LineOptions{Pull: kind.PullUp})
			if sensors.ClassOf(err) != tt.class || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("%v, want class %q and %q", err, tt.class, tt.says)
			}
			if len(k.opens) != 0 {
				t.Errorf("left open: %v", k.opens)
			}
			if err != nil {
				return
			}
			_, offset, _ := kind.ParsePin(tt.pin)
			if k.got.Offsets[0] != offset || k.got.Num_lines != 1 {
				t.Errorf("requested line %d", k.got.Offsets[0])
			}
			k.value = 1
			if v, err := l.Read(); !v || err != nil {
				t.Errorf("read %v, %v", v, err)
			}
			k.value = 0
			if v, err := l.Read(); v || err != nil {
				t.Errorf("read %v, %v", v, err)
			}
			k.bad = syscall.ENODEV
			if _, err := l.Read(); sensors.ClassOf(err) != sensors.Absent {
				t.Errorf("chip gone: %v", err)
			}
			if err := errors.Join(l.Close(), l.Close()); err != nil {
				t.Error(err)
			}
			if _, err := l.Read(); err == nil {
				t.Error("a closed line can be read")
			}
		})
	}
}

func TestLineRefused(t *testing.T) {
	for _, tt := range []struct {
		name       string
		deny, line error
		class      sensors.Class
		says, hint string
	}{
		{"busy", nil, syscall.EBUSY, sensors.Busy, `held by "onewire@0"`, "gpioinfo"},
		{"denied", syscall.EACCES, nil, sensors.Denied, "permission denied", "group gpio"},
		{"old kernel", nil, syscall.EINVAL, sensors.IO, "invalid argument", "5.10"},
		{"no interrupts", nil, syscall.ENXIO, sensors.IO, "reports no edges", "`poll`"},
	} {
		s, k := gpioBoard(t, pi5())
		k.line = tt.line
		if tt.deny != nil {
			for name := range k.chips {
				k.deny[name] = tt.deny
			}
		}
		_, err := s.Line("GPIO17", kind.LineOptions{Edges: kind.BothEdges})
		e, ok := errors.AsType[*sensors.Error](err)
		if !ok || e.Class != tt.class || !strings.Contains(err.Error(), tt.says) || !strings.Contains(e.Hint, tt.hint) {
			t.Errorf("%s: %v, %+v", tt.name, err, e)
		}
		if len(k.opens) != 0 {
			t.Errorf("%s: left open: %v", tt.name, k.opens)
		}
	}
}

// TestEvents reads edges from a pipe, through Go's poller as on a board.
func TestEvents(t *testing.T) {
	s, k := gpioBoard(t, pi5())
	l, err := s.Line("GPIO17", kind.LineOptions{Edges: kind.BothEdges})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var got []kind.Event
	take := func(ctx context.Context, n int) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		got = nil
		return l.Events(ctx, func(e kind.Event) {
			if got = append(got, e); len(got) == n {
				cancel()
			}
		})
	}
	var batch []byte
	for i := range uint32(100) { // more than one read takes
		batch = append(batch, edge(uint64(i)*1000+7, i%2+1, i+1)...)
	}
	for range 50 { // a wake-up left over from one call must not end the next
		if _, err := k.feed.Write(batch[:2*eventSize]); err != nil {
			t.Fatal(err)
		}
		if err := take(t.Context(), 2); err != nil || len(got) != 2 {
			t.Fatalf("%v, %v", got, err)
		}
	}
	if _, err := k.feed.Write(batch); err != nil {
		t.Fatal(err)
	}
	if err := take(t.Context(), 100); err != nil || len(got) != 100 {
		t.Fatalf("%d edges, %v", len(got), err)
	}
	if want := (kind.Event{Rising: true, Mono: 98007, Seq: 99}); got[98] != want {
		t.Errorf("edge 99 is %+v, want %+v", got[98], want)
	}
	if want := (kind.Event{Rising: false, Mono: 99007, Seq: 100}); got[99] != want {
		t.Errorf("edge 100 is %+v, want %+v", got[99], want)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := take(ctx, 1); err != nil || len(got) != 0 {
		t.Errorf("no edges: %v, %v", got, err)
	}
	if _, err := k.feed.Write([]byte("torn")); err != nil {
		t.Fatal(err)
	}
	if err := take(t.Context(), 1); err == nil {
		t.Error("4 bytes are taken for an event")
	}
	done := make(chan error)
	go func() { done <- take(t.Context(), 1) }()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("closed while waiting: no error")
	}
}

// TestEventsWaiting ends the context while edges are in the kernel: they are told, although Go's poller would look no more.
func TestEventsWaiting(t *testing.T) {
	s, k := gpioBoard(t, pi5())
	l, err := s.Line("GPIO17", kind.LineOptions{Edges: kind.BothEdges})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var all []byte
	for i := range uint32(1000) {
		all = append(all, edge(uint64(i)+1, i%2+1, i+1)...)
	}
	if _, err := k.feed.Write(all); err != nil {
		t.Fatal(err)
	}
	raw, err := l.(*line).f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := uint32(0)
	err = l.Events(ctx, func(e kind.Event) {
		if n++; e.Seq != n {
			t.Errorf("edge %d comes as number %d", e.Seq, n)
		}
		if cancel(); n == 1 {
			for raw.Read(func(uintptr) bool { return true }) == nil { // until the poller has heard
				runtime.Gosched()
			}
		}
	})
	if n != 1000 || err != nil {
		t.Errorf("%d of 1000 edges, %v", n, err)
	}
}

func FuzzEvent(f *testing.F) {
	f.Add(edge(1, unix.GPIO_V2_LINE_EVENT_RISING_EDGE, 1))
	f.Add(edge(1<<63-1, unix.GPIO_V2_LINE_EVENT_FALLING_EDGE, 1<<32-1))
	f.Add(edge(0, 9, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != eventSize {
			return
		}
		e, ok := event(b)
		id := binary.LittleEndian.Uint32(b[8:])
		want := kind.Event{Rising: id == 1, Mono: int64(binary.LittleEndian.Uint64(b)), Seq: binary.LittleEndian.Uint32(b[20:])}
		if e != want || ok != (id == 1 || id == 2) {
			t.Errorf("%x: %+v, %v", b, e, ok)
		}
	})
}

// TestOutput drives a line, and compares the request with bytes laid out by hand.
func TestOutput(t *testing.T) {
	s, k := gpioBoard(t, pi5())
	out, err := s.Output("GPIO23", kind.OutputOptions{ActiveLow: true, Consumer: "pinhole"})
	if err != nil {
		t.Fatal(err)
	}
	var want [592]byte
	want[0] = 23
	copy(want[256:287], "pinhole")
	binary.LittleEndian.PutUint64(want[288:], 0x00a) // output, active low
	binary.LittleEndian.PutUint32(want[560:], 1)     // num_lines
	k.got.Fd = 0                                     // the answer's
	if got := unsafe.Slice((*byte)(unsafe.Pointer(&k.got)), len(want)); !bytes.Equal(got, want[:]) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	for _, active := range []bool{true, false, true} {
		if err := out.Set(active); err != nil || (k.value == 1) != active {
			t.Errorf("set %v: the line has %d, %v", active, k.value, err)
		}
	}
	k.bad = syscall.EIO
	if err := out.Set(false); !errors.Is(err, syscall.EIO) {
		t.Errorf("set: %v", err)
	}
	if err := errors.Join(out.Close(), out.Close()); err != nil {
		t.Error(err)
	}
	if err := out.Set(true); err == nil {
		t.Error("a closed line can be set")
	}
	k.line = syscall.EBUSY
	if out, err := s.Output("GPIO23", kind.OutputOptions{}); sensors.ClassOf(err) != sensors.Busy || out != nil {
		t.Errorf("busy: %v, %v", out, err)
	}
}
