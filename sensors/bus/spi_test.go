package bus

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// TestSPILayout compares with what a C compiler prints for linux/spi/spidev.h, on 32 and 64 bits alike.
func TestSPILayout(t *testing.T) {
	var x spiTransfer
	for _, tt := range []struct {
		name      string
		got, want uintptr
	}{
		{"sizeof spi_ioc_transfer", unsafe.Sizeof(x), 32},
		{"rx_buf", unsafe.Offsetof(x.rx), 8},
		{"len", unsafe.Offsetof(x.length), 16},
		{"speed_hz", unsafe.Offsetof(x.speed), 20},
		{"delay_usecs", unsafe.Offsetof(x.delay), 24},
		{"bits_per_word", unsafe.Offsetof(x.bits), 26},
		{"cs_change", unsafe.Offsetof(x.csChange), 27},
		{"SPI_IOC_MESSAGE(1)", spiMessage, 0x40206b00},
		{"SPI_IOC_WR_MODE", spiWriteMode, 0x40016b01},
	} {
		if tt.got != tt.want {
			t.Errorf("%s is %#x, want %#x", tt.name, tt.got, tt.want)
		}
	}
}

// fakeSPI is a kernel whose controller sends back what it is sent, each byte inverted, through the addresses that it is given.
type fakeSPI struct {
	openErr, modeErr, err error
	modes                 []uint8
	last                  spiTransfer
	opened, closed        int
}

func (f *fakeSPI) open(path string) (int, error) {
	if f.openErr != nil {
		return -1, &fs.PathError{Op: "open", Path: path, Err: f.openErr}
	}
	if _, err := os.Stat(path); err != nil {
		return -1, err
	}
	f.opened++
	return 40 + f.opened, nil
}

func (f *fakeSPI) close(int) error { f.closed++; return nil }

func (f *fakeSPI) setMode(_ int, mode *uint8) error {
	f.modes = append(f.modes, *mode)
	return f.modeErr
}

func (f *fakeSPI) transfer(_ int, t *spiTransfer) error {
	f.last = *t
	if f.err != nil {
		return f.err
	}
	tx := *(**[kind.MaxSPI]byte)(unsafe.Pointer(&t.tx)) // on a little-endian machine, whatever its addresses' length
	for i := range tx[:t.length] {
		tx[i] = ^tx[i]
	}
	return nil
}

func spiBoard(t *testing.T, devices ...string) (*Set, *fakeSPI) {
	s, f := board(t, devices), &fakeSPI{}
	s.spidev = f
	return s, f
}

func TestSPI(t *testing.T) {
	s, f := spiBoard(t, "spidev0.0", "spidev0.1")
	c, err := s.SPI("0.0", kind.SPIOptions{Mode: 1, Speed: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	w, r := []byte{1, 2, 0xF0}, make([]byte, 3)
	if err := c.Tx(w, r); err != nil || !slices.Equal(r, []byte{0xFE, 0xFD, 0x0F}) || !slices.Equal(w, []byte{1, 2, 0xF0}) {
		t.Errorf("transfer: % x became % x, %v", w, r, err)
	}
	if f.last.speed != 1_000_000 || f.last.bits != 8 || f.last.length != 3 || f.last.csChange != 0 || !slices.Equal(f.modes, []uint8{1}) {
		t.Errorf("asked of the kernel: %+v, modes %v", f.last, f.modes)
	}
	if n := testing.AllocsPerRun(100, func() { c.Tx(w, r) }); n != 0 {
		t.Errorf("%v allocations a transfer", n)
	}
	for _, n := range [][2]int{{0, 0}, {1, 2}, {2, 1}, {kind.MaxSPI + 1, kind.MaxSPI + 1}} {
		if err := c.Tx(make([]byte, n[0]), make([]byte, n[1])); sensors.ClassOf(err) != sensors.IO {
			t.Errorf("%d bytes out, %d in: %v", n[0], n[1], err)
		}
	}
	// A second sensor of the same kind may be there, one that speaks otherwise may not; the neighbour is another matter.
	twin, err := s.SPI("0.0", kind.SPIOptions{Mode: 1})
	if err != nil {
		t.Error(err)
	}
	if _, err := s.SPI("0.0", kind.SPIOptions{}); sensors.ClassOf(err) != sensors.Busy {
		t.Errorf("another mode: %v", err)
	}
	other, err := s.SPI("0.1", kind.SPIOptions{})
	if err != nil {
		t.Error(err)
	}
	if err := errors.Join(c.Close(), c.Close(), twin.Close(), other.Close()); err != nil || f.closed != 3 {
		t.Errorf("closed: %v, %d times", err, f.closed)
	}
	if err := c.Tx(w, r); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after close: %v", err)
	}
	if c, err = s.SPI("0.0", kind.SPIOptions{}); err != nil {
		t.Errorf("another kind, after the first was closed: %v", err)
	}
	c.Close()
	s.Close()
	if _, err := s.SPI("0.0", kind.SPIOptions{}); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after the board was closed: %v", err)
	}
}

func TestSPIRefused(t *testing.T) {
	s, f := spiBoard(t)
	refused := func(device string, class sensors.Class, words ...string) {
		t.Helper()
		_, err := s.SPI(device, kind.SPIOptions{})
		e, ok := errors.AsType[*sensors.Error](err)
		if !ok || sensors.ClassOf(err) != class {
			t.Errorf("%s: %v, class %s, want %s", device, err, sensors.ClassOf(err), class)
			return
		}
		for _, word := range words {
			if !strings.Contains(err.Error()+" "+e.Hint, word) {
				t.Errorf("%s: %v (%s) does not say %q", device, err, e.Hint, word)
			}
		}
	}
	refused("0.0", sensors.Absent, "dtparam=spi=on", "spi-0.0")
	refused("1.2", sensors.Absent, "ls /dev/spidev*")
	refused("../0.0", sensors.Absent)
	dir := filepath.Join(s.root, "sys/bus/spi/devices/spi0.0")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../drivers/mcp320x", filepath.Join(dir, "driver")); err != nil {
		t.Fatal(err)
	}
	refused("0.0", sensors.Busy, "mcp320x", "iio")
	f.openErr = syscall.EACCES
	refused("0.0", sensors.Denied, "group spi")
	f.openErr = syscall.EBUSY
	refused("0.0", sensors.Busy, "another program")
	f.openErr, f.modeErr = nil, syscall.EINVAL
	if err := os.WriteFile(filepath.Join(s.root, "dev/spidev0.0"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refused("0.0", sensors.IO, "mode or speed")
	if f.opened != f.closed {
		t.Errorf("%d opened, %d closed", f.opened, f.closed)
	}
	// The real system, on a file that is no SPI device.
	s.spidev = linux{}
	refused("0.0", sensors.IO, "inappropriate ioctl")
}

func TestSPIFails(t *testing.T) {
	s, f := spiBoard(t, "spidev0.0")
	c, err := s.SPI("0.0", kind.SPIOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for errno, class := range map[syscall.Errno]sensors.Class{syscall.EIO: sensors.IO, syscall.ETIMEDOUT: sensors.Timeout,
		syscall.ESHUTDOWN: sensors.Absent, syscall.ENODEV: sensors.Absent, syscall.EACCES: sensors.Denied, syscall.EBUSY: sensors.Busy} {
		f.err = errno
		r := []byte{7}
		if err := c.Tx([]byte{1}, r); sensors.ClassOf(err) != class || !errors.Is(err, errno) || r[0] != 7 {
			t.Errorf("%v: %v, class %s, read %v", errno, err, sensors.ClassOf(err), r)
		}
	}
}
