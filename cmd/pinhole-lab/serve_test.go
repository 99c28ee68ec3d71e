package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pinhole/cmd/internal/judge"
)

// notice is a buffer that tells when a text has come by.
type notice struct {
	mu    sync.Mutex
	b     bytes.Buffer
	text  string
	found chan struct{}
}

func (n *notice) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.b.Write(b)
	if n.found != nil && strings.Contains(n.b.String(), n.text) {
		close(n.found)
		n.found = nil
	}
	return len(b), nil
}

func TestServe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir, report := t.TempDir(), filepath.Join(t.TempDir(), "report.json")
	var stdout bytes.Buffer
	ready := make(chan struct{})
	stderr := &notice{text: "\nnext: ", found: ready}
	code := make(chan int, 1)
	go func() {
		code <- serve(ctx, []string{"--listen", "127.0.0.1:0", "--dir", dir, "--report", report, "--fault", "double-acks*1"}, &stdout, stderr)
	}()
	select {
	case <-ready:
	case c := <-code:
		t.Fatalf("code %d: %s", c, &stderr.b)
	}
	p, err := dialPublisher(filepath.Join(dir, "pinhole.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.publish(`{"device":"d","stream":"0199f0c2-6f7e-7c11-9a51-0b6f2c1d8a44","seq":4,"readings":[
		{"sensor":"air","quantity":"temperature","unit":"Cel","time":1764000000123,"value":21.43},
		{"sensor":"a\"ü","quantity":"relative_humidity","unit":"%RH","time":1764000000123,"error":"crc"},
		{"sensor":"door","quantity":"contact","time":1764000001250.417,"value":true,"clock":"unsynced"}]}`); err != nil {
		t.Fatal(err)
	}
	if err := p.expect(0x40, 2, 0, 1); err != nil {
		t.Errorf("the fault: %v", err)
	}
	cancel()
	if c := <-code; c != exitDone {
		t.Errorf("code %d", c)
	}
	const head = `{"device":"d","stream":"0199f0c2-6f7e-7c11-9a51-0b6f2c1d8a44","seq":`
	want := head + `4,"sensor":"air","quantity":"temperature","unit":"Cel","time":1764000000123,"value":21.43}
