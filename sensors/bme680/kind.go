package bme680

import (
	"fmt"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Kind returns the kind bme680.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "bme680",
		Summary: "temperature, humidity, pressure and gas resistance, Bosch BME680, BME688",
		Keys: append(kind.I2CKeys(0x77, 0x76),
			kind.Key{Name: "oversampling", Type: kind.Int, Default: int64(4), Min: new(1.0), Max: new(16.0),
				Help: "measurements averaged by the part: 1, 2, 4, 8 or 16; more is quieter and takes longer"},
			kind.Key{Name: "heater", Type: kind.Int, Default: int64(320), Min: new(200.0), Max: new(400.0),
				Help: "temperature of the gas layer in Cel while its resistance is measured"},
			kind.Key{Name: "heating", Type: kind.Duration, Default: 150 * time.Millisecond, Min: new(0.02), Max: new(1.0),
				Help: "how long the gas layer is heated for one measurement"}),
		Yields: func(kind.Params) []sensors.Quantity {
			return []sensors.Quantity{sensors.Temperature, sensors.RelativeHumidity, sensors.Pressure, sensors.GasResistance}
		},
		Bus:   kind.I2CBus,
		Probe: kind.IDRegister(regID, 1, func(id uint32) bool { return id == chipID }),
		Check: check,
		Open:  open,
		Manual: kind.Manual{
			Parts:     "Bosch BME680, BME688 (chip id 0x61)",
			Datasheet: "BST-BME680-DS001 rev. 1.9, https://www.bosch-sensortec.com/products/environmental-sensors/gas-sensors/bme680/",
			Wiring: [][2]string{
				{"VIN or VCC", "3V3 (pin 1)"},
				{"GND", "GND (pin 9)"},
				{"SCL or SCK", "GPIO3, SCL (pin 5)"},
				{"SDA or SDI", "GPIO2, SDA (pin 3)"},
				{"CS", "3V3, where the module has it"},
				{"SDO", "GND for 0x76, 3V3 for 0x77"},
			},
			Range: "-40 to 85 Cel, ±1; 0 to 100 %RH, ±3; 30000 to 110000 Pa, ±100; about 200 Ohm to 13 MOhm",
			Notes: []string{
				"Switch I2C on once: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt.",
				"Gas resistance falls where there are more gases, in no known proportion, and with humidity. A new part drifts for two days, " +
					"and for half an hour after every start. Compare a reading with the same part's others only.",
				"There is no air quality index: Bosch's own is a closed program, and any other would be invented.",
				"The heater warms the part: every: 10s or less often keeps that below 1 Cel. Close to the board it measures the board's warmth.",
				"Pressure is what the part measures, not reduced to sea level.",
				"Up to 5 %RH beyond 0 and 100 are reported as 0 and 100; more is an error of class range. So is whatever the part cannot measure. " +
					"A gas layer that did not reach its temperature is class warmup: choose a longer heating.",
			},
			Example: "name: air\nkind: bme680\nevery: 30s\naddress: 0x77\n",
		},
	}
}

func check(p kind.Params) []kind.Problem {
	n := p.Int("oversampling")
	if n >= 1 && n <= 16 && n&(n-1) == 0 {
		return nil
	}
	return []kind.Problem{{Key: "oversampling", Message: fmt.Sprintf("%d is not possible", n), Hint: "use 1, 2, 4, 8 or 16"}}
}
