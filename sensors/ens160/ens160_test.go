package ens160

import (
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

// TestConformance reads the part every 20 s, so that it warms up in ten readings.
func TestConformance(t *testing.T) {
	var worlds []sim.Still
	for _, x := range [][3]float64{{120, 2, 950}, {999, 4, 7000}, {0, 1, 400}, {1, 1, 401}, {64999, 5, 64999}} {
		worlds = append(worlds, sim.Still{sensors.TVOC: x[0], sensors.AQIUBA: x[1], sensors.CO2Equivalent: x[2]})
	}
	sensorstest.Run(t, sensorstest.Suite{Kind: Kind(), Truth: worlds, Pace: 20 * time.Second,
		Within: map[sensors.Quantity]float64{sensors.TVOC: 0.5, sensors.AQIUBA: 0, sensors.CO2Equivalent: 0.5}})
}

// TestWarmup: nothing for 3 minutes, then a value each second reading; after a broken supply the same again.
func TestWarmup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := sim.New(sim.Options{World: sim.Still{sensors.TVOC: 250, sensors.AQIUBA: 3, sensors.CO2Equivalent: 1200}})
		p := kind.WithDefaults(Kind().Keys, nil)
		if err := board.Attach("ens160", p); err != nil {
			t.Fatal(err)
		}
		x, err := Kind().Open(t.Context(), board, p)
		if err != nil {
			t.Fatal(err)
		}
		dev := x.(*Dev)
		for again := range 2 {
			begin := time.Now()
			for {
				time.Sleep(2 * time.Second)
				list, err := dev.Sense(t.Context())
				if err == nil {
					if list[0].Value != 250 || list[1].Value != 3 || list[2].Value != 1200 || list[2].Quantity == sensors.CO2 {
						t.Errorf("%v", list)
					}
					break
				}
				if sensors.ClassOf(err) != sensors.Warmup {
					t.Fatalf("after %v: %v", time.Since(begin), err)
				}
			}
			if took := time.Since(begin); took < 3*time.Minute || took > 3*time.Minute+5*time.Second {
				t.Errorf("the first value came after %v", took)
			}
			if again == 0 {
				board.BrownOut("1", 0x53)
				time.Sleep(2 * time.Second)
				if _, err := dev.Sense(t.Context()); sensors.ClassOf(err) != sensors.IO {
					t.Errorf("broken supply: %v", err)
				}
			}
		}
		if _, err := dev.Sense(t.Context()); err == nil || err.Error() != "ens160 at i2c-1/0x53: read data: there are no new ones yet" {
			t.Errorf("asked again at once: %v", err)
		}
		// Opened again while it measures, as after a crash, it has not begun anew.
		x, err = Kind().Open(t.Context(), board, p)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if list, err := x.(*Dev).Sense(t.Context()); err != nil || list[0].Value != 250 {
			t.Errorf("opened again: %v, %v", list, err)
		}
	})
}

// memory is a part that holds what it is given.
type memory struct{ sim.Registers }

func (m *memory) Tx(_ time.Time, w, r []byte) bool {
	m.Transfer(w, r)
	return true
}

func (*memory) Power(time.Time) {}

