package kind

import (
	"context"
	"fmt"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"pinhole/sensors"
)

// UART is an open serial port. One goroutine at a time uses it.
type UART interface {
	// Read waits for the first byte, for wait at most, and returns what there is, at most len(p): a frame comes in pieces, and a
	// piece may hold the end of one frame and the beginning of the next. Silence is an error of class timeout.
	Read(ctx context.Context, p []byte, wait time.Duration) (int, error)
	// Write hands p to the port, which sends it by itself: 1 ms a byte at 9600 baud. It waits a second at most.
	Write(ctx context.Context, p []byte) error
	// Flush drops what has arrived and was not read, and says how many bytes that were. The port keeps about 4000.
	Flush() (int, error)
	Close() error // safe to call twice
}

// UARTKeys are the keys that every part at a serial port has.
func UARTKeys() []Key {
	return []Key{{Name: "port", Type: String, Default: "/dev/serial0",
		Help: "serial port: /dev/serial0 is the one on the header, /dev/ttyUSB0 the first USB adapter"}}
}

// CheckUART is the Check of a kind with UARTKeys.
func CheckUART(p Params) []Problem {
	if port := p.String("port"); !strings.HasPrefix(port, "/dev/") || path.Clean(port) != port {
		return []Problem{{Key: "port", Message: fmt.Sprintf("%q is no serial port", port),
			Hint: "write /dev/serial0 for the one on the header; `ls /dev/serial* /dev/ttyUSB* /dev/ttyAMA*` shows those that there are"}}
	}
	return nil
}

// UARTBus is the Bus of a kind with UARTKeys: the worker "uart:/dev/serial0". A port has one part, and waits for no other.
func UARTBus(p Params) string { return "uart:" + p.String("port") }

// UARTPart is one part at a serial port as its driver sees it. It is used by one goroutine at a time. Its methods allocate only
// when they fail.
type UARTPart struct {
	named
	port UART
	buf  [128]byte
	have int // bytes in buf that belong to no frame yet
	last int // length of the frame that was returned last, before them
}

// OpenUART opens the part's port on the board. It does not talk to the part. chip is what errors call it: "mhz19".
func OpenUART(b Board, chip string, p Params, baud int) (*UARTPart, error) {
	part := &UARTPart{named: named{name: fmt.Sprintf("%s at %s", chip, p.String("port"))}}
	port, err := b.UART(p.String("port"), baud)
	if err != nil {
		return nil, part.Fail("open port", err)
	}
	part.port = port
	return part, nil
}

// Scan looks for a frame in what has come. skip is how many bytes at the beginning belong to none; behind them stands a frame of n
// bytes, or, if n is 0, what may become one. spoilt: what was skipped looked like a frame, but its checksum is wrong.
type Scan func(b []byte) (skip, n int, spoilt bool)

// Frame reads until there is a frame, for wait at most. step is what errors say was attempted: "read concentration". An error is of
// class crc if frames came, but none that was whole, of class io if other bytes came, of class timeout if none did. The frame
// is good until the next call. What is looked for must fit into 64 bytes.
func (p *UARTPart) Frame(ctx context.Context, step string, wait time.Duration, scan Scan) ([]byte, error) {
	p.drop(p.last)
	p.last = 0
	end := time.Now().Add(wait)
	came, spoilt := p.have, false
	for {
		skip, n, bad := scan(p.buf[:p.have])
		spoilt = spoilt || bad
		p.drop(skip)
		switch {
		case n > 0:
			p.last = n
			return p.buf[:n], nil
		case skip > 0:
			continue
		}
		var err error
		if left := time.Until(end); left > 0 && p.have < len(p.buf) {
			n, err = p.port.Read(ctx, p.buf[p.have:], left)
		} else {
			err = ErrSilent(wait)
		}
		switch {
		case err == nil:
			p.have += n
			came += n
		case ctx.Err() != nil || sensors.ClassOf(err) != sensors.Timeout:
			return nil, p.Fail(step, err)
		case came == 0:
			return nil, p.Fail(step, ErrSilent(wait)) // rather than for what was left of it
		case spoilt:
			e := p.Errorf(sensors.CRC, step, "the checksum is wrong")
			e.Hint = "check the wires: they spoil bits"
			return nil, e
		default:
			e := p.Errorf(sensors.IO, step, "%d bytes came, and no whole answer among them", came)
			e.Hint = "is it another part, or does another program read this port too?"
			return nil, e
		}
	}
}

// drop forgets the first n bytes.
func (p *UARTPart) drop(n int) { p.have = copy(p.buf[:], p.buf[min(n, p.have):p.have]) }

// Write sends bytes, see UART.
func (p *UARTPart) Write(ctx context.Context, step string, b []byte) error {
	if err := ctx.Err(); err != nil {
		return p.Fail(step, err)
	}
	if err := p.port.Write(ctx, b); err != nil {
		return p.Fail(step, err)
	}
	return nil
}

// Flush drops what has arrived, see UART.
func (p *UARTPart) Flush(step string) (int, error) {
	p.drop(p.last)
	behind := p.have
	p.have, p.last = 0, 0
	n, err := p.port.Flush()
	if err != nil {
		return 0, p.Fail(step, err)
	}
	return behind + n, nil
}

// Close gives the port back.
func (p *UARTPart) Close() error { return p.port.Close() }

// uartFailures is what the kernel's answers to a read or a write mean: drivers/tty/tty_io.c, and usb-serial where the adapter
// is pulled.
var uartFailures = [...]failure{
	{syscall.EIO, sensors.IO, "the port broke off", "is a USB adapter unplugged?"},
	{syscall.ENODEV, sensors.Absent, "the port is gone", "is a USB adapter unplugged?"},
	{syscall.ENXIO, sensors.Absent, "the port is gone", "is a USB adapter unplugged?"},
	{syscall.EBUSY, sensors.Busy, "the port is taken", "another program has it open"},
	{syscall.EACCES, sensors.Denied, "access is refused", "add the user to group dialout"},
	{syscall.EPERM, sensors.Denied, "access is refused", "add the user to group dialout"},
}

// UARTError sorts the failure of a read or a write.
func UARTError(err error) error { return sorted(uartFailures[:], "transfer", err) }

// ErrSilent is how a UART's Read tells that nothing came.
func ErrSilent(wait time.Duration) error {
	return &sensors.Error{Class: sensors.Timeout, Op: fmt.Sprintf("nothing came for %v", wait), Err: os.ErrDeadlineExceeded,
		Hint: "check power, and that the part's TXD goes to the board's RXD (pin 10) and its RXD to TXD (pin 8)"}
}
