package sensors

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// Class says in one word why there is no value. It is what stands as "error" in the payload.
type Class string

// The classes.
const (
	Absent  Class = "absent"  // nothing answers, or no such device
	NAK     Class = "nak"     // the part refused a byte in mid-transfer
	Timeout Class = "timeout" // no answer in time
	CRC     Class = "crc"     // an answer whose checksum is wrong
	Range   Class = "range"   // an answer outside of what the part or the configuration allows
	Busy    Class = "busy"    // the part or its bus is held by something else
	Denied  Class = "denied"  // the operating system refuses the access
	Wrong   Class = "wrong"   // another part answers than the configured one
	Warmup  Class = "warmup"  // the part is not ready to measure yet
	IO      Class = "io"      // any other failure of the transfer
)

// Error is a driver's failure with its class. Op names part and step: "bme280 at i2c-1/0x76: read chip id".
type Error struct {
	Class Class
	Op    string
	Err   error  // the cause; may be nil
	Hint  string // what a person can do about it; may be ""
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Op + ": " + string(e.Class)
	}
	return e.Op + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// ClassOf sorts any failure into its class. A nil error has no class.
func ClassOf(err error) Class {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return Timeout
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return Denied
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.ENXIO), errors.Is(err, syscall.EREMOTEIO):
		return Absent
	case errors.Is(err, syscall.EBUSY), errors.Is(err, syscall.EAGAIN):
		return Busy
	}
	return IO
}
