package main

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pinhole/cmd/internal/lab"
	"pinhole/publisher/publishertest"
)

// examination is what `pinhole doctor --json` prints.
type examination struct {
	OK      bool
	Culprit string
	Checks  []struct {
		Stage, Verdict, Evidence, Hint string
	}
	Report string
}

// agentFolder makes a folder in which the agent is called pinhole, for command lines that do so.
func agentFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(agentPath(t), filepath.Join(dir, "pinhole")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(agentPath(t)), 0o755); err != nil { // who is not root in a namespace goes there too
		t.Fatal(err)
	}
	return dir
}

// see runs a command line as somebody would who has pinhole in the PATH.
func see(t *testing.T, folder, line string) (stdout string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	cmd.Env = append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"))
	var errs strings.Builder
	cmd.Stderr = &errs
	out, _ := cmd.Output() // a code other than 0 is for the caller
	if errs.Len() > 0 {
		t.Errorf("%s: %s", line, &errs)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// TestE2ECulprits: for each fault that the lab offers, the very command that it prints names the culprit that it announces, with its
// evidence, and no other before it; and the agent's log names the same stage, in one line for a failed connect.
func TestE2ECulprits(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("time limits of up to 20 s")
	}
	folder := agentFolder(t)
	var faults []lab.Fault
	for _, f := range lab.Faults() {
		if f.Says == "" {
			continue
		}
		faults = append(faults, lab.Fault{Name: f.Name})
		if strings.HasSuffix(f.Name, "-block") {
			faults = append(faults, lab.Fault{Name: f.Name, Arg: "silence"}, lab.Fault{Name: f.Name, Arg: "close"})
		}
	}
	for _, f := range faults {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			if f.Name == "ipv6-dead" {
				v6, err := net.Listen("tcp6", "[::1]:0")
				needs(t, "IPv6 on loopback", err)
				v6.Close()
			}
			l, err := lab.Start(lab.Options{Dir: t.TempDir(), Faults: []lab.Fault{f}})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if strings.Contains(l.Try(""), "unshare") {
				needs(t, "leave to make namespaces", exec.Command(publishertest.Program(t, "unshare"), "-rm", "true").Run())
			}
			want := l.Outlook()[0]
			out, code := see(t, folder, l.Try("doctor --json"))
			var r examination
			if err := json.Unmarshal([]byte(out), &r); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if r.Culprit != want.Culprit || (code == 4) != (want.Culprit != "") || r.OK != (code == 0) {
				t.Errorf("culprit %q with code %d, want %q", r.Culprit, code, want.Culprit)
			}
			found := false
			for _, c := range r.Checks {
				found = found || strings.Contains(c.Evidence+c.Hint, want.Says)
			}
			if !found {
				t.Errorf("nowhere stands %q", want.Says)
			}
			if n := strings.Count(r.Report, "\n") + 1; n > 12 {
				t.Errorf("the report has %d lines", n)
			}
			agentMeets(t, folder, l, want)
			if t.Failed() {
				t.Logf("%s\n%s", l.Try("doctor"), out)
			}
		})
	}
}

// needs skips a test where this machine lacks something, but fails it where CI is "true".
func needs(t *testing.T, what string, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("it takes %s: %v", what, err)
	default:
		t.Skipf("it takes %s: %v", what, err)
	}
}

// seenByAgent are the stages in the agent's log where they are not doctor's: it meets a fault and does not look behind it. "": it
// delivers.
var seenByAgent = map[string]string{
	"bus-missing": "", "bus-denied": "", "disk-full": "", "disk-read-only": "",
	"device-expired": "tls", "device-future": "tls", "clock-ahead": "tls", // the endpoint says so
	"alpn-block": "tls", "inspect": "tls", "inspect-trusted": "connack",
	"client-id-taken": "tcp",                        // a session that is cut
	"garbage":         "connack", "huge": "connack", // in the moment of the login
}

