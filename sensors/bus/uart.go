package bus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

const (
	// lookUp is how often a read that waits looks whether its context has ended.
	lookUp = 50 * time.Millisecond
	// writing bounds a write: a frame fits into the port's buffer at once, unless something holds the line.
	writing = time.Second
)

// speeds are those that the parts of the catalogue and their relatives have.
func speeds() map[int]uint32 {
	return map[int]uint32{2400: unix.B2400, 4800: unix.B4800, 9600: unix.B9600, 19200: unix.B19200, 38400: unix.B38400,
		57600: unix.B57600, 115200: unix.B115200}
}

// UART opens a serial port, /dev/serial0, raw: eight bits, no parity, no flow control, and nobody else may have it.
func (s *Set) UART(name string, baud int) (kind.UART, error) {
	path := filepath.Join(s.root, name)
	speed, known := speeds()[baud]
	if !known || kind.CheckUART(kind.Params{"port": name}) != nil {
		return nil, &sensors.Error{Class: sensors.Absent, Op: name, Err: fmt.Errorf("no serial port, or a speed of %d baud that is not known", baud)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, &sensors.Error{Class: sensors.IO, Op: name, Err: fs.ErrClosed}
	}
	if err := s.console(name, path); err != nil {
		return nil, err
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, s.noUART(name, err)
	}
	if err := raw(fd, speed); err != nil {
		unix.Close(fd)
		return nil, s.noUART(name, err)
	}
	u := &port{f: os.NewFile(uintptr(fd), path)}
	if u.raw, err = u.f.SyscallConn(); err != nil {
		u.f.Close()
		return nil, s.noUART(name, err)
	}
	u.drain = u.readAll
	return u, nil
}

// console refuses a port on which the kernel writes its messages and people log in: its bytes would go to the part.
func (s *Set) console(name, path string) error {
	active, err := os.ReadFile(filepath.Join(s.root, "sys/class/tty/console/active"))
	if err != nil {
		return nil // no console anywhere
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if !slices.Contains(strings.Fields(string(active)), filepath.Base(path)) {
		return nil
	}
	return &sensors.Error{Class: sensors.Busy, Op: name, Err: fmt.Errorf("%s is the system's console", filepath.Base(path)),
		Hint: "free it: sudo raspi-config nonint do_serial_cons 1 (no login shell), sudo raspi-config nonint do_serial_hw 0 " +
			"(port on), then restart the board"}
}

// noUART explains why a port could not be opened.
func (s *Set) noUART(name string, err error) error {
	e := &sensors.Error{Class: sensors.ClassOf(err), Op: name, Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(name, "/dev/ttyUSB"), errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(name, "/dev/ttyACM"):
		e.Hint = "is the USB adapter plugged in? `ls -l /dev/serial/by-id` shows those that are, under names that stay"
	case errors.Is(err, fs.ErrNotExist):
		e.Hint = "switch the port on and its console off: sudo raspi-config nonint do_serial_hw 0, sudo raspi-config nonint " +
			"do_serial_cons 1, or enable_uart=1 in config.txt, then restart the board"
	case errors.Is(err, fs.ErrPermission):
		e.Hint = "add the user to group dialout"
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EWOULDBLOCK):
		e.Class, e.Hint = sensors.Busy, "another program has it open: is the agent running, or a login console? `sudo fuser -v "+name+"` tells"
	case errors.Is(err, unix.ENOTTY):
		e.Class, e.Err = sensors.Absent, fmt.Errorf("this is no serial port: %w", err)
	}
	return e
}

// raw takes the port for itself and sets it: termios(3), "Raw mode".
func raw(fd int, speed uint32) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil { // TIOCEXCL does not keep root out
		return err
	}
	if err := unix.IoctlSetInt(fd, unix.TIOCEXCL, 0); err != nil {
		return err
	}
	*t = unix.Termios{Cflag: unix.CS8 | unix.CREAD | unix.CLOCAL | speed, Ispeed: speed, Ospeed: speed}
	t.Cc[unix.VMIN] = 1
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
		return err
	}
	got, err := unix.IoctlGetTermios(fd, unix.TCGETS) // it succeeds if anything at all could be set
	if err != nil {
		return err
	}
	const format = unix.CSIZE | unix.CSTOPB | unix.PARENB | unix.CRTSCTS | unix.CBAUD
	if got.Cflag&format != unix.CS8|speed || got.Lflag != 0 || got.Iflag != 0 {
		return errors.New("the port cannot be set to this speed and 8 bits")
	}
	return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH)
}

// port is an open serial port. Its reads go through Go's poller.
type port struct {
	f     *os.File
	raw   syscall.RawConn
	drain func(fd uintptr) // readAll, bound once

	mu      sync.Mutex // of what readAll leaves
	scratch [256]byte
	drained int
	failed  error
}

// Read waits for the first byte.
func (u *port) Read(ctx context.Context, p []byte, wait time.Duration) (int, error) {
	end := time.Now().Add(wait)
	limit, limited := ctx.Deadline()
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		next := time.Now().Add(lookUp)
		if end.Before(next) {
			next = end
		}
		if limited && limit.Before(next) {
			next = limit
		}
		if err := u.f.SetReadDeadline(next); err != nil {
			return 0, kind.UARTError(err)
		}
		n, err := u.f.Read(p)
		switch {
		case n > 0:
			return n, nil
		case err == io.EOF:
			return 0, kind.UARTError(unix.ENODEV) // hung up
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			return 0, kind.UARTError(err)
		case limited && !time.Now().Before(limit):
			return 0, context.DeadlineExceeded
		case !time.Now().Before(end):
			return 0, kind.ErrSilent(wait)
		}
	}
}

// Write hands p to the port.
func (u *port) Write(ctx context.Context, p []byte) error {
	end := time.Now().Add(writing)
	if limit, ok := ctx.Deadline(); ok && limit.Before(end) {
		end = limit
	}
	if err := u.f.SetWriteDeadline(end); err != nil {
		return kind.UARTError(err)
	}
	_, err := u.f.Write(p)
	return kind.UARTError(err)
}

// Flush reads what has arrived.
func (u *port) Flush() (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.drained, u.failed = 0, nil
	if err := u.raw.Control(u.drain); err != nil {
		return 0, kind.UARTError(err)
	}
	return u.drained, kind.UARTError(u.failed)
}

// flushAtMost bounds Flush, where bytes come faster than they are read.
const flushAtMost = 1 << 16

func (u *port) readAll(fd uintptr) {
	for u.drained < flushAtMost {
		n, err := unix.Read(int(fd), u.scratch[:])
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return
		case err != nil:
			u.failed = err
			return
		case n <= 0:
			u.failed = unix.ENODEV
			return
		default:
			u.drained += n
		}
	}
}

// Close gives the port back.
func (u *port) Close() error {
	if err := u.f.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
		return kind.UARTError(err)
	}
	return nil
}
