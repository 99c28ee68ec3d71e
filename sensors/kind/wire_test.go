package kind

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"pinhole/sensors"
)

func TestSPIKeys(t *testing.T) {
	for device, ok := range map[string]bool{"0.0": true, "0.1": true, "10.0": true, "1": false, "": false, "0.": false, "a.b": false,
		"00.1": false, "0.0/../x": false, "0.0\n": false, "spidev0.0": false, "-1.0": false} {
		if got := CheckSPI(Params{"device": device}); (got == nil) != ok {
			t.Errorf("%q: %v", device, got)
		}
	}
	if got := SPIBus(WithDefaults(SPIKeys(), nil)); got != "spi-0" {
		t.Errorf("worker %s", got)
	}
	if a, b := SPIBus(Params{"device": "1.0"}), SPIBus(Params{"device": "1.2"}); a != b || a != "spi-1" {
		t.Errorf("two chip selects of one bus have the workers %s and %s", a, b)
	}
}

func TestUARTKeys(t *testing.T) {
	for port, ok := range map[string]bool{"/dev/serial0": true, "/dev/serial/by-id/usb-FTDI-if00-port0": true, "serial0": false, "": false,
		"/dev/../etc/passwd": false, "/dev/": false, "/etc/passwd": false} {
		if got := CheckUART(Params{"port": port}); (got == nil) != ok {
			t.Errorf("%q: %v", port, got)
		}
	}
	if got := UARTBus(WithDefaults(UARTKeys(), nil)); got != "uart:/dev/serial0" {
		t.Errorf("worker %s", got)
	}
}

func TestWireErrors(t *testing.T) {
	for _, tt := range []struct {
		got   error
		class sensors.Class
		is    error
	}{
		{SPIError(syscall.EIO), sensors.IO, syscall.EIO},
		{SPIError(syscall.ETIMEDOUT), sensors.Timeout, syscall.ETIMEDOUT},
		{SPIError(&os.PathError{Err: syscall.ESHUTDOWN}), sensors.Absent, syscall.ESHUTDOWN},
		{SPIError(errors.New("something new")), sensors.IO, nil},
		{UARTError(syscall.EIO), sensors.IO, syscall.EIO},
		{UARTError(&os.PathError{Err: syscall.ENODEV}), sensors.Absent, syscall.ENODEV},
		{UARTError(os.ErrDeadlineExceeded), sensors.Timeout, os.ErrDeadlineExceeded},
		{UARTError(context.Canceled), sensors.IO, context.Canceled},
		{ErrSilent(time.Second), sensors.Timeout, os.ErrDeadlineExceeded},
	} {
		if c := sensors.ClassOf(tt.got); c != tt.class || tt.is != nil && !errors.Is(tt.got, tt.is) {
			t.Errorf("%v has class %s, want %s and the cause %v", tt.got, c, tt.class, tt.is)
		}
	}
	if SPIError(nil) != nil || UARTError(nil) != nil {
		t.Error("no error became one")
	}
	if e, ok := errors.AsType[*sensors.Error](UARTError(syscall.EACCES)); !ok || !strings.Contains(e.Hint, "dialout") {
		t.Errorf("%+v", e)
	}
}
