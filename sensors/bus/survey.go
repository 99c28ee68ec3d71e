package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

var _ kind.Survey = (*Set)(nil)

// I2CBuses lists the buses that have a device.
func (s *Set) I2CBuses() (list []int, err error) {
	paths, err := filepath.Glob(filepath.Join(s.root, "dev/i2c-*"))
	for _, p := range paths {
		if n, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(p), "i2c-")); err == nil && n >= 0 {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list, err
}

// Multiplexer finds out whether there is a multiplexer, and disconnects its channels. One that a kernel driver has is an error.
func (s *Set) Multiplexer(number int, addr uint16) (channels int, err error) {
	if _, err := s.I2C(strconv.Itoa(number)); err != nil {
		return 0, err
	}
	s.mu.Lock()
	b := s.buses[number]
	s.mu.Unlock()
	return b.trunk.Find(addr)
}

// Alone reports whether no other process of this program has the bus open. From then on, none can open it before this one closes it.
func (s *Set) Alone(number int) bool {
	s.mu.Lock()
	b := s.buses[number]
	s.mu.Unlock()
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.f == nil {
		return false
	}
	fd := int(b.f.Fd())
	err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		_ = unix.Flock(fd, unix.LOCK_SH|unix.LOCK_NB) // the other's is shared too, or soon gone
		return false
	}
	return err == nil
}

// share marks the bus as in use, for Alone of other processes. A system without such locks has none.
func share(f *os.File) error {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return &sensors.Error{Class: sensors.Busy, Op: filepath.Base(f.Name()), Err: errors.New("`pinhole scan` is looking at the bus"),
			Hint: "it takes a few seconds"}
	}
	return nil
}

// Chips lists the GPIO chips.
func (s *Set) Chips() (list []kind.GPIOChip, err error) {
	var errs []error
	for _, path := range s.chipPaths() {
		c, err := s.survey(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		same := func(o kind.GPIOChip) bool { return o.Name == c.Name }
		if !slices.ContainsFunc(list, same) {
			list = append(list, c)
		}
	}
	return list, errors.Join(errs...)
}

// survey lists the lines of a chip that are in use.
func (s *Set) survey(path string) (kind.GPIOChip, error) {
	fd, err := s.kernel.open(path)
	if err != nil {
		e := &sensors.Error{Class: sensors.ClassOf(err), Op: filepath.Base(path), Err: err}
		if errors.Is(err, fs.ErrPermission) {
			e.Hint = "add the user to group gpio"
		}
		return kind.GPIOChip{}, e
	}
	defer s.kernel.close(fd)
	var info unix.GPIOChipInfo
	if err := s.kernel.chipInfo(fd, &info); err != nil {
		return kind.GPIOChip{}, &sensors.Error{Class: sensors.ClassOf(err), Op: filepath.Base(path), Err: fmt.Errorf("ask for its label: %w", err)}
	}
	c := kind.GPIOChip{Name: text(info.Name[:]), Label: text(info.Label[:]), Lines: int(info.Lines)}
	c.Header = slices.Contains(headers(), c.Label)
	for offset := range info.Lines {
		l := unix.GPIOV2LineInfo{Offset: offset}
		if err := s.kernel.lineInfo(fd, &l); err != nil {
			return c, &sensors.Error{Class: sensors.ClassOf(err), Op: fmt.Sprintf("%s line %d", c.Label, offset), Err: err,
				Hint: "Linux 5.10 or later is needed"}
		}
		if l.Flags&flagUsed != 0 {
			c.Used = append(c.Used, kind.UsedLine{Offset: int(offset), Name: text(l.Name[:]), Consumer: text(l.Consumer[:])})
		}
	}
	return c, nil
}

// Devices lists the SPI devices and the serial ports. What a link such as serial0 leads to is left out beside it.
func (s *Set) Devices() (spi, serial []string) {
	paths, _ := filepath.Glob(filepath.Join(s.root, "dev/spidev*.*")) // the patterns are well-formed
	for _, p := range paths {
		spi = append(spi, strings.TrimPrefix(filepath.Base(p), "spidev"))
	}
	led := map[string]bool{}
	for _, pattern := range []string{"serial[0-9]*", "ttyAMA*", "ttyUSB*", "ttyACM*"} {
		paths, _ := filepath.Glob(filepath.Join(s.root, "dev", pattern))
		for _, p := range paths {
			to, err := filepath.EvalSymlinks(p)
			if err != nil || led[to] {
				continue
			}
			led[to] = true
			serial = append(serial, "/dev/"+filepath.Base(p))
		}
	}
	return spi, serial
}
