package sensorstest_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var mutants = flag.String("mutants", "", "change each number of this driver (bme280) or definition (lm75a.yaml) in turn, and list what no test notices")

// wrong is a mistake in a driver or a definition: what was right there, and what it says instead.
type wrong struct{ file, right, wrong string }

// TestMutants proves that a wrong number in a driver is caught by the driver's tests.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles drivers: not with -short")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("it needs the go command:", err)
	}
	if *mutants != "" {
		every(t, *mutants)
		return
	}
	for _, w := range []wrong{
		{"bme280/convert.go", "int64(c.p4) << 35", "int64(c.p4) << 34"},
		{"sht3x/sht3x.go", "int64(raw)*17500", "int64(raw)*17572"}, // SHT2x's
		{"tsl2591/tsl2591.go", "perMillisecond = 408", "perMillisecond = 412"},
		{"veml6075/convert.go", "2.22, 1.33", "2.22, 1.35"},
		{"ens160/ens160.go", "validity = 3 << 2", "validity = 3 << 3"},
		{"bmp388/convert.go", "small(20, 65)", "small(20, 60)"},
		{"aht20/aht20.go", "cmdReset     = 0xBA", "cmdReset     = 0xBB"}, // which makes no difference to the simulated part
		{"register/chips/lm75a.yaml", "bits: 11, type: signed, scale: 0.125", "bits: 10, type: signed, scale: 0.25"},
		{"register/chips/mpu6050.yaml", "divisor: 131,", "divisor: 131.3,"},
	} {
		t.Run(filepath.Base(w.file), func(t *testing.T) {
			text, err := os.ReadFile("../" + w.file)
			if err != nil {
				t.Fatal(err)
			}
			at := strings.Index(string(text), w.right)
			if at < 0 {
				t.Fatalf("%s does not say %q any more", w.file, w.right)
			}
			changed := string(text[:at]) + w.wrong + string(text[at+len(w.right):])
			switch out, verdict := judge(t, w.file, changed); verdict {
			case missed:
				t.Errorf("%q in place of %q is not noticed", w.wrong, w.right)
			case broken:
				t.Errorf("with %q it does not build: %s", w.wrong, out)
			}
		})
	}
}

type verdict int

const (
	caught verdict = iota
	missed
	broken // no program
)

// judge runs the tests of a file's package with another text in place of it, and the one that holds the bytes on the bus.
func judge(t *testing.T, file, text string) (output string, v verdict) {
	t.Helper()
	dir := t.TempDir()
	other := filepath.Join(dir, filepath.Base(file))
	if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := filepath.Abs("../" + file)
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: other}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	folder, run := filepath.ToSlash(filepath.Dir(file)), ""
	if name, ok := strings.CutSuffix(filepath.Base(file), ".yaml"); ok {
		folder, run = "register", "TestVectors|TestConfigurationWords|TestTMP102Modes|TestConformance/^"+name+"$"
	}
	for _, tests := range [][2]string{{"./" + folder, run}, {"./all", "TestTransfers"}} {
		c := exec.CommandContext(t.Context(), "go", "test", "-short", "-count=1", "-failfast", "-vet=off", "-timeout=2m", "-overlay", list, "-run", tests[1], tests[0])
		c.Dir = ".."
		out, err := c.CombinedOutput()
		switch output = string(out); {
		case err == nil:
			continue
		case strings.Contains(output, "[build failed]"), !strings.Contains(output, "FAIL"):
			return output, broken
		}
		return output, caught
	}
	return output, missed
}

// every changes one number after the other, and lists what nothing notices. That is not always a hole: a wait that is longer by a
// millisecond is still right. It takes some seconds for each number, and is for the eyes of whoever wrote the driver.
func every(t *testing.T, name string) {
	t.Helper()
	files := []string{"register/chips/" + name}
	if !strings.HasSuffix(name, ".yaml") {
		all, err := filepath.Glob("../" + name + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		files = nil
		for _, f := range all {
			if base := filepath.Base(f); !strings.HasSuffix(f, "_test.go") && !strings.HasPrefix(base, "kind") && base != "doc.go" {
				files = append(files, name+"/"+base)
			}
		}
	}
	count := map[verdict]int{}
	for _, f := range files {
		text, err := os.ReadFile("../" + f)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range numbers(t, f, text) {
			number := string(text[at[0]:at[1]])
			changed := other(number)
			if changed == "" {
				continue
			}
			_, v := judge(t, f, string(text[:at[0]])+changed+string(text[at[1]:]))
			count[v]++
			if v == missed {
				line := 1 + strings.Count(string(text[:at[0]]), "\n")
				t.Logf("%s:%d: %s in place of %s: %s", f, line, changed, number, strings.TrimSpace(strings.Split(string(text), "\n")[line-1]))
			}
		}
	}
	t.Logf("%d caught, %d not noticed, %d make no program", count[caught], count[missed], count[broken])
}

var digits = regexp.MustCompile(`0x[0-9a-f]+|[0-9]+(\.[0-9]+)?`)

// numbers lists where a file has numbers.
func numbers(t *testing.T, file string, text []byte) (at [][2]int) {
	t.Helper()
	if strings.HasSuffix(file, ".yaml") {
		start := 0
		about := false
		for line := range strings.Lines(string(text)) {
			about = strings.HasPrefix(line, "about:") || about && strings.HasPrefix(line, " ")
			code, _, _ := strings.Cut(line, "#")
			if !about && !strings.HasPrefix(line, "chip:") {
				for _, d := range digits.FindAllStringIndex(code, -1) {
					at = append(at, [2]int{start + d[0], start + d[1]})
				}
			}
			start += len(line)
		}
		return at
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && (l.Kind == token.INT || l.Kind == token.FLOAT) {
			at = append(at, [2]int{set.Position(l.Pos()).Offset, set.Position(l.End()).Offset})
		}
		return true
	})
	return at
}

// other is another number: the next one, with hexadecimal ones the lowest bit turned round, with broken ones 1 percent more.
func other(number string) string {
	if strings.HasPrefix(number, "0x") {
		n, err := strconv.ParseUint(number, 0, 64)
		if err != nil {
			return ""
		}
		return fmt.Sprintf("%#0*x", len(number)-2, n^1)
	}
	if n, err := strconv.ParseUint(number, 10, 64); err == nil {
		return strconv.FormatUint(n+1, 10)
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return ""
	}
	return strconv.FormatFloat(f*1.01, 'g', -1, 64)
}
