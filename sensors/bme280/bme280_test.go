package bme280_test

import (
	"errors"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/bme280"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

// worlds covers what the parts measure.
func worlds() []sim.Still {
	var list []sim.Still
	for _, c := range []float64{21.43, -39.9, -12.5, 0, 24.99, 37.5, 84.9} {
		for _, h := range []float64{48.2, 1, 12.3, 77.7, 99} {
			for _, p := range []float64{101325, 30100, 55000, 98765.4, 109900} {
				list = append(list, sim.Still{sensors.Temperature: c, sensors.RelativeHumidity: h, sensors.Pressure: p})
			}
		}
	}
	list[0], list[1], list[60] = list[60], list[0], list[1] // the first two differ in everything
	return list
}

func TestConformance(t *testing.T) {
	for _, k := range bme280.Kinds() {
		for _, n := range []int64{1, 4, 16} {
			// A step of the raw value is 2.6 Pa at 16 bits, and there is one more for each doubling of the oversampling. The
			// datasheet's whole-number formula drops three bits of the raw temperature, which costs up to 0.45 Pa.
			within := map[sensors.Quantity]float64{sensors.Temperature: 0.011, sensors.RelativeHumidity: 0.03,
				sensors.Pressure: 1.4/float64(n) + 0.45}
			t.Run(k.Name, func(t *testing.T) {
				sensorstest.Run(t, sensorstest.Suite{Kind: k, Params: kind.Params{"oversampling": n}, Truth: worlds(), Within: within})
			})
		}
	}
}

// BenchmarkSense is dominated by the part's own measuring time, 7 ms here.
func BenchmarkSense(b *testing.B) {
	k := bme280.Kinds()[0]
	p := kind.WithDefaults(k.Keys, kind.Params{"oversampling": int64(1)})
	board := sim.New(sim.Options{})
	if err := board.Attach(k.Name, p); err != nil {
		b.Fatal(err)
	}
	time.Sleep(10 * time.Millisecond)
	dev, err := k.Open(b.Context(), board, p)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dev.(sensors.Sensor).Sense(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// TestRefusals are the errors that people meet: the text is part of the product.
func TestRefusals(t *testing.T) {
	kinds := bme280.Kinds()
	for _, tt := range []struct {
		name string
		kind kind.Kind
		chip string // at the address
		want string
		hint string
	}{
		{"bmp sold as bme", kinds[0], "bmp280", "bme280 at i2c-1/0x76: read chip id: 0x58: a BMP280 answers, not a BME280",
			"use kind: bmp280: many modules sold as BME280 carry a BMP280, which has no humidity"},
		{"bme as bmp", kinds[1], "bme280", "bmp280 at i2c-1/0x76: read chip id: 0x60: a BME280 answers, not a BMP280", "use kind: bme280"},
		{"nothing", kinds[0], "", "bme280 at i2c-1/0x76: read chip id: nothing answers (0x76): remote I/O error",
			"check wiring, power and address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				board := sim.New(sim.Options{})
				p := kind.WithDefaults(tt.kind.Keys, nil)
				if err := board.Attach(tt.chip, p); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				_, err := tt.kind.Open(t.Context(), board, p)
				if err == nil || err.Error() != tt.want {
					t.Errorf("error %q\nwant  %q", err, tt.want)
				}
				if e, ok := errors.AsType[*sensors.Error](err); !ok || e.Hint != tt.hint {
					t.Errorf("hint %q, want %q", e.Hint, tt.hint)
				}
			})
		})
	}
}

