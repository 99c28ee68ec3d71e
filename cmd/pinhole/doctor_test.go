package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pinhole/cmd/internal/lab"
)

// TestDoctor: codes and forms of the command, against the desk.
func TestDoctor(t *testing.T) {
	dir := t.TempDir()
	l, err := lab.Start(lab.Options{Dir: dir, NoLimits: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	examine := func(code int, args ...string) (stdout, stderr string) {
		t.Helper()
		var out, errs bytes.Buffer
		got := run(t.Context(), append([]string{"doctor", "-c", filepath.Join(dir, "pinhole.yaml")}, args...), strings.NewReader(""), &out, &errs)
		if got != code {
			t.Errorf("code %d, want %d\n%s%s", got, code, out.String(), errs.String())
		}
		return out.String(), errs.String()
	}
	type result struct {
		OK      *bool
		Culprit *string
		Checks  []struct{ Stage, Verdict, Evidence, Hint *string }
		Report  *string
	}
	parse := func(text string) (r result) {
		t.Helper()
		if err := json.Unmarshal([]byte(text), &r); err != nil || strings.Count(text, "\n") != 1 {
			t.Fatalf("%v\n%s", err, text)
		}
		if r.OK == nil || r.Culprit == nil || r.Report == nil || len(r.Checks) == 0 {
			t.Fatalf("incomplete: %s", text)
		}
		for _, c := range r.Checks {
			if c.Stage == nil || c.Verdict == nil || c.Evidence == nil || c.Hint == nil {
				t.Errorf("incomplete: %s", text)
			}
		}
		return r
	}

	out, errs := examine(0)
	if !strings.Contains(out, "\neverything works\n") || !strings.Contains(out, "ok    ack") || errs != "" {
		t.Errorf("%s%s", out, errs)
	}
	out, _ = examine(0, "--json")
	if r := parse(out); !*r.OK || *r.Culprit != "" {
		t.Errorf("%s", out)
	}

	if err := l.SetFaults(lab.Fault{Name: "connack", Arg: "5"}); err != nil {
		t.Fatal(err)
	}
	out, _ = examine(4)
	if !strings.Contains(out, "the first thing that breaks: connack") || !strings.Contains(out, "FAIL  connack") {
		t.Error(out)
	}
	out, _ = examine(4, "--json")
	if r := parse(out); *r.OK || *r.Culprit != "connack" {
		t.Errorf("%s", out)
	}

	// A key that others may read is a finding, not a configuration that cannot be used.
	if err := os.Chmod(filepath.Join(dir, "device.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, _ = examine(4, "--json")
	if r := parse(out); *r.Culprit != "key" {
		t.Errorf("%s", out)
	}

	if err := os.WriteFile(filepath.Join(dir, "pinhole.yaml"), []byte("publisher: {broker: localhost, nonsense: 1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs = examine(3); !strings.Contains(out, "FAIL  config") || !strings.Contains(out, "nonsense") || errs != "" {
		t.Errorf("%s%s", out, errs)
	}
	out, _ = examine(3, "--json")
	if r := parse(out); *r.Culprit != "config" {
		t.Errorf("%s", out)
	}
	examine(2, "--jason")
}

// TestDoctorInterrupted ends with a failure, and no result that looks like one.
func TestDoctorInterrupted(t *testing.T) {
	l, err := lab.Start(lab.Options{NoLimits: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	if code := run(ctx, []string{"doctor", "--json", "-c", l.Config()}, strings.NewReader(""), &out, &errs); code != 1 || out.Len() > 0 {
		t.Errorf("code %d\n%s%s", code, out.String(), errs.String())
	}
}
