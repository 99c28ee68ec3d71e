package hwmon

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
	"pinhole/sensors/sysfs"
)

const fixture = "testdata/chips.txt"

// board is a board of which only Root counts.
type board struct {
	kind.Board
	root string
}

func (b board) Root() string { return b.root }

func opened(t testing.TB, root string, p kind.Params) (*dev, error) {
	t.Helper()
	k := Kind()
	if problems := k.Check(p); len(problems) > 0 {
		t.Fatal(problems)
	}
	s, err := k.Open(t.Context(), board{root: root}, p)
	if err != nil {
		if s != nil {
			t.Errorf("%v beside %v", s, err)
		}
		return nil, err
	}
	t.Cleanup(func() { s.(sensors.Sensor).Close() })
	return s.(*dev), nil
}

// sense opens a chip and reads it; the answer is written down: "temperature 25, alarm@temp1_crit 1", or the error's class.
func sense(t testing.TB, root string, p kind.Params) (string, error) {
	t.Helper()
	d, err := opened(t, root, p)
	if err != nil {
		return string(sensors.ClassOf(err)), err
	}
	list, err := d.Sense(t.Context())
	if err != nil {
		if list != nil {
			t.Errorf("%v beside %v", list, err)
		}
		return string(sensors.ClassOf(err)), err
	}
	return show(list), nil
}

func show(list []sensors.Measurement) string {
	var s []string
	for _, m := range list {
		name := string(m.Quantity)
		if m.Channel != "" {
			name += "@" + m.Channel
		}
		if m.Err != "" {
			s = append(s, fmt.Sprintf("%s: %s", name, m.Err))
		} else {
			s = append(s, fmt.Sprintf("%s %v", name, sensors.Tidy(m.Value)))
		}
	}
	return strings.Join(s, ", ")
}

func channels(names ...string) (list []any) {
	for _, n := range names {
		list = append(list, n)
	}
	return list
}

func TestConformance(t *testing.T) {
	for name, s := range map[string]sensorstest.Suite{
		"lm75": {Params: kind.Params{"device": "lm75"}, Truth: []sim.Still{{sensors.Temperature: 21.5}, {sensors.Temperature: -12}},
			Within: map[sensors.Quantity]float64{sensors.Temperature: 0.25}},
		"supply": {Params: kind.Params{"device": "rpi_volt"},
			Truth:  []sim.Still{{sensors.Undervoltage: 0, sensors.Alarm: 0}, {sensors.Undervoltage: 1, sensors.Alarm: 1}},
			Within: map[sensors.Quantity]float64{}},
	} {
		t.Run(name, func(t *testing.T) {
			s.Kind = Kind()
			sensorstest.Run(t, s)
		})
	}
}

func TestChips(t *testing.T) {
	root := sensorstest.Tree(t, fixture, nil)
	for _, tt := range []struct {
		p    kind.Params
		want string
	}{
		{kind.Params{"device": "cpu_thermal"}, "temperature 48.199"},
		{kind.Params{"device": "rpi_volt"}, "alarm 1"},
		{kind.Params{"device": "lm75", "at": "1-0048"}, "temperature 25"},
		{kind.Params{"label": "outlet"}, "temperature -0.062"},
		{kind.Params{"device": "ina226"}, "voltage@in0 0.02, voltage@in1 11.98, current 10, power 119.8"},
		{kind.Params{"device": "ina226", "channels": channels("in1", "power1")}, "voltage 11.98, power 119.8"},
		{kind.Params{"device": "all"}, "temperature@temp1 33, temperature@temp2: range, temperature@temp10 35, relative_humidity 40.52, " +
			"energy 2, frequency@fan1 25, frequency@freq1 6e+08, alarm@fan1 0, alarm@temp1_crit 1"},
		{kind.Params{"device": "all", "channels": channels("Core 0", "fan1_alarm")}, "temperature 33, alarm 0"},
		{kind.Params{"device": "all", "channels": channels("temp1", "temp7", "Core 9")},
			"temperature@temp1 33, temperature@temp7: absent, raw: absent"},
	} {
		if got, err := sense(t, root, tt.p); got != tt.want || err != nil {
			t.Errorf("%v: %s, %v; want %s", tt.p, got, err, tt.want)
		}
	}
}

