package aht20

import (
	"bytes"
	"context"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensirion"
)

func aht20() model {
	return model{name: "aht20", calibrate: cmdCalibrate, sum: true, warmest: 12000, addresses: []int64{0x38},
		hintOnWrong: "if it is always wrong, the part is an AHT10, which has none: use kind: aht10"}
}

func aht10() model {
	return model{name: "aht10", calibrate: 0xE1, warmest: 8500, addresses: []int64{0x38, 0x39}}
}

// Kinds returns the kinds aht10 and aht20.
func Kinds() []kind.Kind {
	newer := describe(aht20())
	newer.Probe = kind.Probe{Ask: ask, Reads: true}
	newer.Summary = "temperature and humidity, Aosong AHT20, AHT21"
	newer.Manual.Parts = "Aosong (ASAIR) AHT20, AHT21, AHT25, DHT20"
	newer.Manual.Datasheet = "AHT20 Product manuals version 1.1, http://www.aosong.com/en/products-32.html"
	newer.Manual.Range = "-40 to 85 Cel (AHT21: 120), ±0.3; 0 to 100 %RH, ±2"
	newer.Manual.Notes = append(newer.Manual.Notes,
		"An AHT10 at the same address fails with class crc at each reading, as it sends no checksum: use kind aht10 for it.",
		"Modules that carry an AHT20 and a BMP280 are two sensors: kind aht20 here, kind bmp280 at 0x77 or 0x76.")

	older := describe(aht10())
	older.Summary = "temperature and humidity, Aosong AHT10"
	older.Manual.Parts = "Aosong (ASAIR) AHT10, AHT15"
	older.Manual.Datasheet = "AHT10 Technical Manual version 1.1, http://www.aosong.com/en/products-40.html"
	older.Manual.Range = "-40 to 85 Cel, ±0.3; 0 to 100 %RH, ±2"
	older.Manual.Notes = append(older.Manual.Notes,
		"An AHT20 works as aht10 too, but without its checksum: use kind aht20 for it.",
		"An AHT10 may disturb other parts on its bus: its datasheet wants it alone there. Give it one by dtoverlay=i2c-gpio.")
	return []kind.Kind{older, newer}
}

func describe(m model) kind.Kind {
	return kind.Kind{
		Name: m.name,
		Keys: kind.I2CKeys(m.addresses[0], m.addresses[1:]...),
		Yields: func(kind.Params) []sensors.Quantity {
			return []sensors.Quantity{sensors.Temperature, sensors.RelativeHumidity}
		},
		Bus: kind.I2CBus,
		Open: func(ctx context.Context, b kind.Board, p kind.Params) (any, error) {
			return open(ctx, b, m, p)
		},
		Manual: kind.Manual{
			Wiring: [][2]string{
				{"VIN or VDD", "3V3 (pin 1)"},
				{"GND", "GND (pin 9)"},
				{"SCL", "GPIO3, SCL (pin 5)"},
				{"SDA", "GPIO2, SDA (pin 3)"},
			},
			Notes: []string{
				"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
				"Close to the board the part measures the board's warmth: lead it 10 cm away.",
				"Read more often than every 2 s it warms itself: every: 10s is a good choice.",
				"After months above 80 %RH humidity reads some %RH too high, for days.",
				"A humidity of exactly 0, which is a lost element, and a temperature outside of the range are errors of class range.",
			},
			Example: "name: air\nkind: " + m.name + "\nevery: 10s\n",
		},
	}
}

// ask reads what the part holds and believes its checksum. An AHT10 has none, and nothing else to be known by.
func ask(ctx context.Context, p *kind.Part) (kind.Answer, string, error) {
	r := make([]byte, 7)
	if err := p.Tx(ctx, "read", nil, r); err != nil {
		return kind.No, "", err
	}
	if bytes.Count(r, r[:1]) == len(r) || sensirion.Sum(0xFF, r[:6]) != r[6] {
		return kind.No, "", nil
	}
	return kind.Speaks, "status and data with the right checksum", nil
}
