package kernel

import (
	"encoding/json"
	"flag"
	"math/big"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write down what the kernel prints: sensors/bme280/testdata/linux.txt")

// chipConfig asks for chips that the kernel drives, and for one of them on our own.
const chipConfig = `
device: pc
sensors:
  - {name: bmp280, kind: iio, device: bmp280}
  - {name: bme280, kind: iio, device: bme280}
  - {name: lm75, kind: hwmon, device: lm75}
  - {name: tmp102, kind: hwmon, device: tmp102}
  - {name: own, kind: bme280, bus: 0, address: 0x76}
publisher: {broker: mqtts://lab.test}
`

// chips boots a PC, whose kernel has what Debian's for ARM lacks: i2c-stub, a bus with chips that are nothing but registers.
func chips(t *testing.T) *machine {
	need(t, "amd64", "amd64")
	m := boot(t, design{
		arch: "amd64", early: "uart8250,io,0x2f8", tty: "ttyS0",
		options: []string{"-M", "pc", "-m", "512"},
		modules: []string{"i2c-stub", "i2c-dev", "lm75", "tmp102",
			"industrialio", "kfifo-buf", "industrialio-triggered-buffer", "bmp280", "bmp280-i2c"},
		env:   []string{"I2C_STUB=chip_addr=0x48,0x49,0x76"},
		files: map[string][]byte{"pinhole": file(t, "../../dist/pinhole"), "smbus": build(t, "amd64", "./smbus")},
	})
	m.write("/pi.yaml", chipConfig)
	return m
}

// with fills a chip's registers, gives it to a driver of the kernel, and takes it back after f.
func (m *machine) with(driver, address string, registers []string, f func()) {
	m.t.Helper()
	const bus = "/sys/bus/i2c/devices/i2c-0/"
	m.must(append([]string{"/smbus", "0", address}, registers...)...)
	m.write(bus+"new_device", driver+" 0x"+address)
	f()
	m.write(bus+"delete_device", "0x"+address)
}

// TestBootChips reads the kernel's files by kinds iio and hwmon, to the last digit that is in them. For the Bosch chips it holds
// them against sensors/bme280/testdata/linux.txt, where that package's tests find what the kernel makes of which registers.
func TestBootChips(t *testing.T) {
	if *bootFlag != "long" {
		t.Skip("another kernel to fetch: in the long form only, make test-kernel")
	}
	m := chips(t)

	const vectors = "../../sensors/bme280/testdata/linux.txt"
	var found strings.Builder
	for line := range strings.Lines(string(file(t, vectors))) {
		if strings.HasPrefix(line, "in_") {
			continue
		}
		found.WriteString(line)
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		id := map[string]string{"bmp280": "d0=58", "bme280": "d0=60"}[f[0]]
		m.with(f[0], "76", append(f[1:], id), func() {
			m.fails("own", "busy", "the kernel's driver bmp280 has it")
			got := m.numbers(f[0])
			for _, c := range []struct{ file, quantity, exp string }{
				{"in_temp_input", "temperature", "e-3"},
				{"in_humidityrelative_input", "relative_humidity", "e-3"},
				{"in_pressure_input", "pressure", "e3"},
			} {
				if got[c.quantity] == "" {
					continue
				}
				text := strings.TrimSpace(m.read("/sys/bus/iio/devices/iio:device0/" + c.file))
				found.WriteString(c.file + " " + text + "\n")
				if !equal(got[c.quantity], text+c.exp) {
					t.Errorf("%s: the agent reads %s %s, the kernel prints %s", line, c.quantity, got[c.quantity], text)
				}
			}
			if want := map[string]int{"bmp280": 2, "bme280": 3}[f[0]]; len(got) != want {
				t.Errorf("%s: %v, want %d quantities", line, got, want)
			}
		})
	}
	if *update {
		if err := os.WriteFile(vectors, []byte(found.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want := string(file(t, vectors)); found.String() != want {
		t.Errorf("the kernel prints\n%s\n%s has\n%s", found.String(), vectors, want)
	}
	m.fails("own", "io", "the adapter cannot do plain I2C transfers") // i2c-stub knows SMBus commands only
	m.fails("bme280", "absent", "iio: bme280: ")

	// The kernel's driver sets a TMP102 to its extended mode, in which the lowest bit is set and a degree is 128. It cuts off what is
	// less than a thousandth of a degree.
	for _, c := range []struct{ driver, address, register, want string }{
		{"lm75", "48", "00=1900", "25"},
		{"lm75", "48", "00=e780", "-24.5"},
		{"lm75", "48", "00=0080", "0.5"},
		{"lm75", "48", "00=c900", "-55"},
		{"tmp102", "49", "00=0c81", "25"},
		{"tmp102", "49", "00=f379", "-25.062"},
		{"tmp102", "49", "00=4b01", "150"},
	} {
		m.with(c.driver, c.address, []string{c.register, "01=60a0"}, func() {
			text := strings.TrimSpace(m.read("/sys/class/hwmon/hwmon0/temp1_input")) // which waits until the driver is ready
			got := m.numbers(c.driver)["temperature"]
			if !equal(got, c.want) || !equal(text+"e-3", c.want) {
				t.Errorf("%s: the agent reads %q, the kernel prints %q, want %s", c.register, got, text, c.want)
			}
		})
	}
}

// numbers reads a sensor and returns its values by quantity, as they are written.
func (m *machine) numbers(name string) map[string]string {
	m.t.Helper()
	got := map[string]string{}
	for line := range strings.Lines(m.must("/pinhole", "read", "-c", "/pi.yaml", "--json", name)) {
		var r struct {
			Quantity string
			Value    json.Number
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			m.t.Fatalf("%q: %v", line, err)
		}
		got[r.Quantity] = r.Value.String()
	}
	return got
}

// equal compares two numbers to the ninth decimal, where the agent ends.
func equal(a, b string) bool {
	x, ok := new(big.Rat).SetString(a)
	y, too := new(big.Rat).SetString(b)
	return ok && too && x.FloatString(9) == y.FloatString(9)
}
