package shtc3

import (
	"context"
	"fmt"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensirion"
)

// Kind returns the kind shtc3.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "shtc3",
		Summary: "temperature and humidity, Sensirion SHTC3",
		Keys:    kind.I2CKeys(0x70),
		Yields: func(kind.Params) []sensors.Quantity {
			return []sensors.Quantity{sensors.Temperature, sensors.RelativeHumidity}
		},
		Bus:   kind.I2CBus,
		Probe: kind.Probe{Ask: ask, Mute: true},
		Open:  open,
		Manual: kind.Manual{
			Parts:     "Sensirion SHTC3",
			Datasheet: "Datasheet SHTC3, https://sensirion.com/products/catalog/SHTC3",
			Wiring: [][2]string{
				{"VIN or VDD", "3V3 (pin 1)"},
				{"GND", "GND (pin 9)"},
				{"SCL", "GPIO3, SCL (pin 5)"},
				{"SDA", "GPIO2, SDA (pin 3)"},
			},
			Range: "-40 to 125 Cel, ±0.2; 0 to 100 %RH, ±2",
			Notes: []string{
				"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
				"Close to the board the part measures the board's warmth: lead it 10 cm away.",
				"The part sleeps between two readings, so i2cdetect may not show it; `pinhole read` does.",
				"The address is fixed; multiplexers of the PCA9548 family and HT16K33 displays use 0x70 too.",
				"A humidity of exactly 0, which is a lost element, and a temperature outside of the range are errors of class range.",
			},
			Example: "name: air\nkind: shtc3\nevery: 10s\n",
		},
	}
}

// ask wakes the part, reads its id and sends it back to sleep.
func ask(ctx context.Context, p *kind.Part) (kind.Answer, string, error) {
	d := &Dev{port: sensirion.Port{Part: p}}
	if err := d.command(ctx, "wake up", cmdWake); err != nil {
		return kind.No, "", err
	}
	err := d.port.Ask(ctx, "read id", cmdID, idTime, d.words[:1])
	slept := d.command(ctx, "sleep", cmdSleep)
	switch {
	case sensors.ClassOf(err) == sensors.CRC, err == nil && d.words[0]&idMask != id:
		return kind.No, "", nil
	case err != nil:
		return kind.No, "", err
	case slept != nil:
		return kind.No, "", slept
	}
	return kind.Named, fmt.Sprintf("id 0x%04x", d.words[0]), nil
}
