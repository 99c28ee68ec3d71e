package sensorstest

import (
	"errors"
	"testing"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// ranging tries a kind that drives one line and times another.
func (s *Suite) ranging(t *testing.T) {
	for name, f := range map[string]func(*testing.T, *desk){
		"held": s.heldLines, "pulled": s.pulledLines, "dropped": s.droppedEcho, "stuck": s.stuckEcho, "noise": s.noisyEcho,
	} {
		t.Run(name, func(t *testing.T) { s.bubble(t, f) })
	}
}

// fails expects a measurement to fail in good time, with a class.
func (s *Suite) fails(t *testing.T, what string, dev sensors.Sensor, class sensors.Class) {
	t.Helper()
	begin := time.Now()
	list, err := sense(dev)
	if err == nil || list != nil || sensors.ClassOf(err) != class {
		t.Errorf("%s: measured %v, error %v, want class %s", what, show(list), err, class)
	} else {
		s.named(t, err)
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("%s: took %v", what, took)
	}
}

// measures expects a good measurement.
func (s *Suite) measures(t *testing.T, what string, dev sensors.Sensor) {
	t.Helper()
	if list, err := sense(dev); err != nil || !s.near(list, s.Truth[0]) {
		t.Errorf("%s: measured %v, error %v, the truth is %v", what, show(list), err, s.Truth[0])
	}
}

// heldLines has somebody hold either line: opening fails and takes nothing, and Close gives both back.
func (s *Suite) heldLines(t *testing.T, d *desk) {
	for key, other := range map[string]string{"trigger": "echo", "echo": "trigger"} {
		l, err := d.Line(s.Params.String(key), kind.LineOptions{Consumer: "somebody"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.open(s.Params)
		if sensors.ClassOf(err) != sensors.Busy {
			t.Errorf("%s held by somebody: %v, want class busy", key, err)
		} else {
			s.named(t, err)
		}
		free, err := d.Line(s.Params.String(other), kind.LineOptions{})
		if err != nil {
			t.Fatalf("%s held by somebody, and %s is not given back: %v", key, other, err)
		}
		if err := errors.Join(l.Close(), free.Close()); err != nil {
			t.Error(err)
		}
	}
	for range 3 {
		dev := d.mustOpen(t, s.Params)
		s.measures(t, "opened again", dev)
		if high, ok := d.Driven(s.Params.String("trigger")); high || !ok {
			t.Error("the trigger line does not rest")
		}
		d.closeTwice(t, dev)
	}
}

// pulledLines has either line fail for a while.
func (s *Suite) pulledLines(t *testing.T, d *desk) {
	dev := d.mustOpen(t, s.Params)
	s.measures(t, "at first", dev)
	for _, key := range []string{"trigger", "echo"} {
		d.FailLine(s.Params.String(key), errors.New("the chip was pulled"))
		s.fails(t, key+" pulled", dev, sensors.IO)
		d.FailLine(s.Params.String(key), nil)
		s.measures(t, key+" mended", dev)
	}
	d.closeTwice(t, dev)
}

// droppedEcho has the kernel lose either edge of an echo, or both.
func (s *Suite) droppedEcho(t *testing.T, d *desk) {
	dev := d.mustOpen(t, s.Params)
	echo := s.Params.String("echo")
	s.measures(t, "at first", dev)
	d.LoseEdges(echo, 1)
	s.fails(t, "its beginning lost", dev, sensors.IO)
	s.measures(t, "afterwards", dev)
	d.LoseEdges(echo, 2)
	s.fails(t, "both edges lost", dev, sensors.Absent)
	s.measures(t, "afterwards", dev)
	d.closeTwice(t, dev)
}

// stuckEcho has the echo line stay at a level.
func (s *Suite) stuckEcho(t *testing.T, d *desk) {
	dev := d.mustOpen(t, s.Params)
	echo := s.Params.String("echo")
	d.Drive(echo, false)
	s.fails(t, "stuck low", dev, sensors.Absent)
	d.Drive(echo, true)
	s.fails(t, "stuck high", dev, sensors.IO)
	d.attach(t, s.Params)
	s.measures(t, "mended", dev)
	go func() {
		time.Sleep(57 * time.Millisecond) // within the echo of the next burst
		d.Drive(echo, true)
	}()
	s.fails(t, "stuck within an echo", dev, sensors.Timeout)
	d.attach(t, s.Params)
	s.measures(t, "mended", dev)
	d.closeTwice(t, dev)
}

// noisyEcho has thousands of edges come before a burst, and some within an echo.
func (s *Suite) noisyEcho(t *testing.T, d *desk) {
	dev := d.mustOpen(t, s.Params)
	echo := s.Params.String("echo")
	for range 3000 {
		d.Drive(echo, true)
		d.Drive(echo, false)
	}
	d.attach(t, s.Params)
	s.measures(t, "after noise", dev)
	go func() {
		time.Sleep(57 * time.Millisecond)
		for _, level := range []bool{true, false, true, false} {
			d.Drive(echo, level)
		}
	}()
	if list, err := sense(dev); err == nil {
		t.Errorf("noise within an echo: measured %v", show(list))
	} else {
		s.named(t, err)
	}
	d.attach(t, s.Params)
	s.measures(t, "afterwards", dev)
	d.closeTwice(t, dev)
}
