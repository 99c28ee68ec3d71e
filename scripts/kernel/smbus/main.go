// Command smbus fills the registers of a chip that the kernel's i2c-stub plays, which takes SMBus commands and no other transfers:
//
//	smbus BUS ADDRESS REGISTER=VALUE...
//
// All numbers are in hex. A value of two digits is a register of a byte; one of four a register of two bytes, the higher sent
// first. REGISTER=VALUEVALUE... with more digits fills as many registers of a byte, from the named one on.
package main

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// From linux/i2c-dev.h and linux/i2c.h.
const (
	setAddress = 0x0703 // I2C_SLAVE
	transfer   = 0x0720 // I2C_SMBUS
	byteData   = 2      // I2C_SMBUS_BYTE_DATA
	wordData   = 3      // I2C_SMBUS_WORD_DATA
)

// command is struct i2c_smbus_ioctl_data.
type command struct {
	read, register uint8
	size           uint32
	data           *[34]byte
}

func main() {
	if err := fill(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "smbus:", err)
		os.Exit(1)
	}
}

func fill(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: smbus BUS ADDRESS REGISTER=VALUE")
	}
	f, err := os.OpenFile("/dev/i2c-"+args[0], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	address, err := strconv.ParseUint(args[1], 16, 7)
	if err != nil {
		return err
	}
	if err := unix.IoctlSetInt(int(f.Fd()), setAddress, int(address)); err != nil {
		return fmt.Errorf("address %s: %w", args[1], err)
	}
	for _, arg := range args[2:] {
		name, text, _ := strings.Cut(arg, "=")
		register, err := strconv.ParseUint(name, 16, 8)
		if err != nil {
			return err
		}
		value, err := hex.DecodeString(text)
		if err != nil {
			return fmt.Errorf("%s: %w", arg, err)
		}
		size, step := uint32(byteData), 1
		if len(value) == 2 {
			size, step = wordData, 2
		}
		for i := 0; i < len(value); i += step {
			var data [34]byte
			copy(data[:], value[i:i+step])
			if step == 2 { // the kernel has words in its own order, and sends the lower byte first
				binary.NativeEndian.PutUint16(data[:], binary.LittleEndian.Uint16(value))
			}
			c := command{register: uint8(register) + uint8(i), size: size, data: &data}
			if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), transfer, uintptr(unsafe.Pointer(&c))); errno != 0 {
				return fmt.Errorf("%s: %w", arg, errno)
			}
		}
	}
	return nil
}
