package bus

import (
	"context"
	"errors"
	"fmt"
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

// line is one requested line. Read and Events may run at the same time, Events once at a time.
type line struct {
	kernel kernel
	name   string
	f      *os.File
	buf    [32 * eventSize]byte
}

// newLine takes over fd. Its reads go through Go's poller, so that a waiting line costs no thread and can be woken.
func newLine(k kernel, name string, fd int32) (kind.Line, error) {
	if err := unix.SetNonblock(int(fd), true); err != nil {
		k.close(int(fd))
		return nil, &sensors.Error{Class: sensors.IO, Op: "line " + name, Err: err}
	}
	return &line{kernel: k, name: name, f: os.NewFile(uintptr(fd), name)}, nil
}

// Read tells the level, as the options see it.
func (l *line) Read() (bool, error) {
	raw, err := l.f.SyscallConn()
	if err != nil {
		return false, l.fail(err)
	}
	v := unix.GPIOV2LineValues{Mask: 1}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = l.kernel.getValues(fd, &v) }); err != nil {
		return false, l.fail(err)
	}
	if failed != nil {
		return false, l.fail(failed)
	}
	return v.Bits&1 != 0, nil
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
		for i := 0; i+eventSize <= n; i += eventSize {
			if e, ok := event(l.buf[i : i+eventSize]); ok {
				f(e)
			}
		}
		switch {
		case err == nil && n%eventSize != 0:
			return l.fail(fmt.Errorf("the kernel gave %d bytes, not events of %d", n, eventSize))
		case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil:
			return nil
		case err != nil:
			return l.fail(err)
		}
	}
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

// Close gives the line back. A waiting Events returns an error.
func (l *line) Close() error {
	if err := l.f.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
		return l.fail(err)
	}
	return nil
}
