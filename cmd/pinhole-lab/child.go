package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// child is the agent as a process of its own, in a process group of its own: Ctrl-C in the terminal must reach it once, by way
// of the demo, for its second signal ends it at once.
type child struct {
	cmd  *exec.Cmd
	log  tail
	done chan struct{} // closed when it has ended
	err  error         // how; to be read after done
}

// findAgent returns the agent's program: the given one, the one beside this program, or the one on the path.
func findAgent(given string) (string, error) {
	if given != "" {
		return exec.LookPath(given)
	}
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), "pinhole")
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
			return beside, nil
		}
	}
	path, err := exec.LookPath("pinhole")
	if err != nil {
		return "", errors.New("the agent, pinhole, is neither beside pinhole-lab nor on the path; make build, or give --pinhole PATH")
	}
	return path, nil
}

func startChild(path string, args ...string) (*child, error) {
	c := &child{cmd: exec.Command(path, args...), done: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = &c.log, &c.log
	// Should the demo itself be killed, the kernel ends the agent. It watches the thread that started it, which therefore stays
	// locked until the agent has ended.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	c.cmd.WaitDelay = time.Second // for grandchildren that hold its output open
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			c.err = c.cmd.Wait()
			close(c.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start the agent: %w", err)
	}
	return c, nil
}

// end asks the agent to stop and waits; grace later, or when now is closed, it is killed.
func (c *child) end(grace time.Duration, now <-chan struct{}) error {
	c.cmd.Process.Signal(syscall.SIGTERM) // fails when it has ended, which is seen next
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.done:
		return c.err
	case <-timer.C:
	case <-now:
	}
	c.cmd.Process.Kill()
	<-c.done
	return fmt.Errorf("the agent did not end by itself: %w", c.err)
}

// tail keeps the last output of the agent.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const keptOutput = 16 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if over := len(t.b) - keptOutput; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(b), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.b))
}
