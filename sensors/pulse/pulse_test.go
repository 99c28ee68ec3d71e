package pulse

import (
	"testing"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
)

func TestConformance(t *testing.T) {
	pulse, frequency := Kinds()[0], Kinds()[1]
	for name, s := range map[string]sensorstest.Suite{
		"count": {Kind: pulse, Params: kind.Params{"pin": "GPIO5"},
			Totals: map[sensors.Quantity]float64{sensors.Count: 1}, Rates: map[sensors.Quantity]float64{sensors.Frequency: 1}},
		"water": {Kind: pulse, Params: kind.Params{"pin": "GPIO5", "quantity": "volume", "scale": 0.001, "initial": 1234.567},
			Totals: map[sensors.Quantity]float64{sensors.Volume: 0.001}, Rates: map[sensors.Quantity]float64{sensors.FlowRate: 1}},
		"house": {Kind: pulse, Params: kind.Params{"pin": "GPIO5", "quantity": "energy", "pulses_per_unit": 2.0, "save": 10 * time.Second},
			Totals: map[sensors.Quantity]float64{sensors.Energy: 0.5}, Rates: map[sensors.Quantity]float64{sensors.Power: 1800}},
		"rain": {Kind: pulse, Params: kind.Params{"pin": "pinctrl-rp1:13", "quantity": "rainfall", "scale": 0.2794, "pull": "down", "window": 10 * time.Second},
			Totals: map[sensors.Quantity]float64{sensors.Rainfall: 0.2794}, Rates: map[sensors.Quantity]float64{sensors.RainfallRate: 0.2794 * 3600}},
		"total alone": {Kind: pulse, Params: kind.Params{"pin": "GPIO5", "report": "total"}, Totals: map[sensors.Quantity]float64{sensors.Count: 1}},
		"wind": {Kind: pulse, Params: kind.Params{"pin": "GPIO5", "quantity": "distance", "scale": 0.667, "report": "rate"},
			Rates: map[sensors.Quantity]float64{sensors.Speed: 0.667}},
		"fan": {Kind: frequency, Params: kind.Params{"pin": "GPIO6", "pulses": int64(2)}, Rates: map[sensors.Quantity]float64{sensors.Frequency: 0.5}},
	} {
		t.Run(name, func(t *testing.T) { sensorstest.Run(t, s) })
	}
}
