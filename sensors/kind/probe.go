package kind

import (
	"context"
	"fmt"

	"pinhole/sensors"
)

// Probe is how `pinhole scan` finds out whether a kind's part is at an address of an I2C bus. Anything else may be there, and somebody
// may be measuring with it: asking must do no harm, and change nothing that outlasts it. Nobody is asked while another process uses
// the bus, which might fetch the answer in place of its own. The zero value is for parts of which nothing but the address is known.
type Probe struct {
	// Ask asks the part that answers at the address. evidence says by what it is known: "chip id 0x60". It is nil for a part that nothing
	// tells from others. What Ask writes is at most the number of a register, in the transfer that reads it, unless Mute is set.
	Ask func(ctx context.Context, p *Part) (a Answer, evidence string, err error)
	// Mute: the part refuses to be read before it was asked for something, as Sensirion's do. Only where a read is refused it is asked,
	// so that Ask may write commands: what could come to harm by them, such as DACs and drivers of servos, lets itself be read.
	Mute bool
	// Reads: Ask writes nothing at all. So it is asked beside other processes too, and where a port expander may be, whose pins every
	// byte written sets.
	Reads bool
	// Words: the part must not be read one byte at a time, so nobody is at its addresses. It is asked at once.
	Words bool
}

// Answer is how sure it is that the part is the kind's.
type Answer int

// The answers, from the worst to the best.
const (
	No     Answer = iota // another part, or none
	Fits                 // nothing speaks against it, and others would look the same
	Speaks               // it answers in the kind's way, with the right checksums; an id of another kind outweighs that
	Named                // it has the kind's id
)

// String is the word for it in `pinhole scan --json`.
func (a Answer) String() string { return [...]string{"no", "address", "checksum", "id"}[a] }

// IDRegister is the probe of a part with an id in a register of size bytes, at most 4, the highest first.
func IDRegister(register byte, size int, is func(id uint32) bool) Probe {
	return Probe{Ask: func(ctx context.Context, p *Part) (Answer, string, error) {
		r := make([]byte, size)
		if err := p.Tx(ctx, "read id", []byte{register}, r); err != nil {
			return No, "", err
		}
		id := uint32(0)
		for _, b := range r {
			id = id<<8 | uint32(b)
		}
		if !is(id) {
			return No, "", nil
		}
		return Named, fmt.Sprintf("id 0x%0*x in register 0x%02x", 2*size, id, register), nil
	}}
}

// Found is something that a kind can read, as its Find came across it.
type Found struct {
	What string      // "bmp280, temperature and pressure"
	At   string      // where it is attached, by the kernel's name for that: "1-0076"; "" where that says nothing
	Keys [][2]string // by which a sensor reads it: {"device", "bmp280"}
	Skip string      // why one would rather not: "kind host reports it too"; "" as a rule
}

// Survey is what a board tells of itself.
type Survey interface {
	// I2CBuses lists the buses that there are.
	I2CBuses() ([]int, error)
	// Multiplexer finds out whether a TCA9548A or one of its family is at an address of a bus, and disconnects its channels. Nothing but a
	// part that lets itself be read may be asked: what is written is one byte, 0, 1, 2 or 128.
	Multiplexer(bus int, addr uint16) (channels int, err error)
	// Alone reports whether no other process of this program uses the bus. From then on none can begin to before this one lets go.
	Alone(bus int) bool
	// Chips lists GPIO chips with their lines that are in use. What cannot be looked at is in the error, beside the rest.
	Chips() ([]GPIOChip, error)
	// Devices lists the SPI devices, "0.0", and the serial ports, "/dev/serial0".
	Devices() (spi, serial []string)
}

// GPIOChip is a GPIO chip.
type GPIOChip struct {
	Name   string // gpiochip0
	Label  string // pinctrl-bcm2835
	Header bool   // its lines are those of the header
	Lines  int
	Used   []UsedLine
}

// UsedLine is a line that somebody holds.
type UsedLine struct {
	Offset   int
	Name     string // by the device tree; may be ""
	Consumer string // who holds it: "pinhole/door"
}

// Quiet reports whether err says no more than that nobody is there.
func Quiet(err error) bool {
	c := sensors.ClassOf(err)
	return c == sensors.Absent || c == sensors.NAK
}
