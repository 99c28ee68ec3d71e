package pipower

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
)

// The mailbox property interface: https://github.com/raspberrypi/firmware/wiki/Mailbox-property-interface. The kernel's driver is
// drivers/char/broadcom/vcio.c of Raspberry Pi's tree.
const (
	tagThrottled = 0x00030046
	success      = 0x80000000 // of the whole message
	answered     = 0x80000000 // of the tag; the length of the answer in bytes is in the other bits
	// ioctlProperty is _IOWR(100, 0, char *): direction, size of a pointer, magic number.
	ioctlProperty = 3<<30 | unsafe.Sizeof(uintptr(0))<<16 | 100<<8
)

// message is a request with one tag, and its answer: length in bytes, status, tag, length of its value, length of the answer, value,
// end.
type message [7]uint32

// request asks for the bits. Its value is a mask of remembered bits to clear: none.
func request() message { return message{uint32(unsafe.Sizeof(message{})), 0, tagThrottled, 4, 0, 0, 0} }

// bits takes the answer out of a message.
func (m *message) bits() (uint32, error) {
	switch {
	case m[1] != success:
		return 0, fmt.Errorf("the firmware refused the request: status %#08x", m[1])
	case m[2] != tagThrottled || m[4] != answered|4:
		return 0, fmt.Errorf("the firmware does not know of throttling: answer %#08x to tag %#08x", m[4], m[2])
	}
	return m[5], nil
}

// mailbox asks the firmware by /dev/vcio.
type mailbox struct {
	path  string
	fd    int // -1: not open
	msg   message
	ioctl func(fd int, m *message) error
}

func newMailbox(path string) *mailbox { return &mailbox{path: path, fd: -1, ioctl: property} }

// property hands a message to the firmware.
func property(fd int, m *message) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(ioctlProperty), uintptr(unsafe.Pointer(m))); errno != 0 {
		return errno
	}
	return nil
}

// Throttled asks for the bits.
func (m *mailbox) Throttled() (uint32, error) {
	if m.fd < 0 {
		fd, err := unix.Open(m.path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return 0, m.failed("open", err)
		}
		m.fd = fd
	}
	m.msg = request()
	err := m.ioctl(m.fd, &m.msg)
	if err == nil {
		var bits uint32
		if bits, err = m.msg.bits(); err == nil {
			return bits, nil
		}
	}
	m.close()
	return 0, m.failed("ask the firmware by", err)
}

// failed sorts a failure and says what to do about it.
func (m *mailbox) failed(step string, err error) error {
	e := &sensors.Error{Class: sensors.ClassOf(err), Op: "pipower: " + step + " " + m.path, Err: err}
	switch {
	case e.Class == sensors.Absent:
		e.Hint = "this machine is no Raspberry Pi, or its kernel has no driver vcio"
	case e.Class == sensors.Denied:
		e.Hint = "add the user to group video: sudo usermod -aG video USER"
	case errors.Is(err, unix.ENOTTY):
		e.Class, e.Hint = sensors.Wrong, "this is not the firmware's mailbox"
	}
	return e
}

func (m *mailbox) close() error {
	if m.fd < 0 {
		return nil
	}
	fd := m.fd
	m.fd = -1
	if err := unix.Close(fd); err != nil {
		return fmt.Errorf("close %s: %w", m.path, err)
	}
	return nil
}
