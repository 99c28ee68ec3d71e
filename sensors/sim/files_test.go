package sim

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// look reads a file of the board's tree.
func look(t *testing.T, b *Board, name string) (string, error) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.Root(), name))
	return strings.TrimSuffix(string(text), "\n"), err
}

func TestKernelFiles(t *testing.T) {
	world := Still{sensors.Temperature: 25.0625, sensors.Pressure: 100653.253906, sensors.RelativeHumidity: 40.04}
	b := New(Options{World: world})
	defer b.Close()
	attach := func(kindName, device string) {
		t.Helper()
		if err := b.Attach(kindName, kind.Params{"device": device}); err != nil {
			t.Fatal(err)
		}
	}
	attach("onewire", "28-00000a1b2c3f")
	check := func(name, want string) {
		t.Helper()
		if got, err := look(t, b, name); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	attach("iio", "bmp280")
	if _, err := look(t, b, "sys/bus/iio/devices/iio:device1/name"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a DHT that nobody attached: %v", err)
	}
	attach("dht", "dht11")
	check("sys/bus/iio/devices/iio:device0/in_temp_input", "25060.000000000")
	check("sys/bus/iio/devices/iio:device0/in_pressure_input", "100.653253906")
	check("sys/bus/iio/devices/iio:device1/in_temp_input", "25100")
	check("sys/bus/iio/devices/iio:device1/in_humidityrelative_input", "40000")
	check("sys/class/hwmon/hwmon1/device/hwmon/hwmon1/name", "lm75")
	check("sys/class/hwmon/hwmon1/temp1_input", "25000")
	check("sys/class/hwmon/hwmon0/in0_lcrit_alarm", "0")
	check("sys/bus/w1/devices/w1_bus_master1/w1_master_slaves", "28-00000a1b2c3d\n28-00000a1b2c3e\n28-00000a1b2c3f")
	check("sys/bus/w1/devices/28-00000a1b2c3f/temperature", "25062")
	// 0191h is 25.0625 Cel, datasheet DS18B20 table 1.
	check("sys/bus/w1/devices/28-00000a1b2c3f/w1_slave",
		"91 01 4b 46 7f ff 0f 10 25 : crc=25 YES\n91 01 4b 46 7f ff 0f 10 25 t=25062")
	world[sensors.Undervoltage], world[sensors.Throttled] = 1, 1
	if err := b.Refresh(); err != nil {
		t.Fatal(err)
	}
	check("sys/class/hwmon/hwmon0/in0_lcrit_alarm", "1")
	if bits, err := b.Throttled(); bits != 0x50005 || err != nil {
		t.Errorf("throttled %#x, %v", bits, err)
	}
}

// TestDallas checks the sum with the datasheet's and Maxim application note 27's bytes.
func TestDallas(t *testing.T) {
	for _, tt := range []struct {
		bytes []byte
		want  byte
	}{
		{[]byte{0x02, 0x1C, 0xB8, 0x01, 0, 0, 0}, 0xA2},
		{[]byte{0x50, 0x05, 0x4B, 0x46, 0x7F, 0xFF, 0x0C, 0x10}, 0x1C},
	} {
		if got := crc8Dallas(tt.bytes); got != tt.want {
			t.Errorf("% x: %02x, want %02x", tt.bytes, got, tt.want)
		}
	}
}

func TestSpoil(t *testing.T) {
	b := New(Options{World: Still{sensors.Temperature: 20}})
	defer b.Close()
	const folder, file = "sys/devices/w1_bus_master1/28-00000a1b2c3d", "sys/devices/w1_bus_master1/28-00000a1b2c3d/temperature"
	spoil := func(name string, f func(string) (string, bool)) {
		t.Helper()
		if err := b.Spoil(name, f); err != nil {
			t.Fatal(err)
		}
	}
	spoil(file, func(text string) (string, bool) { return "1" + text, true })
	if got, _ := look(t, b, file); got != "120000" {
		t.Errorf("changed: %q", got)
	}
	spoil(file, func(string) (string, bool) { return FailIO, true })
	if _, err := look(t, b, file); !errors.Is(err, syscall.EIO) {
		t.Errorf("broken: %v", err)
	}
	spoil(file, func(string) (string, bool) { return "", false })
	if _, err := look(t, b, file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("gone: %v", err)
	}
	spoil(folder, func(string) (string, bool) { return "", false })
	spoil(file, nil)
	if _, err := look(t, b, folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder: %v", err)
	}
	spoil(folder, nil)
	if got, err := look(t, b, "sys/bus/w1/devices/28-00000a1b2c3d/temperature"); got != "20000" || err != nil {
		t.Errorf("mended: %q, %v", got, err)
	}
}
