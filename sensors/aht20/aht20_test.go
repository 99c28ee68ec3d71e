package aht20

import (
	"math"
	"strings"
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
	for _, c := range []float64{21.43, -39.99, -12.5, 0, 37.55, 84.9} {
		for _, h := range []float64{48.2, 0.05, 12.34, 77.7, 99.99} {
			list = append(list, sim.Still{sensors.Temperature: c, sensors.RelativeHumidity: h})
		}
	}
	list[1], list[8] = list[8], list[1] // the first two differ in everything
	return list
}

func TestConformance(t *testing.T) {
	within := map[sensors.Quantity]float64{sensors.Temperature: 0.006, sensors.RelativeHumidity: 0.006}
	for _, k := range Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			s := sensorstest.Suite{Kind: k, Truth: worlds(), Within: within}
			if k.Name == "aht10" {
				s.Kin = []string{"aht20"} // it has no id, and works
			}
			sensorstest.Run(t, s)
		})
	}
}

// answer lays raw values out as the part does.
func answer(rawT, rawH int64) []byte {
	b := []byte{0x18, byte(rawH >> 12), byte(rawH >> 4), byte(rawH<<4) | byte(rawT>>16), byte(rawT >> 8), byte(rawT)}
	return append(b, sensirion.Sum(0xFF, b))
}

// TestConvert walks over all that the parts can send and compares with the datasheet's formulas in floating point.
func TestConvert(t *testing.T) {
	for _, m := range []model{aht10(), aht20()} {
		d := &Dev{part: new(kind.Part), model: m}
		warmest := float64(m.warmest) / 100
		for raw := int64(0); raw < 1<<20; raw += 3 { // the steps of 0.01 are 50 and more wide
			wantT, wantH := float64(raw)/1048576*200-50, float64(raw)/1048576*100
			list, err := d.convert(answer(raw, 0x80000))
			if good := wantT >= -40.005 && wantT < warmest+0.005; good != (err == nil) ||
				good && math.Abs(list[0].Value-wantT) > 0.00501 {
				t.Fatalf("%s: raw %#x, %v Cel: %v, %v", m.name, raw, wantT, list, err)
			}
			if err != nil && (sensors.ClassOf(err) != sensors.Range || list != nil) {
				t.Fatalf("%s: raw %#x: %v, %v", m.name, raw, list, err)
			}
			list, err = d.convert(answer(0x60000, raw))
			if err != nil || (raw == 0) != (list[1].Err == sensors.Range) || math.Abs(list[1].Value-wantH) > 0.00501 ||
				list[0].Value != 25 {
				t.Fatalf("%s: raw %#x, %v %%RH: %v, %v", m.name, raw, wantH, list, err)
			}
		}
	}
}

// TestFields: humidity and temperature share a byte. The last two are answers of real AHT20 parts, as their owners published
// them.
func TestFields(t *testing.T) {
	d := &Dev{part: new(kind.Part), model: aht20()}
	for _, tt := range []struct {
		b    []byte
		t, h float64
	}{
		{[]byte{0x1C, 0x80, 0x00, 0x06, 0x00, 0x00}, 25, 50},
		{[]byte{0x1C, 0x7F, 0xFF, 0xF4, 0x00, 0x00}, 0, 50},
		{[]byte{0x1C, 0x40, 0x00, 0x03, 0x33, 0x33}, -10, 25},
		{[]byte{0x1C, 0xFF, 0xFF, 0xF6, 0x66, 0x66}, 30, 100},
		{[]byte{0x18, 0x93, 0xAC, 0x95, 0x2A, 0xC5, 0xB3}, 14.59, 57.69},
		{[]byte{0x1C, 0x26, 0x9A, 0x76, 0x42, 0xE7, 0x76}, 28.27, 15.08},
	} {
		list, err := d.convert(tt.b)
		if err != nil || list[0].Value != tt.t || list[1].Value != tt.h {
			t.Errorf("% x: %v, %v, want %v Cel, %v %%RH", tt.b, list, err, tt.t, tt.h)
		}
		if len(tt.b) == 7 && sensirion.Sum(0xFF, tt.b[:6]) != tt.b[6] {
			t.Errorf("% x: the checksum is wrong", tt.b)
		}
	}
}

