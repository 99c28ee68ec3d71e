package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"pinhole/cmd/pinhole/internal/config"
	"pinhole/sensors/all"
)

// pinhole runs one command line with the program's own tables.
func pinhole(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	return out.String(), errs.String(), code
}

func TestTheExamplePassesOnThisMachine(t *testing.T) {
	example, _, code := pinhole(t, "", "config")
	if code != 0 {
		t.Fatalf("config: code %d", code)
	}
	if out, errs, code := pinhole(t, example, "check", "-c", "-"); code != 0 || errs != "" || !strings.HasPrefix(out, "ok: ") {
		t.Errorf("code %d\n%s%s", code, out, errs)
	}
}

// TestKeysThatRepeatAreToldOnce: a manual refers to keys that it has told of already.
func TestKeysThatRepeatAreToldOnce(t *testing.T) {
	out, _, _ := pinhole(t, "", "kinds", "register")
	for _, want := range []string{"  definition.init[].set.verify: ", "wait for it; the keys are those of definition.init[], above\n", "  definition.close: "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	for _, not := range []string{"definition.close[].set", "definition.canary[].register"} {
		if strings.Contains(out, not) {
			t.Errorf("%q is there again in\n%s", not, out)
		}
	}
}

// TestEveryKindHasAManual prints each manual and checks each example.
func TestEveryKindHasAManual(t *testing.T) {
	for _, k := range all.Kinds() {
		out, errs, code := pinhole(t, "", "kinds", k.Name)
		if code != 0 || errs != "" || !strings.Contains(out, "\nKeys, beside ") || !strings.Contains(out, "\nExample\n") {
			t.Errorf("%s: code %d\n%s%s", k.Name, code, out, errs)
			continue
		}
		for line := range strings.Lines(out) {
			if utf8.RuneCountInString(line) > 130 {
				t.Errorf("%s: a long line: %s", k.Name, line)
			}
		}
		_, example, _ := strings.Cut(out, "\nExample\n")
		text := "publisher: {broker: mqtt://localhost}\n" + strings.ReplaceAll(example, "\n  ", "\n")
		dir := t.TempDir()
		for _, named := range regexp.MustCompile(`(?m)^ *file: (\S+)$`).FindAllStringSubmatch(text, -1) {
			if err := os.WriteFile(filepath.Join(dir, named[1]), []byte("time,sensor,quantity,unit,value\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, problems := config.Parse(k.Name, []byte(strings.Replace(text, "  sensors:", "sensors:", 1)), config.Options{
			Kinds: all.Kinds(), Hostname: "raspberry", Dir: dir,
		})
		for _, p := range problems {
			t.Errorf("%s: the example is wrong: %v\n%s", k.Name, p, text)
		}
		var described struct{ Name string }
		out, _, _ = pinhole(t, "", "kinds", "--json", k.Name)
		if err := json.Unmarshal([]byte(out), &described); err != nil || described.Name != k.Name {
			t.Errorf("%s: %v in %s", k.Name, err, out)
		}
	}
}

// TestCommandsAreComplete: each command has what the help prints, and no flag or name stands twice.
func TestCommandsAreComplete(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range commands() {
		if c.name == "" || c.summary == "" || c.setup == nil || seen[c.name] {
			t.Errorf("command %q is incomplete, or there twice", c.name)
		}
		seen[c.name] = true
		found := false
		for _, g := range groups {
			found = found || g == c.group
		}
		if !found {
			t.Errorf("command %s: no group %q", c.name, c.group)
		}
		if out, errs, code := pinhole(t, "", "help", c.name); code != 0 || errs != "" || !strings.HasPrefix(out, c.name+": ") {
			t.Errorf("help %s: code %d\n%s%s", c.name, code, out, errs)
		}
	}
}

// TestAFailedWriteIsAFailure: a result that did not arrive is no success.
func TestAFailedWriteIsAFailure(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	for _, args := range [][]string{{"config"}, {"kinds"}, {"version", "--json"}, {"help"}} {
		var errs bytes.Buffer
		if code := run(context.Background(), args, strings.NewReader(""), full, &errs); code != 1 || !strings.Contains(errs.String(), "no space left") {
			t.Errorf("%v: code %d, %s", args, code, errs.String())
		}
	}
}

// TestBrokenInput: a standard input that cannot be read is told like a file that cannot.
func TestBrokenInput(t *testing.T) {
	r, w := io.Pipe()
	w.CloseWithError(errors.New("boom"))
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"check", "-c", "-"}, r, &out, &errs); code != 3 || !strings.Contains(out.String(), "boom") {
		t.Errorf("code %d\n%s%s", code, out.String(), errs.String())
	}
}
