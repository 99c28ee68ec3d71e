package kind

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"periph.io/x/conn/v3/i2c"
)

// I2CKeys are the keys that every I2C part has: bus and address, and the multiplexer that the part may be behind. The part's usual
// address comes first.
func I2CKeys(address int64, others ...int64) []Key {
	var list []string
	for _, a := range append([]int64{address}, others...) {
		list = append(list, fmt.Sprintf("0x%02x", a))
	}
	return []Key{
		{Name: "bus", Type: Int, Help: "number of the I2C bus: 1 is /dev/i2c-1, the one on the header", Default: int64(1),
			Min: new(0.0), Max: new(255.0)},
		{Name: "address", Type: Address, Help: "address of the part: " + strings.Join(list, " or "), Default: address, Enum: list},
		{Name: "mux", Type: Address, Enum: []string{"0x70", "0x71", "0x72", "0x73", "0x74", "0x75", "0x76", "0x77"},
			Help: "address of the multiplexer that the part is behind: TCA9548A, PCA9548, PCA9546 or PCA9543; none unless given"},
		{Name: "channel", Type: Int, Help: "the multiplexer's channel: 3 is SD3 and SC3", Min: new(0.0), Max: new(7.0)},
	}
}

// I2CBus is the Bus of a kind with I2CKeys: the worker "i2c-1". What is behind a multiplexer has the worker of the bus in front of it.
func I2CBus(p Params) string { return "i2c-" + strconv.FormatInt(p.Int("bus"), 10) }

// I2CNumber is the bus as Board.I2C takes it: "1", or "1/0x70.3" for channel 3 of the multiplexer at 0x70.
func I2CNumber(p Params) string {
	number := strconv.FormatInt(p.Int("bus"), 10)
	if p.Has("mux") {
		number += fmt.Sprintf("/0x%02x.%d", p.Int("mux"), p.Int("channel"))
	}
	return number
}

// Channel is a place behind a multiplexer.
type Channel struct {
	Mux    uint16 // its address
	Number int    // 0 to 7
}

// ParseI2C takes apart what I2CNumber makes. behind is nil for the bus itself.
func ParseI2C(name string) (number int, behind *Channel, err error) {
	root, rest, muxed := strings.Cut(name, "/")
	number, err = strconv.Atoi(root)
	if err != nil || number < 0 {
		return 0, nil, fmt.Errorf("%q is no bus number", root)
	}
	if !muxed {
		return number, nil, nil
	}
	address, channel, _ := strings.Cut(rest, ".")
	a, err := strconv.ParseUint(address, 0, 7)
	if err != nil {
		return 0, nil, fmt.Errorf("%q is no address of a multiplexer", address)
	}
	c, err := strconv.ParseUint(channel, 10, 3)
	if err != nil {
		return 0, nil, fmt.Errorf("%q is no channel of a multiplexer", channel)
	}
	return number, &Channel{Mux: uint16(a), Number: int(c)}, nil
}

// checkI2C finds what is wrong with a part's place.
func checkI2C(p Params) []Problem {
	switch {
	case p.Has("mux") && !p.Has("channel"):
		return []Problem{{Key: "mux", Message: "is given without a channel", Hint: "add channel: 0 to 7, the SDx and SCx that the part is connected to"}}
	case p.Has("channel") && !p.Has("mux"):
		return []Problem{{Key: "channel", Message: "is given without a multiplexer", Hint: "add mux: 0x70, or whatever its address is"}}
	case p.Has("mux") && p.Int("mux") == p.Int("address"):
		return []Problem{{Key: "mux", Message: fmt.Sprintf("0x%02x is the part's own address", p.Int("mux")),
			Hint: "both would answer: give the multiplexer another address by its pins A0, A1 and A2"}}
	}
	return nil
}

// Part is one I2C chip as its driver sees it: bus, address, and the name that its errors carry. It is used by one goroutine at a
// time. Its methods allocate only when they fail.
type Part struct {
	named
	bus  i2c.Bus
	addr uint16
}

// OpenPart finds the part's bus on the board. It does not talk to the part. chip is what errors call it: "bme280".
func OpenPart(b Board, chip string, p Params) (*Part, error) {
	part := &Part{addr: uint16(p.Int("address"))}
	part.name = fmt.Sprintf("%s at i2c-%s/0x%02x", chip, I2CNumber(p), part.addr)
	bus, err := b.I2C(I2CNumber(p))
	if err != nil {
		return nil, part.Fail("open bus", err)
	}
	part.bus = bus
	return part, nil
}

// Address is the part's.
func (p *Part) Address() uint16 { return p.addr }

// Tx makes one transfer: w is written, then r is read after a repeated start; either may be empty. The transfer itself cannot be
// cancelled; ctx is looked at before it. step is what errors say was attempted: "read chip id". Both slices must outlive the
// call on the heap if nothing is to be allocated: keep them in the driver.
func (p *Part) Tx(ctx context.Context, step string, w, r []byte) error {
	if err := ctx.Err(); err != nil {
		return p.Fail(step, err)
	}
	if err := p.bus.Tx(p.addr, w, r); err != nil {
		return p.Fail(step, err)
	}
	return nil
}
