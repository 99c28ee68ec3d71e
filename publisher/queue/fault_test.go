package queue_test

import "syscall"

var errIO error = syscall.EIO
