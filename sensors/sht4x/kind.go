package sht4x

import (
	"context"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensirion"
)

// Kind returns the kind sht4x.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "sht4x",
		Summary: "temperature and humidity, Sensirion SHT40, SHT41, SHT43, SHT45",
		Keys:    kind.I2CKeys(0x44, 0x45, 0x46),
		Yields: func(kind.Params) []sensors.Quantity {
			return []sensors.Quantity{sensors.Temperature, sensors.RelativeHumidity}
		},
		Bus:   kind.I2CBus,
		Probe: probe(),
		Open:  open,
		Manual: kind.Manual{
			Parts:     "Sensirion SHT40, SHT41, SHT43, SHT45",
			Datasheet: "Datasheet SHT4x, https://sensirion.com/products/catalog/SHT45",
			Wiring: [][2]string{
				{"VIN or VDD", "3V3 (pin 1)"},
				{"GND", "GND (pin 9)"},
				{"SCL", "GPIO3, SCL (pin 5)"},
				{"SDA", "GPIO2, SDA (pin 3)"},
			},
			Range: "-40 to 125 Cel, ±0.2 (SHT40, SHT41, SHT43) or ±0.1 (SHT45); 0 to 100 %RH, ±1.8 or ±1.0 (SHT45)",
			Notes: []string{
				"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
				"Close to the board the part measures the board's warmth: lead it 10 cm away.",
				"The address is in the order code and cannot be changed: -A is 0x44, -B 0x45, -C 0x46.",
				"Up to 5 %RH beyond 0 and 100 are reported as 0 and 100, as the datasheet advises; more is an error of class range.",
				"After weeks above 90 %RH humidity reads some %RH too high and comes back within days. The part's heater is not used.",
			},
			Example: "name: air\nkind: sht4x\nevery: 10s\naddress: 0x44\n",
		},
	}
}

// probe knows the part by its serial number, which is asked for with one byte where its kin have two.
func probe() kind.Probe {
	return kind.Probe{Mute: true, Ask: func(ctx context.Context, p *kind.Part) (kind.Answer, string, error) {
		d := &Dev{port: sensirion.Port{Part: p}}
		err := d.ask(ctx, "read serial number", cmdSerial, serialTime)
		switch {
		case sensors.ClassOf(err) == sensors.CRC:
			return kind.No, "", nil
		case err != nil:
			return kind.No, "", err
		}
		return kind.Speaks, "serial number with the right checksums", nil
	}}
}
