package bus

import (
	"io/fs"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"pinhole/sensors/kind"
)

// Flags of a line, linux/gpio.h enum gpio_v2_line_flag.
const (
	flagUsed         = 1 << 0
	flagActiveLow    = 1 << 1
	flagInput        = 1 << 2
	flagOutput       = 1 << 3
	flagEdgeRising   = 1 << 4
	flagEdgeFalling  = 1 << 5
	flagPullUp       = 1 << 8
	flagPullDown     = 1 << 9
	flagBiasDisabled = 1 << 10
)

// getChipInfo is GPIO_GET_CHIPINFO_IOCTL, which package unix lacks: a read of 68 bytes, type 0xB4, number 1. MIPS and PowerPC
// have another encoding; a Raspberry Pi is neither.
const getChipInfo = 2<<30 | 68<<16 | 0xB4<<8 | 1

// eventBuffer is how many edges the kernel keeps for a line; the default of 16 is gone in an instant of bouncing.
const eventBuffer = 1024

// request describes one input line to the kernel. Its edges carry CLOCK_MONOTONIC, the kernel's default.
func request(offset uint32, o kind.LineOptions) unix.GPIOV2LineRequest {
	r := requestLine(offset, flagInput, o.ActiveLow, o.Consumer)
	switch o.Pull {
	case kind.PullUp:
		r.Config.Flags |= flagPullUp
	case kind.PullDown:
		r.Config.Flags |= flagPullDown
	case kind.PullNone:
		r.Config.Flags |= flagBiasDisabled
	}
	if o.Edges&kind.RisingEdges != 0 {
		r.Config.Flags |= flagEdgeRising
	}
	if o.Edges&kind.FallingEdges != 0 {
		r.Config.Flags |= flagEdgeFalling
	}
	if o.Edges != kind.NoEdges {
		r.Event_buffer_size = eventBuffer
	}
	if o.Debounce > 0 {
		// The period is a __u32 at the start of the attribute's union, whose other members have 64 bits: the same on a machine
		// that is little-endian, as all that Linux runs on a Raspberry Pi.
		us := uint64(min(max(o.Debounce/time.Microsecond, 1), 1<<32-1))
		r.Config.Num_attrs = 1
		r.Config.Attrs[0].Attr = unix.GPIOV2LineAttribute{Id: unix.GPIO_V2_LINE_ATTR_ID_DEBOUNCE, Flags: us}
		r.Config.Attrs[0].Mask = 1
	}
	return r
}

// requestOutput describes one output line. It begins inactive, which is what the kernel does with an output without a value.
func requestOutput(offset uint32, o kind.OutputOptions) unix.GPIOV2LineRequest {
	return requestLine(offset, flagOutput, o.ActiveLow, o.Consumer)
}

func requestLine(offset uint32, flags uint64, activeLow bool, consumer string) unix.GPIOV2LineRequest {
	r := unix.GPIOV2LineRequest{Num_lines: 1}
	r.Offsets[0] = offset
	copy(r.Consumer[:len(r.Consumer)-1], consumer)
	r.Config.Flags = flags
	if activeLow {
		r.Config.Flags |= flagActiveLow
	}
	return r
}

// kernel is what is asked of the system's GPIO interface; a test brings its own.
type kernel interface {
	open(path string) (fd int, err error)
	close(fd int) error
	chipInfo(fd int, info *unix.GPIOChipInfo) error
	lineInfo(fd int, info *unix.GPIOV2LineInfo) error
	getLine(fd int, r *unix.GPIOV2LineRequest) error      // r.Fd is the line's
	getValues(fd uintptr, v *unix.GPIOV2LineValues) error // of a line's fd
	setValues(fd uintptr, v *unix.GPIOV2LineValues) error
}

// linux is the kernel itself.
type linux struct{}

func (linux) open(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
}

func (linux) close(fd int) error { return unix.Close(fd) }

func (linux) chipInfo(fd int, info *unix.GPIOChipInfo) error {
	return ioctl(uintptr(fd), getChipInfo, unsafe.Pointer(info))
}

func (linux) lineInfo(fd int, info *unix.GPIOV2LineInfo) error {
	return ioctl(uintptr(fd), unix.GPIO_V2_GET_LINEINFO_IOCTL, unsafe.Pointer(info))
}

func (linux) getLine(fd int, r *unix.GPIOV2LineRequest) error {
	return ioctl(uintptr(fd), unix.GPIO_V2_GET_LINE_IOCTL, unsafe.Pointer(r))
}

func (linux) getValues(fd uintptr, v *unix.GPIOV2LineValues) error {
	return ioctl(fd, unix.GPIO_V2_LINE_GET_VALUES_IOCTL, unsafe.Pointer(v))
}

func (linux) setValues(fd uintptr, v *unix.GPIOV2LineValues) error {
	return ioctl(fd, unix.GPIO_V2_LINE_SET_VALUES_IOCTL, unsafe.Pointer(v))
}

func ioctl(fd, request uintptr, arg unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(arg))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return errno
		}
	}
}
