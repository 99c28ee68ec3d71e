package queue

import (
	"errors"
	"os"
	"syscall"
)

// control runs op on f's descriptor, again after a signal.
func control(f *os.File, name string, op func(fd int) error) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var res error
	err = c.Control(func(fd uintptr) {
		for {
			if res = op(int(fd)); res != syscall.EINTR {
				return
			}
		}
	})
	if err == nil && res != nil {
		err = &os.PathError{Op: name, Path: f.Name(), Err: res}
	}
	return err
}

// allocate reserves blocks and sets the size (not FALLOC_FL_KEEP_SIZE: with a preset size fdatasync needs no journal commit,
// which halves what the card writes).
func allocate(f *os.File, size int64) error {
	err := control(f, "fallocate", func(fd int) error { return syscall.Fallocate(fd, 0, 0, size) })
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return nil
	}
	return err
}

func datasync(f *os.File) error { return control(f, "fdatasync", syscall.Fdatasync) }

func flock(f *os.File) error {
	err := control(f, "flock", func(fd int) error { return syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) })
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}
