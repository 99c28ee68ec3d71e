package register_test

import (
	"testing"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/register"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

// find returns the kind of a name.
func find(t testing.TB, name string) kind.Kind {
	t.Helper()
	for _, k := range register.Kinds() {
		if k.Name == name {
			return k
		}
	}
	t.Fatalf("no kind %s", name)
	return kind.Kind{}
}

// temperatures are worlds over a range, the first two far apart.
func temperatures(low, high float64) (list []sim.Still) {
	for _, c := range []float64{21.43, low + 0.6, -12.5, -0.25, 0, 37.55, high - 0.6} {
		list = append(list, sim.Still{sensors.Temperature: c, sensors.RelativeHumidity: 48.2 + c/4})
	}
	return list
}

// electric are worlds for parts that measure up to a voltage and a current.
func electric(volts, amperes float64) (list []sim.Still) {
	for _, x := range [][2]float64{{0.37, 0.31}, {0.9, -0.42}, {0.99, 0.99}, {0.01, 0}, {0.5, 0.003}} {
		u, i := volts*x[0], amperes*x[1]
		list = append(list, sim.Still{sensors.Voltage: u, sensors.Current: i, sensors.Power: u * i})
	}
	return list
}

// parts is what each kind that comes with the program is tried with.
func parts() map[string]sensorstest.Suite {
	degrees := func(within float64) map[sensors.Quantity]float64 {
		return map[sensors.Quantity]float64{sensors.Temperature: within, sensors.RelativeHumidity: 0.01}
	}
	volts := func(full float64) sensorstest.Suite {
		return sensorstest.Suite{
			Truth: []sim.Still{{sensors.Voltage: 0.2005}, {sensors.Voltage: full - 0.01}, {sensors.Voltage: -0.1}, {sensors.Voltage: 0}, {sensors.Voltage: 0.0625}},
		}
	}
	ads1115, ads1015 := volts(4.096), volts(4.096)
	ads1115.Within = map[sensors.Quantity]float64{sensors.Voltage: 0.000064}
	ads1015.Within = map[sensors.Quantity]float64{sensors.Voltage: 0.001001}
	return map[string]sensorstest.Suite{
		"ads1115": ads1115,
		"ads1015": ads1015,
		"adxl345": {
			Truth: []sim.Still{
				{sensors.AccelerationX: 9.8, sensors.AccelerationY: -9.8, sensors.AccelerationZ: 0.1},
				{sensors.AccelerationX: -19.5, sensors.AccelerationY: 19.5, sensors.AccelerationZ: -3},
				{sensors.AccelerationX: 0, sensors.AccelerationY: 0, sensors.AccelerationZ: -9.81},
			},
			Within: map[sensors.Quantity]float64{sensors.AccelerationX: 0.0193, sensors.AccelerationY: 0.0193, sensors.AccelerationZ: 0.0193},
		},
		"adt7410":  {Truth: temperatures(-55, 150), Within: degrees(0.004)},
		"mlx90614": {Truth: temperatures(-40, 125), Within: degrees(0.011)},
		"ina226": {
			Truth:  electric(36, 0.8),
			Within: map[sensors.Quantity]float64{sensors.Voltage: 0.00064, sensors.Current: 0.00002, sensors.Power: 0.0004},
		},
		"ina260": {
			Truth:  electric(36, 15),
			Within: map[sensors.Quantity]float64{sensors.Voltage: 0.00064, sensors.Current: 0.00064, sensors.Power: 0.0051},
		},
		"ina3221": {
			Truth:  electric(26, 1.6),
			Within: map[sensors.Quantity]float64{sensors.Voltage: 0.0041, sensors.Current: 0.00021},
		},
		"lps22hb": {
			Truth: []sim.Still{{sensors.Pressure: 101325, sensors.Temperature: 21.43}, {sensors.Pressure: 26001, sensors.Temperature: -39.9},
				{sensors.Pressure: 98765.4, sensors.Temperature: 0}, {sensors.Pressure: 125990, sensors.Temperature: 84.9}},
			Within: map[sensors.Quantity]float64{sensors.Pressure: 0.018, sensors.Temperature: 0.0051},
		},
		"tmp102":  {Truth: temperatures(-40, 125), Within: degrees(0.0313)},
		"tmp117":  {Truth: temperatures(-55, 150), Within: degrees(0.004)},
		"lm75":    {Truth: temperatures(-55, 125), Within: degrees(0.251), Nameless: true},
		"lm75a":   {Truth: temperatures(-55, 125), Within: degrees(0.063), Nameless: true},
		"mcp9808": {Truth: temperatures(-40, 125), Within: degrees(0.0313)},
		"hdc302x": {Truth: temperatures(-40, 125), Within: degrees(0.01), Patient: true},
		"hdc1080": {Truth: temperatures(-40, 125), Within: degrees(0.01), Blind: true},
		"bh1750": {Blind: true, Truth: []sim.Still{{sensors.Illuminance: 28067.3}, {sensors.Illuminance: 0}, {sensors.Illuminance: 1}, {sensors.Illuminance: 54000}},
			Within: map[sensors.Quantity]float64{sensors.Illuminance: 0.5}},
		"mpu6050": {
			Truth: []sim.Still{
				{sensors.AccelerationX: 9.81, sensors.AccelerationY: -9.81, sensors.AccelerationZ: 0.1, sensors.Temperature: 31.2, sensors.AngularRateX: 100, sensors.AngularRateY: -200, sensors.AngularRateZ: 0.5},
				{sensors.AccelerationX: -19.4, sensors.AccelerationY: 19.4, sensors.AccelerationZ: -3, sensors.Temperature: -12, sensors.AngularRateX: -249, sensors.AngularRateY: 249, sensors.AngularRateZ: -1},
			},
			Within: map[sensors.Quantity]float64{sensors.AccelerationX: 0.0004, sensors.AccelerationY: 0.0004, sensors.AccelerationZ: 0.0004,
				sensors.Temperature: 0.007, sensors.AngularRateX: 0.0045, sensors.AngularRateY: 0.0045, sensors.AngularRateZ: 0.0045},
		},
		"ina219": {
			Truth:  electric(26, 3.2),
			Within: map[sensors.Quantity]float64{sensors.Voltage: 0.0021, sensors.Current: 0.0001, sensors.Power: 0.0011},
		},
	}
}

// TestConformance puts each shipped kind through the suite. A kind without an entry fails.
func TestConformance(t *testing.T) {
	list := parts()
	for _, k := range register.Kinds() {
		if k.Name == register.Kind {
			continue
		}
		t.Run(k.Name, func(t *testing.T) {
			s, ok := list[k.Name]
			if !ok {
				t.Fatal("no conformance suite")
			}
			s.Kind = k
			sensorstest.Run(t, s)
		})
	}
}
