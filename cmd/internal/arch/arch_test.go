// Package arch holds the arrows between the packages to their directions, and the tree to its habits. It has no code of its own.
package arch

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pkg is what `go list -json` tells of a package.
type pkg struct {
	ImportPath   string
	Dir          string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
	GoFiles      []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json", "pinhole/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var list []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if len(list) < 15 {
		t.Fatalf("go list finds %d packages: the test looks at the wrong place", len(list))
	}
	return list
}

func under(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// rule forbids imports. A path matches when it is, or lies below, one of from (and none of but) and imports one of to.
type rule struct {
	from, but, to []string
	allowed       []string // exceptions among to
	deep          bool     // indirect imports count too
	why           string
}

var rules = []rule{
	{from: []string{"pinhole/sensors"}, to: []string{"pinhole/publisher", "pinhole/cmd"}, deep: true,
		why: "a driver knows bytes and datasheets; where its readings go is not its business"},
	{from: []string{"pinhole/publisher"}, to: []string{"pinhole/cmd"}, deep: true,
		why: "libraries do not know the programs"},
	{from: []string{"pinhole/publisher"}, to: []string{"pinhole/sensors", "periph.io"}, allowed: []string{"pinhole/sensors", "pinhole/sensors/clock"},
		why: "the publisher takes readings, never a driver: of sensors it knows the root and the clock"},
	{from: []string{"pinhole/publisher/queue"}, to: []string{"pinhole"}, allowed: []string{"pinhole/publisher/queue", "pinhole/publisher/queue/queuetest"}, deep: true,
		why: "the queue knows bytes and numbers, neither readings nor MQTT"},
	{from: []string{"pinhole"}, but: []string{"pinhole/publisher/session"}, to: []string{"github.com/eclipse/paho.mqtt.golang"},
		why: "paho is an engine inside of one package; its traps are fenced in there"},
	{from: []string{"pinhole"}, but: []string{"pinhole/sensors/bus"}, to: []string{"periph.io/x/host"},
		why: "buses are opened in one place, once each"},
	{from: []string{"pinhole"}, deep: true, to: []string{"periph.io/x/host/v3/bcm283x", "periph.io/x/host/v3/gpioioctl",
		"periph.io/x/host/v3/rpi", "periph.io/x/host/v3/netlink"},
		why: "these map a Pi 5's memory at a Pi 4's address, close descriptor 0, fail on a Pi 3, and keep 16 edges without time or number"},
	{from: []string{"pinhole/sensors"}, but: []string{"pinhole/sensors/all", "pinhole/sensors/bus"}, to: []string{"periph.io/x/host", "pinhole/sensors/bus"}, deep: true,
		why: "drivers run on any board, so they see package kind's Board and no other"},
	{from: []string{"pinhole/sensors"}, but: []string{"pinhole/sensors/all", "pinhole/sensors/sim", "pinhole/sensors/sensorstest"}, to: []string{"pinhole/sensors/sim"}, deep: true,
		why: "a driver that knew its simulation could agree with it on a mistake"},
	{from: []string{"pinhole/sensors/sim"}, to: []string{"pinhole/sensors/bme280", "pinhole/sensors/register", "pinhole/sensors/all"}, deep: true,
		allowed: []string{"pinhole/sensors/register/chips"},
		why:     "a simulated chip inverts the datasheet by itself; sharing code with the driver would share its mistakes"},
	{from: []string{"pinhole"}, but: []string{"pinhole/cmd/pinhole-lab", "pinhole/cmd/internal/lab"}, to: []string{"github.com/mochi-mqtt", "pinhole/cmd/pinhole-lab", "pinhole/cmd/internal/lab"},
		why: "the desk is never linked into the agent"},
	{from: []string{"pinhole/cmd/pinhole"}, to: []string{"pinhole/cmd/internal"}, deep: true,
		why: "what the desk needs has no place on a board"},
	{from: []string{"pinhole"}, to: []string{"testing"}, but: []string{"pinhole/publisher/publishertest", "pinhole/sensors/sensorstest", "pinhole/publisher/queue/queuetest"},
		why: "test support has packages of its own"},
	{from: []string{"pinhole"}, to: []string{"C"}, deep: true, why: "one static binary, no C library"},
}

func TestArrows(t *testing.T) {
	list := packages(t)
	for _, r := range rules {
		used := false
		for _, p := range list {
			if !matches(p.ImportPath, r.from) || matches(p.ImportPath, r.but) {
				continue
			}
			used = true
			imports := p.Imports
			if r.deep {
				imports = p.Deps
			}
			for _, i := range imports {
				if matches(i, r.to) && !slices.Contains(r.allowed, i) {
					t.Errorf("%s imports %s: %s", p.ImportPath, i, r.why)
				}
			}
		}
		if !used {
			t.Errorf("no package stands under the rule %q any more", r.why)
		}
	}
}

func matches(path string, dirs []string) bool {
	for _, d := range dirs {
		if under(path, d) {
			return true
		}
	}
	return false
}

// TestHabits: one package comment a folder, no init, no certificate check switched off, no default logger.
func TestHabits(t *testing.T) {
	for _, p := range packages(t) {
		var comments []string
		for _, name := range p.GoFiles {
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if file.Doc != nil {
				comments = append(comments, name)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncDecl:
					if n.Name.Name == "init" && n.Recv == nil {
						t.Errorf("%s/%s: init: nothing happens before main", p.ImportPath, name)
					}
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && x.Name == "slog" && (n.Sel.Name == "Default" || n.Sel.Name == "SetDefault") {
						t.Errorf("%s/%s: slog.%s: loggers are handed in", p.ImportPath, name, n.Sel.Name)
					}
				case *ast.Ident:
					if n.Name == "InsecureSkipVerify" && !strings.Contains(p.ImportPath, "/publishertest") && !strings.HasPrefix(p.ImportPath, "pinhole/cmd/internal") {
						t.Errorf("%s/%s: InsecureSkipVerify", p.ImportPath, name)
					}
				}
				return true
			})
		}
		if len(p.GoFiles) > 0 && len(comments) != 1 {
			t.Errorf("%s: package comment in %v, want it in one file", p.ImportPath, comments)
		}
	}
}

// TestDriversAreFuzzed: a package of kinds turns what a stranger sends into values, and has a fuzz target for that.
func TestDriversAreFuzzed(t *testing.T) {
	noDecoder := []string{"pinhole/sensors/gpio", "pinhole/sensors/mock", "pinhole/sensors/kind"}
	list := packages(t)
	i := slices.IndexFunc(list, func(p pkg) bool { return p.ImportPath == "pinhole/sensors/all" })
	for _, p := range list {
		if !slices.Contains(list[i].Imports, p.ImportPath) || slices.Contains(noDecoder, p.ImportPath) {
			continue
		}
		tests, err := filepath.Glob(filepath.Join(p.Dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(tests, func(path string) bool {
			text, err := os.ReadFile(path)
			return err == nil && bytes.Contains(text, []byte("\nfunc Fuzz"))
		}) {
			t.Errorf("%s has no fuzz target", p.ImportPath)
		}
	}
}

// TestTopLevel: the user's choice of what stands there.
func TestTopLevel(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{"cmd": true, "sensors": true, "publisher": true, "scripts": true, "go.mod": true, "go.sum": true,
		"Makefile": true, "README.md": true, "LICENSE": true, "CHANGELOG.md": true, "dist": true}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		if name := d.Name(); !allowed[name] && !strings.HasPrefix(name, ".") {
			t.Errorf("%s at the top level", name)
		}
		if d.IsDir() {
			return filepath.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
