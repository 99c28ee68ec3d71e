// Package scan finds out what is attached to a board and which kind of sensor reads it.
//
// It promises to do no harm. On I2C an address is read, one byte, and what may be upset by that is not read; the number of a register
// is written only in the transfer that reads it, and not at all where a port expander may be, whose pins every byte sets; commands go
// only to addresses that refuse to be read, as Sensirion's parts do, or answer with such parts' checksums; quick-writes, which corrupt
// some EEPROMs, are never made; addresses in the hands of a kernel driver are left to it. While another process of this program uses a
// bus, nothing is written to parts at all: a driver that has named a register, and waits, would read what was named in between. A
// measurement that is disturbed may thus fail, and is never wrong. How a part is known stands with its kind (kind.Probe, kind.Find), so
// that a new kind is found without a change here.
//
// The result says how sure it is, and what could not be looked at and why. It ends: a stuck bus is left after three timeouts, and one
// whose transfer does not return after a few seconds.
package scan

import (
	"context"
	"errors"
	"strings"
	"sync"
	"syscall"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sysfs"
)

// Options says what is looked at.
type Options struct {
	Kinds    []kind.Kind
	Board    kind.Board
	Survey   kind.Survey       // the same board
	Progress func(what string) // is told what is looked at, from another goroutine; nil: nobody wants to know
	Names    map[string]string // of configured sensors, by their places: "i2c-1/0x76"; may be nil
}

// Result is what was found. Its JSON form is stable; keys may be added.
type Result struct {
	OK     bool   `json:"ok"` // no note is a fault
	Model  string `json:"model,omitempty"`
	Buses  []Bus  `json:"i2c"`
	Kernel []Item `json:"kernel"` // what the kernel reads, and the machine itself
	GPIO   []Chip `json:"gpio"`
	SPI    []Port `json:"spi"`
	Serial []Port `json:"serial"`
	Notes  []Note `json:"notes"`
}

// Bus is an I2C bus.
type Bus struct {
	Number int    `json:"bus"`
	Name   string `json:"name"` // i2c-1
	About  string `json:"adapter,omitempty"`
	Whole  bool   `json:"whole"` // all of it was looked at; otherwise a note says why not
	Parts  []Part `json:"parts"`
}

// Part is something that answers on an I2C bus, or that a kernel driver has.
type Part struct {
	At         string   `json:"at"` // i2c-1/0x76, i2c-1/0x70.3/0x76
	Address    string   `json:"address"`
	Mux        string   `json:"mux,omitempty"`
	Channel    *int     `json:"channel,omitempty"`
	Kind       string   `json:"kind,omitempty"`       // that reads it, if that is known
	Sure       string   `json:"sure,omitempty"`       // by what: id or checksum; address if only Candidates are known
	Evidence   string   `json:"evidence,omitempty"`   // "id 0x60 in register 0xd0"
	What       string   `json:"what"`                 // the parts that the kind is for, or what else is known
	Candidates []string `json:"candidates,omitempty"` // kinds whose parts would look the same
	Driver     string   `json:"driver,omitempty"`     // of the kernel, that has it
	Channels   int      `json:"channels,omitempty"`   // of a multiplexer
	Sensor     string   `json:"sensor,omitempty"`     // the configured sensor that has this place

	bus int
	mux *kind.Channel
	adr uint16
}

// Item is something that a kind finds through the kernel.
type Item struct {
	Kind string            `json:"kind"`
	What string            `json:"what"`
	At   string            `json:"at,omitempty"`
	Keys map[string]string `json:"keys"`           // of a sensor that reads it
	Skip string            `json:"skip,omitempty"` // why one would rather not

	keys [][2]string
}

// Chip is a GPIO chip.
type Chip struct {
	Name   string `json:"chip"`
	Label  string `json:"label"`
	Header bool   `json:"header"` // its lines are those of the header
	Lines  int    `json:"lines"`
	Used   []Line `json:"used"`
}

// Line is a GPIO line in use.
type Line struct {
	Offset   int    `json:"line"`
	Name     string `json:"name,omitempty"`
	Consumer string `json:"consumer"`
}

