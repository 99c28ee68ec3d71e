package kind

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"periph.io/x/conn/v3/i2c"
)

// I2CKeys are the keys that every I2C part has: bus and address. The part's usual address comes first.
func I2CKeys(address int64, others ...int64) []Key {
	var list []string
	for _, a := range append([]int64{address}, others...) {
		list = append(list, fmt.Sprintf("0x%02x", a))
	}
	return []Key{
		{Name: "bus", Type: Int, Help: "number of the I2C bus: 1 is /dev/i2c-1, the one on the header", Default: int64(1),
			Min: new(0.0), Max: new(255.0)},
		{Name: "address", Type: Address, Help: "address of the part: " + strings.Join(list, " or "), Default: address, Enum: list},
	}
}

// I2CBus is the Bus of a kind with I2CKeys: the worker "i2c-1".
func I2CBus(p Params) string { return "i2c-" + I2CNumber(p) }

// I2CNumber is the bus number as Board.I2C takes it.
func I2CNumber(p Params) string { return strconv.FormatInt(p.Int("bus"), 10) }

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
