package max31855

import (
	"errors"
	"testing"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

func TestConformance(t *testing.T) {
	var worlds []sim.Still
	for _, c := range []float64{21.4, 84.9, -54.9, -12.3, 0.5, 124.8} {
		worlds = append(worlds, sim.Still{sensors.Temperature: c})
	}
	sensorstest.Run(t, sensorstest.Suite{Kind: Kind(), Truth: worlds, Within: map[sensors.Quantity]float64{sensors.Temperature: 0.13},
		// A MAX31865 that has just been switched on sends ff 00 00 00, which a MAX31855 at 0 Cel could: there is no id.
		Kin: []string{"max31865"}})
}

func device() *Dev { return &Dev{part: new(kind.SPIPart)} }

// TestConvert uses the datasheet's tables 4 and 5, and the limits from both sides.
func TestConvert(t *testing.T) {
	frame := func(hot, cold uint32) uint32 { return hot<<18 | cold<<4 }
	const room = 0x190 // 25 Cel
	for _, tt := range []struct {
		x         uint32
		hot, cold float64
		err       sensors.Class // of the thermocouple
		cause     error
	}{
		{frame(0x1900, room), 1600, 25, "", nil},
		{frame(0x0FA0, 0x7D0), 1000, 125, "", nil},
		{frame(0x0193, 0x649), 100.75, 100.5625, "", nil},
		{frame(0x0064, room), 25, 25, "", nil},
		{frame(0x0000, 0xFFF), 0, -0.0625, "", nil},
		{frame(0x3FFF, 0x000), -0.25, 0, "", nil},
		{frame(0x3FFC, 0xFF0), -1, -1, "", nil},
		{frame(0x3C18, 0xEC0), -250, -20, "", nil},
		{frame(0x3BC8, 0xC90), -270, -55, "", nil},
		{frame(0x1C20, room), 1800, 25, "", nil},
		{frame(0x3BC7, room), 0, 25, sensors.Range, errRange},
		{frame(0x1C21, room), 0, 25, sensors.Range, errRange},
		{frame(0x0064, room) | bitFault | bitOpen, 0, 25, sensors.Absent, errOpen},
		{frame(0x0064, room) | bitFault | bitGND, 0, 25, sensors.IO, errGND},
		{frame(0x0064, room) | bitFault | bitVCC, 0, 25, sensors.IO, errVCC},
		{frame(0x1FFF, room) | bitFault | bitVCC | bitOpen, 0, 25, sensors.Absent, errOpen},
	} {
		list, err := device().convert(tt.x)
		if err != nil || len(list) != 2 {
			t.Errorf("%#08x: %v, %v", tt.x, list, err)
			continue
		}
		hot, cold := list[0], list[1]
		if hot.Value != tt.hot || hot.Err != tt.err || !errors.Is(hot.Cause, tt.cause) || hot.Channel != "" {
			t.Errorf("%#08x: thermocouple %+v, want %v %s", tt.x, hot, tt.hot, tt.err)
		}
		if cold.Value != tt.cold || cold.Err != "" || cold.Channel != "internal" {
			t.Errorf("%#08x: internal %+v, want %v", tt.x, cold, tt.cold)
		}
	}
	for _, tt := range []struct {
		x     uint32
		class sensors.Class
	}{
		{0, sensors.Absent}, {0xFFFFFFFF, sensors.Absent},
		{frame(0x0064, room) | 1<<17, sensors.Wrong}, {frame(0x0064, room) | 1<<3, sensors.Wrong},
		{frame(0x0064, room) | bitFault, sensors.CRC}, {frame(0x0064, room) | bitOpen, sensors.CRC},
		{frame(0x0064, 0x7D1), sensors.Range}, {frame(0x0064, 0xC8F), sensors.Range},
	} {
		if list, err := device().convert(tt.x); list != nil || sensors.ClassOf(err) != tt.class {
			t.Errorf("%#08x: %v, %v, want class %s", tt.x, list, err, tt.class)
		}
	}
}

// FuzzConvert: no frame makes a value that the part cannot measure.
func FuzzConvert(f *testing.F) {
	f.Add(uint32(0x01900190))
	f.Add(uint32(0x01501790))
	f.Fuzz(func(t *testing.T, x uint32) {
		list, err := device().convert(x)
		if (err != nil) == (list != nil) {
			t.Fatalf("%#08x: %v, %v", x, list, err)
		}
		for i, m := range list {
			low, high := -270.0, 1800.0
			if i == 1 {
				low, high = -55, 125
			}
			if m.Value < low || m.Value > high || m.Err != "" && m.Value != 0 {
				t.Errorf("%#08x: %+v", x, m)
			}
		}
	})
}
