package queuetest

import (
	"fmt"
	"io"
	"io/fs"
	"slices"
	"syscall"

	"pinhole/publisher/queue"
)

func (d *Disk) Make() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.check(Make, "")
	return err
}

func (d *Disk) List() ([]queue.Entry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.check(List, ""); err != nil {
		return nil, err
	}
	var out []queue.Entry
	for n, i := range d.names {
		out = append(out, queue.Entry{Name: n, Size: int64(len(d.inodes[i].live)), Regular: true})
	}
	for n := range d.dirs {
		out = append(out, queue.Entry{Name: n})
	}
	return out, nil
}

func (d *Disk) open(op Op, name string) (queue.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.check(op, name); err != nil {
		return nil, err
	}
	i, ok := d.names[name]
	if !ok {
		return nil, &fs.PathError{Op: string(op), Path: name, Err: syscall.ENOENT}
	}
	return &file{d: d, ino: i, name: name, write: op == Edit}, nil
}

func (d *Disk) Open(name string) (queue.File, error) { return d.open(Open, name) }
func (d *Disk) Edit(name string) (queue.File, error) { return d.open(Edit, name) }

func (d *Disk) Create(name string) (queue.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.check(Create, name); err != nil {
		return nil, err
	}
	if _, ok := d.names[name]; ok {
		return nil, &fs.PathError{Op: "create", Path: name, Err: syscall.EEXIST}
	}
	d.record(event{op: Create, name: name})
	return &file{d: d, ino: len(d.inodes) - 1, name: name, write: true}, nil
}

func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.check(Rename, from); err != nil {
		return err
	}
	if _, ok := d.names[from]; !ok {
		return &fs.PathError{Op: "rename", Path: from, Err: syscall.ENOENT}
	}
	d.record(event{op: Rename, name: from, to: to})
	return nil
}

func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.check(Remove, name); err != nil {
		return err
	}
	if _, ok := d.names[name]; !ok {
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOENT}
	}
	d.record(event{op: Remove, name: name})
	return nil
}

func (d *Disk) Sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.check(SyncDir, "")
	d.record(event{op: SyncDir, fail: err != nil})
	return err
}

func (d *Disk) Lock() (io.Closer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.check(Lock, "LOCK"); err != nil {
		return nil, err
	}
	if d.locked {
		return nil, queue.ErrLocked
	}
	d.locked = true
	return unlocker{d}, nil
}

type unlocker struct{ d *Disk }

func (u unlocker) Close() error { u.d.Unlock(); return nil }

// file is an open file of a Disk.
type file struct {
	d      *Disk
	ino    int
	name   string
	write  bool
	closed bool
}

func (f *file) enter(op Op) (int, *inode, error) {
	part, err := f.d.check(op, f.name)
	switch {
	case f.closed:
		err = fmt.Errorf("%s %s: %w", op, f.name, fs.ErrClosed)
	case !f.write && op != Read:
		err = &fs.PathError{Op: string(op), Path: f.name, Err: syscall.EBADF}
	}
	return part, f.d.inodes[f.ino], err
}

func (f *file) ReadAt(b []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	_, n, err := f.enter(Read)
	if err != nil {
		return 0, err
	}
	if off >= int64(len(n.live)) {
		return 0, io.EOF
	}
	got := copy(b, n.live[off:])
	if got < len(b) {
		return got, io.EOF
	}
	return got, nil
}

func (f *file) WriteAt(b []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	part, n, err := f.enter(Write)
	if err == nil && !f.d.fits(n, off+int64(len(b))) {
		part, err = 0, &fs.PathError{Op: "write", Path: f.name, Err: syscall.ENOSPC}
	}
	if err != nil {
		b = b[:min(part, len(b))]
	}
	if len(b) > 0 {
		f.d.record(event{op: Write, ino: f.ino, off: off, data: slices.Clone(b)})
	}
	return len(b), err
}

// fits reports whether n may have size bytes.
func (d *Disk) fits(n *inode, size int64) bool {
	return d.limit == 0 || d.used()-n.blocks+max(n.blocks, round(size)) <= d.limit
}

func (f *file) Allocate(size int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	_, n, err := f.enter(Allocate)
	if err != nil {
		return err
	}
	if !f.d.fits(n, size) {
		return &fs.PathError{Op: "allocate", Path: f.name, Err: syscall.ENOSPC}
	}
	f.d.record(event{op: Allocate, ino: f.ino, off: size})
	return nil
}

func (f *file) Truncate(size int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if _, _, err := f.enter(Truncate); err != nil {
		return err
	}
	f.d.record(event{op: Truncate, ino: f.ino, off: size})
	return nil
}

func (f *file) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	part, _, err := f.enter(Sync)
	f.d.record(event{op: Sync, ino: f.ino, fail: err != nil, off: int64(part)})
	return err
}

func (f *file) Close() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.closed {
		return fmt.Errorf("close %s: %w", f.name, fs.ErrClosed)
	}
	f.closed = true
	return nil
}
