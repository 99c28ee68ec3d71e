package thermal

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
	"pinhole/sensors/sysfs"
)

const fixture, zone0 = "testdata/machine.txt", "sys/class/thermal/thermal_zone0/"

// board is a board of which only Root counts.
type board struct {
	kind.Board
	root string
}

func (b board) Root() string { return b.root }

func opened(t testing.TB, root string, p kind.Params) (*dev, error) {
	t.Helper()
	s, err := Kind().Open(t.Context(), board{root: root}, p)
	if err != nil {
		if s != nil {
			t.Errorf("%v beside %v", s, err)
		}
		return nil, err
	}
	t.Cleanup(func() { s.(sensors.Sensor).Close() })
	return s.(*dev), nil
}

func TestConformance(t *testing.T) {
	sensorstest.Run(t, sensorstest.Suite{Kind: Kind(), Params: kind.Params{"zone": "cpu-thermal"}})
	sensorstest.Run(t, sensorstest.Suite{Kind: Kind()})
}

// show writes measurements down: "48.199", "cpu-thermal 48.199, x86_pkg_temp2: range".
func show(list []sensors.Measurement) string {
	var s []string
	for _, m := range list {
		if m.Err != "" {
			s = append(s, fmt.Sprintf("%s: %s", m.Channel, m.Err))
		} else {
			s = append(s, strings.TrimSpace(fmt.Sprintf("%s %v", m.Channel, m.Value)))
		}
	}
	return strings.Join(s, ", ")
}

func TestZones(t *testing.T) {
	for _, tt := range []struct {
		zone   string
		change map[string]string
		want   string // or the class
		says   string
	}{
		{"cpu-thermal", nil, "48.199", ""},
		{"x86_pkg_temp", nil, "x86_pkg_temp2 51, x86_pkg_temp10 -1.5", ""},
		{"", nil, "cpu-thermal 48.199, x86_pkg_temp2 51, x86_pkg_temp10 -1.5, SEN_1_x: range", ""},
		{"SEN 1/x", nil, "range", "thermal: SEN 1/x: read temp: -274 Cel is impossible"},
		{"gpu-thermal", nil, "absent", "thermal: gpu-thermal: there is no such zone"},
		{"", map[string]string{"sys/class/thermal": "-"}, "absent", "thermal: this machine has no thermal zone"},
		{"", map[string]string{"sys/class/thermal": "x"}, "io", ""},
		{"cpu-thermal", map[string]string{zone0 + "temp": "hot\n"}, "io", `thermal: cpu-thermal: read temp: "hot" is no temperature`},
		{"cpu-thermal", map[string]string{zone0 + "temp": ""}, "io", ""},
		{"cpu-thermal", map[string]string{zone0 + "temp": "150001\n"}, "range", ""},
		{"cpu-thermal", map[string]string{zone0 + "temp": "-"}, "absent", ""},
		{"cpu-thermal", map[string]string{zone0 + "temp": sim.FailIO}, "io", "thermal: cpu-thermal: read temp: input/output error"},
	} {
		d, err := opened(t, sensorstest.Tree(t, fixture, tt.change), kind.Params{"zone": tt.zone})
		var list []sensors.Measurement
		if err == nil {
			list, err = d.Sense(t.Context())
		}
		got := show(list)
		if err != nil {
			got = string(sensors.ClassOf(err))
		}
		if got != tt.want || tt.says != "" && (err == nil || err.Error() != tt.says) {
			t.Errorf("%q with %v: %s, %v; want %s, %s", tt.zone, tt.change, got, err, tt.want, tt.says)
		}
	}
}

// TestErrno fails reads with numbers that plain files do not have, and reads well after them.
func TestErrno(t *testing.T) {
	for errno, class := range map[error]sensors.Class{
		unix.ENODATA: sensors.Absent, unix.EINVAL: sensors.Absent, unix.ENODEV: sensors.Absent, unix.EAGAIN: sensors.Busy,
		unix.ETIMEDOUT: sensors.Timeout, unix.EACCES: sensors.Denied, unix.EIO: sensors.IO,
	} {
		d, err := opened(t, sensorstest.Tree(t, fixture, nil), kind.Params{"zone": "cpu-thermal"})
		if err != nil {
			t.Fatal(err)
		}
		d.read = func(sysfs.File) ([]byte, error) { return nil, errno }
		if list, err := d.Sense(t.Context()); list != nil || sensors.ClassOf(err) != class || !errors.Is(err, errno) {
			t.Errorf("%v: %v, %v (%s), want class %s", errno, list, err, sensors.ClassOf(err), class)
		}
		d.read = sysfs.File.Read
		if list, err := d.Sense(t.Context()); show(list) != "48.199" || err != nil {
			t.Errorf("after %v: %s, %v", errno, show(list), err)
		}
	}
}

// FuzzSense gives a zone any text: what comes out is possible, or an error.
func FuzzSense(f *testing.F) {
	for _, s := range []string{"48199", "-1500", "", "x", "1e3", "150001", "99999999999999999999"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d := &dev{name: "thermal", zones: []zone{{name: "x"}}, list: make([]sensors.Measurement, 1),
			read: func(sysfs.File) ([]byte, error) { return text, nil }}
		list, err := d.Sense(t.Context())
		if (err == nil) == (list == nil) || err == nil && (math.IsNaN(list[0].Value) || list[0].Value < lowest || list[0].Value > highest) {
			t.Errorf("%q: %s, %v", text, show(list), err)
		}
	})
}
