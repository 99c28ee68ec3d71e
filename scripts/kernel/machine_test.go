// Package kernel tests the agent on real kernels: Debian's, booted by QEMU on an emulated Raspberry Pi 3 with a temperature sensor
// on its I2C bus, on a machine whose GPIO chip has interrupts, and on one with the kernel's own drivers for sensor chips.
//
// The tests need -boot, short or long, and what fetch.sh fetches: `make test-kernel` sees to both. They use the programs in
// dist/. boot starts a machine. It is seen from outside through QEMU (machine) and from inside through process 1 (guest), which
// is the program in init/. All waits are bounded.
package kernel

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var bootFlag = flag.String("boot", "", "boot machines, for the tests of this `length`: short or long")

const (
	fetched = "../../.build/kernel"
	// limit bounds whatever a machine is waited for. On two idle processors a boot takes 10 s; on busy ones it took a minute.
	limit = 4 * time.Minute
)

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Arg(0) == "pipe" {
		pipe(flag.Arg(1))
		return
	}
	if *bootFlag == "" {
		flag.Set("test.skip", "^TestBoot") // rather than t.Skip: nobody asked for them
	}
	os.Exit(m.Run())
}

// design is a machine to boot.
type design struct {
	arch    string            // of the kernel: arm64, amd64
	options []string          // QEMU's: the machine and what is attached to it
	early   string            // where the kernel writes its log before it has drivers, and here for ever: earlycon=
	tty     string            // what it calls the first serial line
	modules []string          // each after those that it needs
	env     []string          // for process 1: options of modules
	files   map[string][]byte // put into it
}

// machine is a running one, seen from outside.
type machine struct {
	*guest
	control, qtest socket
	traced         chan string // lines of QEMU's trace, if it was asked for one
}

// boot starts a machine and waits until process 1 answers. The machine ends with the test.
func boot(t *testing.T, d design) *machine {
	t.Helper()
	for _, part := range []string{"qemu", d.arch} {
		need(t, part, d.arch)
	}
	dir := t.TempDir()
	images, err := filepath.Glob(filepath.Join(fetched, d.arch, "boot/vmlinuz-*"))
	if err != nil || len(images) != 1 {
		t.Fatalf("kernels: %v, %v", images, err)
	}
	files := maps.Clone(d.files)
	files["init"] = build(t, d.arch, "./init")
	modules(t, filepath.Join(fetched, d.arch), d.modules, files)
	initrd, kernelLog := filepath.Join(dir, "initrd"), filepath.Join(dir, "log")
	if err := os.WriteFile(initrd, initramfs(files), 0o600); err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf("console=ttynull keep_bootcon earlycon=%s quiet panic=1 TTY=%s CLOCK=%d %s",
		d.early, d.tty, time.Now().Unix(), strings.Join(d.env, " "))
	program := map[string]string{"arm64": "qemu-system-aarch64", "amd64": "qemu-system-x86_64"}[d.arch]
	cmd := fromDebian(t, program, append([]string{"-kernel", images[0], "-initrd", initrd, "-append", line,
		"-display", "none", "-monitor", "none", "-nodefaults", "-no-reboot",
		"-chardev", "socket,id=guest,fd=3", "-serial", "chardev:guest", "-serial", "file:" + kernelLog,
		"-chardev", "socket,id=control,fd=4", "-mon", "chardev=control,mode=control",
		"-chardev", "socket,id=qtest,fd=5", "-qtest", "chardev:qtest", "-qtest-log", "/dev/null"}, d.options...)...)
	serial := newSocket(t, cmd)
	m := &machine{control: newSocket(t, cmd), qtest: newSocket(t, cmd), traced: make(chan string, 64)}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, f := range cmd.ExtraFiles {
		f.Close()
	}
	var said bytes.Buffer
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(m.traced)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if !strings.HasPrefix(lines.Text(), "pl061_") {
				said.WriteString(lines.Text() + "\n")
				continue
			}
			select {
			case m.traced <- lines.Text():
			default: // nobody waits for it
			}
		}
	})
	t.Cleanup(func() {
		cmd.Process.Kill()
		reading.Wait()
		cmd.Wait()
		if t.Failed() {
			log, _ := os.ReadFile(kernelLog)
			t.Logf("the kernel's log:\n%s\nQEMU:\n%s", bytes.ReplaceAll(log, []byte("\r"), nil), said.Bytes())
		}
	})
	m.guest = newGuest(t, serial)
	m.control.line() // greeting
	m.qmp("qmp_capabilities", nil)
	hello := <-m.guest.started
	t.Logf("Linux %s answers after %.1f s", hello.Text, time.Since(begun).Seconds())
	if hello.Fail != "" {
		t.Fatalf("process 1: %s", hello.Fail)
	}
	return m
}

