package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"pinhole/cmd/pinhole/internal/cli"
	"pinhole/cmd/pinhole/internal/config"
	"pinhole/sensors/all"
	"pinhole/sensors/sim"
)

const readmePath = "../../README.md"

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(readmePath)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestREADMEListsKinds: the table of sensors in README is made of the table of kinds. -update writes it.
func TestREADMEListsKinds(t *testing.T) {
	var b strings.Builder
	b.WriteString("| kind | what | quantities | parts |\n|---|---|---|---|\n")
	for _, k := range all.Kinds() {
		quantities := strings.Join(names(yields(k)), " ")
		if quantities == "" {
			quantities = "as configured"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, k.Summary, quantities, k.Manual.Parts)
	}
	generated(t, "kinds", b.String())
}

// TestREADMEListsFaults: so is the table of faults of the simulated board.
func TestREADMEListsFaults(t *testing.T) {
	var b strings.Builder
	b.WriteString("| fault | what happens | to parts by | the reading says |\n|---|---|---|---|\n")
	for _, k := range sim.Mishaps() {
		var media []string
		for _, m := range k.Media {
			media = append(media, string(m))
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, k.Does, strings.Join(media, ", "), k.Says)
	}
	generated(t, "faults", b.String())
}

// TestREADMEShowsScan: what README shows of scan is what it prints.
func TestREADMEShowsScan(t *testing.T) {
	var b strings.Builder
	for line := range strings.Lines(say(t, "", "scan", "--board", "sim").out) {
		b.WriteString(strings.TrimRight("    "+line, " \n") + "\n")
	}
	generated(t, "scan", b.String())
}

// generated demands that README has a table, or what a command prints, between two marks. -update writes it.
func generated(t *testing.T, mark, table string) {
	t.Helper()
	begin, end := "<!-- "+mark+": begin -->\n", "<!-- "+mark+": end -->"
	text := readme(t)
	i, j := strings.Index(text, begin), strings.Index(text, end)
	if i < 0 || j < i {
		t.Fatalf("README has no marks for %s", mark)
	}
	want := text[:i+len(begin)] + table + text[j:]
	if want == text {
		return
	}
	if !*update {
		t.Fatalf("README's part about %s is not that of the program; run: make golden", mark)
	}
	if err := os.WriteFile(readmePath, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestREADMEConfigIsValid: the configuration that README shows passes the checker, with the files that it names beside it.
func TestREADMEConfigIsValid(t *testing.T) {
	found := 0
	for _, block := range regexp.MustCompile(`(?m)(?:^    .*\n)+`).FindAllString(readme(t), -1) {
		text := regexp.MustCompile(`(?m)^    `).ReplaceAllString(block, "")
		switch {
		case strings.Contains(text, "sim:\n"):
			text = "board: sim\npublisher: {broker: h}\n" + text
		case strings.HasPrefix(text, "sensors:\n"):
			text = "publisher: {broker: h}\n" + text
		case !strings.Contains(text, "publisher:\n"):
			continue
		}
		found++
		text = strings.NewReplacer("cert: device.crt, key: device.key", "ca: ''").Replace(text)
		_, problems := config.Parse("README.md", []byte(text), config.Options{Kinds: all.Kinds(), Env: os.LookupEnv, Hostname: "pi", Dir: t.TempDir()})
		for _, p := range problems {
			t.Errorf("%v", p)
		}
	}
	if found < 2 {
		t.Errorf("README shows %d configurations", found)
	}
}

// TestREADMENamesCommandsAndCodes: README knows every command and every exit code, and no command that is not there.
func TestREADMENamesCommandsAndCodes(t *testing.T) {
	text := readme(t)
	known := map[string]bool{"help": true}
	for _, c := range commands() {
		known[c.name] = true
		if !strings.Contains(text, "| `pinhole "+c.name) {
			t.Errorf("README's table of commands lacks %s", c.name)
		}
	}
	for _, m := range regexp.MustCompile("`(?:\\./)?pinhole ([a-z]+)").FindAllStringSubmatch(text, -1) {
		if !known[m[1]] {
			t.Errorf("README names `pinhole %s`, which does not exist", m[1])
		}
	}
	for code, meaning := range cli.Codes() {
		if !strings.Contains(text, fmt.Sprintf("| %d | ", code)) {
			t.Errorf("README lacks exit code %d (%s)", code, meaning)
		}
	}
}

// TestREADMETargetsExist: every `make X` in README is a target.
func TestREADMETargetsExist(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?m)(?:`|^    )make ([a-z0-9]+(?: [a-z0-9]+)*)").FindAllStringSubmatch(readme(t), -1) {
		for target := range strings.FieldsSeq(m[1]) {
			if !regexp.MustCompile(`(?m)^[a-z0-9 -]*\b` + target + `\b[a-z0-9 -]*:`).Match(makefile) {
				t.Errorf("README names make %s, which is no target", target)
			}
		}
	}
}
