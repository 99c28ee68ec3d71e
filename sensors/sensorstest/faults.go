package sensorstest

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/sim"
)

// hard is a fault that the bus reports: the driver has nothing to find out, and must hand it on.
var hard = map[family]map[sim.Trouble]reported{
	i2c: {
		sim.NAK:     {syscall.EREMOTEIO, []sensors.Class{sensors.Absent, sensors.NAK}},
		sim.Timeout: {syscall.ETIMEDOUT, []sensors.Class{sensors.Timeout}},
		sim.Lost:    {syscall.EAGAIN, []sensors.Class{sensors.Busy}},
		sim.Broken:  {syscall.EIO, []sensors.Class{sensors.IO}},
	},
	spi: {
		sim.Timeout: {syscall.ETIMEDOUT, []sensors.Class{sensors.Timeout}},
		sim.Broken:  {syscall.EIO, []sensors.Class{sensors.IO}},
	},
	uart: {
		sim.Broken: {syscall.EIO, []sensors.Class{sensors.IO}},
	},
}

// reported is how a bus reports a fault.
type reported struct {
	errno   syscall.Errno
	classes []sensors.Class
}

// names of the faults, as the tests' names have them.
var names = map[sim.Trouble]string{sim.NAK: "nak", sim.Timeout: "timeout", sim.Lost: "lost", sim.Broken: "broken", sim.Flip: "flip",
	sim.FlipWrite: "flipwrite", sim.Ones: "ones", sim.Zeros: "zeros", sim.Cut: "cut", sim.Noise: "noise"}

// troubles is the faults that a family's buses can have.
func troubles(f family) []sim.Trouble {
	list := []sim.Trouble{sim.NAK, sim.Timeout, sim.Lost, sim.Broken, sim.Flip, sim.FlipWrite, sim.Ones, sim.Zeros}
	if f == uart {
		list = append(list, sim.Cut, sim.Noise)
	}
	return list
}

// forever is a fault that does not go away by itself.
const forever = 1 << 30

// faults repeats opening and the first measurement, or the second one, with each fault at each transfer.
func (s *Suite) faults(t *testing.T, opening bool) {
	steps, want := s.record(t, opening)
	for k, step := range steps {
		for _, trouble := range troubles(s.family()) {
			list := []sim.Fault{{Trouble: trouble}}
			switch trouble {
			case sim.Flip:
				list = everyBit(trouble, step.R)
			case sim.FlipWrite:
				list = everyBit(trouble, step.W)
			}
			if _, told := hard[s.family()][trouble]; !told && s.Blind {
				continue
			}
			for _, fault := range list {
				for _, length := range []int{1, 2, forever} {
					if length > 1 && (trouble == sim.Flip || trouble == sim.FlipWrite) {
						continue // the same bit twice in a row is no accident, and nothing can be done about it
					}
					name := fmt.Sprintf("%s at transfer %d (%d written, %d read), %d times, byte %d bit %d",
						names[trouble], k, step.W, step.R, length, fault.Byte, fault.Bit)
					s.bubble(t, func(t *testing.T, d *desk) { s.try(t, d, name, opening, k, length, fault, want) })
				}
			}
		}
	}
}

func everyBit(trouble sim.Trouble, length int) (list []sim.Fault) {
	for i := range length {
		for bit := range uint(8) {
			list = append(list, sim.Fault{Trouble: trouble, Byte: i, Bit: bit})
		}
	}
	return list
}

// record notes the transfers of a run without faults, and what it measures.
func (s *Suite) record(t *testing.T, opening bool) (steps []sim.Transfer, want []sensors.Measurement) {
	s.bubble(t, func(t *testing.T, d *desk) {
		note := func(x sim.Transfer) sim.Fault {
			steps = append(steps, x)
			return sim.Fault{}
		}
		d.Inject(s.trunk(), note)
		dev := d.mustOpen(t, s.Params)
		want = mustSense(t, dev)
		if !opening {
			steps = nil
			d.turn(t, &s.Truth[1])
			d.Inject(s.trunk(), note)
			want = mustSense(t, dev)
		}
		d.Inject(s.trunk(), nil)
		dev.Close()
	})
	return steps, want
}

// try makes one run in which the transfers from k on, length of them, fail.
func (s *Suite) try(t *testing.T, d *desk, name string, opening bool, k, length int, fault sim.Fault, want []sensors.Measurement) {
	inject := func() {
		d.Inject(s.trunk(), func(x sim.Transfer) sim.Fault {
			if x.N >= k && x.N-k < length {
				return fault
			}
			return sim.Fault{}
		})
	}
	var dev sensors.Sensor
	var list []sensors.Measurement
	var err error
	begin := time.Now()
	if opening {
		inject()
		if dev, err = d.open(s.Params); err == nil {
			list, err = sense(dev)
		}
	} else {
		dev = d.mustOpen(t, s.Params)
		mustSense(t, dev)
		d.turn(t, &s.Truth[1]) // what is stale is wrong from here on
		inject()
		begin = time.Now()
		list, err = sense(dev)
	}
	if took := time.Since(begin); took > s.limit()+sim.AdapterTimeout+paces*s.Pace {
		t.Errorf("%s: returned after %v", name, took)
	}
	h, isHard := hard[s.family()][fault.Trouble]
	switch {
	case err == nil && isHard && !(s.Patient && fault.Trouble == sim.NAK && length < forever):
		t.Errorf("%s: no error", name)
	case err == nil && !honest(list, want):
		t.Errorf("%s: measured %v, the truth is %v", name, show(list), show(want))
	case err != nil && list != nil:
		t.Errorf("%s: values %v beside the error %v", name, show(list), err)
	case err != nil:
		s.named(t, err)
		if isHard && (!errors.Is(err, h.errno) || !slices.Contains(h.classes, sensors.ClassOf(err))) {
			t.Errorf("%s: %v has class %s, want one of %v and the cause %v kept", name, err, sensors.ClassOf(err), h.classes, h.errno)
		}
	}
	d.Inject(s.trunk(), nil)
	s.recovers(t, d, name, dev, want)
}

// honest reports whether each value is the one wanted, or an error.
func honest(list, want []sensors.Measurement) bool {
	return slices.EqualFunc(list, want, func(got, want sensors.Measurement) bool {
		if got.Err != "" {
			return got.Quantity == want.Quantity && got.Value == 0
		}
		return got == want
	})
}

// recovers expects good measurements again, by the second one, as one may be needed to notice that the part was reset.
func (s *Suite) recovers(t *testing.T, d *desk, name string, dev sensors.Sensor, want []sensors.Measurement) {
	t.Helper()
	time.Sleep(10 * time.Millisecond)
	var err error
	for range 2 {
		var list []sensors.Measurement
		if dev == nil {
			dev, err = d.open(s.Params)
		}
		if dev == nil {
			continue
		}
		if list, err = sense(dev); err == nil {
			if !slices.Equal(list, want) {
				t.Errorf("%s: afterwards measured %v, the truth is %v", name, show(list), show(want))
			}
			break
		}
	}
	if err != nil {
		t.Errorf("%s: does not recover: %v", name, err)
		return
	}
	d.closeTwice(t, dev)
}
