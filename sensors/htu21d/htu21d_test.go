package htu21d

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
	for _, c := range []float64{21.43, -39.95, -12.5, 0, 37.55, 84.9, 124.9} {
		for _, h := range []float64{48.2, 0.5, 12.34, 77.7, 100} {
			list = append(list, sim.Still{sensors.Temperature: c, sensors.RelativeHumidity: h})
		}
	}
	list[1], list[8] = list[8], list[1] // the first two differ in everything
	return list
}

func TestConformance(t *testing.T) {
	// 14 bits of temperature, 12 of humidity: half a step, and the rounding to 0.01.
	within := map[sensors.Quantity]float64{sensors.Temperature: 0.011, sensors.RelativeHumidity: 0.021}
	sensorstest.Run(t, sensorstest.Suite{Kind: Kind(), Truth: worlds(), Within: within})
}

// TestConvert walks over all that the part can send and compares with the datasheet's formulas in floating point.
func TestConvert(t *testing.T) {
	d := &Dev{part: new(kind.Part)}
	for raw := range 1 << 16 {
		wantT, wantH := -46.85+175.72*float64(raw)/65536, -6+125*float64(raw)/65536
		list, err := d.convert(uint16(raw), 0x8000)
		if good := wantT > -40.005 && wantT < 125.005; good != (err == nil) || good && math.Abs(list[0].Value-wantT) > 0.00501 {
			t.Fatalf("raw %#x, %v Cel: %v, %v", raw, wantT, list, err)
		}
		if err != nil && (sensors.ClassOf(err) != sensors.Range || list != nil) {
			t.Fatalf("raw %#x: %v, %v", raw, list, err)
		}
		list, err = d.convert(0x6838, uint16(raw))
		good := wantH > -5.005 && wantH < 105.005
		if err != nil || good != (list[1].Err == "") || good && math.Abs(list[1].Value-min(max(wantH, 0), 100)) > 0.00501 ||
			!good && (list[1].Err != sensors.Range || list[1].Value != 0) {
			t.Fatalf("raw %#x, %v %%RH: %v, %v", raw, wantH, list, err)
		}
	}
}

// TestHeater: a heater that is on is switched off, and nothing is measured while it cannot be.
func TestHeater(t *testing.T) {
	for _, stuck := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			world := worlds()[0]
			board := sim.New(sim.Options{World: world})
			chip := sim.NewChip("htu21d", sim.Env{World: world})
			board.Plug("1", 0x40, "htu21d", hot{chip, stuck})
			time.Sleep(time.Second)
			if !chip.Tx(time.Now(), []byte{0xE6, 0x06}, nil) {
				t.Fatal("the chip does not take the heater's bit")
			}
			dev, err := Kind().Open(t.Context(), board, kind.WithDefaults(Kind().Keys, nil))
			if stuck {
				const want = "htu21d at i2c-1/0x40: switch the heater off: user register 0x06: it stays on, or the resolution low"
				if err == nil || err.Error() != want {
					t.Errorf("%v, want %s", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			list, err := dev.(*Dev).Sense(t.Context())
			if err != nil || math.Abs(list[0].Value-world[sensors.Temperature]) > 0.011 {
				t.Errorf("%v, %v", list, err)
			}
		})
	}
}

// TestUserRegister: it has no checksum, so it must read the same twice.
func TestUserRegister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := sim.New(sim.Options{World: worlds()[0]})
		p := kind.WithDefaults(Kind().Keys, nil)
		if err := board.Attach("htu21d", p); err != nil {
			t.Fatal(err)
		}
		board.Inject("1", func(x sim.Transfer) sim.Fault {
			if x.N == 1 {
				return sim.Fault{Trouble: sim.Flip, Bit: 2}
			}
			return sim.Fault{}
		})
		_, err := Kind().Open(t.Context(), board, p)
		const want = "htu21d at i2c-1/0x40: read user register: read twice, it differs"
		if err == nil || err.Error() != want || sensors.ClassOf(err) != sensors.CRC {
			t.Errorf("%v, want %s", err, want)
		}
	})
}

