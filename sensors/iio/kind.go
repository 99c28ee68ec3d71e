package iio

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// longest is a measurement with all its attempts: a DHT that does not answer takes a second for each of its two channels.
const longest = 12 * time.Second

// Kinds returns the kinds iio and dht.
func Kinds() []kind.Kind { return []kind.Kind{general(), dht()} }

func general() kind.Kind {
	return kind.Kind{
		Name:    "iio",
		Summary: "any sensor that the kernel drives through Industrial I/O",
		Keys: []kind.Key{
			{Name: "device", Type: kind.String,
				Help: "the device's name, as in /sys/bus/iio/devices/*/name; what follows an @ may be left out"},
			{Name: "label", Type: kind.String, Help: "the device's label, where the device tree gives it one"},
			{Name: "at", Type: kind.String, Help: "where it is attached, to tell two of a name apart: 1-0076 is address 0x76 of i2c-1"},
			{Name: "channels", Type: kind.List, Min: new(1.0), Elem: &kind.Key{Name: "channel", Type: kind.String},
				Help: "which channels, named as the files are without in_ and _raw or _input: voltage0, temp; all known ones unless given"},
		},
		Yields:  yields,
		Bus:     func(p kind.Params) string { return "iio " + wanted(p).String() },
		Find:    find("iio", func(name string) bool { return !isDHT(name) }),
		Timeout: longest,
		Check:   check,
		Open:    opener("iio"),
		Manual: kind.Manual{
			Parts: "what the kernel has an IIO driver for: bmp280 bme280 bmp380 bme680 dht11 si7020 hdc100x htu21 am2315 bh1750 tsl4531 " +
				"veml6030 ads1015 ads1115 mcp3008 mcp3422 scd30 scd4x sps30 mpu6050 adxl345 and many more",
			Datasheet: "https://docs.kernel.org/driver-api/iio/, Documentation/ABI/testing/sysfs-bus-iio of the kernel",
			Wiring: [][2]string{
				{"BMP280", "dtoverlay=i2c-sensor,bmp280 (addr=0x77 if it is there)"},
				{"BME680", "dtoverlay=i2c-sensor,bme680"},
				{"ADS1115", "dtoverlay=ads1115,cha_enable,chb_enable"},
				{"MCP3008 on SPI 0", "dtoverlay=mcp3008:spi0-0-present"},
				{"SPS30", "dtoverlay=i2c-sensor,sps30"},
				{"any without overlay", "echo tmp117 0x48 > /sys/bus/i2c/devices/i2c-1/new_device (as root, after each boot)"},
			},
			Range: "the chip's",
			Notes: []string{
				"The dtoverlay lines above go into /boot/firmware/config.txt; then reboot. No group is needed to read.",
				"Use a kind of its own (bme280, sht4x ...) where there is one, and this where the kernel drives the chip already: both at " +
					"once disturb each other.",
				"Temperature, humidity, pressure, illuminance, UV index, CO2, TVOC, particles, voltage, current, power, energy, " +
					"resistance, distance, acceleration and turn rate are converted into this program's units; other channels, and raw " +
					"ones without a scale, are read as raw if they are named under channels.",
				"A quantity that is read from several channels has the channel's name after the sensor's: adc.voltage0.",
				"Which channels there are can change with the kernel: name them if a change must not go unnoticed.",
				"EIO and ETIMEDOUT are tried again three times, 2 s apart. Class busy: somebody runs a buffer of the device.",
			},
			Example: "name: outside\nkind: iio\ndevice: bmp280\nchannels: [temp, pressure]\nevery: 10s\n",
		},
	}
}

