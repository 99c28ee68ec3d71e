package bus

import (
	"errors"
	"sync"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/host/v3/sysfs"

	"pinhole/sensors/kind"
)

// Set is the board. It is safe for concurrent use.
type Set struct {
	root, state string
	open        func(number int) (i2c.BusCloser, error)
	kernel      kernel
	spidev      spidev

	mu      sync.Mutex
	buses   map[int]*bus
	selects map[string]selected // SPI devices that are open
	closed  bool
}

var _ kind.Board = (*Set)(nil)

// New returns the board whose /dev and /sys are found below root; state is the folder for totals, "" if there is none. Nothing is
// opened yet.
func New(root, state string) *Set {
	open := func(number int) (i2c.BusCloser, error) {
		b, err := sysfs.NewI2C(number)
		if err != nil {
			return nil, err // not b: a nil *I2C in an interface is not nil
		}
		return b, nil
	}
	return &Set{root: root, state: state, open: open, kernel: linux{}, spidev: linux{},
		buses: map[int]*bus{}, selects: map[string]selected{}}
}

// Root returns the folder under which /sys, /proc and /dev are found.
func (s *Set) Root() string { return s.root }

// State returns the folder for totals.
func (s *Set) State() (dir string, keep bool) { return s.state, true }

// Close closes all I2C buses. Lines, SPI devices and serial ports belong to whom opened them. It is safe to call twice.
func (s *Set) Close() error {
	s.mu.Lock()
	s.closed = true
	list := make([]*bus, 0, len(s.buses))
	for _, b := range s.buses {
		list = append(list, b)
	}
	clear(s.buses)
	s.mu.Unlock()
	var errs []error
	for _, b := range list {
		errs = append(errs, b.close())
	}
	return errors.Join(errs...)
}