// twisted is a part whose answers are changed.
type twisted struct {
	sim.Chip
	change func(r []byte)
}

func (c twisted) Tx(now time.Time, w, r []byte) bool {
	ok := c.Chip.Tx(now, w, r)
	if ok && len(r) > 0 {
		c.change(r)
	}
	return ok
}

// TestStuck: a part that never gets ready is given up, and what is no AHT20 is told apart.
func TestStuck(t *testing.T) {
	sum := func(r []byte) {
		if len(r) == 7 {
			r[6] = sensirion.Sum(0xFF, r[:6])
		}
	}
	for _, tt := range []struct {
		name   string
		chip   string
		change func(r []byte)
		want   string
		class  sensors.Class
		took   time.Duration
	}{
		{"busy", "aht20", func(r []byte) { r[0] |= 0x80; sum(r) }, "calibrate: status 0x98: not calibrated after 3 attempts",
			sensors.IO, 175 * time.Millisecond},
		{"busy once measuring", "aht20", func(r []byte) {
			if len(r) == 7 {
				r[0] |= 0x80
			}
		}, "read measurement: the part still measures after 120ms", sensors.Timeout, 265 * time.Millisecond},
		{"never busy", "aht20", func(r []byte) { r[0] &^= 0x80; sum(r) },
			"start measurement: the part does not start, attempted 3 times", sensors.IO, 145 * time.Millisecond},
		{"not calibrated", "aht20", func(r []byte) { r[0] &^= 0x08; sum(r) },
			"calibrate: status 0x10: not calibrated after 3 attempts", sensors.IO, 175 * time.Millisecond},
		{"floating", "aht20", func(r []byte) { r[0] = 0xFF }, "calibrate: status 0xff: nothing drives the bus", sensors.Absent,
			145 * time.Millisecond},
		{"aht10", "aht10", func(r []byte) { r[0] |= 0x08 }, "read measurement: checksum 0xff, should be 0x", sensors.CRC,
			225 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				board := sim.New(sim.Options{})
				k := Kinds()[1]
				board.Plug("1", 0x38, k.Name, twisted{sim.NewChip(tt.chip, sim.Env{World: worlds()[0]}), tt.change})
				time.Sleep(time.Second)
				begin := time.Now()
				dev, err := k.Open(t.Context(), board, kind.WithDefaults(k.Keys, nil))
				if err == nil {
					_, err = dev.(*Dev).Sense(t.Context())
				}
				if err == nil || sensors.ClassOf(err) != tt.class || !strings.HasPrefix(err.Error(), "aht20 at i2c-1/0x38: "+tt.want) {
					t.Errorf("%v, class %s\nwant %s", err, sensors.ClassOf(err), tt.want)
				}
				if took := time.Since(begin); took != tt.took {
					t.Errorf("given up after %v, want %v", took, tt.took)
				}
			})
		})
	}
}

// FuzzConvert: no bytes make a value that the part cannot measure.
func FuzzConvert(f *testing.F) {
	f.Add(answer(0x60000, 0x80000))
	f.Add([]byte{0, 0, 0, 0, 0, 0})
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 6 {
			return
		}
		d := &Dev{part: new(kind.Part), model: aht20()}
		list, err := d.convert(b)
		if err != nil {
			return
		}
		if v := list[0].Value; !(v >= -40 && v <= 120) {
			t.Errorf("temperature %v", v)
		}
		if v := list[1].Value; !(v >= 0 && v <= 100) {
			t.Errorf("humidity %v", v)
		}
	})
}
