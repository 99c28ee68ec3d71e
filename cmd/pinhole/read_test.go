package main

import (
	"slices"
	"testing"

	"pinhole/sensors"
)

// TestWhoIsMissing: while reading takes long, those that have said nothing are named, and nobody else.
func TestWhoIsMissing(t *testing.T) {
	show := &table{last: map[string]*row{}, heard: map[string]bool{}}
	list := []sensors.Source{{Name: "air"}, {Name: "adc"}, {Name: "co2"}, {Name: "a.b"}, {Name: "dust"}}
	show.add([]sensors.Reading{{Sensor: "air", Quantity: sensors.Temperature}, {Sensor: "adc.ch1", Quantity: sensors.Voltage}})
	show.add([]sensors.Reading{{Sensor: "a.b", Quantity: sensors.Raw, Err: sensors.Absent}})
	if got, want := show.missing(list), []string{"co2", "dust"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
