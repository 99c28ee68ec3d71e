// Command init is process 1 of the machines that the tests in the folder above boot. It loads the kernel's modules, mounts what
// every Linux has and then does, one JSON line each, what it is asked for over the serial line that $TTY names: run a program,
// send it a signal, read or write a file, give the network card its address.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// request is a line from the test. Each has a number; many may be under way.
type request struct {
	ID     int      `json:"id"`
	Op     string   `json:"op"`     // run, signal, read, write, net
	Argv   []string `json:"argv"`   // run
	Signal int      `json:"signal"` // signal
	To     int      `json:"to"`     // signal: the request that started the program
	Path   string   `json:"path"`   // read, write
	Text   string   `json:"text"`   // write
}

// reply is a line to the test: a piece of a program's output, or the end of a request.
type reply struct {
	ID   int    `json:"id"`
	Out  string `json:"out,omitempty"`
	Err  string `json:"err,omitempty"`
	Done bool   `json:"done,omitempty"`
	Code int    `json:"code"`           // of a program: its exit code, 128 + n after signal n
	Text string `json:"text,omitempty"` // of read
	Fail string `json:"fail,omitempty"`
}

func main() {
	err := serve()
	os.WriteFile("/dev/kmsg", []byte("<0>init: "+err.Error()), 0) // and the kernel panics, as process 1 ends
}

func serve() error {
	for _, m := range [][2]string{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}} {
		if err := errors.Join(os.MkdirAll(m[1], 0o755), unix.Mount(m[0], m[1], m[0], 0, "")); err != nil {
			return fmt.Errorf("mount %s: %w", m[1], err)
		}
	}
	// QEMU resets a Raspberry Pi as soon as somebody opens its watchdog.
	os.Remove("/dev/watchdog")
	os.Remove("/dev/watchdog0")
	if s, err := strconv.ParseInt(os.Getenv("CLOCK"), 10, 64); err == nil {
		tv := unix.NsecToTimeval(s * 1e9)
		if err := unix.Settimeofday(&tv); err != nil {
			return fmt.Errorf("set clock: %w", err)
		}
	}
	notes := modules()
	tty, err := open(filepath.Join("/dev", os.Getenv("TTY")))
	if err != nil {
		return err
	}
	g := &guest{tty: tty, running: map[int]*os.Process{}}
	version, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	g.send(reply{Done: true, Text: strings.TrimSpace(string(version)), Fail: notes})
	lines := bufio.NewReader(tty)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("serial line: %w", err)
		}
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("serial line: %q: %w", line, err)
		}
		go g.do(r)
	}
}

// modules loads what lies in /modules, in the order of the names. It returns what went wrong.
func modules() (notes string) {
	const compressed = 4 // MODULE_INIT_COMPRESSED_FILE: the kernel unpacks it
	list, _ := filepath.Glob("/modules/*")
	for _, path := range list {
		f, err := os.Open(path)
		if err == nil {
			// A module's options are in the environment, under its name: I2C_STUB=chip_addr=0x48.
			_, name, _ := strings.Cut(filepath.Base(path), "-")
			name, _, _ = strings.Cut(name, ".")
			options := os.Getenv(strings.ToUpper(strings.ReplaceAll(name, "-", "_")))
			err = unix.FinitModule(int(f.Fd()), options, compressed)
			f.Close()
		}
		if err != nil {
			notes += fmt.Sprintf("%s: %v\n", path, err)
		}
	}
	return notes
}

// open opens a serial line and switches off everything that a terminal does to what passes. The device may come late.
func open(path string) (*os.File, error) {
	var f *os.File
	var err error
	for range 200 {
		if f, err = os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		return nil, err
	}
	t, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return nil, err
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	return f, unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, t)
}

type guest struct {
	mu      sync.Mutex
	tty     *os.File
	running map[int]*os.Process
}

func (g *guest) send(r reply) {
	line, _ := json.Marshal(r)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tty.Write(append(line, '\n'))
}

func (g *guest) do(r request) {
	end := reply{ID: r.ID, Done: true}
	var err error
	switch r.Op {
	case "run":
		end.Code, err = g.run(r)
	case "signal":
		g.mu.Lock()
		p := g.running[r.To]
		g.mu.Unlock()
		if p == nil {
			err = os.ErrProcessDone
		} else {
			err = p.Signal(syscall.Signal(r.Signal))
		}
	case "read":
		end.Text, err = read(r.Path)
	case "write":
		os.MkdirAll(filepath.Dir(r.Path), 0o755)
		err = os.WriteFile(r.Path, []byte(r.Text), 0o600)
	case "net":
		err = network()
	default:
		err = errors.New("unknown request")
	}
	if err != nil {
		end.Fail = err.Error()
	}
	g.send(end)
}

// run starts a program and passes on what it prints, until it ends.
func (g *guest) run(r request) (code int, err error) {
	cmd := exec.Command(r.Argv[0], r.Argv[1:]...)
	cmd.Env = []string{"HOME=/tmp", "PATH=/"}
	out, err1 := cmd.StdoutPipe()
	errs, err2 := cmd.StderrPipe()
	if err := errors.Join(err1, err2); err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	g.mu.Lock()
	g.running[r.ID] = cmd.Process
	g.mu.Unlock()
	var wg sync.WaitGroup
	pass := func(from io.Reader, say func(string) reply) {
		for lines := bufio.NewReader(from); ; {
			line, err := lines.ReadString('\n')
			if line != "" {
				g.send(say(line))
			}
			if err != nil {
				return
			}
		}
	}
	wg.Go(func() { pass(out, func(s string) reply { return reply{ID: r.ID, Out: s} }) })
	wg.Go(func() { pass(errs, func(s string) reply { return reply{ID: r.ID, Err: s} }) })
	wg.Wait()
	err = cmd.Wait()
	g.mu.Lock()
	delete(g.running, r.ID)
	g.mu.Unlock()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		if w := e.Sys().(syscall.WaitStatus); w.Signaled() {
			return 128 + int(w.Signal()), nil
		}
		return e.ExitCode(), nil
	}
	return 0, err
}

// read reads a small file, again if its driver is not ready yet. os.ReadFile would wait for ever then: to package os, EAGAIN from
// a file in sysfs, which can be polled, means that there will be an event.
func read(path string) (string, error) {
	fd, err := unix.Open(path, unix.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	b := make([]byte, 4096)
	n, err := unix.Read(fd, b)
	for i := 0; err == unix.EAGAIN && i < 100; i++ {
		time.Sleep(10 * time.Millisecond)
		n, err = unix.Read(fd, b)
	}
	return string(b[:max(n, 0)]), err
}

// network waits for a card and gives it the address that QEMU's user network expects.
func network() error {
	var cards []string
	for range 300 {
		cards, _ = filepath.Glob("/sys/class/net/*/device")
		if len(cards) > 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if len(cards) == 0 {
		return errors.New("no network card came in 30 s")
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	r, err := unix.NewIfreq(filepath.Base(filepath.Dir(cards[0])))
	if err != nil {
		return err
	}
	for _, set := range []struct {
		request uint
		value   [4]byte
	}{{unix.SIOCSIFADDR, [4]byte{10, 0, 2, 15}}, {unix.SIOCSIFNETMASK, [4]byte{255, 255, 255, 0}}} {
		if err := errors.Join(r.SetInet4Addr(set.value[:]), unix.IoctlIfreq(s, set.request, r)); err != nil {
			return err
		}
	}
	r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, r)
}
