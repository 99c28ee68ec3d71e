package kind

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"pinhole/sensors"
)

// i2cFailures is what the kernel's answers to a transfer mean. Names and meaning: Documentation/i2c/fault-codes.rst; which
// controller says which was seen on boards and in the drivers i2c-bcm2835 and i2c-designware.
var i2cFailures = [...]failure{
	{syscall.EREMOTEIO, sensors.Absent, "nothing answers", "check wiring, power and address"}, // Pi 1 to 4
	{syscall.ENXIO, sensors.Absent, "nothing answers", "check wiring, power and address"},     // Pi 5
	{syscall.ENODEV, sensors.Absent, "the bus is gone", "is a USB adapter unplugged?"},
	{syscall.ETIMEDOUT, sensors.Timeout, "the bus is stuck",
		"a part holds SDA or SCL low: check wiring and pull-ups, switch the part off and on"},
	{syscall.EAGAIN, sensors.Busy, "arbitration is lost", "another master, or noise, is on the bus"},
	{syscall.EBUSY, sensors.Busy, "the address or bus is taken", "a driver of the kernel uses it"},
	{syscall.EOPNOTSUPP, sensors.IO, "the adapter cannot do plain I2C transfers", "use another bus: this one knows SMBus only"},
	{syscall.EACCES, sensors.Denied, "access is refused", "add the user to group i2c"},
	{syscall.EPERM, sensors.Denied, "access is refused", "add the user to group i2c"},
	{syscall.EIO, sensors.IO, "the transfer broke off", "check wiring and pull-ups"},
}

// I2CError sorts the failure of a transfer with addr. It recognises errno values, and their texts where the number was lost on
// the way, as periph.io/x/host does; errors.Is finds the number again in what it returns.
func I2CError(addr uint16, err error) error {
	if err == nil {
		return nil
	}
	for _, f := range i2cFailures {
		if errors.Is(err, f.errno) || strings.HasSuffix(err.Error(), f.errno.Error()) {
			return &sensors.Error{Class: f.class, Op: fmt.Sprintf("%s (0x%02x)", f.says, addr), Err: f.errno, Hint: f.hint}
		}
	}
	return &sensors.Error{Class: sensors.ClassOf(err), Op: fmt.Sprintf("transfer (0x%02x)", addr), Err: err}
}

// Taken is the cause where a driver of the kernel has an address.
type Taken struct{ Driver string }

func (t *Taken) Error() string { return "the kernel's driver " + t.Driver + " has it" }

// Fail puts op, "PART at PLACE: STEP", in front of err and keeps its class and hint.
func Fail(op string, err error) error {
	e := &sensors.Error{Class: sensors.ClassOf(err), Op: op, Err: err}
	if inner, ok := errors.AsType[*sensors.Error](err); ok {
		e.Hint = inner.Hint
	}
	return e
}