func TestBroken(t *testing.T) {
	const dir, lm75 = "sys/class/hwmon/hwmon4/", "sys/devices/i2c-1/1-0049/hwmon/hwmon10/"
	only := kind.Params{"device": "all", "channels": channels("temp1")}
	alarm := kind.Params{"device": "all", "channels": channels("fan1_alarm")}
	for _, tt := range []struct {
		name   string
		p      kind.Params
		change map[string]string
		class  sensors.Class
		says   string
	}{
		{"empty", only,
			map[string]string{dir + "temp1_input": ""}, sensors.IO, `hwmon: all: read temp1_input: "" is not what belongs there`},
		{"text", only, map[string]string{dir + "temp1_input": "N/A\n"}, sensors.IO, ""},
		{"EIO", only, map[string]string{dir + "temp1_input": sim.FailIO}, sensors.IO, "hwmon: all: read temp1_input: input/output error"},
		{"gone", only, map[string]string{dir + "temp1_input": "-> nowhere"}, sensors.Absent, ""},
		{"too cold", only, map[string]string{dir + "temp1_input": "-273151\n"}, sensors.Range, ""},
		{"fault", only,
			map[string]string{dir + "temp1_fault": "1\n"},
			sensors.Range, "hwmon: all: read temp1_fault: the chip reports a fault of this input"},
		{"odd fault", only, map[string]string{dir + "temp1_fault": "yes\n"}, sensors.IO, ""},
		{"unreadable fault", only, map[string]string{dir + "temp1_fault": sim.FailIO}, sensors.IO, ""},
		{"odd alarm", alarm, map[string]string{dir + "fan1_alarm": "2\n"}, sensors.IO, ""},
		{"empty alarm", alarm, map[string]string{dir + "fan1_alarm": ""}, sensors.IO, ""},
		{"fan runs backwards", kind.Params{"device": "all", "channels": channels("fan1")},
			map[string]string{dir + "fan1_input": "-1\n"}, sensors.Range, ""},
		{"damp", kind.Params{"device": "all", "channels": channels("humidity1")},
			map[string]string{dir + "humidity1_input": "105001\n"}, sensors.Range, ""},
		{"missing chip", kind.Params{"device": "lm76"}, nil, sensors.Absent, "hwmon: lm76: find device: there is none"},
		{"two of a name", kind.Params{"device": "lm75"}, nil, sensors.Wrong, "hwmon: lm75: find device: 2 devices are called so"},
		{"no channels", kind.Params{"device": "ina226", "channels": channels("temp1")}, nil, sensors.Absent,
			"hwmon: ina226: list channels: there is none to read"},
		{"nothing there", kind.Params{"label": "outlet"}, map[string]string{lm75 + "temp1_input": "-"}, sensors.Absent, ""},
		{"no hwmon", kind.Params{"device": "lm75"}, map[string]string{"sys/class/hwmon": "-"}, sensors.Absent, ""},
		{"not a folder", kind.Params{"device": "lm75"}, map[string]string{"sys/class/hwmon": "x"}, sensors.IO, ""},
	} {
		_, err := sense(t, sensorstest.Tree(t, fixture, tt.change), tt.p)
		e, ok := errors.AsType[*sensors.Error](err)
		if !ok || sensors.ClassOf(err) != tt.class || tt.says != "" && err.Error() != tt.says || e.Class == sensors.Absent && e.Hint == "" {
			t.Errorf("%s: %v (%s), want class %s, %s", tt.name, err, sensors.ClassOf(err), tt.class, tt.says)
		}
	}
}

