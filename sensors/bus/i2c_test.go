package bus

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"pinhole/sensors"
)

// fakeBus answers as periph's handle does: with texts in place of errno values.
type fakeBus struct {
	err    error
	closed int
	tx     int
}

func (f *fakeBus) String() string                  { return "fake" }
func (f *fakeBus) SetSpeed(physic.Frequency) error { return nil }
func (f *fakeBus) Close() error                    { f.closed++; return nil }
func (f *fakeBus) Tx(_ uint16, _, r []byte) error {
	f.tx++
	clear(r)
	return f.err
}

// board makes a Set on a folder with the given device files, and handles that are taken from the list.
func board(t testing.TB, devices []string, handles ...*fakeBus) *Set {
	t.Helper()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "dev"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, d := range devices {
		if err := os.WriteFile(filepath.Join(root, "dev", d), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := New(root, "/state")
	s.open = func(int) (i2c.BusCloser, error) {
		if len(handles) == 0 {
			return nil, errors.New("opened too often")
		}
		h := handles[0]
		handles = handles[1:]
		return h, nil
	}
	return s
}

func TestI2CIsOpenedOnce(t *testing.T) {
	h := &fakeBus{}
	s := board(t, []string{"i2c-1"}, h)
	a, err := s.I2C("1")
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.I2C("1")
	if err != nil || a != b {
		t.Errorf("second call: %v, %v", b, err)
	}
	if dir, keep := s.State(); a.String() != "i2c-1" || dir != "/state" || !keep {
		t.Errorf("named %q, state %q, %v", a, dir, keep)
	}
	if err := a.Tx(0x76, []byte{0xD0}, make([]byte, 1)); err != nil || h.tx != 1 {
		t.Errorf("transfer: %v, %d", err, h.tx)
	}
	if err := a.Tx(0x80, nil, nil); err == nil || h.tx != 1 {
		t.Errorf("address 0x80: %v", err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil || h.closed != 1 {
		t.Errorf("closed twice: %v, handle %d times", err, h.closed)
	}
	if _, err := s.I2C("1"); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after close: %v", err)
	}
}

func TestI2CMissing(t *testing.T) {
	s := board(t, nil, &fakeBus{})
	for number, hint := range map[string]string{"1": "dtparam=i2c_arm=on", "3": "ls /dev/i2c-*", "x": "", "-1": ""} {
		_, err := s.I2C(number)
		if e, ok := errors.AsType[*sensors.Error](err); !ok || e.Class != sensors.Absent || !strings.Contains(e.Hint, hint) {
			t.Errorf("bus %s: %v, %+v", number, err, e)
		}
	}
	// The module is loaded later: the next call opens it.
	if err := os.WriteFile(filepath.Join(s.root, "dev/i2c-1"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.I2C("1"); err != nil {
		t.Errorf("after it has come: %v", err)
	}
}

func TestI2CDenied(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root is denied nothing")
	}
	s := board(t, []string{"i2c-1"}, &fakeBus{})
	if err := os.Chmod(filepath.Join(s.root, "dev/i2c-1"), 0); err != nil {
		t.Fatal(err)
	}
	_, err := s.I2C("1")
	if e, ok := errors.AsType[*sensors.Error](err); !ok || e.Class != sensors.Denied || e.Hint != "add the user to group i2c" {
		t.Errorf("%v, %+v", err, e)
	}
}

func TestI2CTaken(t *testing.T) {
	h := &fakeBus{}
	s := board(t, []string{"i2c-1"}, h)
	dir := filepath.Join(s.root, "sys/bus/i2c/devices/1-0076")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	b, err := s.I2C("1")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Tx(0x76, []byte{0}, nil); err != nil {
		t.Errorf("a device without a driver: %v", err)
	}
	if err := os.Symlink("../../drivers/bmp280", filepath.Join(dir, "driver")); err != nil {
		t.Fatal(err)
	}
	if b, err = s.I2C("1"); err != nil { // as the next one to open a part there does
		t.Fatal(err)
	}
	err = b.Tx(0x76, []byte{0}, nil)
	e, ok := errors.AsType[*sensors.Error](err)
	if !ok || e.Class != sensors.Busy || !strings.Contains(err.Error(), "bmp280") || !strings.Contains(e.Hint, "1-0076") || h.tx != 1 {
		t.Errorf("taken: %v, %+v, %d transfers", err, e, h.tx)
	}
	if err := b.Tx(0x77, []byte{0}, nil); err != nil {
		t.Errorf("its neighbour: %v", err)
	}
}

// TestI2CTakenMultiplexer: one that the kernel switches is named, with the buses that its channels are.
func TestI2CTakenMultiplexer(t *testing.T) {
	h := &fakeBus{}
	s := board(t, []string{"i2c-1"}, h)
	dir := filepath.Join(s.root, "sys/bus/i2c/devices/1-0070")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"driver": "../../drivers/pca954x", "channel-0": "../i2c-11", "channel-3": "../i2c-14"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := s.I2C("1/0x70.3")
	if err != nil {
		t.Fatal(err)
	}
	err = b.Tx(0x76, []byte{0xD0}, make([]byte, 1))
	e, ok := errors.AsType[*sensors.Error](err)
	if !ok || e.Class != sensors.Busy || !strings.Contains(err.Error(), "multiplexer 0x70, channel 3: ") ||
		!strings.Contains(err.Error(), "driver pca954x has it") || !strings.Contains(e.Hint, "bus: 14 for channel 3") || h.tx != 0 {
		t.Errorf("%v, %+v, %d transfers", err, e, h.tx)
	}
}

// TestI2CHold: two processes do not switch a multiplexer at the same time.
func TestI2CHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := t.TempDir()
		open := func() *bus {
			s := board(t, nil, &fakeBus{})
			s.root = root
			if err := os.MkdirAll(filepath.Join(root, "dev"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, "dev/i2c-1"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := s.I2C("1"); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s.buses[1]
		}
		a, b := open(), open()
		if err := a.Hold(); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := b.Hold(); sensors.ClassOf(err) != sensors.Busy || time.Since(begin) > 3*time.Second {
			t.Errorf("held by another process: %v after %v", err, time.Since(begin))
		}
		time.AfterFunc(10*time.Millisecond, a.Release)
		if err := b.Hold(); err != nil {
			t.Errorf("released: %v", err)
		}
		b.Release()
	})
}

// TestI2CUnplugged pulls a USB adapter and plugs it in again.
func TestI2CUnplugged(t *testing.T) {
	first, second := &fakeBus{}, &fakeBus{}
	s := board(t, []string{"i2c-1"}, first, second)
	b, err := s.I2C("1")
	if err != nil {
		t.Fatal(err)
	}
	first.err = errors.New("sysfs-i2c: remote I/O error")
	if err := b.Tx(0x76, []byte{0}, nil); sensors.ClassOf(err) != sensors.Absent || first.closed != 0 {
		t.Errorf("nobody there: %v, closed %d", err, first.closed)
	}
	first.err = errors.New("sysfs-i2c: no such device")
	if err := b.Tx(0x76, []byte{0}, nil); !errors.Is(err, syscall.ENODEV) || first.closed != 1 {
		t.Errorf("pulled: %v, closed %d", err, first.closed)
	}
	if err := b.Tx(0x76, []byte{0}, nil); err != nil || second.tx != 1 {
		t.Errorf("plugged in again: %v, %d transfers", err, second.tx)
	}
}

func TestI2CAllocates(t *testing.T) {
	s := board(t, []string{"i2c-1"}, &fakeBus{})
	b, err := s.I2C("1")
	if err != nil {
		t.Fatal(err)
	}
	w, r := []byte{0xD0}, make([]byte, 1)
	if n := testing.AllocsPerRun(100, func() { b.Tx(0x76, w, r) }); n != 0 {
		t.Errorf("%v allocations a transfer", n)
	}
}
