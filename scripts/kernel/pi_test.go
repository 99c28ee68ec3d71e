package kernel

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// piConfig is what the Raspberry Pi is asked for. Names tell what is there. fine describes a TMP105, which is an LM75 with more
// bits; blind would take whatever a bus gives for a value; the buses of the multiplexer follow those of the board.
const piConfig = `
device: pi
sensors:
  - {name: near, kind: lm75, address: 0x48, every: 100ms}
  - name: fine
    kind: register
    address: 0x48
    definition:
      chip: TMP105
      init: [{set: {register: 1, value: 0x60, verify: true}}]
      measure:
        - reads: [{register: 0, bytes: 2, fields: [&t {quantity: temperature, bits: 12, type: signed, scale: 0.0625, min: -55, max: 128}]}]
  - {name: far, kind: lm75, bus: 6, address: 0x49}
  - {name: behind, kind: lm75, address: 0x49, mux: 0x70, channel: 3}
  - {name: beside, kind: lm75, address: 0x49, mux: 0x70, channel: 2}
  - {name: driver, kind: hwmon, device: lm75}
  - {name: mistaken, kind: tmp102, address: 0x48}
  - {name: nobody, kind: lm75, address: 0x4a}
  - {name: nobody-known, kind: bme280, address: 0x77}
  - name: nobody-blind
    kind: register
    address: 0x4b
    definition: {chip: TMP105, measure: [{reads: [{register: 0, bytes: 2, fields: [*t]}]}]}
  - {name: door, kind: gpio, pin: GPIO17}
  - {name: lamp, kind: gpio, pin: GPIO27, quantity: level, pull: down}
publisher:
  broker: mqtts://lab.test
  tls: {ca: ca.pem, cert: device.crt, key: device.key, server_name: localhost, alpn: [x-amzn-mqtt-ca]}
  queue: {dir: /tmp/queue}
`