// agentMeets runs the agent where a fault is until it met it, and wants one line about it in its log, with the stage. Configurations
// that are refused do not get so far.
func agentMeets(t *testing.T, folder string, l *lab.Lab, want lab.Outlook) {
	t.Helper()
	stage, differs := seenByAgent[want.Name]
	if !differs {
		stage = want.Culprit
	}
	p := start(t, []string{"PATH=" + folder + ":" + os.Getenv("PATH")}, "sh", "-c", "exec env "+l.Try("run"))
	ended := func() bool {
		select {
		case <-p.ended:
			return true
		default:
			return false
		}
	}
	await(t, 40*time.Second, "the agent has met the fault, or none", func() bool {
		log := p.log.String()
		return ended() || strings.Contains(log, "stage=") || stage == "" && strings.Contains(log, "msg=connected")
	})
	if ended() {
		if code := p.wait(time.Second); code != 3 || want.Culprit != "key" || !strings.Contains(p.log.String(), want.Says) {
			t.Errorf("the agent ended with code %d:\n%s", code, p.log.String())
		}
		return
	}
	p.stop()
	var said []string
	var last time.Time
	for line := range strings.Lines(p.log.String()) {
		_, after, found := strings.Cut(line, "stage=")
		if !found {
			continue
		}
		stage, _, _ := strings.Cut(after, " ")
		said = append(said, stage)
		clock, _, _ := strings.Cut(strings.TrimPrefix(line, "time="), " ")
		at, err := time.Parse(time.RFC3339, clock)
		if err != nil || at.Sub(last) < 900*time.Millisecond { // attempts are a second apart
			t.Errorf("%v: more than a line for one failure:\n%s", err, p.log.String())
		}
		last = at
	}
	if stage == "" && said != nil || stage != "" && (said == nil || said[0] != stage && !(stage == "connack" && said[0] == "ack")) {
		t.Errorf("the agent says %q, want %q:\n%s", said, stage, p.log.String())
	}
}

// TestE2EInterception: with an inspection's authority in the system's store an agent for AWS refuses every session, says whose
// certificate it was shown, and keeps its readings. For a broker elsewhere the same store counts, which shows that the authority is in
// it: there the session comes about, and its silence gives the inspection away.
func TestE2EInterception(t *testing.T) {
	t.Parallel()
	folder := agentFolder(t)
	for fault, want := range map[string]struct {
		closed string // how each connection ended at the inspection
		said   []string
	}{
		"inspect-aws": {"handshake: remote error: tls: ", []string{"stage=intercepted", "Example Corp TLS Inspection", "only Amazon's own",
			"ask for pinhole-lab-ats.iot.eu-west-1.amazonaws.com:443 to be exempted"}},
		"inspect-trusted": {"fault inspect", []string{"stage=connack", "no CONNACK in time", "a TLS inspection"}},
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var closed []string
			l, err := lab.Start(lab.Options{Dir: t.TempDir(), Faults: []lab.Fault{{Name: fault}}, OnEvent: func(e lab.Event) {
				mu.Lock()
				defer mu.Unlock()
				if e.Kind == "close" {
					closed = append(closed, e.Detail)
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			p := start(t, []string{"PATH=" + folder + ":" + os.Getenv("PATH")}, "sh", "-c", "exec env "+l.Try("run"))
			await(t, 40*time.Second, "two attempts", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return len(closed) >= 2
			})
			p.stop()
			mu.Lock()
			defer mu.Unlock()
			for _, c := range closed {
				if !strings.HasPrefix(c, want.closed) && c != "cut" {
					t.Errorf("a connection ended with %q", c)
				}
			}
			log := p.log.String()
			for _, w := range want.said {
				if !strings.Contains(log, w) {
					t.Errorf("the log does not say %q", w)
				}
			}
			var b backlog
			out, code := see(t, folder, l.Try("queue --json"))
			if err := json.Unmarshal([]byte(out), &b); err != nil || code != 0 || b.Readings == 0 || strings.Contains(log, "msg=connected") {
				t.Errorf("code %d, %v, the queue holds %s", code, err, out)
			}
		})
	}
}

// TestE2EKeyBecomesOpen: the files of the login are read at every connect, so a key that others may read all at once stops a running
// agent at the next one, with doctor's word for it; and mended it goes on.
func TestE2EKeyBecomesOpen(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.run(d.configure(settings{sensors: counters(10, 50*time.Millisecond)}))
	d.arrived(30*time.Second, 20)
	if err := os.Chmod(d.file("device.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.lab.Cut()
	d.await(30*time.Second, "the refusal", func() bool { return strings.Contains(d.live.log.String(), "stage=key") })
	if err := os.Chmod(d.file("device.key"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.arrived(30*time.Second, 20)
	d.finish()
	d.books.check(t)
}
