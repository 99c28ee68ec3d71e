package sim

import (
	"fmt"
	"strings"

	"pinhole/sensors/kind"
)

// Medium is the way on which a sensor is reached.
type Medium string

// The media. A sensor that is computed, or is this machine itself, has none.
const (
	I2C  Medium = "I2C"
	SPI  Medium = "SPI"
	UART Medium = "UART"
	Line Medium = "GPIO"
	File Medium = "file"
)

// Site is where a sensor sits on the board.
type Site struct {
	Medium  Medium
	Bus     string   // of I2C, as Board.I2C has it; of SPI the device; of UART the port
	Address uint16   // on I2C; 0: every part of the bus
	Pin     string   // of a line
	Files   []string // below Root, as path.Match has them: files, and folders with all that is in them
	Places  []string // where its part feels the world, as World has it
}

// SiteOf tells where a sensor of a kind with these keys sits; ok is false if it has no part on the board.
func SiteOf(kindName string, p kind.Params) (s Site, ok bool) {
	id := p.String("device")
	switch {
	case p.Has("address") && p.Has("bus"):
		s = Site{Medium: I2C, Bus: kind.I2CNumber(p), Address: uint16(p.Int("address"))}
		s.Places = []string{inputPlace(s.place(), p)}
	case p.Has("pin"):
		s = Site{Medium: Line, Pin: p.String("pin"), Places: []string{p.String("pin")}}
	case p.Has("echo"): // of a ranger, whose trigger is driven
		s = Site{Medium: Line, Pin: p.String("echo"), Places: []string{p.String("echo")}}
	case NewSPIChip(kindName, Env{Params: p}) != nil:
		s = Site{Medium: SPI, Bus: id, Places: []string{"spi-" + id}}
	case NewTalker(kindName, Env{Params: p}) != nil:
		s = Site{Medium: UART, Bus: p.String("port"), Places: []string{"uart:" + p.String("port")}}
	case kindName == "onewire" && id == "":
		s = Site{Medium: File, Files: []string{w1Master + "/[0-9]*", w1Devices + "[0-9]*"}, Places: []string{w1Place}}
	case kindName == "onewire":
		s = Site{Medium: File, Files: []string{w1Master + "/" + id, w1Devices + id}, Places: []string{w1Place + id}}
	case kindName == "dht":
		s = dhtSite()
	case kindName == "iio" || kindName == "hwmon":
		s = kernelSite(kindName, p)
	case kindName == "thermal":
		s = Site{Medium: File, Files: []string{"sys/class/thermal/thermal_zone0"}, Places: []string{"processor"}}
	case kindName == "pipower":
		s = Site{Places: []string{"supply", "processor"}}
	}
	return s, s.Places != nil
}

// place is what an I2C part calls the place where it measures.
func (s *Site) place() string { return fmt.Sprintf("i2c-%s/0x%02x", s.Bus, s.Address) }

// inputPlace is the place of a sensor that reads one of a part's inputs; that of the part for others.
func inputPlace(place string, p kind.Params) string {
	if input, ok := p["input"].(string); ok {
		return place + "." + input
	}
	return place
}

// Where the kernel shows its 1-Wire parts.
const (
	w1Master  = "sys/devices/w1_bus_master1"
	w1Devices = "sys/bus/w1/devices/"
	w1Place   = "w1-1/"
)

// kernelPart is a part that a driver of the kernel shows in files.
type kernelPart struct {
	kind, name, at string
	dir, link      string // link: "" if the folder stands where it is looked for
	place          string
}

// kernelParts are those of the simulated board; the last one is there if a sensor asks for it.
var kernelParts = [...]kernelPart{
	{"hwmon", "rpi_volt", "", "sys/class/hwmon/hwmon0", "", "supply"},
	{"hwmon", "lm75", "3-0048", "sys/devices/platform/i2c-3/3-0048/hwmon/hwmon1", "sys/class/hwmon/hwmon1", "i2c-3/0x48"},
	{"iio", "bmp280", "3-0076", "sys/devices/platform/i2c-3/3-0076/iio:device0", "sys/bus/iio/devices/iio:device0", "i2c-3/0x76"},
	{"iio", "dht11@0", "dht11@0", "sys/devices/platform/dht11@0/iio:device1", "sys/bus/iio/devices/iio:device1", "dht11@0"},
}

func (k *kernelPart) site() Site {
	s := Site{Medium: File, Files: []string{k.dir}, Places: []string{k.place}}
	if k.link != "" {
		s.Files = append(s.Files, k.link)
	}
	return s
}

func dhtSite() Site { return kernelParts[len(kernelParts)-1].site() }

// kernelSite is that of the device which a sensor of kind iio or hwmon asks for; without a medium if there is none.
func kernelSite(kindName string, p kind.Params) Site {
	device, at := p.String("device"), p.String("at")
	for i := range kernelParts {
		k := &kernelParts[i]
		short, _, _ := strings.Cut(k.name, "@")
		if k.kind == kindName && (device == "" || device == k.name || device == short) && (at == "" || at == k.at) {
			return k.site()
		}
	}
	return Site{}
}
