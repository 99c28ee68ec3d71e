package scd30

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
	for _, ppm := range []float64{612, 400, 1999.4, 5000, 9999} {
		for _, c := range []float64{21.43, -39.95, 0, 69.9} {
			for _, h := range []float64{48.2, 0, 100} {
				list = append(list, sim.Still{sensors.CO2: ppm, sensors.Temperature: c, sensors.RelativeHumidity: h})
			}
		}
	}
	list[1], list[16] = list[16], list[1] // the first two differ in everything
	return list
}

func TestConformance(t *testing.T) {
	within := map[sensors.Quantity]float64{sensors.CO2: 0.051, sensors.Temperature: 0.0051, sensors.RelativeHumidity: 0.0051}
	sensorstest.Run(t, sensorstest.Suite{Kind: Kind(), Truth: worlds(), Within: within, Pace: 2500 * time.Millisecond,
		Params: kind.Params{"altitude": int64(520), "self_calibration": false}})
}

// words lays three numbers out as the part does.
func words(ppm, t, h float64) (w [6]uint16) {
	for i, v := range [...]float64{ppm, t, h} {
		bits := math.Float32bits(float32(v))
		w[2*i], w[2*i+1] = uint16(bits>>16), uint16(bits)
	}
	return w
}

// TestConvert has the datasheet's example (439 ppm, 27.2 Cel, 48.8 %RH) with its checksums, and the limits.
func TestConvert(t *testing.T) {
	example := []byte{0x43, 0xDB, 0xCB, 0x8C, 0x2E, 0x8F, 0x41, 0xD9, 0x70, 0xE7, 0xFF, 0xF5, 0x42, 0x43, 0xBF, 0x3A, 0x1B, 0x74}
	var w [6]uint16
	for i := range w {
		if sensirion.Sum(0xFF, example[3*i:3*i+2]) != example[3*i+2] {
			t.Errorf("checksum of word %d", i)
		}
		w[i] = uint16(example[3*i])<<8 | uint16(example[3*i+1])
	}
	nan, inf := math.NaN(), math.Inf(1)
	const bad = -1000 // an error in place of a value
	for _, tt := range []struct {
		words     [6]uint16
		ppm, t, h float64
	}{
		{w, 439.1, 27.24, 48.81},
		{words(10000, -40, 0), 10000, -40, 0},
		{words(0.1, 70, 100), 0.1, 70, 100},
		{words(0, -12.345, 33.333), bad, -12.35, 33.33},
		{words(10000.5, 70.01, 100.01), bad, bad, bad},
		{words(-1, -40.01, -0.01), bad, bad, bad},
		{words(nan, nan, nan), bad, bad, bad},
		{words(inf, -inf, inf), bad, bad, bad},
		{[6]uint16{0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF}, bad, bad, bad},
		{words(500, -0.001, 50), 500, 0, 50},
	} {
		for i, m := range new(Dev).convert(tt.words) {
			want := [3]float64{tt.ppm, tt.t, tt.h}[i]
			if want == bad {
				if m.Err != sensors.Range || m.Value != 0 {
					t.Errorf("%04x: %v, want an error", tt.words, m)
				}
			} else if m.Err != "" || m.Value != want || math.Signbit(m.Value) != (want < 0) {
				t.Errorf("%04x: %v, want %v", tt.words, m, want)
			}
		}
	}
}

