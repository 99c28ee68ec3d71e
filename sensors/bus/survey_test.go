package bus

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

func TestSurveyBusesAndDevices(t *testing.T) {
	s := board(t, []string{"i2c-20", "i2c-1", "i2c-0", "i2c-x", "i2c", "spidev0.0", "spidev0.1", "spidev10.0", "ttyAMA0", "ttyUSB0", "ttyS0", "tty1"})
	if err := os.Symlink("ttyAMA0", filepath.Join(s.root, "dev/serial0")); err != nil {
		t.Fatal(err)
	}
	if list, err := s.I2CBuses(); err != nil || !slices.Equal(list, []int{0, 1, 20}) {
		t.Errorf("buses %v, %v", list, err)
	}
	spi, serial := s.Devices()
	if !slices.Equal(spi, []string{"0.0", "0.1", "10.0"}) || !slices.Equal(serial, []string{"/dev/serial0", "/dev/ttyUSB0"}) {
		t.Errorf("devices %v, %v", spi, serial)
	}
}

// TestAlone: while one process has a bus, another one is not alone on it; while one is alone, another one cannot open it.
func TestAlone(t *testing.T) {
	root := ""
	process := func() *Set {
		s := board(t, []string{"i2c-1"}, &fakeBus{}, &fakeBus{})
		if root == "" {
			root = s.root
		}
		s.root = root
		return s
	}
	agent, scan, late := process(), process(), process()
	for _, s := range []*Set{agent, scan} {
		if _, err := s.I2C("1"); err != nil {
			t.Fatal(err)
		}
	}
	if scan.Alone(1) || agent.Alone(1) || scan.Alone(2) {
		t.Error("two processes, and each believes to be alone")
	}
	if err := agent.Close(); err != nil {
		t.Fatal(err)
	}
	if !scan.Alone(1) {
		t.Error("the other one has let go")
	}
	_, err := late.I2C("1")
	if e, ok := errors.AsType[*sensors.Error](err); !ok || e.Class != sensors.Busy || !strings.Contains(err.Error(), "pinhole scan") {
		t.Errorf("opened while another process wants to be alone: %v", err)
	}
	if err := scan.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := late.I2C("1"); err != nil {
		t.Errorf("after that: %v", err)
	}
}

// usedKernel has two lines in use on every chip.
type usedKernel struct{ *fakeKernel }

func (k usedKernel) lineInfo(_ int, l *unix.GPIOV2LineInfo) error {
	if l.Offset == 4 || l.Offset == 17 {
		l.Flags = flagUsed | flagInput
		copy(l.Name[:], map[uint32]string{4: "GPIO4", 17: "GPIO17"}[l.Offset])
		copy(l.Consumer[:], map[uint32]string{4: "onewire@0", 17: "pinhole/door"}[l.Offset])
	}
	return nil
}

func TestSurveyChips(t *testing.T) {
	s, k := gpioBoard(t, map[string]unix.GPIOChipInfo{"gpiochip0": chipInfo("gpiochip0", "pinctrl-rp1", 54), "gpiochip10": chipInfo("gpiochip10", "brcm", 4),
		"gpiochip11": chipInfo("gpiochip11", "secret", 4)})
	s.kernel = usedKernel{k}
	k.deny["gpiochip11"] = syscall.EACCES
	chips, err := s.Chips()
	e, ok := errors.AsType[*sensors.Error](err)
	if !ok || e.Class != sensors.Denied || !errors.Is(err, fs.ErrPermission) || e.Hint != "add the user to group gpio" {
		t.Errorf("%v", err)
	}
	if len(chips) != 2 || !chips[0].Header || chips[0].Lines != 54 || chips[1].Header || len(chips[1].Used) != 0 {
		t.Fatalf("%+v", chips)
	}
	want := []kind.UsedLine{{Offset: 4, Name: "GPIO4", Consumer: "onewire@0"}, {Offset: 17, Name: "GPIO17", Consumer: "pinhole/door"}}
	if !slices.Equal(chips[0].Used, want) {
		t.Errorf("%+v", chips[0].Used)
	}
	if len(k.opens) != 0 {
		t.Errorf("left open: %v", k.opens)
	}
}