// TestOutOfRange: nothing the part cannot measure comes out as a value.
func TestOutOfRange(t *testing.T) {
	good := sim.Still{sensors.Temperature: 21, sensors.RelativeHumidity: 50, sensors.Pressure: 101325}
	for _, tt := range []struct {
		name  string
		q     sensors.Quantity
		value float64
		want  map[sensors.Quantity]string // "": a value; nil: an error for all
	}{
		{"cold", sensors.Temperature, -41, nil},
		{"hot", sensors.Temperature, 86, nil},
		{"vacuum", sensors.Pressure, 29000, map[sensors.Quantity]string{sensors.Pressure: "range"}},
		{"deep", sensors.Pressure, 111000, map[sensors.Quantity]string{sensors.Pressure: "range"}},
		{"soaked", sensors.RelativeHumidity, 103, map[sensors.Quantity]string{}},
		{"spoilt", sensors.RelativeHumidity, 120, map[sensors.Quantity]string{sensors.RelativeHumidity: "range"}},
		{"spoilt low", sensors.RelativeHumidity, -20, map[sensors.Quantity]string{sensors.RelativeHumidity: "range"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				world := maps.Clone(good)
				world[tt.q] = tt.value
				k := bme280.Kinds()[0]
				p := kind.WithDefaults(k.Keys, nil)
				board := sim.New(sim.Options{World: world})
				if err := board.Attach(k.Name, p); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				dev, err := k.Open(t.Context(), board, p)
				if err != nil {
					t.Fatal(err)
				}
				list, err := dev.(sensors.Sensor).Sense(t.Context())
				if tt.want == nil {
					if sensors.ClassOf(err) != sensors.Range || list != nil {
						t.Errorf("measured %v, error %v, want class range", list, err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range list {
					if string(m.Err) != tt.want[m.Quantity] {
						t.Errorf("%s: error %q, want %q", m.Quantity, m.Err, tt.want[m.Quantity])
					}
					if m.Quantity == sensors.RelativeHumidity && m.Err == "" && (m.Value < 0 || m.Value > 100) {
						t.Errorf("humidity %v", m.Value)
					}
				}
			})
		})
	}
}

func TestCheck(t *testing.T) {
	k := bme280.Kinds()[0]
	for n := range int64(20) {
		list := k.Check(kind.Params{"oversampling": n})
		if ok := n == 1 || n == 2 || n == 4 || n == 8 || n == 16; ok != (list == nil) {
			t.Errorf("oversampling %d: %v", n, list)
		}
	}
}

// sticky is a part in which a status bit never goes out.
type sticky struct {
	sim.Chip
	bit byte
}

func (s sticky) Tx(now time.Time, w, r []byte) bool {
	ok := s.Chip.Tx(now, w, r)
	if i := 0xF3 - int(w[len(w)-1]); len(r) > 0 && i >= 0 && i < len(r) {
		r[i] |= s.bit
	}
	return ok
}

// TestStuckStatus: a part that never gets ready is given up, and not waited for until the context ends.
func TestStuckStatus(t *testing.T) {
	for _, tt := range []struct {
		name string
		bit  byte
		want string
		took time.Duration
	}{
		{"copying", 1, "bme280 at i2c-1/0x76: read calibration: the part still copies it after 23ms", 23 * time.Millisecond},
		{"measuring", 8, "bme280 at i2c-1/0x76: read measurement: the part still measures after 50ms", 50*time.Millisecond + 5*time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			board := sim.New(sim.Options{})
			k := bme280.Kinds()[0]
			chip := sim.NewChip(k.Name, sim.Env{World: sim.Still{sensors.Pressure: 101325}})
			board.Plug("1", 0x76, k.Name, sticky{chip, tt.bit})
			time.Sleep(time.Second)
			begin := time.Now()
			dev, err := k.Open(t.Context(), board, kind.WithDefaults(k.Keys, nil))
			if err == nil {
				_, err = dev.(sensors.Sensor).Sense(t.Context())
			}
			if err == nil || err.Error() != tt.want || sensors.ClassOf(err) != sensors.Timeout {
				t.Errorf("%s: %v, class %s\nwant %s", tt.name, err, sensors.ClassOf(err), tt.want)
			}
			if took := time.Since(begin); took != tt.took {
				t.Errorf("%s: given up after %v, want %v", tt.name, took, tt.took)
			}
		})
	}
}
