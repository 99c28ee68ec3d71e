package kernel

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// initramfs is an archive that the kernel unpacks at the start: "newc" in its early-userspace/buffer-format.rst.
func initramfs(files map[string][]byte) []byte {
	var b bytes.Buffer
	n := 0
	entry := func(name string, mode, major, minor int, data []byte) {
		n++
		fmt.Fprintf(&b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
			n, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name)+1, 0, name)
		b.Write(make([]byte, -b.Len()&3))
		b.Write(data)
		b.Write(make([]byte, -b.Len()&3))
	}
	entry("dev", 0o40755, 0, 0, nil)
	entry("dev/null", 0o20666, 1, 3, nil) // without which no program in Go starts where there is no console
	dirs := map[string]bool{"dev": true}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		for i, c := range name {
			if dir := name[:i]; c == '/' && !dirs[dir] {
				dirs[dir] = true
				entry(dir, 0o40755, 0, 0, nil)
			}
		}
		entry(name, 0o100755, 0, 0, files[name])
	}
	entry("TRAILER!!!", 0, 0, 0, nil)
	return b.Bytes()
}

// TestInitramfs compares an archive with one that was laid out by hand.
func TestInitramfs(t *testing.T) {
	head := func(n, mode, size int, device int64, name int) string {
		const format = "070701%08x%08x0000000000000000%08x00000000%08x0000000000000000%016x%08x00000000"
		return fmt.Sprintf(format, n, mode, 1, size, device, name)
	}
	want := head(1, 0o40755, 0, 0, 4) + "dev\x00\x00\x00" + head(2, 0o20666, 0, 1<<32+3, 9) + "dev/null\x00\x00" +
		head(3, 0o40755, 0, 0, 2) + "a\x00" + head(4, 0o100755, 5, 0, 4) + "a/b\x00\x00\x00" + "hello\x00\x00\x00" +
		head(5, 0, 0, 0, 11) + "TRAILER!!!\x00\x00\x00\x00"
	if got := string(initramfs(map[string][]byte{"a/b": []byte("hello")})); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// modules finds modules of a kernel by name and puts them into files in this order, in which process 1 loads them.
func modules(t *testing.T, kernel string, names []string, files map[string][]byte) {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(kernel, func(p string, d fs.DirEntry, err error) error {
		if name, _, ok := strings.Cut(path.Base(p), ".ko"); ok {
			found[strings.ReplaceAll(name, "_", "-")] = p
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		data, err := os.ReadFile(found[name])
		if err != nil {
			t.Fatalf("module %s: %v", name, err)
		}
		files[fmt.Sprintf("modules/%02d-%s.ko", i, name)] = data
	}
}
