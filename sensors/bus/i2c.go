package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/mux"
)

// I2C returns a bus by number: "1" is /dev/i2c-1, "1/0x70.3" is channel 3 of the multiplexer at 0x70 on it. The bus is opened at the
// first call, and again at the next if that failed.
func (s *Set) I2C(name string) (i2c.Bus, error) {
	n, behind, err := kind.ParseI2C(name)
	if err != nil {
		return nil, &sensors.Error{Class: sensors.Absent, Op: "i2c-" + name, Err: err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, &sensors.Error{Class: sensors.IO, Op: "i2c-" + name, Err: fs.ErrClosed}
	}
	b := s.buses[n]
	if b == nil {
		b = &bus{set: s, number: n}
		b.trunk = mux.New(b)
		s.buses[n] = b
	}
	b.forget() // whoever opens a part wants to know whether a kernel driver has come since
	on := i2c.Bus(b.trunk)
	if behind != nil {
		on = b.trunk.Branch(*behind) // known from now on, even where the bus cannot be opened yet
	}
	if _, err := b.handle(); err != nil {
		return nil, err
	}
	return on, nil
}

// bus is one I2C bus, whose handle is renewed when the adapter was unplugged and has come back.
type bus struct {
	set    *Set
	number int
	trunk  *mux.Trunk       // the bus with its multiplexers
	free   [2]atomic.Uint64 // a bit for each address that no kernel driver was found at

	mu sync.Mutex
	h  i2c.BusCloser
	f  *os.File // the same device, for the locks that other processes see; open while h is
	l  unix.Flock_t
}

// String returns the bus's name: "i2c-1".
func (b *bus) String() string { return "i2c-" + strconv.Itoa(b.number) }

// SetSpeed always fails: Linux sets the speed at boot.
func (b *bus) SetSpeed(physic.Frequency) error {
	return fmt.Errorf("%s: the speed is fixed at boot (dtparam=i2c_arm_baudrate)", b)
}

// Tx makes one transfer. It cannot be cancelled: a stuck bus blocks until the adapter gives up, about a second.
func (b *bus) Tx(addr uint16, w, r []byte) error {
	if addr > 0x7F {
		return &sensors.Error{Class: sensors.IO, Op: fmt.Sprintf("transfer (0x%02x)", addr), Err: errors.New("not an address of 7 bits")}
	}
	if err := b.check(addr); err != nil {
		return err
	}
	h, err := b.handle()
	if err != nil {
		return err
	}
	err = kind.I2CError(addr, h.Tx(addr, w, r))
	if err != nil {
		b.forget()
		if errors.Is(err, syscall.ENODEV) { // the adapter is gone; one that comes back needs a new handle
			b.close()
		}
	}
	return err
}

// handle opens the bus unless it is open.
func (b *bus) handle() (i2c.BusCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.h != nil {
		return b.h, nil
	}
	path := filepath.Join(b.set.root, "dev", b.String())
	fail := func(err error) error {
		e := &sensors.Error{Class: sensors.ClassOf(err), Op: b.String(), Err: err}
		switch {
		case errors.Is(err, fs.ErrNotExist) && b.number != 1:
			e.Hint = "`ls /dev/i2c-*` shows the buses that there are; the one on the header is 1"
		case errors.Is(err, fs.ErrNotExist):
			e.Hint = "switch I2C on: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt, then modprobe i2c-dev"
		case errors.Is(err, fs.ErrPermission):
			e.Hint = "add the user to group i2c"
		}
		return e
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0) // periph's answer to a missing or refused file has lost the reason
	if err != nil {
		return nil, fail(err)
	}
	if err := share(f); err != nil {
		f.Close()
		return nil, err
	}
	h, err := b.set.open(b.number)
	if err != nil {
		f.Close()
		return nil, fail(err)
	}
	b.h, b.f = h, f
	return h, nil
}

// check refuses an address that a driver of the kernel has: a transfer would go through, and disturb it.
func (b *bus) check(addr uint16) error {
	word, bit := &b.free[addr>>6&1], uint64(1)<<(addr&63)
	if word.Load()&bit != 0 {
		return nil
	}
	dir := filepath.Join(b.set.root, "sys/bus/i2c/devices", fmt.Sprintf("%d-%04x", b.number, addr))
	driver, err := os.Readlink(filepath.Join(dir, "driver"))
	if err != nil {
		word.Or(bit)
		return nil
	}
	driver = filepath.Base(driver)
	e := &sensors.Error{Class: sensors.Busy, Op: fmt.Sprintf("address 0x%02x", addr),
		Err: &kind.Taken{Driver: driver},
		Hint: fmt.Sprintf("read it by kind iio or hwmon, or remove the overlay from config.txt, or: echo %d-%04x | sudo tee %s/unbind",
			b.number, addr, filepath.Join("/sys/bus/i2c/drivers", driver))}
	if channels := channels(dir); len(channels) > 0 {
		e.Hint = "the kernel switches this multiplexer, its channels are buses of their own: leave mux and channel out, and write " +
			strings.Join(channels, ", ")
	}
	return e
}

// channels lists what the channels of a multiplexer that the kernel drives are as buses: "bus: 11 for channel 3". Other devices have
// none.
func channels(dir string) (list []string) {
	for c := range 8 {
		to, err := os.Readlink(filepath.Join(dir, fmt.Sprintf("channel-%d", c)))
		if number, ok := strings.CutPrefix(filepath.Base(to), "i2c-"); err == nil && ok {
			list = append(list, fmt.Sprintf("bus: %s for channel %d", number, c))
		}
	}
	return list
}

// holdFor is how long another process may keep a multiplexer switched: a transfer that a stuck bus ends, and a little.
const holdFor = 2 * time.Second

// Hold keeps other processes of this program from switching multiplexers on the bus, by a lock on the first byte of its device. A
// system without such locks has none.
func (b *bus) Hold() error {
	for waited := time.Duration(0); ; waited += 2 * time.Millisecond {
		err := b.lock(unix.F_WRLCK)
		switch {
		case err == nil || !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES):
			return nil
		case waited >= holdFor:
			return &sensors.Error{Class: sensors.Busy, Op: b.String(), Err: errors.New("another process keeps a multiplexer switched"),
				Hint: "is a second pinhole at work? `fuser -v /dev/" + b.String() + "` names it"}
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// Release ends Hold.
func (b *bus) Release() { b.lock(unix.F_UNLCK) }

func (b *bus) lock(how int16) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.f == nil {
		return nil
	}
	b.l = unix.Flock_t{Type: how, Len: 1}
	return unix.FcntlFlock(b.f.Fd(), unix.F_OFD_SETLK, &b.l)
}

// forget has every address checked again.
func (b *bus) forget() {
	b.free[0].Store(0)
	b.free[1].Store(0)
}

// close closes the handle. A later transfer opens a new one.
func (b *bus) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.h == nil {
		return nil
	}
	err := errors.Join(b.h.Close(), b.f.Close())
	b.h, b.f = nil, nil
	return err
}
