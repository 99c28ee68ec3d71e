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

// parts is what each kind that comes with the program is tried with.
func parts() map[string]sensorstest.Suite {
	degrees := func(within float64) map[sensors.Quantity]float64 {
		return map[sensors.Quantity]float64{sensors.Temperature: within, sensors.RelativeHumidity: 0.01}
	}
	return map[string]sensorstest.Suite{
		"tmp102":  {Truth: temperatures(-40, 125), Within: degrees(0.0313)},
		"tmp117":  {Truth: temperatures(-55, 150), Within: degrees(0.004)},
		"lm75":    {Truth: temperatures(-55, 125), Within: degrees(0.251), Nameless: true},
		"lm75a":   {Truth: temperatures(-55, 125), Within: degrees(0.063), Nameless: true},
		"mcp9808": {Truth: temperatures(-40, 125), Within: degrees(0.0313)},
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
			Truth: []sim.Still{
				{sensors.Voltage: 11.98, sensors.Current: 1.234, sensors.Power: 14.78},
				{sensors.Voltage: 5.1, sensors.Current: -0.5, sensors.Power: 2.55},
				{sensors.Voltage: 26, sensors.Current: 3.19, sensors.Power: 82.9},
			},
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
