package queue

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// ErrLocked says that another process holds the folder.
var ErrLocked = errors.New("queue: the folder is in use by another process")

// FS is the folder of a queue and all that a queue asks of a disk. Names are plain file names inside the folder. Errors are
// those of package os: errors.Is finds the syscall.Errno. Package queuetest has an implementation that fails on demand, and
// the suite that every implementation passes.
type FS interface {
	Make() error                         // makes the folder (0700) with its parents and makes its entry durable; no error if it exists
	List() ([]Entry, error)              // what is in the folder, in any order
	Open(name string) (File, error)      // an existing file, for reading
	Edit(name string) (File, error)      // an existing file, for reading and writing
	Create(name string) (File, error)    // a new file (0600); os.ErrExist if the name is taken
	Rename(from, to string) error        // atomic; replaces to
	Remove(name string) error            // os.ErrNotExist if there is none
	Sync() error                         // makes created, renamed and removed names durable
	Lock() (unlock io.Closer, err error) // one holder among all processes; ErrLocked if it is taken
}

// Entry is one name in the folder.
type Entry struct {
	Name    string
	Size    int64
	Regular bool // a plain file
}

// File is one open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Allocate(size int64) error // reserves room and sets the size, reads as zero; does nothing where the file system cannot
	Sync() error               // contents and size are on the card when it returns nil
}

// Dir is the FS of a real folder.
func Dir(path string) FS { return dirFS(path) }

type dirFS string

func (d dirFS) path(name string) string { return filepath.Join(string(d), name) }

func (d dirFS) Make() error {
	if st, err := os.Stat(string(d)); err == nil && st.IsDir() {
		return nil
	}
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	return syncDir(filepath.Dir(filepath.Clean(string(d))))
}

func (d dirFS) List() ([]Entry, error) {
	ents, err := os.ReadDir(string(d))
	if err != nil {
		return nil, err
	}
	out := make([]Entry, 0, len(ents))
	for _, e := range ents {
		st, err := e.Info()
		if err != nil {
			continue // vanished since
		}
		out = append(out, Entry{Name: e.Name(), Size: st.Size(), Regular: st.Mode().IsRegular()})
	}
	return out, nil
}

func (d dirFS) open(name string, flag int) (File, error) {
	f, err := os.OpenFile(d.path(name), flag, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (d dirFS) Open(name string) (File, error) { return d.open(name, os.O_RDONLY) }
func (d dirFS) Edit(name string) (File, error) { return d.open(name, os.O_RDWR) }
func (d dirFS) Create(name string) (File, error) {
	return d.open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}
func (d dirFS) Rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }
func (d dirFS) Remove(name string) error     { return os.Remove(d.path(name)) }
func (d dirFS) Sync() error                  { return syncDir(string(d)) }

func (d dirFS) Lock() (io.Closer, error) {
	f, err := os.OpenFile(d.path(lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil { // a read-only card: an existing file can be locked all the same
		ro, roErr := os.Open(d.path(lockName))
		if roErr != nil {
			return nil, err
		}
		f = ro
	}
	if err := flock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// osFile is an *os.File with the two calls that package os lacks.
type osFile struct{ *os.File }

func (f osFile) Allocate(size int64) error { return allocate(f.File, size) }
func (f osFile) Sync() error               { return datasync(f.File) }
