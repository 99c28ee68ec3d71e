package as3935

import (
	"fmt"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Kind returns the kind as3935.
func Kind() kind.Kind {
	number := func(name string, def, most int64, help string) kind.Key {
		return kind.Key{Name: name, Type: kind.Int, Default: def, Min: new(0.0), Max: new(float64(most)), Help: help}
	}
	return kind.Kind{
		Name:    "as3935",
		Summary: "lightning, ams AS3935",
		Keys: append(kind.I2CKeys(0x03, 0x02, 0x01),
			kind.Key{Name: "location", Type: kind.Enum, Default: "indoors", Enum: []string{"indoors", "outdoors"},
				Help: "where it hangs; outdoors it hears less of the house, and less far"},
			number("noise_floor", 2, 7, "how much noise it stands before it reports an alarm; more makes it less sensitive"),
			number("watchdog", 2, 10, "how strong a signal must be to be looked at; more makes it less sensitive"),
			number("spike_rejection", 2, 11, "how closely a signal must be shaped like lightning; more makes it less sensitive"),
			number("tuning", 0, 120, "capacitance at the antenna in pF, a multiple of 8, as it came with the board")),
		Yields: func(kind.Params) []sensors.Quantity {
			return []sensors.Quantity{sensors.Count, sensors.StormDistance, sensors.Alarm}
		},
		Bus: kind.I2CBus,
		Check: func(p kind.Params) []kind.Problem {
			if n := p.Int("tuning"); n%8 != 0 {
				return []kind.Problem{{Key: "tuning", Message: fmt.Sprintf("is %d, not a multiple of 8", n), Hint: fmt.Sprintf("write %d or %d", n/8*8, n/8*8+8)}}
			}
			return nil
		},
		Open: open,
		Manual: kind.Manual{
			Parts:     "ams AS3935 (ScioSense), on boards called MOD-1016, GY-AS3935 and SEN0290",
			Datasheet: "AS3935, ams, v1-04, https://www.sciosense.com/wp-content/uploads/2024/01/AS3935-Datasheet.pdf",
			Wiring: [][2]string{
				{"VCC", "3V3 (pin 1)"},
				{"GND", "GND (pin 9)"},
				{"SCL", "GPIO3, SCL (pin 5)"},
				{"SDA or MOSI", "GPIO2, SDA (pin 3)"},
				{"SI", "3V3, so that it speaks I2C"},
				{"A0, A1", "3V3 both for 0x03; A1 alone for 0x02, A0 alone for 0x01"},
				{"CS", "GND"},
				{"IRQ", "open"},
			},
			Range: "storms within 40 km, in 15 steps of 1 to 4 km, 1000 m standing for overhead; an estimate, no accuracy is given",
			Notes: []string{
				"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt. Errors of class crc or io now and then: " +
					"dtparam=i2c_arm_baudrate=50000.",
				"count rises by one for each reading before which there was lightning, from 0 at the agent's start. The part keeps one stroke at a time, so " +
					"it is a lower bound; write every: 1s, and filter delta: 1 with heartbeat: 10m.",
				"storm_distance is the part's guess of the edge of the storm, from all strokes of a quarter of an hour, and not of one stroke. On a fine day it is an error " +
					"of class range: nothing is no distance.",
				"alarm is true while noise drowns everything: then no lightning can be heard. A Raspberry Pi, its supply and any screen make noise at 500 kHz: " +
					"keep the board a metre or more away, on a thin cable, or raise noise_floor.",
				"The part takes no more than half of all strokes for lightning, and some light switches too. It is no protection of life.",
				"i2cdetect shows addresses below 0x08 only with -a.",
			},
			Example: "name: storm\nkind: as3935\nevery: 1s\nlocation: outdoors\n",
		},
	}
}
