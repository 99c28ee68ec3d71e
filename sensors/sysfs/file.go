// Package sysfs reads the small text files in which the kernel shows a device: finding the device by what it is called, reading a
// file without allocating, and turning decimal text into numbers exactly.
//
// It promises that a Dir stays with the device that it was opened for. The kernel's numbers (hwmon2, iio:device0) move when a
// device comes or goes, so files are opened through the folder that was found, not by path: what takes over the number later is
// never read in its place. It leaves to the kinds what the files mean.
package sysfs

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// maxFile is the size of a buffer in bytes. The kernel gives an attribute a page, 4 KiB on a Raspberry Pi.
const maxFile = 4096

// Dir is the open folder of a device. It is used by one goroutine at a time.
type Dir struct {
	fd   int // -1: closed
	path string
	buf  []byte
}

// OpenDir opens a folder.
func OpenDir(path string) (*Dir, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		switch {
		case err == nil:
			return &Dir{fd: fd, path: path, buf: make([]byte, maxFile)}, nil
		case err != unix.EINTR:
			return nil, err
		}
	}
}

// Path is the path that the folder was opened by.
func (d *Dir) Path() string { return d.path }

// Close lets go of the folder. Reading fails from then on. It may be called twice.
func (d *Dir) Close() error {
	if d.fd < 0 {
		return nil
	}
	fd := d.fd
	d.fd = -1
	if err := unix.Close(fd); err != nil {
		return fmt.Errorf("close %s: %w", d.path, err)
	}
	return nil
}

// File is one file of a folder, prepared to be read often.
type File struct {
	dir  *Dir
	name string
	zero []byte // name with a zero after it, as the kernel takes it
}

// File prepares to read the file of that name. It does not look whether there is one.
func (d *Dir) File(name string) File {
	return File{dir: d, name: name, zero: append([]byte(name), 0)}
}

// Name is the file's name within its folder.
func (f File) Name() string { return f.name }

// errTooLarge is the failure of a file that is no attribute.
var errTooLarge = errors.New("the file is too large")

// Read returns the file's text, without the line's end. It is valid until the next Read of any file of the folder. Errors are the
// kernel's numbers. It blocks while the driver in the kernel measures, which nothing can interrupt.
func (f File) Read() ([]byte, error) {
	fd, err := f.open(unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	for n := 0; ; {
		if n == len(f.dir.buf) {
			return nil, errTooLarge
		}
		got, err := unix.Read(fd, f.dir.buf[n:])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, err
		case got == 0:
			for n > 0 && (f.dir.buf[n-1] == '\n' || f.dir.buf[n-1] == ' ') {
				n--
			}
			return f.dir.buf[:n], nil
		default:
			n += got
		}
	}
}

// Write writes text in one go, as the kernel wants commands.
func (f File) Write(text string) error {
	fd, err := f.open(unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	n, err := unix.Write(fd, []byte(text))
	if err == nil && n != len(text) {
		err = fmt.Errorf("wrote %d of %d bytes", n, len(text))
	}
	return err
}

func (f File) open(flags int) (int, error) {
	if f.dir.fd < 0 {
		return -1, unix.EBADF
	}
	for {
		fd, err := openat(f.dir.fd, f.zero, flags|unix.O_CLOEXEC)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// Exists reports whether the file can be opened. Nothing is read, so nothing is measured.
func (f File) Exists() bool {
	fd, err := f.open(unix.O_RDONLY)
	if err == nil {
		unix.Close(fd)
	}
	return err == nil
}
