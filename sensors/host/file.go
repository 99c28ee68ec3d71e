package host

import (
	"errors"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
)

// maxFile bounds a source: /proc/stat of a large server has some 20 KiB.
const maxFile = 1 << 20

// read reads a file into the buffer of h; the text is valid until the next read. It goes by system calls, as package os
// would allocate a file each time, and opens anew, as the simulated board replaces its files.
func (h *host) read(path string) (text []byte, err error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	for err == unix.EINTR {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	if err == nil {
		text, err = h.readAll(fd)
		unix.Close(fd)
	}
	if err != nil {
		return nil, &sensors.Error{Class: sensors.ClassOf(err), Op: "host: " + path, Err: err}
	}
	return text, nil
}

func (h *host) readAll(fd int) ([]byte, error) {
	if h.buf == nil {
		h.buf = make([]byte, 4096)
	}
	for n := 0; ; {
		if n == len(h.buf) {
			if n >= maxFile {
				return nil, errors.New("is too large")
			}
			h.buf = append(h.buf, make([]byte, n)...)
		}
		got, err := unix.Read(fd, h.buf[n:])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, err
		case got == 0:
			return h.buf[:n], nil
		default:
			n += got
		}
	}
}