// TestErrno fails reads with numbers that plain files do not have.
func TestErrno(t *testing.T) {
	for errno, class := range map[error]sensors.Class{
		unix.ENODATA: sensors.Absent, unix.ENXIO: sensors.Absent, unix.EREMOTEIO: sensors.Absent, unix.ENODEV: sensors.Absent,
		unix.EAGAIN: sensors.Busy, unix.EBUSY: sensors.Busy, unix.ETIMEDOUT: sensors.Timeout, unix.EACCES: sensors.Denied,
		unix.EINVAL: sensors.IO, unix.EOPNOTSUPP: sensors.IO,
	} {
		d, err := opened(t, sensorstest.Tree(t, fixture, nil), kind.Params{"device": "cpu_thermal"})
		if err != nil {
			t.Fatal(err)
		}
		d.read = func(sysfs.File) ([]byte, error) { return nil, errno }
		if list, err := d.Sense(t.Context()); list != nil || sensors.ClassOf(err) != class || !errors.Is(err, errno) {
			t.Errorf("%v: %v, %v (%s), want class %s", errno, list, err, sensors.ClassOf(err), class)
		}
	}
}

func TestYields(t *testing.T) {
	for _, tt := range []struct {
		p    kind.Params
		want []sensors.Quantity
	}{
		{kind.Params{}, nil},
		{kind.Params{"device": "unheard of"}, nil},
		{kind.Params{"device": "ina226"}, []sensors.Quantity{sensors.Voltage, sensors.Current, sensors.Power}},
		{kind.Params{"device": "x", "channels": channels("fan1", "fan2", "Core 0", "temp1_max_alarm")},
			[]sensors.Quantity{sensors.Frequency, sensors.Alarm}},
	} {
		if got := yields(tt.p); !slices.Equal(got, tt.want) {
			t.Errorf("%v: %v, want %v", tt.p, got, tt.want)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		p    kind.Params
		want string
	}{
		{kind.Params{}, "device"},
		{kind.Params{"at": "1-0048"}, ""},
		{kind.Params{"device": "x", "channels": channels("temp1", "temp1_input")}, "channels[1]"},
		{kind.Params{"device": "x", "channels": channels("temp1", "temp1")}, "channels[1]"},
		{kind.Params{"device": "x", "channels": channels("")}, "channels[0]"},
		{kind.Params{"device": "x", "channels": channels("Core 0", "in0_lcrit_alarm")}, ""},
	} {
		var got strings.Builder
		for _, p := range check(tt.p) {
			got.WriteString(p.Key)
			if p.Message == "" || p.Hint == "" {
				t.Errorf("%+v", p)
			}
		}
		if got.String() != tt.want {
			t.Errorf("%v: problems in %q, want %q", tt.p, got.String(), tt.want)
		}
	}
}

// FuzzSense gives a chip any file with any text: what comes out is finite and possible, or an error.
func FuzzSense(f *testing.F) {
	for name := range strings.FieldsSeq("temp1_input in0_input fan1_input power1_input in0_lcrit_alarm temp_input _alarm 1_input") {
		for _, text := range []string{"25000", "1", "", "-1", "nan", "99999999999999999999999", "0x1", "1 2"} {
			f.Add(name, []byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, name string, text []byte) {
		d := &dev{name: "hwmon: x", channels: list(&sysfs.Dir{}, []string{name}),
			read: func(sysfs.File) ([]byte, error) { return text, nil }}
		if len(d.channels) == 0 {
			return
		}
		d.list = make([]sensors.Measurement, 1)
		got, err := d.Sense(t.Context())
		if err != nil {
			return
		}
		m := got[0]
		if _, ok := m.Quantity.Lookup(); !ok || math.IsNaN(m.Value) || math.IsInf(m.Value, 0) ||
			m.Quantity == sensors.Alarm && m.Value != 0 && m.Value != 1 {
			t.Errorf("%q of %q: %s", name, text, show(got))
		}
		for _, r := range channelName(m.Channel) {
			if r > 'z' {
				t.Errorf("channel %q", m.Channel)
			}
		}
	})
}
