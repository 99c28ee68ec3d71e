package iio

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
	"pinhole/sensors/sysfs"
)

const fixture = "testdata/devices.txt"

// board is a board of which only Root counts.
type board struct {
	kind.Board
	root string
}

func (b board) Root() string { return b.root }

func row(t testing.TB, name string) kind.Kind {
	t.Helper()
	list := Kinds()
	i := slices.IndexFunc(list, func(k kind.Kind) bool { return k.Name == name })
	if i < 0 {
		t.Fatal(name)
	}
	return list[i]
}

func opened(t testing.TB, kindName, root string, p kind.Params) (*dev, error) {
	t.Helper()
	k := row(t, kindName)
	p = kind.WithDefaults(k.Keys, p)
	if k.Check != nil {
		if problems := k.Check(p); len(problems) > 0 {
			t.Fatal(problems)
		}
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

func must(t testing.TB, root string, p kind.Params) *dev {
	t.Helper()
	d, err := opened(t, "iio", root, p)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// show writes measurements down: "temperature 25.08, voltage@voltage0 2.048".
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
	truth := []sim.Still{
		{sensors.Temperature: 21.44, sensors.Pressure: 101325, sensors.RelativeHumidity: 48.2},
		{sensors.Temperature: -12.31, sensors.Pressure: 87654.321, sensors.RelativeHumidity: 3},
		{sensors.Temperature: 0, sensors.Pressure: 108000, sensors.RelativeHumidity: 100},
	}
	for kindName, p := range map[string]kind.Params{"iio": {"device": "bmp280"}, "dht": {}} {
		t.Run(kindName, func(t *testing.T) {
			within := map[sensors.Quantity]float64{sensors.Temperature: 0.005, sensors.Pressure: 0.001}
			if kindName == "dht" {
				within = map[sensors.Quantity]float64{sensors.Temperature: 0.051, sensors.RelativeHumidity: 0.051}
			}
			sensorstest.Run(t, sensorstest.Suite{Kind: row(t, kindName), Params: p, Truth: truth, Within: within})
		})
	}
}

func TestDevices(t *testing.T) {
	root := sensorstest.Tree(t, fixture, nil)
	for _, tt := range []struct {
		p    kind.Params
		want string
	}{
		{kind.Params{"device": "bmp280"}, "temperature 25.08, pressure 100653.253906"},
		{kind.Params{"device": "bmp280", "channels": channels("pressure")}, "pressure 100653.253906"},
		{kind.Params{"device": "ads1015", "at": "1-0048"},
			"voltage@voltage0 2.048, voltage@voltage1 -0.012, voltage@voltage0-voltage1 0.0625"},
		{kind.Params{"device": "ads1015", "at": "1-0048", "channels": channels("voltage1")}, "voltage -0.012"},
		{kind.Params{"label": "battery"}, "voltage 4"},
		{kind.Params{"device": "dht11"}, "temperature -10.1, relative_humidity 65.2"},
		{kind.Params{"device": "dht11@0"}, "temperature -10.1, relative_humidity 65.2"},
		{kind.Params{"device": "mpu6050"}, // (-2400 + 12420) * 2.941176 mCel; 1000 * 0.001064724 rad/s
			"temperature 29.47058352, acceleration_x 9.797632, acceleration_y 0, acceleration_z -9.797632, angular_rate_x 61.004191546"},
		{kind.Params{"device": "sps30"}, "pm1 3.14, pm2_5 4.25, pm10 6.5"},
		{kind.Params{"at": "1-0062"}, "temperature 24.999610736, co2 612"},
		{kind.Params{"device": "odd"}, "illuminance 120.5, tvoc 125, current 0.125, power 1, energy 2, resistance 150.5"},
		{kind.Params{"device": "odd", "channels": channels("intensity_both", "voltage0")}, "raw@intensity_both 512, raw@voltage0 7"},
		{kind.Params{"device": "bmp280", "channels": channels("humidityrelative", "temp")}, "relative_humidity: absent, temperature 25.08"},
	} {
		list, err := must(t, root, tt.p).Sense(t.Context())
		if got := show(list); got != tt.want || err != nil {
			t.Errorf("%v: %s, %v; want %s", tt.p, got, err, tt.want)
		}
	}
}

// dirs of the fixture's devices, as links have them.
const (
	bmp    = "sys/bus/iio/devices/iio:device0/"
	adc    = "sys/bus/iio/devices/iio:device1/"
	dhtDir = "sys/bus/iio/devices/iio:device2/"
)

// TestShared looks for scale and offset where drivers put them.
func TestShared(t *testing.T) {
	for _, tt := range []struct {
		files map[string]string
		want  float64
	}{
		{map[string]string{"in_voltage0_scale": "2"}, 2},
		{map[string]string{"in_voltage_scale": "3"}, 3},
		{map[string]string{"in_scale": "4"}, 4},
		{map[string]string{"scale": "5"}, 5},
		{map[string]string{"scale": "5", "in_scale": "4", "in_voltage_scale": "3", "in_voltage0_scale": "2"}, 2},
		{map[string]string{"scale": "5", "in_scale": "4", "in_voltage_scale": "3"}, 3},
		{map[string]string{"scale": "2", "in_voltage0_offset": "-500"}, 1},
		{map[string]string{"scale": "2", "in_voltage_offset": "-999.5"}, 0.001},
	} {
		const dir = "sys/bus/iio/devices/iio:device0/"
		root := t.TempDir()
		sensorstest.Put(t, root, dir+"name", "adc\n")
		sensorstest.Put(t, root, dir+"in_voltage0_raw", "1000\n")
		for name, text := range tt.files {
			sensorstest.Put(t, root, dir+name, text+"\n")
		}
		list, err := must(t, root, kind.Params{"device": "adc"}).Sense(t.Context())
		if err != nil || len(list) != 1 || list[0].Value != tt.want || list[0].Quantity != sensors.Voltage {
			t.Errorf("%v: %s, %v; want %v V", tt.files, show(list), err, tt.want)
		}
	}
}

// TestBroken gives files other texts.
func TestBroken(t *testing.T) {
	for _, tt := range []struct {
		name   string
		p      kind.Params
		change map[string]string
		want   string // of both channels; or the error's class, and what it must say
		says   string
	}{
		{"empty", kind.Params{"device": "bmp280"},
			map[string]string{bmp + "in_temp_input": ""}, "temperature: io, pressure 100653.253906", ""},
		{"text", kind.Params{"device": "bmp280"},
			map[string]string{bmp + "in_temp_input": "error\n"}, "temperature: io, pressure 100653.253906", ""},
		{"two numbers", kind.Params{"device": "bmp280"},
			map[string]string{bmp + "in_temp_input": "1 2\n"}, "temperature: io, pressure 100653.253906", ""},
		{"gone", kind.Params{"device": "bmp280"}, map[string]string{bmp + "in_temp_input": "-> nowhere"},
			"temperature: absent, pressure 100653.253906", ""},
		{"cold", kind.Params{"device": "bmp280"},
			map[string]string{bmp + "in_temp_input": "-273160\n"}, "temperature: range, pressure 100653.253906", ""},
		{"vacuum", kind.Params{"device": "bmp280"},
			map[string]string{bmp + "in_pressure_input": "0\n"}, "temperature 25.08, pressure: range", ""},
		{"EIO", kind.Params{"device": "bmp280"},
			map[string]string{bmp + "in_temp_input": sim.FailIO, bmp + "in_pressure_input": sim.FailIO},
			"io", "iio: bmp280: read in_temp_input: input/output error"},
		{"damp", kind.Params{"device": "dht11"}, map[string]string{dhtDir + "in_humidityrelative_input": "100100\n"},
			"temperature -10.1, relative_humidity: range", ""},
		{"hot", kind.Params{"device": "dht11"}, map[string]string{dhtDir + "in_temp_input": "80100\n"},
			"temperature: range, relative_humidity 65.2", ""},
		{"checksum", kind.Params{"device": "dht11"}, map[string]string{dhtDir + "in_temp_input": sim.FailIO},
			"temperature: crc, relative_humidity 65.2", ""},
		{"no scale", kind.Params{"device": "ads1015", "at": "1-0048", "channels": channels("voltage1")},
			map[string]string{adc + "in_voltage_scale": "x\n"}, "io", `iio: ads1015 at 1-0048: read in_voltage_scale: "x" is no number`},
		{"missing device", kind.Params{"device": "bmp388"}, nil, "absent", "iio: bmp388: find device: there is none"},
		{"two of a name", kind.Params{"device": "ads1015"}, nil, "wrong", "iio: ads1015: find device: 2 devices are called so"},
		{"no channels", kind.Params{"device": "bmp280", "channels": channels("voltage7")}, nil, "absent",
			"iio: bmp280: list channels: there is none to read"},
		{"no IIO", kind.Params{"device": "bmp280"},
			map[string]string{"sys/bus/iio": "-"}, "absent", "iio: bmp280: find device: there is none"},
		{"not a folder", kind.Params{"device": "bmp280"}, map[string]string{"sys/bus/iio/devices": "x"}, "io", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				root := sensorstest.Tree(t, fixture, tt.change)
				var list []sensors.Measurement
				d, err := opened(t, "iio", root, tt.p)
				if err == nil {
					list, err = d.Sense(t.Context())
				}
				got := show(list)
				if err != nil {
					got = string(sensors.ClassOf(err))
					if e, ok := errors.AsType[*sensors.Error](err); !ok || e.Class == sensors.Absent && e.Hint == "" {
						t.Errorf("%v is without a hint", err)
					}
				}
				if got != tt.want || tt.says != "" && (err == nil || err.Error() != tt.says) {
					t.Errorf("%s, %v; want %s, %s", got, err, tt.want, tt.says)
				}
			})
		})
	}
}

