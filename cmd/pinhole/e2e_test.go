package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The tests of the files e2e_*_test.go run the real program as a process of its own: against the lab, against real brokers, with
// links cut, kills and faults, and keep the books of what arrived.

// campaign makes the cuts and kills more: -campaign 20 takes about as many times as long.
var campaign = flag.Int("campaign", 1, "how many times to go through cuts and kills")

func TestMain(m *testing.M) {
	flag.Parse()
	// Parallel tests here wait for time limits far more than they compute.
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("12")
	}
	code := m.Run()
	if programs.dir != "" {
		_ = os.RemoveAll(programs.dir)
	}
	os.Exit(code)
}

// target is what a program is built for. The zero value is this machine.
type target struct {
	arch, arm string // GOARCH and GOARM
	race      bool
}

// programs are built once each for the whole run.
var programs struct {
	mu    sync.Mutex
	dir   string
	built map[target]func() (string, error)
}

// program builds the agent and returns its path. It is stripped, as the released one is, unless it looks for races.
func program(t testing.TB, to target) string {
	t.Helper()
	programs.mu.Lock()
	if programs.dir == "" {
		dir, err := os.MkdirTemp("", "pinhole-e2e-")
		if err != nil {
			programs.mu.Unlock()
			t.Fatal(err)
		}
		programs.dir, programs.built = dir, map[target]func() (string, error){}
	}
	build := programs.built[to]
	if build == nil {
		path := filepath.Join(programs.dir, fmt.Sprintf("pinhole-%s%s-%v", to.arch, to.arm, to.race))
		build = sync.OnceValues(func() (string, error) { return path, compile(path, to) })
		programs.built[to] = build
	}
	programs.mu.Unlock()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func compile(path string, to target) error {
	args := []string{"build", "-o", path, "-trimpath"}
	env := os.Environ()
	if to.race {
		args = append(args, "-race")
	} else {
		args = append(args, "-ldflags=-s -w")
		env = append(env, "CGO_ENABLED=0")
	}
	if to.arch != "" {
		env = append(env, "GOOS=linux", "GOARCH="+to.arch, "GOARM="+to.arm)
	}
	cmd := exec.Command("go", append(args, ".")...)
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build for %+v: %w\n%s", to, err, out)
	}
	return nil
}

// agentPath is the program that most tests run: with the race detector if they have it themselves.
func agentPath(t testing.TB) string { return program(t, target{race: raceDetector}) }

// process is a running program.
type process struct {
	t        testing.TB
	cmd      *exec.Cmd
	out, log text
	ended    chan struct{}
	err      error // to be read after ended
}

// text collects what a process writes.
type text struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (x *text) Write(b []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.buf.Write(b)
}

func (x *text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.buf.String()
}

// start runs a program until it ends, or the test does. Its log is shown if the test fails.
func start(t testing.TB, env []string, path string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.log
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.WaitDelay = time.Second
	// Should the test's process be killed, the kernel ends this one. It watches the thread that started it, which therefore stays
	// locked until it has ended.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended by itself
		<-p.ended
		if log := p.log.String(); strings.Contains(log, "DATA RACE") || strings.Contains(log, "panic:") {
			t.Errorf("%v has a fault of its own", p.cmd.Args)
		}
		if t.Failed() {
			const most = 8 << 10
			log := p.log.String()
			t.Logf("process %d, %v: %v; its log ends:\n%s", p.cmd.Process.Pid, p.cmd.Args, p.cmd.ProcessState, log[max(0, len(log)-most):])
		}
	})
	return p
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("signal %v: %v", s, err)
	}
}

// wait waits for the end and returns the exit code; -1 if a signal ended it.
func (p *process) wait(limit time.Duration) int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(limit):
		p.t.Fatalf("process %d did not end within %v", p.cmd.Process.Pid, limit)
	}
	if _, ok := errors.AsType[*exec.ExitError](p.err); p.err != nil && !ok {
		p.t.Fatal(p.err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// kill ends the process without a word to it and returns when that was.
func (p *process) kill() time.Time {
	p.t.Helper()
	at := time.Now()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	p.wait(10 * time.Second)
	return at
}

// stop ends an agent as systemd does, and demands that it ends well.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	// Five seconds of delivery, and what a busy machine adds.
	if code := p.wait(20 * time.Second); code != 0 {
		p.t.Fatalf("exit code %d after SIGTERM, want 0", code)
	}
}

// output runs a program to its end and returns what it wrote and its exit code.
func output(t testing.TB, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// await waits until cond holds.
func await(t testing.TB, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}
