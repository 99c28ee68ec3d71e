package onewire

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sysfs"
)

// families are the thermometers by their family code, and what they can measure in Cel. DS18B20 datasheet rev. 6, MAX31850 rev. 1.
var families = map[string]struct {
	name      string
	low, high float64
}{
	"10": {"DS18S20", -55, 125},
	"22": {"DS1822", -55, 125},
	"28": {"DS18B20", -55, 125},
	"3b": {"DS1825 or MAX31850", -270, 1800},
	"42": {"DS28EA00", -40, 85},
}

// isThermometer reports whether an id is that of a thermometer: family, dash, twelve digits.
func isThermometer(id string) bool {
	if len(id) != 15 || id[2] != '-' {
		return false
	}
	for _, c := range id[3:] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	_, ok := families[id[:2]]
	return ok
}

// part is one thermometer.
type part struct {
	id, name, family string
	takes            time.Duration // to measure; 0: the kernel does not tell

	dir                                      *sysfs.Dir // nil: to be opened
	temperature, slave, resolution, extPower sysfs.File
	modern                                   bool // it has the file temperature: Linux 5.8

	read func(sysfs.File) ([]byte, error) // File.Read, except in tests
}

// open opens the part's folder, unless it is open.
func (p *part) open(master *sysfs.Dir) error {
	if p.dir != nil {
		return nil
	}
	dir, err := sysfs.OpenDir(filepath.Join(master.Path(), p.id))
	if err != nil {
		e := kind.Fail(p.name+": open", err).(*sensors.Error)
		if e.Class == sensors.Absent {
			e.Err, e.Hint = errors.New("it is not on the bus"), wiring
		}
		return e
	}
	p.dir = dir
	p.temperature, p.slave = dir.File("temperature"), dir.File("w1_slave")
	p.resolution, p.extPower = dir.File("resolution"), dir.File("ext_power")
	p.modern = p.temperature.Exists()
	if text, err := dir.File("conv_time").Read(); err == nil {
		if ms, ok := sysfs.Whole(text); ok && ms > 0 && ms <= 10_000 {
			p.takes = time.Duration(ms) * time.Millisecond
		}
	}
	return nil
}

func (p *part) close() {
	if p.dir != nil {
		p.dir.Close()
		p.dir = nil
	}
}

// errSilent is the cause where the kernel shows an empty file: it has no other way to say that a measurement failed.
var errSilent = errors.New("no valid answer")

// sense measures once, and once more if the part did not answer but does when it is asked why.
func (p *part) sense(ctx context.Context) (float64, error) {
	for again := false; ; again = true {
		v, err := p.measure(ctx)
		if !errors.Is(err, errSilent) {
			return v, err
		}
		reason, answers := p.why(err)
		if end, bounded := ctx.Deadline(); !answers || again || bounded && time.Until(end) < time.Second {
			return 0, reason
		}
	}
}

// measure reads the temperature, by the bare number where that leaves no doubt.
func (p *part) measure(ctx context.Context) (float64, error) {
	if !p.modern || p.family == "3b" { // of which the bare number does not tell whether it is a thermocouple that is broken
		return p.memory()
	}
	text, err := p.read(p.temperature)
	if err != nil {
		return 0, p.failed(p.temperature, err)
	}
	if len(text) == 0 {
		return 0, p.errorf(sensors.CRC, p.temperature, errSilent, "")
	}
	milli, ok := sysfs.Whole(text)
	if !ok {
		return 0, p.errorf(sensors.IO, p.temperature, fmt.Errorf("%.40q is no temperature", text), "")
	}
	if doubtful(milli) {
		if err := ctx.Err(); err != nil {
			return 0, p.errorf(sensors.Timeout, p.slave, err, "")
		}
		return p.memory()
	}
	return p.inRange(p.temperature, exact(p.family, milli))
}

// doubtful tells temperatures that a part which has not measured can show: 85 Cel after power-on, 0 where the line is shorted,
// -1/16 where it hangs.
func doubtful(milli int64) bool { return milli == 85000 || milli == 0 || milli == -62 || milli == -63 }

