// Command spi makes one transfer with an SPI device as the agent does, and prints what came back, in hex:
//
//	spi 0.0 9f000000
package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"pinhole/sensors/bus"
	"pinhole/sensors/kind"
)

func main() {
	if err := transfer(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "spi:", err)
		os.Exit(1)
	}
}

func transfer(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: spi DEVICE BYTES")
	}
	w, err := hex.DecodeString(args[1])
	if err != nil {
		return err
	}
	c, err := bus.New("/", "").SPI(args[0], kind.SPIOptions{Mode: 0, Speed: 1_000_000})
	if err != nil {
		return err
	}
	r := make([]byte, len(w))
	if err := c.Tx(w, r); err != nil {
		return err
	}
	fmt.Printf("%x\n", r)
	return c.Close()
}
