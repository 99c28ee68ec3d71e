package kernel

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// spiConfig asks for parts on SPI, where there is a flash memory.
const spiConfig = `
device: pi
sensors:
  - {name: kiln, kind: max31855, device: 0.0}
  - {name: boiler, kind: max31865, device: 0.0, wires: 3}
  - {name: tank, kind: mcp3008, device: 0.0}
  - {name: nowhere, kind: mcp3008, device: 0.1}
publisher: {broker: mqtts://lab.test}
`

// serialConfig asks for a part at a serial port, and where there is none.
const serialConfig = `
device: pc
sensors:
  - {name: room, kind: mhz19, port: /dev/ttyS2, warmup: 0s}
  - {name: missing, kind: mhz19, port: /dev/ttyUSB0}
  - {name: none, kind: mhz19, port: /dev/null}
publisher: {broker: mqtts://lab.test}
`

// gas is an MH-Z19 at the far end of a serial line: it answers each command with what it is told to say.
type gas struct {
	net.Conn
	mu  sync.Mutex
	say []byte
}

func (g *gas) serve() {
	for command := make([]byte, 9); ; {
		if _, err := io.ReadFull(g, command); err != nil {
			return
		}
		g.mu.Lock()
		g.Write(g.say)
		g.mu.Unlock()
	}
}

func (g *gas) says(b ...byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.say = b
}

// TestBootSPI reads a flash memory through spidev, on an emulated Raspberry Pi 3B.
func TestBootSPI(t *testing.T) {
	if *bootFlag != "long" {
		t.Skip("another boot: in the long form only, make test-kernel")
	}
	need(t, "arm64", "arm64")
	trees, err := filepath.Glob(filepath.Join(fetched, "arm64/usr/lib/linux-image-*/broadcom/bcm2837-rpi-3-b.dtb"))
	if err != nil || len(trees) != 1 {
		t.Fatalf("device trees: %v, %v", trees, err)
	}
	tree := filepath.Join(t.TempDir(), "pi.dtb")
	if err := os.WriteFile(tree, file(t, trees[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	const spi = "/soc/spi@7e204000"
	for _, change := range [][]string{
		{"-r", tree, "/soc/serial@7e201000/bluetooth"},
		{"-t", "s", tree, spi, "status", "okay"}, // as dtparam=spi=on does
		{"-c", tree, spi + "/any@0"},
		{"-t", "s", tree, spi + "/any@0", "compatible", "rohm,dh2228fv"}, // one of those that spidev takes
		{"-t", "u", tree, spi + "/any@0", "reg", "0"},
		{"-t", "u", tree, spi + "/any@0", "spi-max-frequency", "10000000"},
	} {
		if text, err := fromDebian(t, "fdtput", change...).CombinedOutput(); err != nil {
			t.Fatalf("fdtput %q: %v\n%s", change, err, text)
		}
	}
	m := boot(t, design{
		arch: "arm64", early: "bcm2835aux,mmio32,0x3f215040", tty: "ttyAMA0",
		options: []string{"-M", "raspi3b", "-dtb", tree, "-device", "w25q80bl,bus=spi"},
		modules: []string{"spi-bcm2835"},
		files: map[string][]byte{
			"pinhole":   file(t, "../../dist/pinhole-linux-arm64"),
			"spi":       build(t, "arm64", "./spi"),
			"spi-armv6": build(t, "arm", "./spi"),
		},
	})
	m.write("/pi.yaml", spiConfig)
	m.must("/pinhole", "check", "-c", "/pi.yaml")

	// The memory tells its maker and size when it is asked by 9F; QEMU's does not see its chip select, and wants to send all six bytes
	// that it has. For a program of 32 bits the kernel translates what it is given.
	for _, program := range []string{"/spi", "/spi-armv6", "/spi"} {
		if out := m.must(program, "0.0", "9f000000000000"); out != "00ef4014000000\n" {
			t.Errorf("%s: the memory says %q", program, out)
		}
	}
	// It is none of the parts that are looked for.
	m.fails("kiln", "absent", "max31855 at spi-0.0: ", "00 00 00 00")
	m.fails("boiler", "absent", "max31865 at spi-0.0: ")
	m.fails("tank", "range", "the part is not there")
	m.fails("nowhere", "absent", "mcp3008 at spi-0.1: ", "/dev/spidev0.1")
}

// TestBootSerial reads a gas sensor through the kernel's driver of a UART, at 9600 baud, which QEMU keeps.
func TestBootSerial(t *testing.T) {
	if *bootFlag != "long" {
		t.Skip("another kernel to fetch: in the long form only, make test-kernel")
	}
	need(t, "amd64", "amd64")
	line := filepath.Join(t.TempDir(), "line")
	m := boot(t, design{
		arch: "amd64", early: "uart8250,io,0x2f8", tty: "ttyS0",
		options: []string{"-M", "pc", "-m", "512", "-chardev", "socket,id=line,path=" + line + ",server=on,wait=off", "-serial", "chardev:line"},
		files:   map[string][]byte{"pinhole": file(t, "../../dist/pinhole")},
	})
	conn, err := net.DialTimeout("unix", line, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	part := &gas{Conn: conn}
	go part.serve()
	m.write("/pi.yaml", serialConfig)

	part.says(0xFF, 0x86, 0x02, 0x60, 0x47, 0, 0, 0, 0xD1)
	m.wants("/pinhole", "room", 608)
	part.says(0xFF, 0x86, 0x02, 0x61, 0x47, 0, 0, 0, 0xD1)
	m.fails("room", "crc", "mhz19 at /dev/ttyS2: read concentration: the checksum is wrong")
	part.says(0xFF, 0x86, 0x02, 0x60)
	m.fails("room", "io", "mhz19 at /dev/ttyS2: read concentration: 4 bytes came")
	part.says()
	m.fails("room", "timeout", "mhz19 at /dev/ttyS2: read concentration: nothing came for 500ms")
	part.says(0x11, 0x13, 0x03, 0xFF, 0xFF, 0x86, 0x02, 0x20, 0, 0, 0, 0, 0x58) // terminals stop, go on and end at the first three
	m.wants("/pinhole", "room", 544)
	m.fails("missing", "absent", "mhz19 at /dev/ttyUSB0: open port: ", "USB adapter")
	m.fails("none", "absent", "this is no serial port")
}
