package sim

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"pinhole/sensors/kind"
)

var _ kind.Survey = (*Board)(nil)

// I2CBuses lists the buses that something is on, and the one of the header.
func (b *Board) I2CBuses() ([]int, error) {
	b.bus("1")
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []int
	for name := range b.buses {
		if n, err := strconv.Atoi(name); err == nil {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list, nil
}

// Multiplexer finds out whether there is a multiplexer, by asking it, and disconnects its channels.
func (b *Board) Multiplexer(bus int, addr uint16) (int, error) {
	return b.bus(strconv.Itoa(bus)).trunk.Find(addr)
}

// Alone is true: nobody else can see the board.
func (b *Board) Alone(int) bool { return true }

// lines is how many lines the simulated header chip has.
const lines = 54

// Chips lists the header chip, and others that somebody has named a line of.
func (b *Board) Chips() ([]kind.GPIOChip, error) {
	b.mu.Lock()
	pins := maps.Clone(b.pins)
	b.mu.Unlock()
	list := []kind.GPIOChip{{Label: header, Header: true, Lines: lines}}
	for key, p := range pins {
		i := strings.LastIndexByte(key, ':')
		label := key[:i]
		offset, _ := strconv.Atoi(key[i+1:]) // kind.ParsePin has seen it
		at := slices.IndexFunc(list, func(c kind.GPIOChip) bool { return c.Label == label })
		if at < 0 {
			at = len(list)
			list = append(list, kind.GPIOChip{Label: label, Lines: lines})
		}
		if consumer, used := p.holder(); used {
			list[at].Used = append(list[at].Used, kind.UsedLine{Offset: offset, Consumer: consumer})
		}
	}
	slices.SortFunc(list[1:], func(a, b kind.GPIOChip) int { return cmp.Compare(a.Label, b.Label) })
	for i := range list {
		list[i].Name = "gpiochip" + strconv.Itoa(i)
		slices.SortFunc(list[i].Used, func(a, b kind.UsedLine) int { return a.Offset - b.Offset })
	}
	return list, nil
}

// holder tells who has requested the pin.
func (p *pin) holder() (consumer string, used bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.line != nil:
		return p.line.opts.Consumer, true
	case p.out != nil:
		return p.out.opts.Consumer, true
	}
	return "", false
}

// Devices lists the SPI devices and serial ports that something is at.
func (b *Board) Devices() (spi, serial []string) {
	b.mu.Lock()
	selects, ports := maps.Clone(b.selects), maps.Clone(b.ports)
	b.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(selects)) {
		if b.SPIChip(name) != nil {
			spi = append(spi, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ports)) {
		if b.Talker(name) != nil {
			serial = append(serial, name)
		}
	}
	return spi, serial
}
