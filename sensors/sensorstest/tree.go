package sensorstest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Tree makes the files that are described in a fixture, in a folder of their own, and returns it. The fixture is a text: a line
// "-- PATH --" begins a file, what follows is in it; "-- PATH -> TARGET --" is a symbolic link. (The kernel's names have colons,
// which files of a Go module must not have.) change gives files another text, which may be a link as "-> TARGET" too; "-" takes a
// file or folder away.
func Tree(t testing.TB, fixture string, change map[string]string) (root string) {
	t.Helper()
	text, err := os.ReadFile(fixture)
	if err != nil {
		t.Fatal(err)
	}
	root = t.TempDir()
	files := map[string]string{}
	var order []string
	name := ""
	for line := range strings.Lines(string(text)) {
		head := strings.TrimSuffix(line, "\n")
		if head, ok := strings.CutPrefix(head, "-- "); ok {
			if head, ok := strings.CutSuffix(head, " --"); ok {
				var target string
				var link bool
				if name, target, link = strings.Cut(head, " -> "); link {
					files[name] = "-> " + target
				} else {
					files[name] = ""
				}
				order = append(order, name)
				continue
			}
		}
		if name != "" {
			files[name] += line
		}
	}
	for _, name := range order {
		Put(t, root, name, files[name])
	}
	for name, text := range change {
		Put(t, root, name, text)
	}
	return root
}

// Put writes one file below root, as Tree does: a text, "-> TARGET" or "-".
func Put(t testing.TB, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	err := os.RemoveAll(path)
	if err == nil && text != "-" {
		if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
			if target, ok := strings.CutPrefix(text, "-> "); ok {
				err = os.Symlink(target, path)
			} else {
				err = os.WriteFile(path, []byte(text), 0o644)
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