// need ends the test unless fetch.sh has fetched a part.
func need(t *testing.T, part, arch string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(fetched, part, "ready")); err == nil {
		return
	}
	why, _ := os.ReadFile(filepath.Join(fetched, "missing"))
	if os.Getenv("CI") == "true" && !bytes.HasPrefix(why, []byte("impossible")) {
		t.Fatalf("no %s: run scripts/kernel/fetch.sh %s. %s", part, arch, why)
	}
	t.Skipf("no %s: run scripts/kernel/fetch.sh %s. %s", part, arch, why)
}

// fromDebian is a program out of the fetched packages, run with the C library that came with them.
func fromDebian(t *testing.T, program string, args ...string) *exec.Cmd {
	root, err := filepath.Abs(filepath.Join(fetched, "qemu"))
	if err != nil {
		t.Fatal(err)
	}
	lib := filepath.Join(root, "usr/lib/x86_64-linux-gnu")
	cmd := exec.Command(filepath.Join(lib, "ld-linux-x86-64.so.2"), append([]string{"--library-path", lib, "--argv0", program,
		filepath.Join(root, "usr/bin", program)}, args...)...)
	if strings.HasPrefix(program, "qemu") {
		cmd.Args = append(cmd.Args, "-L", filepath.Join(root, "usr/share/qemu"), "-L", filepath.Join(root, "usr/share/seabios"))
		cmd.Env = append(os.Environ(), "QEMU_MODULE_DIR="+filepath.Join(lib, "qemu"))
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // a test that panics leaves none behind
	return cmd
}

// build builds a static program for the machine.
func build(t *testing.T, arch, dir string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, dir)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, text)
	}
	return file(t, out)
}

func file(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// qmp has QEMU's control interface do something.
func (m *machine) qmp(command string, args map[string]any) json.RawMessage {
	m.t.Helper()
	if args == nil {
		args = map[string]any{}
	}
	line, err := json.Marshal(map[string]any{"execute": command, "arguments": args})
	if err != nil {
		m.t.Fatal(err)
	}
	m.control.write(string(line) + "\n")
	for {
		var reply struct {
			Return, Error json.RawMessage
		}
		switch line := m.control.line(); {
		case json.Unmarshal([]byte(line), &reply) != nil || reply.Error != nil:
			m.t.Fatalf("%s %v: %s", command, args, line)
		case reply.Return != nil: // anything else is an event
			return reply.Return
		}
	}
}

// test has QEMU's test interface do something, which reaches where QMP does not: registers, interrupt lines.
func (m *machine) test(format string, args ...any) string {
	m.t.Helper()
	command := fmt.Sprintf(format, args...)
	m.qtest.write(command + "\n")
	answer, ok := strings.CutPrefix(m.qtest.line(), "OK")
	if !ok {
		m.t.Fatalf("%s: %s", command, answer)
	}
	return strings.TrimSpace(answer)
}

// socket is our end of a pair of which a program has the other.
type socket struct {
	t *testing.T
	net.Conn
	lines *bufio.Reader
}

// newSocket gives cmd one more file, from 3 on.
func newSocket(t *testing.T, cmd *exec.Cmd) socket {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	cmd.ExtraFiles = append(cmd.ExtraFiles, theirs)
	conn, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return socket{t, conn, bufio.NewReader(conn)}
}

func (s socket) write(text string) {
	s.t.Helper()
	s.SetDeadline(time.Now().Add(limit))
	if _, err := s.Write([]byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

func (s socket) line() string {
	s.t.Helper()
	line, err := s.lines.ReadString('\n')
	if err != nil {
		s.t.Fatal(err)
	}
	return line
}
