package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Numbers of spidev's ioctls, linux/spi/spidev.h: type 'k', written to the kernel.
const (
	spiWriteMode = 1<<30 | 1<<16 | 'k'<<8 | 1 // SPI_IOC_WR_MODE, a byte
	spiMessage   = 1<<30 | 32<<16 | 'k'<<8    // SPI_IOC_MESSAGE(1)
)

// spiTransfer is struct spi_ioc_transfer, on every architecture.
type spiTransfer struct {
	tx, rx     uint64 // addresses
	length     uint32
	speed      uint32 // Hz
	delay      uint16
	bits       uint8
	csChange   uint8
	txNbits    uint8
	rxNbits    uint8
	wordDelay  uint8
	padUnknown uint8
}

// spidev is what is asked of the kernel's SPI interface; a test brings its own.
type spidev interface {
	open(path string) (fd int, err error)
	close(fd int) error
	setMode(fd int, mode *uint8) error
	transfer(fd int, t *spiTransfer) error
}

// SPI opens what is behind a chip select: "0.0" is /dev/spidev0.0.
func (s *Set) SPI(device string, o kind.SPIOptions) (kind.SPI, error) {
	name := "spi-" + device
	if kind.CheckSPI(kind.Params{"device": device}) != nil {
		return nil, &sensors.Error{Class: sensors.Absent, Op: name, Err: errors.New("not a bus and a chip select")}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, &sensors.Error{Class: sensors.IO, Op: name, Err: fs.ErrClosed}
	}
	if there := s.selects[device]; there.users > 0 && there.mode != o.Mode {
		return nil, &sensors.Error{Class: sensors.Busy, Op: name, Hint: "one chip select has one part: choose another for one of them",
			Err: fmt.Errorf("a sensor of another kind is there, which needs mode %d", there.mode)}
	}
	path := filepath.Join(s.root, "dev", "spidev"+device)
	fd, err := s.spidev.open(path)
	if err != nil {
		return nil, s.noSPI(device, err)
	}
	c := &chipSelect{set: s, device: device, fd: fd, buf: new([kind.MaxSPI]byte), mode: uint8(o.Mode)}
	c.t = spiTransfer{speed: uint32(o.Speed), bits: 8}
	if err := s.spidev.setMode(fd, &c.mode); err != nil {
		s.spidev.close(fd)
		return nil, kind.Fail(name, kind.SPIError(err))
	}
	s.selects[device] = selected{o.Mode, s.selects[device].users + 1}
	return c, nil
}

// selected is how a chip select is used, and by how many handles.
type selected struct{ mode, users int }

// noSPI explains why a device could not be opened. spidev steps back where another driver has the chip select.
func (s *Set) noSPI(device string, err error) error {
	e := &sensors.Error{Class: sensors.ClassOf(err), Op: "spi-" + device, Err: err}
	number, _, _ := strings.Cut(device, ".")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		dir := filepath.Join(s.root, "sys/bus/spi/devices/spi"+device)
		if driver, err := os.Readlink(filepath.Join(dir, "driver")); err == nil && filepath.Base(driver) != "spidev" {
			e.Class, e.Err = sensors.Busy, fmt.Errorf("the kernel's driver %s has it", filepath.Base(driver))
			e.Hint = "read it by kind iio or hwmon, or remove the overlay from config.txt"
		} else if number == "0" {
			e.Hint = "switch SPI on: sudo raspi-config nonint do_spi 0, or dtparam=spi=on in config.txt, then restart the board"
		} else {
			e.Hint = "`ls /dev/spidev*` shows those that there are; on the header 0.0 and 0.1, others by dtoverlay=spi1-1cs and the like"
		}
	case errors.Is(err, fs.ErrPermission):
		e.Hint = "add the user to group spi"
	case errors.Is(err, unix.EBUSY):
		e.Hint = "another program has it open"
	}
	return e
}

// chipSelect is an open device. Its buffer lies on the heap, as the kernel is given its address, and is both what is sent and what
// has come.
type chipSelect struct {
	set    *Set
	device string
	mode   uint8
	buf    *[kind.MaxSPI]byte
	t      spiTransfer

	mu sync.Mutex
	fd int // -1: closed
}

// Tx makes one transfer. It cannot be cancelled; the controller clocks by itself, and the kernel gives it up if it does not end.
func (c *chipSelect) Tx(w, r []byte) error {
	if len(w) != len(r) || len(w) == 0 || len(w) > len(c.buf) {
		return &sensors.Error{Class: sensors.IO, Op: "transfer", Err: fmt.Errorf("%d bytes out and %d in, not 1 to %d both ways",
			len(w), len(r), len(c.buf))}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return &sensors.Error{Class: sensors.IO, Op: "transfer", Err: fs.ErrClosed}
	}
	copy(c.buf[:], w)
	c.t.tx = uint64(uintptr(unsafe.Pointer(c.buf)))
	c.t.rx, c.t.length = c.t.tx, uint32(len(w))
	err := c.set.spidev.transfer(c.fd, &c.t)
	runtime.KeepAlive(c.buf)
	if err != nil {
		return kind.SPIError(err)
	}
	copy(r, c.buf[:])
	return nil
}

// Close gives the chip select back.
func (c *chipSelect) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return nil
	}
	err := c.set.spidev.close(c.fd)
	c.fd = -1
	c.set.mu.Lock()
	defer c.set.mu.Unlock()
	if there := c.set.selects[c.device]; there.users > 1 {
		c.set.selects[c.device] = selected{there.mode, there.users - 1}
	} else {
		delete(c.set.selects, c.device)
	}
	return err
}

func (linux) setMode(fd int, mode *uint8) error {
	return ioctl(uintptr(fd), spiWriteMode, unsafe.Pointer(mode))
}

func (linux) transfer(fd int, t *spiTransfer) error {
	return ioctl(uintptr(fd), spiMessage, unsafe.Pointer(t))
}