// Port is an SPI device or serial port. What is connected to it cannot be found out without harm.
type Port struct {
	Name  string   `json:"device"`
	Kinds []string `json:"candidates"` // that could be there
}

// Note is something that could not be looked at, or that is wrong.
type Note struct {
	Where string `json:"where"`
	What  string `json:"what"`
	Hint  string `json:"hint,omitempty"`
	Fault bool   `json:"fault"` // something is broken or refused, not only absent
}

// scan is a scan under way.
type scan struct {
	Options

	mu    sync.Mutex
	notes []Note
}

// Run looks at everything. It returns an error only if ctx ended.
func Run(ctx context.Context, o Options) (*Result, error) {
	s := &scan{Options: o}
	r := &Result{Model: sysfs.Line(o.Board.Root(), "proc/device-tree/model"), Kernel: []Item{}, GPIO: []Chip{}, Notes: []Note{}}
	r.Buses = s.buses(ctx)
	s.kernel(r)
	s.gpio(r)
	spi, serial := o.Survey.Devices()
	r.SPI, r.Serial = s.ports(spi, "spi-"), s.ports(serial, "uart:")
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.Notes = append(r.Notes, s.notes...)
	r.OK = true
	for _, n := range r.Notes {
		r.OK = r.OK && !n.Fault
	}
	return r, nil
}

func (s *scan) doing(what string) {
	if s.Progress != nil {
		s.Progress(what)
	}
}

func (s *scan) note(n Note) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes = append(s.notes, n)
}

// failed notes an error: what refuses or breaks is a fault; what is not there, or in use, or works in another way, is none.
func (s *scan) failed(where string, err error) {
	s.note(noteOf(where, err))
}

func noteOf(where string, err error) Note {
	class := sensors.ClassOf(err)
	n := Note{Where: where, What: err.Error(), Fault: class != sensors.Absent && class != sensors.Busy && !errors.Is(err, syscall.EOPNOTSUPP)}
	if e, ok := errors.AsType[*sensors.Error](err); ok {
		n.Hint = e.Hint
	}
	return n
}

// kernel asks each kind what it could read.
func (s *scan) kernel(r *Result) {
	oneWire := false
	for _, k := range s.Kinds {
		if k.Find == nil {
			continue
		}
		s.doing(k.Name)
		found, err := k.Find(s.Board)
		if err != nil {
			s.failed(k.Name, err)
		}
		for _, f := range found {
			i := Item{Kind: k.Name, What: f.What, At: f.At, Skip: f.Skip, Keys: map[string]string{}, keys: f.Keys}
			for _, key := range f.Keys {
				i.Keys[key[0]] = key[1]
			}
			r.Kernel = append(r.Kernel, i)
			oneWire = oneWire || k.Name == "onewire"
		}
	}
	if !oneWire {
		s.note(Note{Where: "1-Wire", What: "nothing is there", Hint: "if thermometers are attached: dtoverlay=w1-gpio in /boot/firmware/config.txt, " +
			"and a pull-up of 4.7 kOhm from the data line to 3V3"})
	}
}

func (s *scan) gpio(r *Result) {
	s.doing("GPIO")
	chips, err := s.Survey.Chips()
	if err != nil {
		s.failed("GPIO", err)
	} else if len(chips) == 0 {
		s.note(Note{Where: "GPIO", What: "there is no /dev/gpiochip*", Hint: "is this a Raspberry Pi? `--board sim` needs no hardware"})
	}
	for _, c := range chips {
		chip := Chip{Name: c.Name, Label: c.Label, Header: c.Header, Lines: c.Lines, Used: []Line{}}
		for _, l := range c.Used {
			chip.Used = append(chip.Used, Line(l))
		}
		r.GPIO = append(r.GPIO, chip)
	}
}

// ports lists devices on buses of a sort with the kinds that work on it.
func (s *scan) ports(names []string, bus string) []Port {
	list := []Port{}
	kinds := []string{}
	for _, k := range s.Kinds {
		if k.Bus != nil && strings.HasPrefix(k.Bus(kind.WithDefaults(k.Keys, nil)), bus) {
			kinds = append(kinds, k.Name)
		}
	}
	for _, n := range names {
		list = append(list, Port{Name: n, Kinds: kinds})
	}
	return list
}
