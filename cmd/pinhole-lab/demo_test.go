package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"pinhole/cmd/internal/lab"
)

// play runs the demo with a fake agent of the named character and returns what it printed.
func play(t *testing.T, how string, s show) (out, errs string, err error) {
	t.Helper()
	t.Setenv(fakeVar, how)
	t.Setenv("TMPDIR", t.TempDir())
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	s.out, s.err, s.agent = &stdout, &stderr, self
	if s.screen != nil {
		s.screen.w = &stdout
	}
	if s.grace == 0 {
		s.grace = 20 * time.Second
	}
	s.every = 50 * time.Millisecond
	err = s.run(t.Context())
	if left, _ := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	return stdout.String(), stderr.String(), err
}

func TestDemo(t *testing.T) {
	out, errs, err := play(t, "good", show{length: time.Second})
	if err != nil || errs != "" {
		t.Fatalf("%v\n%s\n%s", err, out, errs)
	}
	m := regexp.MustCompile(`(?m)^taken (\d+), delivered (\d+), lost 0$`).FindStringSubmatch(out)
	if m == nil || m[1] != m[2] || m[1] == "0" {
		t.Errorf("no summary in:\n%s", out)
	}
	for _, want := range []string{"fake -> mqtts://127.0.0.1:", "air        temperature", ".25 °C", " readings in "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if !strings.HasPrefix(out, note) {
		t.Errorf("nothing is said about what the script does:\n%s", out)
	}
	if strings.Contains(out, "\x1b") {
		t.Errorf("escape sequences without a terminal: %q", out)
	}
}

func TestDemoOnScreen(t *testing.T) {
	s := show{length: time.Second, screen: &screen{size: func() (int, int) { return 70, 24 }}}
	out, errs, err := play(t, "good", s)
	if err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	for _, want := range []string{"TLS 1.3, ALPN x-amzn-mqtt-ca", "\x1b[J", "A\r", "▁"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	for line := range strings.Lines(out) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 70+10 { // escape sequences take up to ten
			t.Errorf("line of %d characters: %q", n, line)
		}
	}
}

// TestTableWhileReadingsArrive: the table asks the judge, and the judge tells the table, each with a lock of its own. In the wrong order
// they wait for each other for ever.
func TestTableWhileReadingsArrive(t *testing.T) {
	var rows table
	l, err := lab.Start(lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := range 2000 {
			if err := l.Judge().Take([]byte(fakeBatch(n, n+1, "")), rows.add); err != nil {
				t.Error(err)
				return
			}
		}
	})
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for {
		select {
		case <-done:
			if got := strings.Join(rows.lines(l, time.Now(), false), "\n"); !strings.Contains(got, "1999.2 °C") {
				t.Errorf("the last reading is missing:\n%s", got)
			}
			return
		default:
			rows.lines(l, time.Now(), true)
			rows.brief(l, time.Second)
		}
	}
}

func TestDemoEndsByContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(500*time.Millisecond, cancel)
	t.Setenv(fakeVar, "good")
	self, _ := os.Executable()
	var stdout, stderr bytes.Buffer
	if code := demo(ctx, []string{"--pinhole", self}, &stdout, &stderr); code != exitDone {
		t.Errorf("code %d\n%s%s", code, &stdout, &stderr)
	}
}

func TestDemoFails(t *testing.T) {
	for how, want := range map[string]struct {
		err, errs string
		length    time.Duration // enough for a busy machine to come as far as the case needs
	}{
		"dies":     {"ended by itself", "fake agent: out of luck", time.Minute},
		"silent":   {"nothing arrived", "", 700 * time.Millisecond},
		"hole":     {"missing, first: 4", "", 3 * time.Second},
		"stubborn": {"did not end by itself", "", 700 * time.Millisecond},
		"endless":  {"did not mark the end", "", 3 * time.Second},
	} {
		t.Run(how, func(t *testing.T) {
			out, errs, err := play(t, how, show{length: want.length, grace: 500 * time.Millisecond})
			if err == nil || !strings.Contains(err.Error(), want.err) || !strings.Contains(errs, want.errs) {
				t.Errorf("%v, want %q; stderr %q, want %q", err, want.err, errs, want.errs)
			}
			if !strings.Contains(out, "taken ") {
				t.Errorf("no summary in:\n%s", out)
			}
		})
	}
}

func TestDemoWithoutAgent(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("TMPDIR", t.TempDir())
	for _, args := range [][]string{nil, {"--pinhole", "/nonexistent/pinhole"}} {
		var stdout, stderr bytes.Buffer
		if code := demo(t.Context(), args, &stdout, &stderr); code != exitFailed || stdout.Len() > 0 || !strings.Contains(stderr.String(), "pinhole") {
			t.Errorf("%q: code %d: %s%s", args, code, &stdout, &stderr)
		}
	}
}