// TestStatusBits: they are no part of the value, and would make this one 24.60 Cel.
func TestStatusBits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := sim.New(sim.Options{})
		word := []byte{0x68, 0x16}
		board.Plug("1", 0x40, "htu21d", &answers{list: [][]byte{append(word, sensirion.Sum(0, word))}})
		dev, err := Kind().Open(t.Context(), board, kind.WithDefaults(Kind().Keys, nil))
		if err != nil {
			t.Fatal(err)
		}
		if list, err := dev.(*Dev).Sense(t.Context()); err != nil || list[0].Value != 24.59 {
			t.Errorf("%v, %v, want 24.59 Cel", list, err)
		}
	})
}

// hot is a part whose heater may be stuck.
type hot struct {
	sim.Chip
	stuck bool
}

func (h hot) Tx(now time.Time, w, r []byte) bool {
	if h.stuck && len(w) == 2 {
		return true
	}
	return h.Chip.Tx(now, w, r)
}

// answers is a part that answers one measurement after the other.
type answers struct {
	list [][]byte
	next int
}

func (a *answers) Power(time.Time) {}
func (a *answers) Tx(_ time.Time, w, r []byte) bool {
	clear(r)
	if len(r) == 3 {
		copy(r, a.list[a.next%len(a.list)])
		a.next++
	}
	return true
}

// TestAnswers has the examples of the HTU21D datasheet, whose status bits are not what its text says; and what is no answer.
func TestAnswers(t *testing.T) {
	good := []byte{0x68, 0x3A, 0x7C}
	for _, tt := range []struct {
		list  [][]byte
		class sensors.Class
		want  string
	}{
		{[][]byte{good, {0x4E, 0x85, 0x6B}}, "", ""},
		{[][]byte{{0x68, 0x3A, 0x7D}}, sensors.CRC, "measure temperature: checksum 0x7d behind 68 3a, should be 0x7c"},
		{[][]byte{good, {0xFF, 0xFF, 0xFF}}, sensors.CRC, "measure humidity: checksum 0xff behind ff ff, should be 0x2d"},
		{[][]byte{{0, 0, 0}}, sensors.IO, "measure temperature: all bits are 0: something holds the data line low"},
		{[][]byte{good, {0, 0, 0}}, sensors.IO, "measure humidity: all bits are 0: something holds the data line low"},
	} {
		synctest.Test(t, func(t *testing.T) {
			board := sim.New(sim.Options{})
			board.Plug("1", 0x40, "htu21d", &answers{list: tt.list})
			dev, err := Kind().Open(t.Context(), board, kind.WithDefaults(Kind().Keys, nil))
			if err != nil {
				t.Fatal(err)
			}
			list, err := dev.(*Dev).Sense(t.Context())
			if tt.want == "" {
				if err != nil || list[0].Value != 24.69 || list[1].Value != 32.34 { // the datasheet says 24.7 and 32.3
					t.Errorf("%v, %v, want 24.69 Cel, 32.34 %%RH", list, err)
				}
				return
			}
			if want := "htu21d at i2c-1/0x40: " + tt.want; err == nil || err.Error() != want || sensors.ClassOf(err) != tt.class {
				t.Errorf("%v, class %s\nwant %s", err, sensors.ClassOf(err), want)
			}
		})
	}
}

// FuzzConvert: no bytes make a value that the part cannot measure.
func FuzzConvert(f *testing.F) {
	f.Add(uint16(0), uint16(0))
	f.Add(uint16(0xFFFC), uint16(0xFFFC))
	f.Add(uint16(0x6838), uint16(0x4E84))
	f.Fuzz(func(t *testing.T, rawT, rawH uint16) {
		d := &Dev{part: new(kind.Part)}
		list, err := d.convert(rawT, rawH)
		if err != nil {
			return
		}
		if v := list[0].Value; !(v >= -40 && v <= 125) {
			t.Errorf("temperature %v", v)
		}
		if v := list[1].Value; !(v >= 0 && v <= 100) {
			t.Errorf("humidity %v", v)
		}
	})
}
