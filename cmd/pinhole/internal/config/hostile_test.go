package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// TestBombs: files that are made to cost much are refused in little time and memory.
func TestBombs(t *testing.T) {
	var nested strings.Builder // each level holds ten times the one before
	nested.WriteString("a0: &a0 {name: a, kind: host}\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&nested, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	wide := "a: &a [" + strings.Repeat("{median: 1}, ", 30) + "]\nsensors:\n" + strings.Repeat("- {name: a, kind: host, filters: *a}\n", 15000)
	wider := "x: &x {fields: &f [" + strings.Repeat("{at: 1},", 50000) + "]}\nsensors:\n" +
		strings.Repeat("- {name: a, kind: register, file: x, fields: *f}\n", 10000)
	for _, c := range []struct{ name, text string }{
		{"10 MB", "device: " + strings.Repeat("x", 10<<20)},
		{"alias of aliases", nested.String() + "publisher: {broker: h}\nsensors: *a8\n"},
		{"one alias often", wide + "publisher: {broker: h}\n"},
		{"one long alias often", wider + "publisher: {broker: h}\n"},
		{"depth of lists", strings.Repeat("[", 1000) + strings.Repeat("]", 1000)},
		{"depth of maps", strings.Repeat("{a: ", 1000) + strings.Repeat("}", 1000)},
		{"depth of blocks", func() string {
			var b strings.Builder
			for i := range 1000 {
				fmt.Fprintf(&b, "%sa:\n", strings.Repeat(" ", i))
			}
			return b.String()
		}()},
		{"many mistakes", "publisher: {broker: h}\nsensors:\n" + strings.Repeat("- {name: a, kind: b}\n", 5000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := []byte(c.text)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			start := time.Now()
			config, problems := Parse("bomb", data, options())
			took := time.Since(start)
			runtime.GC()
			runtime.ReadMemStats(&after)
			if config != nil || len(problems) == 0 || len(problems) > maxProblems+1 {
				t.Errorf("%d problems", len(problems))
			}
			if took > time.Minute { // 1 s; what grows with the square of a bomb's size takes hours
				t.Errorf("took %v", took)
			}
			if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 8<<20 {
				t.Errorf("keeps %d bytes", kept)
			}
		})
	}
}

// TestManyMistakesAreCounted: what does not fit on the screen is counted.
func TestManyMistakesAreCounted(t *testing.T) {
	_, problems := Parse("f", []byte("publisher: {broker: h}\nsensors:\n"+strings.Repeat("- {name: ' ', kind: host}\n", maxProblems+5)), options())
	if n := len(problems); n != maxProblems+1 || problems[n-1].Message != "5 more problems" {
		t.Errorf("%d problems, the last %v", n, problems[n-1])
	}
}

// TestSecretsStayOut: no message repeats what may hold a password.
func TestSecretsStayOut(t *testing.T) {
	for _, proxy := range []string{
		"http://user:canary@h", "http://canary@h/x", "ftp://user:canary@h", "'http://[canary'", "'http://u:canary@h:port'", "canary",
		"http://h?canary", "http://u:canary%zz@h", "socks5://u:canary@", "'socks5://user@ca nary.canary:1'",
	} {
		_, problems := Parse("f", []byte("publisher: {broker: h, proxy: "+proxy+"}\nsensors: [{name: a, kind: host}]\n"), options())
		if len(problems) == 0 {
			t.Errorf("%s passes", proxy)
		}
		for _, p := range problems {
			if strings.Contains(p.String(), "canary") {
				t.Errorf("%s: %v", proxy, p)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(example))
	f.Add([]byte(smallest))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, problems := Parse("f", data, options())
		if (c == nil) != (len(problems) > 0) {
			t.Fatalf("configuration %v with %d problems", c != nil, len(problems))
		}
		for i, p := range problems {
			checkPlace(t, p, data)
			if i > 0 && i < maxProblems && problems[i-1].Line > p.Line {
				t.Errorf("%v stands before %v", problems[i-1], p)
			}
		}
		if c != nil {
			for _, p := range c.Warnings {
				checkPlace(t, p, data)
			}
		}
	})
}

// checkPlace checks that a problem is one line of text, and that its place lies in the file.
func checkPlace(t *testing.T, p Problem, data []byte) {
	if s := p.String(); !utf8.ValidString(s) || strings.ContainsAny(s, "\n\r\x00\x1b") {
		t.Errorf("%q is no line of text", s)
	}
	if p.Message == "" {
		t.Errorf("%v says nothing", p)
	}
	if p.Line == 0 && p.Column == 0 {
		return
	}
	lines := splitLines(bytes.TrimPrefix(data, []byte("\ufeff")))
	if p.Line < 1 || p.Line > len(lines) {
		t.Errorf("%v lies behind the last line, %d", p, len(lines))
		return
	}
	if most := utf8.RuneCountInString(lines[p.Line-1]) + 1; p.Column < 1 || p.Column > most {
		t.Errorf("%v lies behind the last column, %d", p, most)
	}
}
