package publishertest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Program returns the path of an installed program. A missing one skips the test, but fails it where CI is "true".
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrNotFound) {
		for _, folder := range []string{"/usr/sbin/", "/usr/local/sbin/", "/sbin/"} { // not in everybody's PATH
			if p, e := exec.LookPath(folder + name); e == nil {
				return p
			}
		}
	}
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("program %s is missing: %v", name, err)
	}
	t.Skipf("program %s is missing: %v", name, err)
	return ""
}

// FreeAddr returns an address on 127.0.0.1 that nobody listened on a moment ago.
func FreeAddr(t testing.TB) string {
	t.Helper()
	// Below the range from which the kernel takes ports for outgoing connections (32768 on), a stretch for each test process, each
	// port once: what is found free here is still free when the program asks for it.
	const first, stretches, stretch = 12000, 50, 400
	base := first + uint32(os.Getpid())%stretches*stretch
	for range stretch {
		addr := fmt.Sprintf("127.0.0.1:%d", base+handed.Add(1)%stretch)
		if l, err := net.Listen("tcp4", addr); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

// handed counts the ports that were handed out.
var handed atomic.Uint32

// start runs a program until the test ends and returns once all addresses accept connections. Its output is logged if the test
// fails. kill ends it earlier.
func start(t testing.TB, addrs []string, path string, args ...string) (kill func()) {
	t.Helper()
	out := &output{}
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = 2 * time.Second                       // a child of the program may hold its output open
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its children end with it
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	exited := make(chan struct{})
	var exit error
	go func() {
		defer close(exited)
		exit = cmd.Wait()
	}()
	kill = sync.OnceFunc(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may have ended by itself
		<-exited
	})
	t.Cleanup(func() {
		kill()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", path, out.String())
		}
	})
	deadline := time.Now().Add(20 * time.Second)
	for _, addr := range addrs {
		for {
			conn, err := net.Dial("tcp", addr)
			if err == nil {
				_ = conn.Close() // it was only a knock
				break
			}
			select {
			case <-exited:
				t.Fatalf("%s ended at once (%v):\n%s", path, exit, out.String())
			case <-time.After(10 * time.Millisecond):
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s does not listen on %s: %v\n%s", path, addr, err, out.String())
			}
		}
	}
	return kill
}

// output collects what a program writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
