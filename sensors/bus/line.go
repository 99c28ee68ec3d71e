package bus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// eventSize is that of struct gpio_v2_line_event, on every architecture.
const eventSize = 48

// maxWaiting is how many reads empty the kernel's buffer, with as many more for what comes meanwhile.
const maxWaiting = 2 * eventBuffer / batch

// batch is how many edges are taken in one read.
const batch = 32

// line is one requested line. Read and Events may run at the same time, Events once at a time.
type line struct {
	kernel kernel
	name   string
	f      *os.File
	buf    [batch * eventSize]byte
}

// newLine takes over fd. Its reads go through Go's poller, so that a waiting line costs no thread and can be woken.
func newLine(k kernel, name string, fd int32) (*line, error) {
	if err := unix.SetNonblock(int(fd), true); err != nil {
		k.close(int(fd))
		return nil, &sensors.Error{Class: sensors.IO, Op: "line " + name, Err: err}
	}
	return &line{kernel: k, name: name, f: os.NewFile(uintptr(fd), name)}, nil
}

// control calls f with the line's fd.
func (l *line) control(f func(fd uintptr) error) error {
	raw, err := l.f.SyscallConn()
	if err != nil {
		return l.fail(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = f(fd) }); err != nil {
		return l.fail(err)
	}
	if failed != nil {
		return l.fail(failed)
	}
	return nil
}

// Read tells the level, as the options see it.
func (l *line) Read() (bool, error) {
	v := unix.GPIOV2LineValues{Mask: 1}
	err := l.control(func(fd uintptr) error { return l.kernel.getValues(fd, &v) })
	return err == nil && v.Bits&1 != 0, err
}

// Set drives an output line.
func (l *line) Set(active bool) error {
	v := unix.GPIOV2LineValues{Mask: 1}
	if active {
		v.Bits = 1
	}
	return l.control(func(fd uintptr) error { return l.kernel.setValues(fd, &v) })
}

// Events calls f for each edge until ctx ends. Edges that come between two calls wait in the kernel.
func (l *line) Events(ctx context.Context, f func(kind.Event)) error {
	if err := l.f.SetReadDeadline(time.Time{}); err != nil {
		return l.fail(err)
	}
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		l.f.SetReadDeadline(time.Unix(1, 0))
	})
	defer func() {
		if !stop() {
			<-woken // not later, when it would end the next call
		}
	}()
	for {
		n, err := l.f.Read(l.buf[:])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil:
			return l.waiting(f)
		case err != nil:
			return l.fail(err)
		}
		if err := decode(l.buf[:n], f); err != nil {
			return l.fail(err)
		}
	}
}

// waiting takes the edges that are in the kernel already, without waiting for more. Go's poller does not look at the fd once the
// deadline has passed, and after a stall there may be hundreds.
func (l *line) waiting(f func(kind.Event)) error {
	return l.control(func(fd uintptr) error {
		for range maxWaiting {
			n, err := unix.Read(int(fd), l.buf[:])
			switch {
			case errors.Is(err, unix.EINTR):
				continue
			case errors.Is(err, unix.EAGAIN):
				return nil
			case err != nil:
				return err
			case n == 0:
				return io.EOF
			}
			if err := decode(l.buf[:n], f); err != nil {
				return err
			}
		}
		return nil
	})
}

// decode calls f for each edge in what one read gave.
func decode(b []byte, f func(kind.Event)) error {
	for ; len(b) >= eventSize; b = b[eventSize:] {
		if e, ok := event(b[:eventSize]); ok {
			f(e)
		}
	}
	if len(b) > 0 {
		return fmt.Errorf("the kernel gave %d bytes more than events of %d", len(b), eventSize)
	}
	return nil
}

// event decodes a struct gpio_v2_line_event; ok is false for one that is no edge.
func event(b []byte) (e kind.Event, ok bool) {
	var raw unix.GPIOV2LineEvent
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&raw)), eventSize), b)
	rising := raw.Id == unix.GPIO_V2_LINE_EVENT_RISING_EDGE
	return kind.Event{Rising: rising, Mono: int64(raw.Timestamp_ns), Seq: raw.Line_seqno},
		rising || raw.Id == unix.GPIO_V2_LINE_EVENT_FALLING_EDGE
}

func (l *line) fail(err error) error {
	e := &sensors.Error{Class: sensors.ClassOf(err), Op: "line " + l.name, Err: err}
	if errors.Is(err, unix.ENODEV) {
		e.Hint = "the chip is gone"
	}
	return e
}

// Close gives the line back. A waiting Events returns an error. An output keeps its level until somebody else takes the line.
func (l *line) Close() error {
	if err := l.f.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
		return l.fail(err)
	}
	return nil
}
