package pipower

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

const fixture, alarm = "testdata/pi.txt", "sys/class/hwmon/hwmon1/in0_lcrit_alarm"

// board is a board of which only Root counts: the firmware is asked by /dev/vcio.
type board struct {
	kind.Board
	root string
}

func (b board) Root() string { return b.root }

// pi is a board whose firmware answers.
type pi struct {
	board
	bits uint32
	err  error
}

func (p *pi) Throttled() (uint32, error) { return p.bits, p.err }

func sense(t testing.TB, b kind.Board, p kind.Params) ([]sensors.Measurement, error) {
	t.Helper()
	s, err := Kind().Open(t.Context(), b, p)
	if err != nil {
		if s != nil {
			t.Errorf("%v beside %v", s, err)
		}
		return nil, err
	}
	defer s.(sensors.Sensor).Close()
	list, err := s.(sensors.Sensor).Sense(t.Context())
	if err != nil && list != nil {
		t.Errorf("%v beside %v", list, err)
	}
	return list, err
}

// show writes measurements down: "undervoltage 0, throttled: denied", or the error's class.
func show(list []sensors.Measurement, err error) string {
	if err != nil {
		return string(sensors.ClassOf(err))
	}
	var s []string
	for _, m := range list {
		if m.Err != "" {
			s = append(s, fmt.Sprintf("%s: %s", m.Quantity, m.Err))
		} else {
			s = append(s, fmt.Sprintf("%s %v", m.Quantity, m.Value))
		}
	}
	return strings.Join(s, ", ")
}

func TestConformance(t *testing.T) {
	truth := []sim.Still{{}, {sensors.Undervoltage: 1}, {sensors.Throttled: 1}, {sensors.Undervoltage: 1, sensors.Throttled: 1}}
	sensorstest.Run(t, sensorstest.Suite{Kind: Kind(), Truth: truth, Within: map[sensors.Quantity]float64{}})
}

func TestSources(t *testing.T) {
	absent := &sensors.Error{Class: sensors.Absent, Op: "pipower: open vcio", Err: unix.ENOENT}
	denied := &sensors.Error{Class: sensors.Denied, Op: "pipower: open vcio", Err: unix.EACCES}
	metrics := func(list ...any) kind.Params { return kind.Params{"metrics": list} }
	none := map[string]string{"sys/class/hwmon": "-"}
	for _, tt := range []struct {
		name   string
		p      kind.Params
		change map[string]string
		bits   uint32
		err    error
		want   string
	}{
		{"all well", nil, nil, 0, nil, "undervoltage 0, throttled 0"},
		{"troubles of the past", nil, nil, 0xF0000, nil, "undervoltage 0, throttled 0"},
		{"low now", nil, nil, 0x50001, nil, "undervoltage 1, throttled 0"},
		{"a dip", nil, map[string]string{alarm: "1\n"}, 0, nil, "undervoltage 1, throttled 0"},
		{"capped", nil, nil, 0x2, nil, "undervoltage 0, throttled 1"},
		{"throttled", nil, nil, 0x4, nil, "undervoltage 0, throttled 1"},
		{"soft limit", nil, nil, 0x8, nil, "undervoltage 0, throttled 1"},
		{"unknown bits", nil, nil, 0xFFF0, nil, "undervoltage 0, throttled 0"},
		{"one of them", metrics("throttled"), nil, 0x5, nil, "throttled 1"},
		{"other order", metrics("throttled", "undervoltage"), nil, 0x1, nil, "throttled 0, undervoltage 1"},
		{"no group", nil, nil, 0, denied, "undervoltage 0, throttled: denied"},
		{"no group, low", nil, map[string]string{alarm: "1\n"}, 0, denied, "undervoltage 1, throttled: denied"},
		{"no group, no watch", nil, none, 0, denied, "denied"},
		{"no mailbox", nil, nil, 0, absent, "undervoltage 0"},
		{"no mailbox, asked", metrics("undervoltage", "throttled"), nil, 0, absent, "undervoltage 0, throttled: absent"},
		{"no watch", nil, none, 0x1, nil, "undervoltage 1, throttled 0"},
		{"no Raspberry Pi", nil, none, 0, absent, "absent"},
		{"no Raspberry Pi, asked", metrics("undervoltage"), none, 0, absent, "absent"},
		{"watch says nothing", nil, map[string]string{alarm: ""}, 0, absent, "io"},
		{"watch says 2", nil, map[string]string{alarm: "2\n"}, 0, denied, "io"},
		{"watch is gone", nil, map[string]string{alarm: "-"}, 0, absent, "absent"},
		{"watch is broken", nil, map[string]string{alarm: sim.FailIO}, 0, denied, "io"},
		{"watch is broken, firmware is not", nil, map[string]string{alarm: sim.FailIO}, 0x1, nil, "undervoltage 1, throttled 0"},
		{"no folder", nil, map[string]string{"sys/class/hwmon": "x"}, 0, nil, "io"},
	} {
		b := &pi{board{root: sensorstest.Tree(t, fixture, tt.change)}, tt.bits, tt.err}
		list, err := sense(t, b, tt.p)
		if got := show(list, err); got != tt.want {
			t.Errorf("%s: %s, %v; want %s", tt.name, got, err, tt.want)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "pipower: ") {
			t.Errorf("%s: %v does not say where", tt.name, err)
		}
	}
}