// pi boots an emulated Raspberry Pi 3B with a TMP105 at 0x48 of the header's I2C bus, and another at 0x49 behind a PCA9548. Its
// network, which is on USB as the board's is, leads from address 10.0.2.100, port 443, to the lab, and nowhere else.
func pi(t *testing.T, lab string) *machine {
	need(t, "arm64", "arm64")
	trees, err := filepath.Glob(filepath.Join(fetched, "arm64/usr/lib/linux-image-*/broadcom/bcm2837-rpi-3-b.dtb"))
	if err != nil || len(trees) != 1 {
		t.Fatalf("device trees: %v, %v", trees, err)
	}
	tree := filepath.Join(t.TempDir(), "pi.dtb")
	if err := os.WriteFile(tree, file(t, trees[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][]string{
		{"-r", tree, "/soc/serial@7e201000/bluetooth"},            // QEMU has none, and its serial line is ours
		{"-t", "s", tree, "/soc/usb@7e980000", "dr_mode", "host"}, // what is behind the board's only port
	} {
		if text, err := fromDebian(t, "fdtput", change...).CombinedOutput(); err != nil {
			t.Fatalf("fdtput %q: %v\n%s", change, err, text)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return boot(t, design{
		arch: "arm64", early: "bcm2835aux,mmio32,0x3f215040", tty: "ttyAMA0",
		options: []string{"-M", "raspi3b", "-dtb", tree, "-device", "tmp105,id=near,bus=i2c-bus.1,address=0x48",
			"-device", "pca9548,bus=i2c-bus.1,address=0x70", "-device", "tmp105,id=far,bus=i2c.3,address=0x49",
			"-device", "usb-net,netdev=net",
			"-netdev", "user,id=net,restrict=on,guestfwd=tcp:10.0.2.100:443-cmd:" + self + " pipe " + lab},
		modules: []string{"i2c-bcm2835", "i2c-dev", "lm75", "i2c-mux", "i2c-mux-pca954x",
			"phy-generic", "usb-common", "usbcore", "udc-core", "dwc2", "mii", "usbnet", "cdc-ether"},
		files: map[string][]byte{
			"pinhole":       file(t, "../../dist/pinhole-linux-arm64"),
			"pinhole-armv6": file(t, "../../dist/pinhole-linux-armv6"),
			"etc/hosts":     []byte("127.0.0.1 localhost\n10.0.2.100 lab.test\n"),
		},
	})
}

// TestBootPi does with a Raspberry Pi what a user does.
func TestBootPi(t *testing.T) {
	desk := newLab(t)
	m := pi(t, desk.addr)
	m.write("/pi.yaml", piConfig)
	for _, name := range []string{"ca.pem", "device.crt", "device.key"} {
		m.write("/"+name, string(file(t, filepath.Join(desk.dir, name))))
	}
	t.Log(m.must("/pinhole", "version"))
	m.must("/pinhole", "check", "-c", "/pi.yaml")

	// The chip by two kinds and two programs. lm75 sets it to 9 bits, half a degree each; what is set beyond is cut off.
	for _, c := range []struct{ set, near, fine float64 }{{21.5, 21.5, 21.5}, {-10.0625, -10.5, -10.0625}, {37.1875, 37, 37.1875}} {
		m.temperature("near", c.set)
		m.wants("/pinhole", "near", c.near)
		m.wants("/pinhole", "fine", c.fine)
		m.wants("/pinhole-armv6", "fine", c.fine)
	}
	watch := m.start("/pinhole", "read", "--watch", "--json", "-c", "/pi.yaml", "near")
	for _, c := range []float64{5, -5.5, 80} {
		m.temperature("near", c)
		watch.until("new temperature", func(out string) bool {
			list := readings(t, out)
			return len(list) > 0 && list[len(list)-1].Value == c
		})
	}
	watch.signal(syscall.SIGINT)
	if _, errs, code := watch.wait(); code != 0 {
		t.Errorf("read --watch: code %d\n%s", code, errs)
	}

	// What is not there is not invented. A TMP102's start of a measurement is something that a TMP105 does not know.
	m.fails("nobody", "absent", "lm75 at i2c-1/0x4a: ", "remote I/O error")
	m.fails("nobody-known", "absent", "bme280 at i2c-1/0x77: ", "remote I/O error")
	m.fails("nobody-blind", "absent", "register at i2c-1/0x4b: ", "remote I/O error")
	m.fails("driver", "absent", "hwmon: lm75: ")
	m.fails("mistaken", "timeout", "tmp102 at i2c-1/0x48: ")

	// The multiplexer, switched by the agent itself, and what scan finds on the bus and behind it.
	m.wantsFound(map[string]string{"i2c-1/0x48": "lm75?", "i2c-1/0x70": "8 channels", "i2c-1/0x70.3/0x49": "lm75?"})
	m.temperature("far", -7)
	m.wants("/pinhole", "behind", -7)
	m.wants("/pinhole-armv6", "behind", -7)
	m.wants("/pinhole", "near", 80)
	m.fails("beside", "absent", "lm75 at i2c-1/0x70.2/0x49: ", "remote I/O error")

	// The kernel's driver takes the chip, and gives it back.
	const bus = "/sys/bus/i2c/devices/i2c-1/"
	m.write(bus+"new_device", "lm75 0x48")
	m.fails("near", "busy", "the kernel's driver lm75 has it", "kind iio or hwmon")
	m.wants("/pinhole", "driver", 80)
	m.write(bus+"delete_device", "0x48")
	m.wants("/pinhole", "fine", 80)
	m.fails("far", "absent", "/dev/i2c-6")
	m.write(bus+"new_device", "pca9548 0x70")
	m.temperature("far", 3)
	m.wants("/pinhole", "far", 3)
	m.fails("behind", "busy", "the kernel's driver pca954x has it", "bus: 6 for channel 3")
	m.wantsFound(map[string]string{"i2c-1/0x48": "lm75?", "i2c-1/0x70": "driver pca954x", "i2c-6/0x49": "lm75?"})
	m.wants("/pinhole", "near", 80)
	m.fails("nobody", "absent", "lm75 at i2c-1/0x4a: ")

	// QEMU's pins have no inputs; a level is set from outside by the register that a program on the board would use for an output.
	// A contact is closed when it is low.
	const set, clear = 0x3f20001c, 0x3f200028
	for _, c := range []struct {
		register, pins uint32
		door, lamp     bool
	}{{clear, 1<<17 | 1<<27, true, false}, {set, 1 << 17, false, false}, {set, 1 << 27, false, true}, {clear, 1 << 17, true, true}} {
		m.test("writel %#x %#x", c.register, c.pins)
		m.wants("/pinhole", "door", c.door)
		m.wants("/pinhole", "lamp", c.lamp)
	}

	// The whole way, from the chip to the broker: TLS with ALPN on port 443.
	m.ask(request{Op: "net"}).wait()
	m.must("/pinhole", "run", "--once", "-c", "/pi.yaml")
	got := map[string]any{}
	for len(got) < 12 {
		r := desk.next(t)
		got[r.Sensor] = r.Value
		if r.Error != "" {
			got[r.Sensor] = r.Error
		}
	}
	for name, want := range map[string]any{
		"near": 80., "far": 3., "door": true, "lamp": true, "nobody": "absent", "driver": "absent",
	} {
		if got[name] != want {
			t.Errorf("%s arrives as %v, want %v", name, got[name], want)
		}
	}
}

// temperature is what a TMP105 feels from now on.
func (m *machine) temperature(id string, c float64) {
	m.t.Helper()
	thousandths := int(math.Round(c * 1000))
	m.qmp("qom-set", map[string]any{"path": "/machine/peripheral/" + id, "property": "temperature", "value": thousandths})
}

// reads reads a sensor once.
func (m *machine) reads(program, name string) (list []reading, errs string) {
	m.t.Helper()
	out, errs, code := m.run(program, "read", "-c", "/pi.yaml", "--json", name)
	list = readings(m.t, out)
	if len(list) == 0 || (code == 0) != (list[0].Error == "") {
		m.t.Fatalf("%s read %s: code %d\n%s%s", program, name, code, out, errs)
	}
	return list, errs
}

// wants reads a sensor that should have one value.
func (m *machine) wants(program, name string, want any) {
	m.t.Helper()
	if n, ok := want.(int); ok {
		want = float64(n)
	}
	if list, errs := m.reads(program, name); len(list) != 1 || list[0].Value != want {
		m.t.Errorf("%s read %s: %+v, want %v\n%s", program, name, list, want, errs)
	}
}

// fails reads a sensor that should have none.
func (m *machine) fails(name, class string, says ...string) {
	m.t.Helper()
	list, errs := m.reads("/pinhole", name)
	for _, r := range list {
		if r.Error != class || r.Value != nil {
			m.t.Errorf("%s: %+v, want error %s\n%s", name, r, class, errs)
		}
	}
	for _, s := range says {
		if !strings.Contains(errs, s) {
			m.t.Errorf("%s: %q does not say %q", name, errs, s)
		}
	}
}

// reading is one of the agent's.
type reading struct {
	Sensor, Quantity, Error string
	Time                    float64
	Value                   any
}

// readings takes JSON lines apart.
func readings(t *testing.T, lines string) (list []reading) {
	t.Helper()
	for line := range strings.Lines(lines) {
		var r reading
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		list = append(list, r)
	}
	return list
}
