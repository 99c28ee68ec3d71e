package sysfs

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// openat opens name, which ends with a zero byte. unix.Openat would copy it each time.
func openat(dir int, name []byte, flags int) (int, error) {
	fd, _, errno := unix.Syscall6(unix.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(&name[0])), uintptr(flags), 0, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}