// TestBME680 has a kernel before 6.10 give the pressure ten times too high.
func TestBME680(t *testing.T) {
	root := sensorstest.Tree(t, fixture, map[string]string{bmp + "name": "bme680\n", bmp + "in_pressure_input": "990.23\n",
		bmp + "in_resistance_input": "12345\n"})
	list, err := must(t, root, kind.Params{"device": "bme680"}).Sense(t.Context())
	if got := show(list); got != "temperature 25.08, pressure: range, gas_resistance 12345" || err != nil {
		t.Fatalf("%s, %v", got, err)
	}
	if e, _ := errors.AsType[*sensors.Error](list[1].Cause); !strings.Contains(e.Hint, "6.10") {
		t.Errorf("hint %q", e.Hint)
	}
}

// TestAgain fails reads with numbers that plain files do not have, and counts attempts and time.
func TestAgain(t *testing.T) {
	for _, tt := range []struct {
		name    string
		errno   error
		times   int           // how many reads in a row fail
		limit   time.Duration // of the measurement; 0: none
		want    string
		took    time.Duration
		attempt int // reads of the first channel
	}{
		{"once", unix.EIO, 1, 0, "temperature -10.1, relative_humidity 65.2", 2 * time.Second, 2},
		{"thrice", unix.ETIMEDOUT, 3, 0, "temperature -10.1, relative_humidity 65.2", 6 * time.Second, 4},
		{"four times", unix.EIO, 4, 0, "temperature: crc, relative_humidity 65.2", 6 * time.Second, 4},
		{"for ever", unix.ETIMEDOUT, 1000, 0, "timeout", 6 * time.Second, 4},
		{"little time", unix.EIO, 1000, 5 * time.Second, "crc", 4 * time.Second, 3},
		{"no time", unix.EIO, 1000, 2 * time.Second, "crc", 0, 1},
		{"busy", unix.EBUSY, 1, 0, "temperature: busy, relative_humidity 65.2", 0, 1},
		{"unbound", unix.ENODEV, 1000, 0, "absent", 0, 1},
		{"unplugged", unix.EREMOTEIO, 1000, 0, "absent", 0, 1},
		{"refused", unix.EACCES, 1000, 0, "denied", 0, 1},
		{"unheard of", unix.EINVAL, 1, 0, "temperature: io, relative_humidity 65.2", 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := must(t, sensorstest.Tree(t, fixture, nil), kind.Params{"device": "dht11"})
				reads, first := 0, 0
				d.read = func(f sysfs.File) ([]byte, error) {
					if f.Name() == "in_temp_input" {
						first++
					}
					if reads++; reads <= tt.times {
						return nil, tt.errno
					}
					return f.Read()
				}
				ctx := t.Context()
				if tt.limit > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.limit)
					defer cancel()
				}
				begin := time.Now()
				list, err := d.Sense(ctx)
				got := show(list)
				if err != nil {
					got = string(sensors.ClassOf(err))
					if !errors.Is(err, tt.errno) {
						t.Errorf("%v has lost its cause %v", err, tt.errno)
					}
				}
				if took := time.Since(begin); got != tt.want || took != tt.took || first != tt.attempt {
					t.Errorf("%s after %v and %d reads, want %s after %v and %d", got, took, first, tt.want, tt.took, tt.attempt)
				}
				// The next measurement has its attempts again.
				reads, tt.times = 0, 1
				if _, err := d.Sense(t.Context()); err != nil {
					t.Errorf("the next measurement: %v", err)
				}
			})
		})
	}
}

func TestCancelledWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := must(t, sensorstest.Tree(t, fixture, nil), kind.Params{"device": "dht11"})
		d.read = func(sysfs.File) ([]byte, error) { return nil, syscall.EIO }
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		begin := time.Now()
		if list, err := d.Sense(ctx); err == nil || list != nil || time.Since(begin) != time.Second {
			t.Errorf("%v, %v after %v", list, err, time.Since(begin))
		}
	})
}

// TestReplaced has another device take over the number.
func TestReplaced(t *testing.T) {
	root := t.TempDir()
	const dir = "sys/bus/iio/devices/iio:device0/"
	put := func(name, temp string) {
		sensorstest.Put(t, root, filepath.Dir(dir), "-")
		sensorstest.Put(t, root, dir+"name", name+"\n")
		sensorstest.Put(t, root, dir+"in_temp_input", temp+"\n")
	}
	put("bmp280", "20000")
	d := must(t, root, kind.Params{"device": "bmp280"})
	if list, err := d.Sense(t.Context()); show(list) != "temperature 20" {
		t.Fatalf("%s, %v", show(list), err)
	}
	put("cpu", "60000")
	if list, err := d.Sense(t.Context()); sensors.ClassOf(err) != sensors.Absent {
		t.Errorf("another device was read: %s, %v", show(list), err)
	}
}