// memory measures by the file that shows all of the part's memory.
func (p *part) memory() (float64, error) {
	text, err := p.read(p.slave)
	if err != nil {
		return 0, p.failed(p.slave, err)
	}
	if len(text) == 0 {
		return 0, p.errorf(sensors.CRC, p.slave, errSilent, "")
	}
	s, ok := parseSlave(text)
	switch {
	case !ok:
		return 0, p.errorf(sensors.IO, p.slave, fmt.Errorf("%.100q is not what belongs there", text), "")
	case !s.valid:
		return 0, p.errorf(sensors.CRC, p.slave, errors.New("the checksum is wrong"), noisy)
	case s.uniform():
		return 0, p.errorf(sensors.CRC, p.slave, fmt.Errorf("nine times %02x is no answer", s.pad[0]),
			"the data line is shorted or hangs: check the wiring")
	case s.unmeasured(p.family):
		return 0, p.errorf(sensors.Range, p.slave,
			errors.New("85 Cel is the value after power-on: the part has lost its power while it measured"),
			"connect its VDD to 3V3 instead of parasite power, or use a stronger pull-up")
	case p.family == "3b" && s.pad[4]&0x80 != 0:
		return p.thermocouple(s)
	}
	return p.inRange(p.slave, exact(p.family, s.milli))
}

// thermocouple reads a MAX31850: 14 bits of a quarter degree, and a fault flag in the lowest bit (datasheet, table 3).
func (p *part) thermocouple(s slave) (float64, error) {
	raw := int16(uint16(s.pad[0]) | uint16(s.pad[1])<<8)
	if raw&1 != 0 {
		return 0, p.errorf(sensors.Range, p.slave, errors.New("the thermocouple is open or shorted"), "check the thermocouple and its wires")
	}
	return p.inRange(p.slave, float64(raw>>2)/4)
}

// exact gives back what the kernel cuts off: parts count in sixteenths, of which thousandths show 62 for 62.5. The DS18S20's
// temperature is computed from two counters and is left as it is.
func exact(family string, milli int64) float64 {
	if n := math.Round(float64(milli) * 16 / 1000); family != "10" && math.Abs(n*62.5-float64(milli)) < 1 {
		return n / 16
	}
	return float64(milli) / 1000
}

func (p *part) inRange(f sysfs.File, v float64) (float64, error) {
	if r := families[p.family]; v < r.low || v > r.high {
		return 0, p.errorf(sensors.Range, f, fmt.Errorf("%v Cel is out of the part's range, %v to %v", v, r.low, r.high), "")
	}
	return v, nil
}

// noisy is the hint for wrong checksums.
const noisy = "check the pull-up (4.7 kOhm, less for long lines), use a twisted pair and no star of long branches"

// why finds out for what reason the kernel showed an empty file. Newer kernels print the error's number where the resolution
// should be. answers: the part can be talked to now.
func (p *part) why(err error) (reason error, answers bool) {
	e, _ := errors.AsType[*sensors.Error](err)
	e.Hint = noisy
	text, failed := p.read(p.resolution)
	if failed != nil { // a DS18S20, or Linux before 5.10
		text, failed = p.read(p.extPower)
	}
	n, ok := sysfs.Whole(text)
	switch {
	case failed != nil || !ok:
		return e, false
	case n == -19: // ENODEV: nobody on the whole line
		e.Class, e.Err = sensors.Absent, errors.New("nothing on the bus answers")
		e.Hint = wiring
	case n == -11: // EAGAIN
		e.Class, e.Err, e.Hint = sensors.Busy, errors.New("the bus is taken"), "another program reads it: stop that, or read less often"
	case n < 0: // EIO: the line is fine, and what the part says is not
		e.Err = errors.New("the checksum is wrong, or the part is gone from a bus where others answer")
	default:
		return e, true
	}
	return e, false
}

func (p *part) errorf(c sensors.Class, f sysfs.File, err error, hint string) *sensors.Error {
	return &sensors.Error{Class: c, Op: p.name + ": read " + f.Name(), Err: err, Hint: hint}
}

// failed sorts the failure of a read.
func (p *part) failed(f sysfs.File, err error) error {
	e := p.errorf(sensors.ClassOf(err), f, err, "")
	if e.Class == sensors.Absent {
		e.Hint = "the part is gone from the bus: check wiring and power"
	}
	return e
}
