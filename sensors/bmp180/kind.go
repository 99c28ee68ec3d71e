package bmp180

import (
	"fmt"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Kind returns the kind bmp180.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "bmp180",
		Summary: "temperature and pressure, Bosch BMP180, BMP085",
		Keys: append(kind.I2CKeys(0x77), kind.Key{Name: "oversampling", Type: kind.Int, Default: int64(8),
			Min: new(1.0), Max: new(8.0), Help: "pressures averaged by the part: 1, 2, 4 or 8; more is quieter and takes longer"}),
		Yields: func(kind.Params) []sensors.Quantity { return []sensors.Quantity{sensors.Temperature, sensors.Pressure} },
		Bus:    kind.I2CBus,
		Probe:  kind.IDRegister(regID, 1, func(id uint32) bool { return id == chipID }),
		Check:  check,
		Open:   open,
		Manual: kind.Manual{
			Parts:     "Bosch BMP180, BMP085 (chip id 0x55), on boards called GY-68 and GY-65",
			Datasheet: "BST-BMP180-DS000 rev. 2.5, https://cdn-shop.adafruit.com/datasheets/BST-BMP180-DS000-09.pdf",
			Wiring: [][2]string{
				{"VIN or VCC", "3V3 (pin 1)"},
				{"GND", "GND (pin 9)"},
				{"SCL", "GPIO3, SCL (pin 5)"},
				{"SDA", "GPIO2, SDA (pin 3)"},
				{"EOC, XCLR", "open, where the module has them"},
			},
			Range: "-40 to 85 Cel, ±1, step 0.1; 30000 to 110000 Pa, ±100, ±12 relative, step 1",
			Notes: []string{
				"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
				"Close to the board the part measures the board's warmth: lead it 10 cm away.",
				"Pressure is what the part measures, not reduced to sea level.",
				"The address is fixed: two of them need two buses, or one at 0x77 and a BMP280 or BME280 at 0x76.",
				"A temperature or pressure outside of the part's range is an error of class range.",
			},
			Example: "name: air\nkind: bmp180\nevery: 10s\n",
		},
	}
}

func check(p kind.Params) []kind.Problem {
	n := p.Int("oversampling")
	if n >= 1 && n <= 8 && n&(n-1) == 0 {
		return nil
	}
	return []kind.Problem{{Key: "oversampling", Message: fmt.Sprintf("%d is not possible", n), Hint: "use 1, 2, 4 or 8"}}
}
