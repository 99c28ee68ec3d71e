package sensorstest

import (
	"maps"
	"strings"
	"time"

	"pinhole/sensors/kind"
	"pinhole/sensors/sim"
)

// family is how the suite's part is attached.
type family int

const (
	loose family = iota // to no bus: files, nothing
	lines               // of the board
	i2c
	spi
	uart
)

func (s *Suite) family() family {
	switch {
	case s.Params.Has("address"):
		return i2c
	case s.Params.Has("device") && s.Kind.Bus != nil && s.Kind.Bus(s.Params) == kind.SPIBus(s.Params):
		return spi
	case s.Params.Has("port"):
		return uart
	case s.Params.Has("pin"), s.Params.Has("echo"):
		return lines
	}
	return loose
}

// bus is the part's bus, behind a multiplexer if the parameters say so.
func (s *Suite) bus() string {
	switch s.family() {
	case spi:
		return "spi-" + s.Params.String("device")
	case uart:
		return "uart:" + s.Params.String("port")
	}
	return kind.I2CNumber(s.Params)
}

// trunk is where faults strike, as Board.Inject takes it: the transfers with a multiplexer are among those that fail.
func (s *Suite) trunk() string {
	if s.family() == i2c {
		return strings.TrimPrefix(kind.I2CBus(s.Params), "i2c-")
	}
	return s.bus()
}

// elsewhere returns the parameters of a second part, at a place of its own.
func (s *Suite) elsewhere() kind.Params {
	p := maps.Clone(s.Params)
	switch s.family() {
	case i2c:
		p["bus"] = int64(7)
	case spi:
		p["device"] = "0.1"
	case uart:
		p["port"] = "/dev/ttyUSB7"
	case lines:
		p["trigger"], p["echo"] = "another-chip:3", "another-chip:4"
	}
	return p
}

// plugNew puts a new part of the kind at the suite's place and switches it on; false if there is none to be had.
func (s *Suite) plugNew(d *desk, place string, variant uint32) bool {
	e := sim.Env{World: d, Place: place, Variant: variant, Params: s.Params}
	var part any
	switch s.family() {
	case i2c:
		if c := sim.NewChip(s.Kind.Name, e); c != nil {
			part = c
		}
	case spi:
		if c := sim.NewSPIChip(s.Kind.Name, e); c != nil {
			part = c
		}
	case uart:
		if c := sim.NewTalker(s.Kind.Name, e); c != nil {
			part = c
		}
	}
	if part == nil {
		return false
	}
	s.plug(d, s.Kind.Name, part)
	return true
}

// plug puts a part of any make at the suite's place and switches it on.
func (s *Suite) plug(d *desk, name string, part any) {
	switch s.family() {
	case i2c:
		d.Plug(s.bus(), uint16(s.Params.Int("address")), name, part.(sim.Chip))
	case spi:
		d.PlugSPI(s.Params.String("device"), name, part.(sim.SPIChip))
	case uart:
		d.PlugTalker(s.Params.String("port"), name, part.(sim.Talker))
	}
}

// unplug pulls the part.
func (s *Suite) unplug(d *desk) {
	switch s.family() {
	case i2c:
		d.Unplug(s.bus(), uint16(s.Params.Int("address")))
	case spi:
		d.UnplugSPI(s.Params.String("device"))
	case uart:
		d.UnplugTalker(s.Params.String("port"))
	}
}

// brownOut breaks the part's supply.
func (s *Suite) brownOut(d *desk) {
	switch s.family() {
	case i2c:
		d.BrownOut(s.bus(), uint16(s.Params.Int("address")))
	case spi:
		d.BrownOutSPI(s.Params.String("device"))
	case uart:
		d.BrownOutTalker(s.Params.String("port"))
	}
}

// rests reports whether the part rests, as far as it can tell.
func (s *Suite) rests(d *desk) bool {
	var part any
	switch s.family() {
	case i2c:
		part = d.Chip(s.bus(), uint16(s.Params.Int("address")))
	case spi:
		part = d.SPIChip(s.Params.String("device"))
	case uart:
		part = d.Talker(s.Params.String("port"))
	}
	c, ok := part.(sim.Idler)
	return !ok || c.Idle(time.Now())
}

// warmUp is how long a part that has just been plugged in is left alone, where nothing tells that it needs it.
func (s *Suite) warmUp() time.Duration {
	if s.Oblivious {
		return 10 * time.Minute
	}
	return 10 * time.Millisecond
}

// limit is the time that one measurement is given.
func (s *Suite) limit() time.Duration { return max(5*time.Second, s.Kind.Timeout) }