func dht() kind.Kind {
	return kind.Kind{
		Name:    "dht",
		Summary: "temperature and humidity, DHT11, DHT22 (AM2302) and DHT21, by the kernel's driver",
		Keys: []kind.Key{
			{Name: "device", Type: kind.String, Default: "dht11", Help: "the device's name, as in /sys/bus/iio/devices/*/name"},
			{Name: "at", Type: kind.String, Help: "where it is attached, to tell two of them apart, as the kernel calls it: dht11@0"},
		},
		Yields: func(kind.Params) []sensors.Quantity {
			return []sensors.Quantity{sensors.Temperature, sensors.RelativeHumidity}
		},
		Bus:     func(p kind.Params) string { return "iio " + wanted(p).String() },
		Find:    find("dht", isDHT),
		Timeout: longest,
		Open: func(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
			p = kind.Params{"device": p.String("device"), "at": p.String("at"), "channels": []any{"temp", "humidityrelative"}}
			return opener("dht")(ctx, b, p)
		},
		Manual: kind.Manual{
			Parts:     "Aosong DHT11, DHT21 (AM2301), DHT22 (AM2302)",
			Datasheet: "AM2302 product manual, Aosong; https://www.kernel.org/doc/Documentation/devicetree/bindings/iio/humidity/dht11.yaml",
			Wiring: [][2]string{
				{"VCC, pin 1", "3V3 (pin 1)"},
				{"DATA, pin 2", "GPIO4 (pin 7), and by 4.7 to 10 kOhm to 3V3 (modules on a board of their own have that)"},
				{"GND, pin 4", "GND (pin 9)"},
			},
			Range: "DHT22: -40 to 80 Cel, ±0.5; 0 to 100 %RH, ±2 to 5. DHT11: 0 to 50 Cel, ±2; 20 to 90 %RH, ±5, in whole units",
			Notes: []string{
				"Add dtoverlay=dht11,gpiopin=4 to /boot/firmware/config.txt, for the DHT22 too, and reboot.",
				"The part is read by timing pulses of 26 and 70 us. A program cannot do that reliably beside others, the kernel nearly: some " +
					"readings still fail, with class crc or timeout, and are made again after 2 s.",
				"Read it every 10 s or less often: the part measures every 2 s at best and warms itself.",
				"An SHT4x or BME280 costs little more and has none of these troubles.",
			},
			Example: "name: cellar\nkind: dht\nevery: 30s\n",
		},
	}
}

func opener(kindName string) func(context.Context, kind.Board, kind.Params) (any, error) {
	return func(_ context.Context, b kind.Board, p kind.Params) (any, error) {
		d, err := open(b, kindName, p)
		if err != nil {
			return nil, err
		}
		return d, nil
	}
}

// usual are the channels of common devices, so that a device which is absent from the start fails in the quantities it would have.
var usual = [...]struct {
	device   string // the beginning of its name
	channels []string
}{
	{"bme280", []string{"temp", "humidityrelative", "pressure"}},
	{"bme68", []string{"temp", "humidityrelative", "pressure", "resistance"}},
	{"bmp", []string{"temp", "pressure"}},
	{"dht11", []string{"temp", "humidityrelative"}},
	{"si70", []string{"temp", "humidityrelative"}},
	{"hdc", []string{"temp", "humidityrelative"}},
	{"htu21", []string{"temp", "humidityrelative"}},
	{"am2315", []string{"temp", "humidityrelative"}},
	{"bh17", []string{"illuminance"}},
	{"tsl", []string{"illuminance"}},
	{"veml60", []string{"illuminance"}},
	{"ads1", []string{"voltage0"}},
	{"mcp3", []string{"voltage0"}},
	{"scd", []string{"temp", "humidityrelative", "concentration_co2"}},
	{"tmp1", []string{"temp"}},
}

// yields tells the quantities of the channels that are asked for, or that the device has as a rule.
func yields(p kind.Params) (list []sensors.Quantity) {
	var channels []string
	for _, name := range p.List("channels") {
		channels = append(channels, name.(string))
	}
	if channels == nil {
		for _, u := range usual {
			if strings.HasPrefix(p.String("device"), u.device) {
				channels = u.channels
				break
			}
		}
	}
	for _, name := range channels {
		if q := classify(name, p.String("device")).quantity; !slices.Contains(list, q) {
			list = append(list, q)
		}
	}
	return list
}

// check finds what the keys' own rules do not.
func check(p kind.Params) (problems []kind.Problem) {
	if p.String("device") == "" && p.String("label") == "" && p.String("at") == "" {
		problems = append(problems, kind.Problem{Key: "device", Message: "neither device nor label says which device is meant",
			Hint: "cat /sys/bus/iio/devices/*/name lists them"})
	}
	seen := map[string]bool{}
	for i, v := range p.List("channels") {
		name, key := v.(string), fmt.Sprintf("channels[%d]", i)
		short := strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(name, "in_"), "_raw"), "_input")
		switch {
		case name != short:
			problems = append(problems, kind.Problem{Key: key, Message: fmt.Sprintf("%q is a file's name", name),
				Hint: fmt.Sprintf("the channel is called %s", short)})
		case name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "":
			problems = append(problems, kind.Problem{Key: key, Message: fmt.Sprintf("%q is no channel", name),
				Hint: "channels are called as the files are without in_ and _raw or _input: voltage0, temp"})
		case seen[name]:
			problems = append(problems, kind.Problem{Key: key, Message: name + " is there twice", Hint: "take one out"})
		}
		seen[name] = true
	}
	return problems
}
