package bmp388

import (
	"fmt"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Kind returns the kind bmp388.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "bmp388",
		Summary: "temperature and pressure, Bosch BMP388, BMP390, BMP384, BMP380",
		Keys: append(kind.I2CKeys(0x77, 0x76), kind.Key{Name: "oversampling", Type: kind.Int, Default: int64(8),
			Min: new(1.0), Max: new(32.0), Help: "pressures averaged by the part: 1, 2, 4, 8, 16 or 32; more is quieter and takes longer"}),
		Yields: func(kind.Params) []sensors.Quantity { return []sensors.Quantity{sensors.Temperature, sensors.Pressure} },
		Bus:    kind.I2CBus,
		Probe:  kind.IDRegister(regID, 1, func(id uint32) bool { return id == idBMP388 || id == idBMP390 }),
		Check:  check,
		Open:   open,
		Manual: kind.Manual{
			Parts:     "Bosch BMP380, BMP384, BMP388 (chip id 0x50), BMP390 (chip id 0x60)",
			Datasheet: "BST-BMP388-DS001 rev. 1.7, https://www.bosch-sensortec.com/products/environmental-sensors/pressure-sensors/bmp388/",
			Wiring: [][2]string{
				{"VIN or VCC", "3V3 (pin 1)"},
				{"GND", "GND (pin 9)"},
				{"SCL or SCK", "GPIO3, SCL (pin 5)"},
				{"SDA or SDI", "GPIO2, SDA (pin 3)"},
				{"CS", "3V3, where the module has it"},
				{"SDO", "GND for 0x76, 3V3 for 0x77"},
			},
			Range: "-40 to 85 Cel, ±0.5; 30000 to 125000 Pa, ±50, ±8 relative (BMP390: ±3)",
			Notes: []string{
				"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
				"Close to the board the part measures the board's warmth: lead it 10 cm away.",
				"Pressure is what the part measures, not reduced to sea level. Light on the opening in its lid disturbs it.",
				"Values outside of the part's range are errors of class range.",
				"A BMP280 or BME280 at the same address is refused: they have kinds of their own. So is a BMP581, which is another part.",
			},
			Example: "name: air\nkind: bmp388\nevery: 10s\naddress: 0x77\n",
		},
	}
}

func check(p kind.Params) []kind.Problem {
	n := p.Int("oversampling")
	if n >= 1 && n <= 32 && n&(n-1) == 0 {
		return nil
	}
	return []kind.Problem{{Key: "oversampling", Message: fmt.Sprintf("%d is not possible", n), Hint: "use 1, 2, 4, 8, 16 or 32"}}
}