// TestVcio asks by a file in the place of the firmware's mailbox.
func TestVcio(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change map[string]string
		want   string
		hint   string
	}{
		{"none", nil, "undervoltage 0", ""},
		{"a plain file", map[string]string{"dev/vcio": ""}, "undervoltage 0, throttled: wrong", "this is not the firmware's mailbox"},
		{"a folder", map[string]string{"dev/vcio/x": ""}, "undervoltage 0, throttled: wrong", "this is not the firmware's mailbox"},
	} {
		root := sensorstest.Tree(t, fixture, tt.change)
		list, err := sense(t, board{root: root}, nil)
		if got := show(list, err); got != tt.want {
			t.Errorf("%s: %s, %v; want %s", tt.name, got, err, tt.want)
		}
		if tt.hint != "" {
			if e, ok := errors.AsType[*sensors.Error](list[1].Cause); !ok || e.Hint != tt.hint {
				t.Errorf("%s: %v", tt.name, list[1].Cause)
			}
		}
	}
	for errno, want := range map[error]sensors.Class{unix.EACCES: sensors.Denied, unix.EPERM: sensors.Denied, unix.ENOENT: sensors.Absent,
		unix.ENXIO: sensors.Absent, unix.ETIMEDOUT: sensors.Timeout, unix.EINVAL: sensors.IO} {
		err := newMailbox("/dev/vcio").failed("open", errno)
		e, _ := errors.AsType[*sensors.Error](err)
		if sensors.ClassOf(err) != want || !errors.Is(err, errno) || (want == sensors.Denied || want == sensors.Absent) && e.Hint == "" {
			t.Errorf("%v: %v (%s), hint %q", errno, err, sensors.ClassOf(err), e.Hint)
		}
	}
}

// TestMessage looks at the bytes of the request, and answers as firmware does.
func TestMessage(t *testing.T) {
	if want := uintptr(0xC0006400 | unsafe.Sizeof(uintptr(0))<<16); uintptr(ioctlProperty) != want {
		t.Errorf("ioctl %#x, want %#x", uintptr(ioctlProperty), want)
	}
	path := filepath.Join(t.TempDir(), "vcio")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		answer func(m *message) error
		want   uint32
		class  sensors.Class
	}{
		{"answers", func(m *message) error { m[1], m[4], m[5] = 0x80000000, 0x80000004, 0x50005; return nil }, 0x50005, ""},
		{"refuses", func(m *message) error { m[1] = 0x80000001; return nil }, 0, sensors.IO},
		{"says nothing", func(m *message) error { return nil }, 0, sensors.IO},
		{"does not know the tag", func(m *message) error { m[1] = 0x80000000; return nil }, 0, sensors.IO},
		{"answers too little", func(m *message) error { m[1], m[4] = 0x80000000, 0x80000000; return nil }, 0, sensors.IO},
		{"answers something else", func(m *message) error { m[1], m[2], m[4] = 0x80000000, 7, 0x80000004; return nil }, 0, sensors.IO},
		{"fails", func(m *message) error { return unix.ETIMEDOUT }, 0, sensors.Timeout},
	} {
		m := newMailbox(path)
		m.ioctl = func(fd int, msg *message) error {
			if want := (message{28, 0, 0x30046, 4, 0, 0, 0}); *msg != want || fd < 0 { // value 0: no memory is cleared
				t.Errorf("%s: asked %#x by %d", tt.name, *msg, fd)
			}
			return tt.answer(msg)
		}
		for range 2 { // the second one must not take the first one's answer for its question
			if got, err := m.Throttled(); got != tt.want || sensors.ClassOf(err) != tt.class {
				t.Errorf("%s: %#x, %v", tt.name, got, err)
			}
		}
		if (tt.class == "") == (m.fd < 0) {
			t.Errorf("%s: file descriptor %d", tt.name, m.fd)
		}
		if tt.class == "" {
			if n := testing.AllocsPerRun(50, func() { m.Throttled() }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		}
		for range 2 {
			if err := m.close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	if problems := check(kind.Params{"metrics": []any{"throttled", "throttled"}}); len(problems) != 1 || problems[0].Key != "metrics[1]" {
		t.Errorf("%v", problems)
	}
	if problems := check(kind.Params{"metrics": []any{"throttled", "undervoltage"}}); problems != nil {
		t.Errorf("%v", problems)
	}
}

// FuzzBits gives the firmware any answer.
func FuzzBits(f *testing.F) {
	f.Add(uint32(0x80000000), uint32(0x30046), uint32(0x80000004), uint32(0x50005))
	f.Add(uint32(0), uint32(0x30046), uint32(4), uint32(1))
	f.Fuzz(func(t *testing.T, status, tag, length, value uint32) {
		m := message{28, status, tag, 4, length, value, 0}
		bits, err := m.bits()
		good := status == 0x80000000 && tag == 0x30046 && length == 0x80000004
		if (err == nil) != good || good && bits != value || !good && bits != 0 {
			t.Errorf("%#x: %#x, %v", m, bits, err)
		}
	})
}

// FuzzAlarm gives the kernel's file any text: only 0 and 1 are states.
func FuzzAlarm(f *testing.F) {
	for _, s := range []string{"0\n", "1\n", "", "2", "01", "x"} {
		f.Add([]byte(s))
	}
	root := f.TempDir()
	dir := filepath.Join(root, "sys/class/hwmon/hwmon0")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "name"), []byte("rpi_volt\n"), 0o644)); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, "in0_lcrit_alarm"), text, 0o644); err != nil {
			t.Fatal(err)
		}
		list, err := sense(t, board{root: root}, nil)
		got, trimmed := show(list, err), strings.TrimRight(string(text), " \n")
		if (trimmed == "0" || trimmed == "1") != (err == nil) || err == nil && got != "undervoltage "+trimmed {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	})
}
