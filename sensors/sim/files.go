package sim

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// LinkTo begins the text of a file that is a symbolic link; what it points to follows.
const LinkTo = "-> "

// FailIO is the text of a file that can be opened, and whose reading fails with EIO.
const FailIO = LinkTo + "/proc/self/mem"

// Spoil has f decide on what a file below Root holds from now on: it is given the text as it should be and returns another, or
// false for a file that is gone. name may be a folder: then f is called for each file in it, and if it always returns false the
// folder is gone as well. nil mends the file.
func (b *Board) Spoil(name string, f func(text string) (string, bool)) error {
	b.tree.Lock()
	defer b.tree.Unlock()
	if f == nil {
		delete(b.spoilt, name)
	} else {
		b.spoilt[name] = f
	}
	return b.refresh()
}

// spoil applies what Spoil asked for to a file.
func (b *Board) spoil(f file) (text string, there bool) {
	for name := f.path; name != "."; name = path.Dir(name) {
		if how := b.spoilt[name]; how != nil {
			return how(f.text)
		}
	}
	return b.mishap(f, b.opts.Now())
}

// write makes the files below root as listed.
func (b *Board) write(list []file) error {
	for _, f := range list {
		text, there := b.spoil(f)
		old, known := b.written[f.path]
		full := filepath.Join(b.root, f.path)
		switch {
		case !there:
			if err := b.remove(full); err != nil {
				return err
			}
			delete(b.written, f.path)
		case !known || text != old:
			if err := put(full, text); err != nil {
				return fmt.Errorf("simulated board: %w", err)
			}
			b.written[f.path] = text
		}
	}
	return nil
}

// remove takes a file away, and folders that are empty thereafter.
func (b *Board) remove(full string) error {
	if err := os.Remove(full); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("simulated board: %w", err)
	}
	for dir := filepath.Dir(full); dir != b.root; dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil {
			break
		}
	}
	return nil
}

// put writes a file and renames it into place: a reader finds the old file or the new one, never half of one.
func put(full, text string) error {
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return err
	}
	next := full + ".new"
	if target, ok := strings.CutPrefix(text, LinkTo); ok {
		if err := os.Symlink(target, next); err != nil {
			return err
		}
	} else if err := os.WriteFile(next, []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(next, full)
}
