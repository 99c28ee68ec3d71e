package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// pty is a pair of terminals of the kernel: what is written to the master arrives at the port, as from a part.
func pty(t *testing.T) (master *os.File, port string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	var n int
	raw, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			n, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return master, fmt.Sprintf("/dev/pts/%d", n)
}

func openUART(t *testing.T, s *Set, name string) kind.UART {
	t.Helper()
	u, err := s.UART(name, 9600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close() })
	return u
}

// TestUART sends every byte both ways, among them those that a terminal would take as commands, end lines with, or turn into others.
func TestUART(t *testing.T) {
	master, name := pty(t)
	u := openUART(t, New("/", ""), name)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	if err := u.Write(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 256)
	if _, err := io.ReadFull(master, got); err != nil || !bytes.Equal(got, all) {
		t.Errorf("the part heard % x, %v", got, err)
	}
	if _, err := master.Write(all); err != nil {
		t.Fatal(err)
	}
	got = got[:0]
	for len(got) < 256 {
		piece := make([]byte, 100)
		n, err := u.Read(t.Context(), piece, 5*time.Second)
		if err != nil {
			t.Fatalf("after %d bytes: %v", len(got), err)
		}
		got = append(got, piece[:n]...)
	}
	if !bytes.Equal(got, all) {
		t.Errorf("read % x", got)
	}
	// The line's settings, as the other side of the pair sees them.
	raw, _ := master.SyscallConn()
	raw.Control(func(fd uintptr) {
		set, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		if err != nil || set.Cflag&(unix.CBAUD|unix.CSIZE|unix.CSTOPB|unix.PARENB) != unix.B9600|unix.CS8 || set.Lflag|set.Iflag|set.Oflag != 0 {
			t.Errorf("settings %+v, %v", set, err)
		}
	})
}

func TestUARTFlush(t *testing.T) {
	master, name := pty(t)
	u := openUART(t, New("/", ""), name)
	if n, err := u.Flush(); n != 0 || err != nil {
		t.Errorf("nothing came: %d, %v", n, err)
	}
	for _, size := range []int{1, 32, 1000} {
		if _, err := master.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		// One byte is read, so that it is known that they have arrived.
		if n, err := u.Read(t.Context(), make([]byte, 1), 5*time.Second); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		n, err := u.Flush()
		for deadline := time.Now().Add(5 * time.Second); err == nil && n < size-1 && time.Now().Before(deadline); {
			var more int
			more, err = u.Flush()
			n += more
		}
		if n != size-1 || err != nil {
			t.Errorf("%d of %d bytes flushed, %v", n, size-1, err)
		}
	}
}

// TestUARTWaits: silence ends when it should, and neither sooner nor as something else.
func TestUARTWaits(t *testing.T) {
	_, name := pty(t)
	u := openUART(t, New("/", ""), name)
	b := make([]byte, 1)
	begin := time.Now()
	_, err := u.Read(t.Context(), b, 120*time.Millisecond)
	if took := time.Since(begin); sensors.ClassOf(err) != sensors.Timeout || took < 120*time.Millisecond || !strings.Contains(err.Error(), "nothing came for 120ms") {
		t.Errorf("silence: %v after %v", err, took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := u.Read(ctx, b, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := u.Read(ctx, b, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	time.AfterFunc(20*time.Millisecond, func() { u.Close() })
	if _, err := u.Read(t.Context(), b, time.Minute); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if err := u.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}

func TestUARTIsTaken(t *testing.T) {
	_, name := pty(t)
	s := New("/", "")
	u := openUART(t, s, name)
	_, err := s.UART(name, 9600)
	if e, ok := errors.AsType[*sensors.Error](err); !ok || e.Class != sensors.Busy || !strings.Contains(e.Hint, "fuser") {
		t.Errorf("opened twice: %v, %+v", err, e)
	}
	u.Close()
	openUART(t, s, name)
}

// TestUARTHungUp: the other end goes away, as a USB adapter does that is pulled.
func TestUARTHungUp(t *testing.T) {
	master, name := pty(t)
	u := openUART(t, New("/", ""), name)
	master.Close()
	if _, err := u.Read(t.Context(), make([]byte, 1), 5*time.Second); err == nil || sensors.ClassOf(err) == sensors.Timeout {
		t.Errorf("read: %v", err)
	}
	if _, err := u.Flush(); err == nil {
		t.Error("flush: no error")
	}
	if err := u.Write(t.Context(), []byte{1}); err == nil {
		t.Error("write: no error")
	}
}

func TestUARTRefused(t *testing.T) {
	_, name := pty(t)
	root := t.TempDir()
	put := func(path, text string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	put("dev/ttyS9", "a file")
	put("sys/class/tty/console/active", "tty1 "+filepath.Base(name)+"\n")
	if err := os.Symlink(name, filepath.Join(root, "dev/serial0")); err != nil {
		t.Fatal(err)
	}
	s := New(root, "")
	for _, tt := range []struct {
		name  string
		baud  int
		class sensors.Class
		words string
	}{
		{"/dev/serial1", 9600, sensors.Absent, "enable_uart=1"},
		{"/dev/ttyUSB0", 9600, sensors.Absent, "plugged in"},
		{"/dev/ttyS9", 9600, sensors.Absent, "no serial port"},
		{"/dev/serial0", 9600, sensors.Busy, "do_serial_cons 1"},
		{"/dev/../etc/passwd", 9600, sensors.Absent, ""},
		{"/dev/serial0", 12345, sensors.Absent, "12345 baud"},
	} {
		_, err := s.UART(tt.name, tt.baud)
		e, ok := errors.AsType[*sensors.Error](err)
		if !ok || e.Class != tt.class || !strings.Contains(err.Error()+" "+e.Hint, tt.words) || !strings.HasPrefix(err.Error(), tt.name+": ") {
			t.Errorf("%s: %v, %+v", tt.name, err, e)
		}
	}
	put("sys/class/tty/console/active", "tty1\n")
	openUART(t, s, "/dev/serial0")
	s.Close()
	if _, err := s.UART("/dev/serial0", 9600); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after the board was closed: %v", err)
	}
}

func TestUARTAllocates(t *testing.T) {
	master, name := pty(t)
	u := openUART(t, New("/", ""), name)
	ctx := context.Background()
	frame, answer := make([]byte, 9), make([]byte, 64)
	n := testing.AllocsPerRun(20, func() {
		if _, err := u.Flush(); err != nil {
			t.Error(err)
		}
		if err := u.Write(ctx, frame); err != nil {
			t.Error(err)
		}
		master.Write(frame)
		for got := 0; got < len(frame); {
			n, err := u.Read(ctx, answer, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			got += n
		}
	})
	if n != 0 {
		t.Errorf("%v allocations a command and its answer", n)
	}
}