func TestYields(t *testing.T) {
	k := row(t, "iio")
	for _, tt := range []struct {
		p    kind.Params
		want []sensors.Quantity
	}{
		{kind.Params{}, nil},
		{kind.Params{"device": "unheard of"}, nil},
		{kind.Params{"device": "bme280"}, []sensors.Quantity{sensors.Temperature, sensors.RelativeHumidity, sensors.Pressure}},
		{kind.Params{"device": "bme680"},
			[]sensors.Quantity{sensors.Temperature, sensors.RelativeHumidity, sensors.Pressure, sensors.GasResistance}},
		{kind.Params{"device": "ads1115", "channels": channels("voltage0", "voltage1")}, []sensors.Quantity{sensors.Voltage}},
		{kind.Params{"label": "x", "channels": channels("accel_z", "proximity")}, []sensors.Quantity{sensors.AccelerationZ, sensors.Raw}},
	} {
		if got := k.Yields(tt.p); !slices.Equal(got, tt.want) {
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
		{kind.Params{"label": "x"}, ""},
		{kind.Params{"at": "1-0076"}, ""},
		{kind.Params{"device": "x", "channels": channels("temp", "in_temp_input")}, "channels[1]"},
		{kind.Params{"device": "x", "channels": channels("voltage0_raw")}, "channels[0]"},
		{kind.Params{"device": "x", "channels": channels("temp", "temp")}, "channels[1]"},
		{kind.Params{"device": "x", "channels": channels("../x")}, "channels[0]"},
		{kind.Params{"device": "x", "channels": channels("voltage0-voltage1", "accel_x")}, ""},
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

// FuzzSense gives a device's files any text: what comes out is finite and within limits, or an error.
func FuzzSense(f *testing.F) {
	for _, s := range []string{"25080", "-40000", "", "nan", "1e400", "9999999999999999999999", "1 2", "0x12", "-0.000000001", "12 dB"} {
		f.Add([]byte(s), []byte("2.5"), []byte("-3"))
	}
	f.Add([]byte("519888"), []byte("inf"), []byte("0"))
	f.Fuzz(func(t *testing.T, raw, scale, offset []byte) {
		texts := map[string][]byte{"in_temp_raw": raw, "in_temp_scale": scale, "in_temp_offset": offset, "in_voltage0_raw": raw,
			"in_voltage0_scale": scale}
		dir := &sysfs.Dir{}
		var files []string
		for name := range texts {
			files = append(files, name)
		}
		d := &dev{name: "iio: x", channels: list(dir, files, "x"), list: make([]sensors.Measurement, 2),
			read: func(f sysfs.File) ([]byte, error) { return texts[f.Name()], nil }}
		got, err := d.Sense(t.Context())
		if err != nil && got != nil {
			t.Fatalf("%v beside %v", got, err)
		}
		for _, m := range got {
			if m.Err == "" && (math.IsNaN(m.Value) || math.IsInf(m.Value, 0) || m.Quantity == sensors.Temperature && m.Value < -273.15) {
				t.Errorf("%s of %q, %q, %q", show(got), raw, scale, offset)
			}
		}
	})
}

// FuzzList gives a device any files.
func FuzzList(f *testing.F) {
	f.Add("in_voltage0-voltage1_raw in_voltage-voltage_scale in_temp_input in__raw in_raw in_-_input in_0_raw in_temp_raw_input")
	f.Fuzz(func(t *testing.T, names string) {
		seen := map[string]bool{}
		for _, c := range list(&sysfs.Dir{}, strings.Fields(names), "x") {
			if _, ok := c.quantity.Lookup(); !ok || c.value.Name() == "" || c.rank < 0 != (c.quantity == sensors.Raw) {
				t.Errorf("%q: %+v", names, c)
			}
			seen[c.name] = true
		}
	})
}
