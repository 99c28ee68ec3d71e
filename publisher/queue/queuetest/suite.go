package queuetest

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"slices"
	"testing"

	"pinhole/publisher/queue"
)

// Suite checks that an FS keeps what queue.FS says. make returns a new empty folder for each part.
func Suite(t *testing.T, make func(t *testing.T) queue.FS) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(t *testing.T, dir queue.FS)
	}{
		{"make is idempotent", testMake},
		{"contents", testContents},
		{"allocated room is zero", testAllocate},
		{"truncated room is zero", testTruncate},
		{"names", testNames},
		{"open file outlives its name", testUnlinked},
		{"lock", testLock},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := make(t)
			must(t, dir.Make())
			c.run(t, dir)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, dir queue.FS, name, text string) queue.File {
	t.Helper()
	f, err := dir.Create(name)
	must(t, err)
	n, err := f.WriteAt([]byte(text), 0)
	if n != len(text) || err != nil {
		t.Fatalf("WriteAt: %d, %v; want %d", n, err, len(text))
	}
	must(t, f.Sync())
	return f
}

func content(t *testing.T, f queue.File, off int64, want string) {
	t.Helper()
	b := make([]byte, len(want)+10)
	n, err := f.ReadAt(b, off)
	if string(b[:n]) != want || !errors.Is(err, io.EOF) {
		t.Fatalf("ReadAt(%d): %q, %v; want %q and EOF", off, b[:n], err, want)
	}
}

func testMake(t *testing.T, dir queue.FS) {
	must(t, dir.Make())
	must(t, dir.Sync())
	ents, err := dir.List()
	if len(ents) != 0 || err != nil {
		t.Errorf("List: %v, %v; want nothing", ents, err)
	}
}

func testContents(t *testing.T, dir queue.FS) {
	f := create(t, dir, "a", "hello")
	if _, err := f.WriteAt([]byte("LO!"), 3); err != nil {
		t.Fatal(err)
	}
	content(t, f, 0, "helLO!")
	content(t, f, 4, "O!")
	must(t, f.Close())
	f, err := dir.Open("a")
	must(t, err)
	content(t, f, 0, "helLO!")
	if _, err := f.WriteAt([]byte("x"), 0); err == nil {
		t.Error("WriteAt on a file opened for reading: no error")
	}
	must(t, f.Close())
	if _, err := f.ReadAt(make([]byte, 1), 0); err == nil {
		t.Error("ReadAt on a closed file: no error")
	}
	f, err = dir.Edit("a")
	must(t, err)
	if _, err := f.WriteAt([]byte("J"), 0); err != nil {
		t.Fatal(err)
	}
	content(t, f, 0, "JelLO!")
	must(t, f.Close())
}

func testAllocate(t *testing.T, dir queue.FS) {
	f := create(t, dir, "a", "abc")
	defer f.Close()
	must(t, f.Allocate(10_000))
	must(t, f.Sync())
	b := make([]byte, 10_000)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if string(b[:3]) != "abc" || len(bytes.TrimLeft(b[3:n], "\x00")) != 0 {
		t.Errorf("ReadAt after Allocate: %q..., want the old text and zeros", b[:8])
	}
}

func testTruncate(t *testing.T, dir queue.FS) {
	f := create(t, dir, "a", "abcdef")
	defer f.Close()
	must(t, f.Truncate(2))
	content(t, f, 0, "ab")
	if _, err := f.WriteAt([]byte("z"), 4); err != nil {
		t.Fatal(err)
	}
	content(t, f, 0, "ab\x00\x00z")
}

func testNames(t *testing.T, dir queue.FS) {
	must(t, create(t, dir, "a", "A").Close())
	must(t, create(t, dir, "b", "BB").Close())
	if _, err := dir.Create("a"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create of a name that is taken: %v, want os.ErrExist", err)
	}
	must(t, dir.Rename("a", "b"))
	must(t, dir.Sync())
	ents, err := dir.List()
	if err != nil || !slices.Equal(ents, []queue.Entry{{Name: "b", Size: 1, Regular: true}}) {
		t.Errorf("List: %v, %v; want b with 1 byte", ents, err)
	}
	must(t, dir.Remove("b"))
	for what, err := range map[string]error{
		"Remove": dir.Remove("b"), "Rename": dir.Rename("b", "c"), "Open": second(dir.Open("b")), "Edit": second(dir.Edit("b")),
	} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of a missing name: %v, want os.ErrNotExist", what, err)
		}
	}
}

func second(_ queue.File, err error) error { return err }

func testUnlinked(t *testing.T, dir queue.FS) {
	f := create(t, dir, "a", "text")
	must(t, dir.Remove("a"))
	content(t, f, 0, "text")
	must(t, f.Close())
}

func testLock(t *testing.T, dir queue.FS) {
	l, err := dir.Lock()
	must(t, err)
	if _, err := dir.Lock(); !errors.Is(err, queue.ErrLocked) {
		t.Errorf("second Lock: %v, want ErrLocked", err)
	}
	must(t, l.Close())
	l, err = dir.Lock()
	must(t, err)
	must(t, l.Close())
}
