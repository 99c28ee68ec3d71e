package scd4x

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensirion"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

func worlds() (list []sim.Still) {
	for _, ppm := range []float64{612, 400, 1999, 5000, 39999} {
		for _, c := range []float64{21.43, -9.95, 0, 59.9} {
			for _, h := range []float64{48.2, 0.05, 100} {
				list = append(list, sim.Still{sensors.CO2: ppm, sensors.Temperature: c, sensors.RelativeHumidity: h})
			}
		}
	}
	list[1], list[16] = list[16], list[1] // the first two differ in everything
	return list
}

func TestConformance(t *testing.T) {
	within := map[sensors.Quantity]float64{sensors.CO2: 0.5, sensors.Temperature: 0.007, sensors.RelativeHumidity: 0.007}
	sensorstest.Run(t, sensorstest.Suite{Kind: Kind(), Truth: worlds(), Within: within, Pace: 6 * time.Second,
		Params: kind.Params{"altitude": int64(520), "self_calibration": false}})
}

// TestConvert has the datasheet's example (500 ppm, 25 Cel, 37 %RH) and the limits.
func TestConvert(t *testing.T) {
	d := new(Dev)
	for _, tt := range []struct {
		words           [3]uint16
		ppm, t, h       float64
		badP, badT, bad sensors.Class
	}{
		{words: [3]uint16{0x01F4, 0x6667, 0x5EB9}, ppm: 500, t: 25, h: 37},
		{words: [3]uint16{1, 0x6667, 1}, ppm: 1, t: 25, h: 0},
		{words: [3]uint16{40000, 0x6667, 0xFFFF}, ppm: 40000, t: 25, h: 100},
		{words: [3]uint16{0, 0x6667, 0x5EB9}, badP: sensors.Range, t: 25, h: 37},
		{words: [3]uint16{40001, 0x6667, 0x5EB9}, badP: sensors.Range, t: 25, h: 37},
		{words: [3]uint16{500, 0x6667, 0}, ppm: 500, t: 25, bad: sensors.Range},
		{words: [3]uint16{500, 0, 0x5EB9}, ppm: 500, badT: sensors.Range, h: 37},
		{words: [3]uint16{0xFFFF, 0xFFFF, 0xFFFF}, badP: sensors.Range, badT: sensors.Range, h: 100},
	} {
		list := d.convert(tt.words)
		want := []sensors.Measurement{{Quantity: sensors.CO2, Value: tt.ppm, Err: tt.badP},
			{Quantity: sensors.Temperature, Value: tt.t, Err: tt.badT}, {Quantity: sensors.RelativeHumidity, Value: tt.h, Err: tt.bad}}
		for i := range want {
			if list[i] != want[i] {
				t.Errorf("%04x: %v, want %v", tt.words, list[i], want[i])
			}
		}
	}
	for raw := range 1 << 16 {
		wantT, wantH := -45+175*float64(raw)/65535, 100*float64(raw)/65535
		list := d.convert([3]uint16{500, uint16(raw), uint16(raw)})
		if good := wantT > -10.005 && wantT < 60.005; good != (list[1].Err == "") || good && math.Abs(list[1].Value-wantT) > 0.00501 {
			t.Fatalf("raw %#x, %v Cel: %v", raw, wantT, list)
		}
		if math.Abs(list[2].Value-wantH) > 0.00501 {
			t.Fatalf("raw %#x, %v %%RH: %v", raw, wantH, list)
		}
	}
}

func attach(t *testing.T, p kind.Params) (*sim.Board, kind.Params) {
	t.Helper()
	board := sim.New(sim.Options{World: worlds()[0]})
	p = kind.WithDefaults(Kind().Keys, p)
	if err := board.Attach("scd4x", p); err != nil {
		t.Fatal(err)
	}
	return board, p
}

// TestPace follows a part through a minute, read every second.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, p := attach(t, nil)
		begin := time.Now()
		dev, err := Kind().Open(t.Context(), board, p)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > 1600*time.Millisecond {
			t.Errorf("opened within %v", took)
		}
		const warming = "scd4x at i2c-1/0x62: read measurement: the first three after the start are off, values come after 21s"
		values := 0
		for n := range 60 {
			time.Sleep(time.Second)
			begin := time.Now()
			list, err := dev.(*Dev).Sense(t.Context())
			if took := time.Since(begin); took > 5*time.Millisecond {
				t.Errorf("second %d: took %v", n, took)
			}
			if err == nil {
				if values++; list[0].Value != 612 || n < 20 {
					t.Errorf("second %d: %v", n, list)
				}
			} else if sensors.ClassOf(err) != sensors.Warmup || n < 19 && err.Error() != warming || n > 30 && err.Error() == warming {
				t.Errorf("second %d: %v", n, err)
			}
		}
		if values != 8 { // at 25, 30, ... 60 s
			t.Errorf("%d values in a minute", values)
		}
	})
}

