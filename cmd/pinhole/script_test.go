package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestScripts runs the files of testdata/script. Each holds command lines with what they must give, and then the files that they
// find in their folder:
//
//	# prose
//	$ config | check -c -      the command line, without the program's name; | pipes the standard output on
//	ok: 1 sensor ...           the lines of the standard output; one that begins with ~ is a regular expression, and a
//	                           single ... stands for all lines that follow
//	2> warning ...             a line of the standard error, of the last command of a pipe
//	= 3                        the exit code of that command, where it is not 0
//	-- a/b.yaml --             a file of the test's folder
//
// With -update, what follows a command line is written anew, unless it holds a ~ or a ... of its own.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		path, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runScript(t, path) })
	}
}

func runScript(t *testing.T, path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	script, files, _ := strings.Cut("\n"+strings.TrimRight(string(data), "\n")+"\n", "\n-- ")
	t.Chdir(t.TempDir())
	if files != "" {
		script += "\n"
		writeFiles(t, "-- "+files)
	}
	var now strings.Builder
	blocks := regexp.MustCompile(`(?m)^\$(?: |$)`).Split(strings.TrimPrefix(script, "\n"), -1)
	now.WriteString(blocks[0])
	for _, block := range blocks[1:] {
		line, want, _ := strings.Cut(block, "\n")
		got := execute(line)
		want, prose := splitProse(want)
		if *update && !regexp.MustCompile(`(?m)^(~|\.\.\.$)`).MatchString(want) {
			want = got
		}
		if problem := differs(want, got); problem != "" {
			t.Errorf("$ %s\n%s", line, problem)
		}
		now.WriteString(strings.TrimSpace("$ "+line) + "\n" + want + prose)
	}
	if *update {
		if files != "" {
			now.WriteString("-- " + files)
		}
		if err := os.WriteFile(path, []byte(now.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// splitProse cuts off the prose that stands before the next command line.
func splitProse(text string) (want, prose string) {
	if i := strings.Index("\n"+text, "\n# "); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

func writeFiles(t *testing.T, text string) {
	parts := regexp.MustCompile(`(?m)^-- (\S+) --\n`).FindAllStringSubmatchIndex(text, -1)
	for i, p := range parts {
		end := len(text)
		if i+1 < len(parts) {
			end = parts[i+1][0]
		}
		name := text[p[2]:p[3]]
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text[p[1]:end]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// execute runs a pipe and returns what the script has to say about it.
func execute(line string) string {
	var in, out, errs bytes.Buffer
	code := 0
	for command := range strings.SplitSeq(line, " | ") {
		in, out, errs = out, bytes.Buffer{}, bytes.Buffer{}
		code = int(dispatch(context.Background(), commands(), words(command), world{
			stdin: &in, stdout: &out, stderr: &errs,
			lookup:   func(name string) (string, bool) { return "from the environment", name == "SET" },
			hostname: func() (string, error) { return "raspberry", nil },
			kinds:    testKinds(),
		}))
	}
	var got strings.Builder
	got.WriteString(out.String())
	if s := out.String(); s != "" && !strings.HasSuffix(s, "\n") {
		got.WriteString("\n")
	}
	for l := range strings.Lines(errs.String()) {
		got.WriteString("2> " + l)
	}
	if code != 0 {
		fmt.Fprintf(&got, "= %d\n", code)
	}
	return got.String()
}

// words splits a command line; "" makes one word of several, or an empty one.
func words(line string) []string {
	found := regexp.MustCompile(`"[^"]*"|\S+`).FindAllString(line, -1)
	for i, w := range found {
		if u, err := strconv.Unquote(w); err == nil {
			found[i] = u
		}
	}
	return found
}

// differs says how got is not what want describes; "" if it is.
func differs(want, got string) string {
	w, g := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	for i, line := range w {
		switch {
		case line == "...\n":
			return ""
		case strings.HasPrefix(line, "~") && i < len(g):
			if re, err := regexp.Compile("^" + strings.TrimSpace(line[1:]) + "\n$"); err != nil || !re.MatchString(g[i]) {
				return fmt.Sprintf("line %d is %q, want %q (%v)", i+1, g[i], line, err)
			}
			w[i] = g[i]
		}
	}
	if slices.Equal(w, g) {
		return ""
	}
	return "(-want +got)\n" + cmp.Diff(want, got)
}

// testKinds is a table of two kinds, so that scripts do not change with the drivers.
func testKinds() []kind.Kind {
	return []kind.Kind{
		{
			Name: "host", Summary: "this machine", Yields: func(kind.Params) []sensors.Quantity {
				return []sensors.Quantity{sensors.Temperature, sensors.Undervoltage}
			},
		},
		{
			Name: "part", Summary: "a part for tests", Event: true,
			Keys: append(kind.I2CKeys(0x40), []kind.Key{
				{Name: "pin", Type: kind.Pin, Required: true, Help: "the line"},
				{Name: "wait", Type: kind.Duration, Help: "how long to wait", Default: 90 * time.Second, Min: new(1.0), Max: new(3600.0)},
				{Name: "how", Type: kind.Map, Help: "the manner", Keys: []kind.Key{
					{Name: "mode", Type: kind.Enum, Enum: []string{"fast", "slow"}, Default: "fast", Help: "the speed"},
				}},
				{Name: "points", Type: kind.List, Help: "some numbers", Elem: &kind.Key{Type: kind.Float, Max: new(9.5)}},
			}...),
			Manual: kind.Manual{
				Parts: "Maker Part", Range: "0 to 1", Datasheet: "Part, rev. 1", Wiring: [][2]string{{"VCC", "3V3 (pin 1)"}, {"GND", "GND (pin 6)"}},
				Notes: []string{"It is not real. " + strings.Repeat("Nothing is. ", 9)}, Example: "name: p\nkind: part\npin: GPIO4\n",
			},
		},
	}
}
