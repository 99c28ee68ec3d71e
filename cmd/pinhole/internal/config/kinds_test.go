package config

import (
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// testKinds is a small table of kinds that together have every type of key.
func testKinds() []kind.Kind {
	yields := func(qs ...sensors.Quantity) func(kind.Params) []sensors.Quantity {
		return func(kind.Params) []sensors.Quantity { return qs }
	}
	return []kind.Kind{
		{
			Name: "bme280", Keys: kind.I2CKeys(0x76, 0x77),
			Yields: yields(sensors.Temperature, sensors.Pressure, sensors.RelativeHumidity),
		},
		{
			Name: "gpio", Event: true, Yields: yields(sensors.Contact),
			Keys: []kind.Key{
				{Name: "pin", Type: kind.Pin, Required: true, Help: "the line"},
				{Name: "pull", Type: kind.Enum, Enum: []string{"up", "down", "none"}, Default: "up"},
				{Name: "debounce", Type: kind.Duration, Default: 20 * time.Millisecond, Min: new(0.0), Max: new(1.0)},
				{Name: "active_low", Type: kind.Bool, Default: true},
			},
		},
		{Name: "host", Yields: yields(sensors.Temperature, sensors.Load)},
		{
			Name: "mock", Yields: func(p kind.Params) []sensors.Quantity {
				return []sensors.Quantity{sensors.Quantity(p.String("quantity"))}
			},
			Keys: []kind.Key{
				{Name: "quantity", Type: kind.String, Enum: []string{"temperature", "count", "contact"}, Default: "temperature"},
				{Name: "signal", Type: kind.Map, Keys: []kind.Key{
					{Name: "shape", Type: kind.Enum, Enum: []string{"constant", "sine", "counter"}, Default: "constant"},
					{Name: "value", Type: kind.Float, Min: new(-1000.0)},
				}},
				{Name: "faults", Type: kind.Map, Keys: []kind.Key{
					{Name: "every", Type: kind.Int, Required: true, Min: new(1.0), Help: "every how many"},
				}},
			},
			Check: func(p kind.Params) []kind.Problem {
				if s := p.Map("signal"); s.String("shape") == "counter" && s.Has("value") {
					return []kind.Problem{{Key: "signal.value", Message: "a counter has no value", Hint: "remove it"}}
				}
				return nil
			},
		},
		{
			Name: "register", Yields: yields(sensors.Raw),
			Keys: []kind.Key{
				{Name: "file", Type: kind.File, Required: true, Help: "a description"},
				{Name: "fields", Type: kind.List, Required: true, Help: "what to read", Min: new(1.0), Elem: &kind.Key{Type: kind.Map, Keys: []kind.Key{
					{Name: "at", Type: kind.Int, Required: true, Min: new(0.0), Max: new(255.0), Help: "the register"},
					{Name: "scale", Type: kind.Float, Default: 1.0},
				}}},
				{Name: "chip", Type: kind.Address, Enum: []string{"0x40", "0x41"}},
				{Name: "other", Type: kind.Address},
				{Name: "low", Type: kind.Address, Enum: []string{"0x03"}},
			},
		},
	}
}