func attach(t *testing.T, p kind.Params) (*sim.Board, kind.Params) {
	t.Helper()
	board := sim.New(sim.Options{World: worlds()[0]})
	p = kind.WithDefaults(Kind().Keys, p)
	if err := board.Attach("scd30", p); err != nil {
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
		if took := time.Since(begin); took > 2100*time.Millisecond {
			t.Errorf("opened within %v", took)
		}
		const warming = "scd30 at i2c-1/0x61: read measurement: the first ones after the start are off, values come after 7s"
		values := 0
		for n := range 60 {
			time.Sleep(time.Second)
			begin := time.Now()
			list, err := dev.(*Dev).Sense(t.Context())
			if took := time.Since(begin); took > 10*time.Millisecond {
				t.Errorf("second %d: took %v", n, took)
			}
			if err == nil {
				if values++; list[0].Value != 612 || n < 7 {
					t.Errorf("second %d: %v", n, list)
				}
			} else if sensors.ClassOf(err) != sensors.Warmup || n < 4 && err.Error() != warming || n > 30 && err.Error() == warming {
				t.Errorf("second %d: %v", n, err)
			}
		}
		if values < 26 || values > 27 { // at 8, 10, ... 60 s
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
		// Its supply breaks: it goes on by itself.
		board.BrownOut("1", 0x61)
		time.Sleep(time.Minute)
		if list, err := dev.(*Dev).Sense(t.Context()); err != nil || list[0].Value != 612 {
			t.Errorf("after a brown-out: %v, %v", list, err)
		}
		// Somebody stops it: noticed when a reading finds nothing, and started again.
		if !board.Chip("1", 0x61).Tx(time.Now(), []byte{0x01, 0x04}, nil) {
			t.Fatal("does not stop")
		}
		time.Sleep(time.Minute)
		_, err = dev.(*Dev).Sense(t.Context())
		const want = "scd30 at i2c-1/0x61: ask for a measurement: there was none for 10s, the part will be started again"
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

// TestSettings: the keys arrive at the part, and are not written if it has them.
func TestSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			p             kind.Params
			altitude, asc uint16
			written       int
		}{
			{nil, 0, 0, 0},
			{kind.Params{"altitude": int64(5000), "self_calibration": true}, 5000, 1, 2},
			{kind.Params{"altitude": int64(0), "self_calibration": false}, 0, 0, 0},
		} {
			board := sim.New(sim.Options{World: worlds()[0]})
			p := kind.WithDefaults(Kind().Keys, tt.p)
			board.Plug("1", 0x61, "scd30", sim.NewChip("scd30", sim.Env{World: worlds()[0]}))
			written := -1 // the start has an argument too
			board.Inject("1", func(x sim.Transfer) sim.Fault {
				if x.W == 5 {
					written++
				}
				return sim.Fault{}
			})
			dev, err := Kind().Open(t.Context(), board, p)
			if err != nil {
				t.Fatal(err)
			}
			if written != tt.written {
				t.Errorf("%v: %d settings written, want %d", tt.p, written, tt.written)
			}
			part, _ := kind.OpenPart(board, "test", p)
			port := sensirion.Port{Part: part}
			var got [3]uint16
			for i, command := range [...]uint16{cmdInterval, cmdAltitude, cmdCalibration} {
				if err := port.Ask(t.Context(), "get", command, commandTime, got[i:i+1]); err != nil {
					t.Error(err)
				}
			}
			if got != [3]uint16{interval, tt.altitude, tt.asc} {
				t.Errorf("%v: the part has %v", tt.p, got)
			}
			if err := dev.(*Dev).Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// FuzzConvert: no words make a value that the part cannot measure.
func FuzzConvert(f *testing.F) {
	f.Add(uint32(0x43DB8C2E), uint32(0x41D9E7FF), uint32(0x42433A1B))
	f.Add(uint32(0), uint32(0), uint32(0))
	f.Add(uint32(0x7FC00000), uint32(0x7F800000), uint32(0xFF800000))
	f.Fuzz(func(t *testing.T, ppm, temp, hum uint32) {
		w := [6]uint16{uint16(ppm >> 16), uint16(ppm), uint16(temp >> 16), uint16(temp), uint16(hum >> 16), uint16(hum)}
		for i, m := range new(Dev).convert(w) {
			low, high := [3]float64{0.1, -40, 0}[i], [3]float64{10000, 70, 100}[i]
			if m.Err == "" && !(m.Value >= low && m.Value <= high) || m.Err != "" && m.Value != 0 {
				t.Errorf("%v", m)
			}
		}
	})
}
