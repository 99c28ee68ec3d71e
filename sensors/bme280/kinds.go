package bme280

import (
	"context"
	"fmt"
	"slices"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// model is what the two parts differ in.
type model struct {
	name, title string
	humid       bool
	ids         []byte // chip ids, DS002 section 5.4.1, DS001 section 4.3.1
}

func (m model) is(id byte) bool { return slices.Contains(m.ids, id) }

func bme() model { return model{"bme280", "BME280", true, []byte{0x60}} }

// bmp includes the ids of the samples, which are still sold.
func bmp() model { return model{"bmp280", "BMP280", false, []byte{0x58, 0x56, 0x57}} }

// whoIs names the part that has a chip id.
func whoIs(id byte) string {
	switch {
	case bme().is(id):
		return "a BME280"
	case bmp().is(id):
		return "a BMP280"
	case id == 0x55:
		return "a BMP180"
	case id == 0x61:
		return "a BME680 or BME688"
	case id == 0x00:
		return "a silent bus, or a BMP388 or BMP390,"
	}
	return "an unknown part"
}

func (m model) hint(id byte) string {
	switch {
	case bme().is(id):
		return "use kind: bme280"
	case bmp().is(id):
		return "use kind: bmp280: many modules sold as BME280 carry a BMP280, which has no humidity"
	}
	return "check which part is at this address with `pinhole scan`"
}

// Kinds returns the kinds bme280 and bmp280.
func Kinds() []kind.Kind { return []kind.Kind{describe(bme()), describe(bmp())} }

func describe(m model) kind.Kind {
	k := kind.Kind{
		Name:    m.name,
		Summary: "temperature and pressure, Bosch BMP280",
		Keys: append(kind.I2CKeys(0x76, 0x77), kind.Key{Name: "oversampling", Type: kind.Int, Default: int64(4),
			Min: new(1.0), Max: new(16.0), Help: "measurements averaged by the part: 1, 2, 4, 8 or 16; more is quieter and takes longer"}),
		Yields: func(kind.Params) []sensors.Quantity { return []sensors.Quantity{sensors.Temperature, sensors.Pressure} },
		Bus:    kind.I2CBus,
		Probe:  kind.IDRegister(regID, 1, func(id uint32) bool { return m.is(byte(id)) }),
		Check:  check,
		Open: func(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
			return sensorOrError(open(ctx, b, m, p))
		},
		Manual: kind.Manual{
			Parts:     "Bosch BMP280 (chip ids 0x58, 0x57, 0x56)",
			Datasheet: "BST-BMP280-DS001 rev. 1.26, https://www.bosch-sensortec.com/products/environmental-sensors/pressure-sensors/bmp280/",
			Wiring:    wiring(),
			Range:     "-40 to 85 Cel, ±1; 30000 to 110000 Pa, ±100, ±12 relative",
			Notes:     append(notes(), "A BMP280 has no humidity. A BME280 at the same address is refused, with the hint to use that kind."),
			Example:   "name: air\nkind: bmp280\nevery: 10s\naddress: 0x76\n",
		},
	}
	if m.humid {
		k.Summary = "temperature, humidity and pressure, Bosch BME280"
		k.Yields = func(kind.Params) []sensors.Quantity {
			return []sensors.Quantity{sensors.Temperature, sensors.RelativeHumidity, sensors.Pressure}
		}
		k.Manual.Parts = "Bosch BME280 (chip id 0x60)"
		k.Manual.Datasheet = "BST-BME280-DS002 rev. 1.24, https://www.bosch-sensortec.com/products/environmental-sensors/humidity-sensors-bme280/"
		k.Manual.Range = "-40 to 85 Cel, ±1; 0 to 100 %RH, ±3; 30000 to 110000 Pa, ±100, ±12 relative"
		k.Manual.Notes = append(notes(),
			"Many modules sold as BME280 carry a BMP280. It is recognised by its chip id and refused, with the hint to use that kind.",
			"Up to 5 %RH beyond 0 and 100 are reported as 0 and 100, as the datasheet's formula does; more is an error, often of a "+
				"humidity element that soldering flux or solvent has spoilt. Temperature and pressure go on.")
		k.Manual.Example = "name: air\nkind: bme280\nevery: 10s\naddress: 0x76\n"
	}
	return k
}

// sensorOrError keeps a nil *Dev from becoming an interface that is not nil.
func sensorOrError(d *Dev, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return d, nil
}

func check(p kind.Params) []kind.Problem {
	n := p.Int("oversampling")
	if n >= 1 && n <= 16 && n&(n-1) == 0 {
		return nil
	}
	return []kind.Problem{{Key: "oversampling", Message: fmt.Sprintf("%d is not possible", n), Hint: "use 1, 2, 4, 8 or 16"}}
}

func wiring() [][2]string {
	return [][2]string{
		{"VIN or VCC", "3V3 (pin 1)"},
		{"GND", "GND (pin 9)"},
		{"SCL or SCK", "GPIO3, SCL (pin 5)"},
		{"SDA or SDI", "GPIO2, SDA (pin 3)"},
		{"CSB", "3V3, where the module has it"},
		{"SDO", "GND for 0x76, 3V3 for 0x77"},
	}
}

func notes() []string {
	return []string{
		"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
		"Close to the board the part measures the board's warmth: lead it 10 cm away.",
		"Pressure is what the part measures, not reduced to sea level.",
		"Values that the part did not measure, or that lie outside of its range, are errors of class range.",
	}
}
