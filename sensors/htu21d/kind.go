package htu21d

import (
	"context"
	"fmt"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Kind returns the kind htu21d.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "htu21d",
		Summary: "temperature and humidity, HTU21D, SHT20, SHT21, SHT25, Si7021",
		Keys:    kind.I2CKeys(0x40),
		Yields: func(kind.Params) []sensors.Quantity {
			return []sensors.Quantity{sensors.Temperature, sensors.RelativeHumidity}
		},
		Bus:   kind.I2CBus,
		Probe: kind.Probe{Ask: ask, Mute: true},
		Open:  open,
		Manual: kind.Manual{
			Parts:     "TE HTU21D, HTU20D; Sensirion SHT20, SHT21, SHT25; Silicon Labs Si7013, Si7020, Si7021",
			Datasheet: "HTU21D(F) Sensor HPC199, https://www.te.com/en/product-CAT-HSC0004.html; Datasheet SHT21; Si7021-A20",
			Wiring: [][2]string{
				{"VIN or VCC", "3V3 (pin 1)"},
				{"GND", "GND (pin 9)"},
				{"SCL", "GPIO3, SCL (pin 5)"},
				{"SDA", "GPIO2, SDA (pin 3)"},
			},
			Range: "-40 to 125 Cel, ±0.3; 0 to 100 %RH, ±2 (Si7021, SHT20: ±3)",
			Notes: []string{
				"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
				"Close to the board the part measures the board's warmth: lead it 10 cm away.",
				"The address is fixed; HDC1080 and INA219 use 0x40 too and cannot share the bus with it.",
				"A measurement takes 122 ms, as long as the slowest of these parts needs, and the bus waits with it.",
				"Up to 5 %RH beyond 0 and 100 are reported as 0 and 100, as the datasheets advise; more is an error of class range.",
				"The heater is switched off when the sensor is opened: it would falsify the temperature.",
			},
			Example: "name: air\nkind: htu21d\nevery: 10s\n",
		},
	}
}

// ask reads the user register, which is no id: bit 1 of it is set unless somebody has cleared it, and nothing else is sure.
func ask(ctx context.Context, p *kind.Part) (kind.Answer, string, error) {
	d := &Dev{part: p}
	user, err := d.user(ctx)
	switch {
	case sensors.ClassOf(err) == sensors.CRC:
		return kind.No, "", nil
	case err != nil:
		return kind.No, "", err
	case user&userOnce == 0 || user == 0xFF:
		return kind.No, "", nil
	}
	return kind.Fits, fmt.Sprintf("user register 0x%02x", user), nil
}
