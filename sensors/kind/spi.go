package kind

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"syscall"

	"pinhole/sensors"
)

// SPIOptions is how a part is talked to: eight bits a word, the highest first, chip select low.
type SPIOptions struct {
	Mode  int // clock polarity and phase, 0 to 3
	Speed int // Hz at most
}

// SPI is the part behind one chip select.
type SPI interface {
	// Tx makes one transfer: chip select falls, w goes out while r comes in, chip select rises. Both have the same length, at most
	// MaxSPI bytes. Nothing acknowledges on this bus: where no part is, r is what the floating line happens to read. The
	// transfer cannot be cancelled. Errors are classified: sensors.ClassOf knows absent, timeout, busy, denied.
	Tx(w, r []byte) error
	Close() error // safe to call twice
}

// MaxSPI is the longest transfer. No part of the catalogue needs more than a quarter of it.
const MaxSPI = 64

// SPIKeys are the keys that every SPI part has.
func SPIKeys() []Key {
	return []Key{{Name: "device", Type: String, Default: "0.0",
		Help: "SPI bus and chip select: 0.0 is /dev/spidev0.0, pin 24 (CE0) of the header; 0.1 is pin 26 (CE1)"}}
}

// spiDevice is how a device is written.
var spiDevice = regexp.MustCompile(`^(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})$`)

// CheckSPI is the Check of a kind with SPIKeys.
func CheckSPI(p Params) []Problem {
	if d := p.String("device"); !spiDevice.MatchString(d) {
		return []Problem{{Key: "device", Message: fmt.Sprintf("%q is no SPI device", d),
			Hint: `write bus and chip select, as in device: "0.0"; ` + "`ls /dev/spidev*` shows those that there are"}}
	}
	return nil
}

// SPIBus is the Bus of a kind with SPIKeys: the worker "spi-0", which all chip selects of a bus share, as they share its wires.
func SPIBus(p Params) string {
	number, _, _ := strings.Cut(p.String("device"), ".")
	return "spi-" + number
}

// SPIPart is one SPI chip as its driver sees it. It is used by one goroutine at a time. Its methods allocate only when they fail.
type SPIPart struct {
	named
	conn SPI
}

// OpenSPI finds the part's chip select on the board. It does not talk to the part. chip is what errors call it: "mcp3008".
func OpenSPI(b Board, chip string, p Params, o SPIOptions) (*SPIPart, error) {
	device := p.String("device")
	part := &SPIPart{named: named{name: fmt.Sprintf("%s at spi-%s", chip, device)}}
	conn, err := b.SPI(device, o)
	if err != nil {
		return nil, part.Fail("open bus", err)
	}
	part.conn = conn
	return part, nil
}

// Tx makes one transfer, see SPI. ctx is looked at before it. Both slices must outlive the call on the heap if nothing is to be
// allocated: keep them in the driver.
func (p *SPIPart) Tx(ctx context.Context, step string, w, r []byte) error {
	if err := ctx.Err(); err != nil {
		return p.Fail(step, err)
	}
	if err := p.conn.Tx(w, r); err != nil {
		return p.Fail(step, err)
	}
	return nil
}

// Close gives the chip select back.
func (p *SPIPart) Close() error { return p.conn.Close() }

// spiFailures is what the kernel's answers to a transfer mean: drivers/spi/spidev.c and spi.c.
var spiFailures = [...]failure{
	{syscall.ENODEV, sensors.Absent, "the bus is gone", "is a USB adapter unplugged?"},
	{syscall.ESHUTDOWN, sensors.Absent, "the bus is gone", "is a USB adapter unplugged?"},
	{syscall.ETIMEDOUT, sensors.Timeout, "the controller did not finish", "see the kernel's messages: dmesg"},
	{syscall.EBUSY, sensors.Busy, "the bus is taken", "a driver of the kernel uses it"},
	{syscall.EAGAIN, sensors.Busy, "the bus is taken", "a driver of the kernel uses it"},
	{syscall.EACCES, sensors.Denied, "access is refused", "add the user to group spi"},
	{syscall.EPERM, sensors.Denied, "access is refused", "add the user to group spi"},
	{syscall.EINVAL, sensors.IO, "the controller cannot do this mode or speed", "use a chip select of another bus"},
	{syscall.EIO, sensors.IO, "the transfer broke off", "see the kernel's messages: dmesg"},
}

// SPIError sorts the failure of a transfer.
func SPIError(err error) error { return sorted(spiFailures[:], "transfer", err) }

// failure is what an answer of the kernel means.
type failure struct {
	errno syscall.Errno
	class sensors.Class
	says  string
	hint  string
}

// sorted looks err up in a list of failures. One that is not listed is named by op.
func sorted(list []failure, op string, err error) error {
	if err == nil {
		return nil
	}
	for _, f := range list {
		if errors.Is(err, f.errno) {
			return &sensors.Error{Class: f.class, Op: f.says, Err: f.errno, Hint: f.hint}
		}
	}
	return &sensors.Error{Class: sensors.ClassOf(err), Op: op, Err: err}
}