// TestSlow: read rarely, the first value is a good one all the same.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, p := attach(t, nil)
		dev, err := Kind().Open(t.Context(), board, p)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 5 {
			time.Sleep(time.Minute)
			if list, err := dev.(*Dev).Sense(t.Context()); err != nil || list[0].Value != 612 {
				t.Errorf("minute %d: %v, %v", n, list, err)
			}
		}
		// Its supply breaks: noticed at the second reading at the latest, and started again.
		board.BrownOut("1", 0x62)
		time.Sleep(time.Minute)
		_, err = dev.(*Dev).Sense(t.Context())
		const want = "scd4x at i2c-1/0x62: ask for a measurement: there was none for 12s, the part will be started again"
		if err == nil || err.Error() != want || sensors.ClassOf(err) != sensors.Timeout {
			t.Errorf("%v, want %s", err, want)
		}
		time.Sleep(time.Minute)
		if _, err := dev.(*Dev).Sense(t.Context()); sensors.ClassOf(err) != sensors.Warmup {
			t.Errorf("started again: %v", err)
		}
		time.Sleep(time.Minute)
		if list, err := dev.(*Dev).Sense(t.Context()); err != nil || list[0].Value != 612 {
			t.Errorf("a minute later: %v, %v", list, err)
		}
	})
}

// TestSettings: the keys arrive at the part.
func TestSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			p             kind.Params
			altitude, asc uint16
		}{
			{nil, 0, 1},
			{kind.Params{"altitude": int64(3000), "self_calibration": false}, 3000, 0},
			{kind.Params{"altitude": int64(0), "self_calibration": true}, 0, 1},
		} {
			board, p := attach(t, tt.p)
			dev, err := Kind().Open(t.Context(), board, p)
			if err != nil {
				t.Fatal(err)
			}
			if err := dev.(*Dev).Close(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			part, _ := kind.OpenPart(board, "test", p)
			port := sensirion.Port{Part: part}
			var got [2]uint16
			if err := port.Ask(t.Context(), "altitude", cmdGetAltitude, commandTime, got[:1]); err != nil {
				t.Error(err)
			}
			if err := port.Ask(t.Context(), "calibration", cmdGetCalibration, commandTime, got[1:]); err != nil {
				t.Error(err)
			}
			if got != [2]uint16{tt.altitude, tt.asc} {
				t.Errorf("%v: the part has %v", tt.p, got)
			}
		}
	})
}

// TestSettingLost: a setting that the part did not understand is not taken for granted.
func TestSettingLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, p := attach(t, kind.Params{"altitude": int64(520)})
		board.Inject("1", func(x sim.Transfer) sim.Fault {
			if x.W == 5 {
				return sim.Fault{Trouble: sim.FlipWrite, Byte: 3}
			}
			return sim.Fault{}
		})
		_, err := Kind().Open(t.Context(), board, p)
		const want = "scd4x at i2c-1/0x62: set altitude: the part has 0, should have 520"
		if err == nil || err.Error() != want || sensors.ClassOf(err) != sensors.IO {
			t.Errorf("%v, want %s", err, want)
		}
	})
}

// FuzzConvert: no words make a value that the part cannot measure.
func FuzzConvert(f *testing.F) {
	f.Add(uint16(0x01F4), uint16(0x6667), uint16(0x5EB9))
	f.Add(uint16(0), uint16(0), uint16(0))
	f.Add(uint16(0xFFFF), uint16(0xFFFF), uint16(0xFFFF))
	f.Fuzz(func(t *testing.T, ppm, rawT, rawH uint16) {
		for i, m := range new(Dev).convert([3]uint16{ppm, rawT, rawH}) {
			low, high := [3]float64{1, -10, 0}[i], [3]float64{40000, 60, 100}[i]
			if m.Err == "" && !(m.Value >= low && m.Value <= high) || m.Err != "" && m.Value != 0 {
				t.Errorf("%v", m)
			}
		}
	})
}