` + head + `5,"sensor":"a\"ü","quantity":"relative_humidity","unit":"%RH","time":1764000000123,"error":"crc"}
` + head + `6,"sensor":"door","quantity":"contact","time":1764000001250.417,"value":true,"clock":"unsynced"}
`
	if stdout.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", &stdout, want)
	}
	if text := stderr.b.String(); !strings.Contains(text, "taken 7, arrived 3, missing 4") {
		t.Errorf("no account in:\n%s", text)
	}
	var r judge.Report
	if b, err := os.ReadFile(report); err != nil || json.Unmarshal(b, &r) != nil || r.Readings != 3 || r.Streams[0].Missing != 4 {
		t.Errorf("report: %v, %s", err, b)
	}
}

func TestServeEndsByItself(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"serve", "--listen", "127.0.0.1:0", "--for", "10ms"}, &stdout, &stderr); code != exitDone {
		t.Errorf("code %d: %s", code, &stderr)
	}
	if files, _ := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "pinhole-lab-*", "device.key")); len(files) != 1 {
		t.Errorf("the folder that was announced is gone: %q", files)
	}
}

// TestServeSaysWhatToTry: for a fault the command that shows it, and what that should say; for one that doctor cannot see, the agent.
func TestServeSaysWhatToTry(t *testing.T) {
	for fault, want := range map[string][]string{
		"alpn-block=silence": {"next: pinhole doctor -c ", "it should say: the first thing that breaks: alpn; "},
		"hello-block":        {"next: pinhole doctor -c ", "it should say: everything works; "},
		"proxy-login":        {"note: it takes the user lab with the password right"},
		"inspect-aws":        {"next: SSL_CERT_FILE="},
		"cut-after=3":        {"next: pinhole run -c "},
		"http-status=429":    {"/pinhole-https.yaml\n"},
	} {
		var stdout, stderr bytes.Buffer
		args := []string{"serve", "--listen", "127.0.0.1:0", "--dir", t.TempDir(), "--for", "10ms", "--fault", fault}
		if code := run(t.Context(), args, &stdout, &stderr); code != exitDone {
			t.Errorf("code %d: %s", code, &stderr)
		}
		for _, w := range want {
			if !strings.Contains(stderr.String(), w) {
				t.Errorf("%s: nowhere stands %q:\n%s", fault, w, &stderr)
			}
		}
	}
}

func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		args           string
		code           int
		stdout, stderr string
	}{
		{"", exitUsage, "", "pinhole-lab serve"},
		{"help", exitDone, "pinhole-lab demo", ""},
		{"version", exitDone, "pinhole-lab ", ""},
		{"sevre", exitUsage, "", "unknown command"},
		{"serve --help", exitDone, "cut-before-ack=N", ""},
		{"serve --help", exitDone, "\nFaults of the broker's name:\n  no-such-name ", ""},
		{"serve -h", exitDone, "--no-limits", ""},
		{"serve extra", exitUsage, "", "unexpected argument"},
		{"serve --fault gremlins", exitUsage, "", "unknown fault"},
		{"serve --listen 0.0.0.0:0 --dir " + t.TempDir(), exitFailed, "", "--anywhere"},
		{"demo --help", exitDone, "--seconds", ""},
		{"demo --seconds -1", exitUsage, "", "--seconds"},
		{"demo --seconds x", exitUsage, "", "invalid value"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), strings.Fields(tt.args), &stdout, &stderr)
		ok := code == tt.code && strings.Contains(stdout.String(), tt.stdout) && strings.Contains(stderr.String(), tt.stderr) &&
			(tt.stdout == "") == (stdout.Len() == 0) && (tt.stderr == "") == (stderr.Len() == 0)
		if !ok {
			t.Errorf("%q: code %d\nstdout: %s\nstderr: %s", tt.args, code, &stdout, &stderr)
		}
	}
}

func TestPeople(t *testing.T) {
	for _, tt := range []struct {
		r    judge.Reading
		want string
	}{
		{judge.Reading{Quantity: "temperature", Unit: "Cel", Value: 21.4312345}, "21.431 °C"},
		{judge.Reading{Quantity: "temperature", Unit: "Cel", Value: -3}, "-3 °C"},
		{judge.Reading{Quantity: "pressure", Unit: "Pa", Value: 101325.25}, "101325 Pa"},
		{judge.Reading{Quantity: "relative_humidity", Unit: "%RH", Value: 40.5}, "40.5 %"},
		{judge.Reading{Quantity: "contact", Boolean: true, Value: 1}, "true"},
		{judge.Reading{Quantity: "count", Value: 12345678}, "12345678"},
		{judge.Reading{Quantity: "temperature", Unit: "Cel", Error: "crc"}, "error: crc"},
		{judge.Reading{Quantity: "unknown", Unit: "x", Value: 1}, "1 x"},
	} {
		if got := people(&tt.r); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.r, got, tt.want)
		}
	}
	if got := sparkline([]float64{0, 1, 2, 7}); got != "▁▂▃█" {
		t.Errorf("got %s", got)
	}
	if got := sparkline([]float64{3, 3}); got != "▁▁" {
		t.Errorf("got %s", got)
	}
	if a, b := plural(1, "message"), plural(0, "message"); a != "1 message" || b != "0 messages" {
		t.Errorf("got %s, %s", a, b)
	}
	for ns, want := range map[int64]string{1764000000123000000: "1764000000123", 1250417000: "1250.417", 1: "0.000001", -1500000: "-1.5", 0: "0"} {
		if got := string(appendMillis(nil, ns)); got != want {
			t.Errorf("%d: got %s, want %s", ns, got, want)
		}
	}
}