// TestStatus: bytes as parts send them, status, index, TVOC and equivalent, and what they mean. The first line was read from a part
// that had warmed up, the second from one that had just begun.
func TestStatus(t *testing.T) {
	for _, tt := range []struct {
		data  []byte
		want  string
		class sensors.Class
	}{
		{[]byte{0x83, 2, 174, 0, 148, 2}, "", ""}, // 174 ppb, 660 ppm
		{[]byte{0x87, 0, 0, 0, 0, 0}, "read data: the part warms up, for 3 minutes after each start", sensors.Warmup},
		{[]byte{0x8B, 1, 20, 0, 0x90, 1}, "read data: the part starts up, for the first hour of its life", sensors.Warmup},
		{[]byte{0x8F, 1, 20, 0, 0x90, 1}, "read data: the part says that they are invalid", sensors.Range},
		{[]byte{0xC3, 1, 20, 0, 0x90, 1}, "read status: 0xc3: the part does not measure as it was told to", sensors.IO},
		{[]byte{0x03, 1, 20, 0, 0x90, 1}, "read status: 0x03: the part does not measure as it was told to", sensors.IO},
		{[]byte{0x83, 0, 0, 0, 0, 0}, "convert: index 0, 0 ppb, 0 ppm equivalent are outside of 1 to 5, 0 to 64999 and 400 to 64999", sensors.Range},
		{[]byte{0x81, 1, 20, 0, 0x90, 1}, "read data: there are no new ones yet", sensors.Warmup},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := new(memory)
			copy(m.Mem[0:], []byte{0x60, 0x01})
			m.Mem[0x10] = 2 // it measures already
			copy(m.Mem[0x20:], tt.data)
			board := sim.New(sim.Options{})
			board.Plug("1", 0x53, "scripted", m)
			dev, err := Kind().Open(t.Context(), board, kind.WithDefaults(Kind().Keys, nil))
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
			list, err := dev.(*Dev).Sense(t.Context())
			if tt.want == "" {
				if err != nil || list[0].Value != 174 || list[1].Value != 2 || list[2].Value != 660 {
					t.Errorf("% x: %v, %v", tt.data, list, err)
				}
				if err := dev.(*Dev).Close(); err != nil || m.Mem[0x10] != 0 { // deep sleep
					t.Errorf("closed: %v, mode %d", err, m.Mem[0x10])
				}
				m.Mem[0], m.Mem[1] = 0xFF, 0xFF
				if _, err := Kind().Open(t.Context(), board, kind.WithDefaults(Kind().Keys, nil)); sensors.ClassOf(err) != sensors.Absent {
					t.Errorf("nobody drives the bus: %v", err)
				}
				return
			}
			if err == nil || err.Error() != "ens160 at i2c-1/0x53: "+tt.want || sensors.ClassOf(err) != tt.class || list != nil {
				t.Errorf("% x: %v, %v (%s), want %s", tt.data, list, err, sensors.ClassOf(err), tt.want)
			}
			if m.Mem[0x20] == 0x81 {
				time.Sleep(3 * time.Second)
				if _, err := dev.(*Dev).Sense(t.Context()); sensors.ClassOf(err) != sensors.Timeout {
					t.Errorf("nothing new for 5 s: %v", err)
				}
			}
		})
	}
}

// TestConvert: the limits from both sides. The end of the scale is none of its values.
func TestConvert(t *testing.T) {
	for _, tt := range []struct {
		aqi              byte
		tvoc, equivalent uint16
		ok               bool
	}{
		{1, 0, 400, true}, {5, 64999, 64999, true}, {0, 0, 400, false}, {6, 0, 400, false}, {1, 65000, 400, false}, {1, 0, 399, false}, {1, 0, 65000, false},
	} {
		d := &Dev{part: new(kind.Part)}
		list, err := d.convert(tt.aqi, tt.tvoc, tt.equivalent)
		if tt.ok != (err == nil) || !tt.ok && sensors.ClassOf(err) != sensors.Range ||
			tt.ok && (list[0].Value != float64(tt.tvoc) || list[1].Value != float64(tt.aqi) || list[2].Value != float64(tt.equivalent)) {
			t.Errorf("%d, %d, %d: %v, %v", tt.aqi, tt.tvoc, tt.equivalent, list, err)
		}
	}
}

// FuzzConvert: no data make a value that the part cannot measure.
func FuzzConvert(f *testing.F) {
	f.Add(byte(2), uint16(174), uint16(660))
	f.Add(byte(0xFF), uint16(0xFFFF), uint16(0xFFFF))
	f.Add(byte(0), uint16(0), uint16(0))
	f.Fuzz(func(t *testing.T, aqi byte, tvoc, equivalent uint16) {
		d := &Dev{part: new(kind.Part)}
		list, err := d.convert(aqi, tvoc, equivalent)
		if err == nil && !(list[0].Value >= 0 && list[0].Value < 65000 && list[1].Value >= 1 && list[1].Value <= 5 && list[2].Value >= 400 && list[2].Value < 65000) {
			t.Errorf("%v", list)
		}
	})
}
