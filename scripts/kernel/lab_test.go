package kernel

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// lab is pinhole-lab, at the other end of the way out.
type lab struct {
	dir, addr string
	arrived   chan string // lines
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{dir: t.TempDir(), arrived: make(chan string, 100)}
	cmd := exec.Command("../../dist/pinhole-lab", "serve", "--listen", "127.0.0.1:0", "--dir", l.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for lines := bufio.NewScanner(errs); l.addr == "" && lines.Scan(); {
		l.addr, _ = strings.CutPrefix(lines.Text(), "listening on ")
	}
	go io.Copy(io.Discard, errs)
	go func() {
		defer close(l.arrived)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			l.arrived <- lines.Text()
		}
	}()
	return l
}

// next waits for a reading to arrive.
func (l *lab) next(t *testing.T) reading {
	t.Helper()
	select {
	case line := <-l.arrived:
		return readings(t, line)[0]
	case <-time.After(limit):
		t.Fatalf("no more readings arrive within %v", limit)
		panic("unreachable")
	}
}

// pipe joins a connection that QEMU's network has accepted, which is our input and output, with an address of this machine.
func pipe(addr string) {
	c, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		os.Exit(1)
	}
	go func() {
		io.Copy(c, os.Stdin)
		c.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(os.Stdout, c)
}
