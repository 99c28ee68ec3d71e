package max31865

import (
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

func TestConformance(t *testing.T) {
	var worlds []sim.Still
	for _, c := range []float64{21.43, 640.1, -199.9, -50, -0.02, 0, 100, 849.9} {
		worlds = append(worlds, sim.Still{sensors.Temperature: c})
	}
	for name, p := range map[string]kind.Params{
		"pt100":  {"wires": int64(3)},
		"pt1000": {"wires": int64(2), "rtd": pt1000, "mains": mains60, "reference": 4000.0},
	} {
		t.Run(name, func(t *testing.T) {
			// Half a step of the ratio: at 850 Cel, where the thermometer is least steep, 0.022 Cel.
			sensorstest.Run(t, sensorstest.Suite{Kind: Kind(), Params: p, Truth: worlds, Within: map[sensors.Quantity]float64{sensors.Temperature: 0.024}})
		})
	}
}

// TestCelsius uses the table of IEC 60751 for a PT100, to its last digit, and goes there and back over the range.
func TestCelsius(t *testing.T) {
	for _, tt := range []struct{ c, ohms float64 }{
		{-200, 18.52}, {-150, 39.72}, {-100, 60.26}, {-50, 80.31}, {-10, 96.09}, {0, 100}, {10, 103.90}, {50, 119.40}, {100, 138.51},
		{200, 175.86}, {400, 247.09}, {600, 313.71}, {800, 375.70}, {850, 390.48},
	} {
		if got := 100 * relative(tt.c); math.Abs(got-tt.ohms) > 0.005001 {
			t.Errorf("%v Cel is %v Ohm, the standard says %v", tt.c, got, tt.ohms)
		}
	}
	for c := minCelsius; c <= maxCelsius; c += 0.0625 {
		got, ok := celsius(relative(c))
		if !ok || math.Abs(got-c) > 1e-9 {
			t.Fatalf("%v Cel and back is %v, %v", c, got, ok)
		}
	}
	for _, r := range []float64{0, relative(minCelsius) - 1e-9, relative(maxCelsius) + 1e-9, 10, math.NaN(), math.Inf(1)} {
		if got, ok := celsius(r); ok || got != 0 {
			t.Errorf("%v times R0 is %v Cel", r, got)
		}
	}
}

func device(r0, reference float64) *Dev {
	return &Dev{part: new(kind.SPIPart), r0: r0, reference: reference}
}

// TestConvert: a code is so many 32768th of the reference resistor, datasheet table 5; with 400 Ohm 8192 is 100 Ohm.
func TestConvert(t *testing.T) {
	for _, tt := range []struct {
		r0, reference float64
		code          uint16
		want          float64
	}{
		{100, 400, 8192, 0}, {100, 400, 11347, 100.02}, {100, 400, 4936, -100.005}, {1000, 4000, 8192, 0}, {100, 430, 7620, -0.017}, {100, 430, 7621, 0.018},
	} {
		list, err := device(tt.r0, tt.reference).convert(tt.code<<1, 0)
		if err != nil || math.Abs(list[0].Value-tt.want) > 0.0011 {
			t.Errorf("code %d with %v Ohm: %v, %v, want %v", tt.code, tt.reference, list, err, tt.want)
		}
	}
	for _, tt := range []struct {
		raw    uint16
		faults byte
		class  sensors.Class
		words  string
	}{
		{0x0000, 0, sensors.Range, "0.00 Ohm"}, {0xFFFE, 0, sensors.Range, "429.99 Ohm"},
		{0x4001, 0, sensors.IO, "without a cause"}, {0x4001, 0x80, sensors.IO, "too high"}, {0x4000, 0x40, sensors.IO, "wires touch"},
		{0x4001, 0x20, sensors.IO, "broken"}, {0x4001, 0x10, sensors.IO, "ground"}, {0x4001, 0x08, sensors.IO, "ground"},
		{0x4001, 0x04, sensors.IO, "above the supply"}, {0x4001, 0x84, sensors.IO, "; "},
	} {
		list, err := device(100, 430).convert(tt.raw, tt.faults)
		if list != nil || sensors.ClassOf(err) != tt.class || !strings.Contains(err.Error(), tt.words) {
			t.Errorf("%#x, faults %#x: %v, %v", tt.raw, tt.faults, list, err)
		}
	}
}

// broken is a part with a thermometer whose wire is broken, which only the fault detection cycle finds: RTDIN- touches ground and
// the value appears to be valid (datasheet table 10, bit D4).
type broken struct {
	sim.SPIChip
	cycled bool
}

func (b *broken) Transfer(now time.Time, w, r []byte) {
	b.SPIChip.Transfer(now, w, r)
	if w[0] == 0x80 && w[1]&0x0C == 0x0C {
		b.cycled = true
	}
	if w[0] == 0 && len(r) == 9 && b.cycled {
		r[8] |= 0x10
	}
}

func opened(t *testing.T, chip func(sim.SPIChip) sim.SPIChip) (*sim.Board, sensors.Sensor, error) {
	t.Helper()
	board := sim.New(sim.Options{World: sim.Still{sensors.Temperature: 20}})
	p := kind.WithDefaults(Kind().Keys, kind.Params{"wires": int64(4)})
	board.PlugSPI("0.0", "max31865", chip(sim.NewSPIChip("max31865", sim.Env{World: sim.Still{sensors.Temperature: 20}, Params: p})))
	dev, err := Kind().Open(t.Context(), board, p)
	if err != nil {
		return board, nil, err
	}
	return board, dev.(sensors.Sensor), nil
}

func TestFaultCycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, dev, err := opened(t, func(c sim.SPIChip) sim.SPIChip { return &broken{SPIChip: c} })
		if err != nil {
			t.Fatal(err)
		}
		list, err := dev.Sense(t.Context())
		const want = "max31865 at spi-0.0: convert: REFIN- is too low: RTDIN- touches ground"
		if list != nil || err == nil || err.Error() != want || sensors.ClassOf(err) != sensors.IO {
			t.Errorf("%v, %v\nwant %s", list, err, want)
		}
	})
}

// idle is a part that takes everything and never converts: the ratio register keeps a value of long ago.
type idle struct{ reg [8]byte }

func (c *idle) Power(time.Time) {}
func (c *idle) Transfer(_ time.Time, w, r []byte) {
	for i := range w[1:] {
		at := int(w[0]&7) + i
		if w[0]&0x80 == 0 {
			r[1+i] = c.reg[at&7]
		} else if at == 0 {
			c.reg[0] = w[1+i] &^ 0xCE // mode, bias and cycle do not stay
		} else {
			c.reg[at] = w[1+i]
		}
	}
}

// TestOldValue: without a sign that it converts, a value is refused.
func TestOldValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, dev, err := opened(t, func(sim.SPIChip) sim.SPIChip { return &idle{reg: [8]byte{1: 0x40, 7: 0}} })
		if err == nil {
			_, err = dev.Sense(t.Context())
		}
		if sensors.ClassOf(err) != sensors.Wrong {
			t.Errorf("%v", err)
		}
	})
}

func TestNobodyThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, err := opened(t, func(sim.SPIChip) sim.SPIChip { return nothing{} })
		const want = "max31865 at spi-0.0: initialise: the registers hold ff ff ff ff ff ff ff ff, not what was written: nothing drives the bus"
		if e, ok := errors.AsType[*sensors.Error](err); !ok || err.Error() != want || e.Class != sensors.Absent || e.Hint == "" {
			t.Errorf("%v\nwant %s", err, want)
		}
	})
}

type nothing struct{}

func (nothing) Power(time.Time)                    {}
func (nothing) Transfer(time.Time, []byte, []byte) {}

// TestCloseLate: a part that was left on by a failure is off after Close.
func TestCloseLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, dev, err := opened(t, func(c sim.SPIChip) sim.SPIChip { return c })
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		board.Inject("spi-0.0", func(sim.Transfer) sim.Fault {
			if n++; n > 7 {
				return sim.Fault{Trouble: sim.Broken}
			}
			return sim.Fault{}
		})
		if _, err := dev.Sense(t.Context()); sensors.ClassOf(err) != sensors.IO {
			t.Error(err)
		}
		board.Inject("spi-0.0", nil)
		if board.SPIChip("0.0").(sim.Idler).Idle(time.Now()) {
			t.Fatal("the test does not leave the part on")
		}
		if err := dev.Close(); err != nil || !board.SPIChip("0.0").(sim.Idler).Idle(time.Now()) {
			t.Errorf("closed: %v, and still on", err)
		}
	})
}

// FuzzConvert: nothing makes a temperature outside of the standard's range.
func FuzzConvert(f *testing.F) {
	f.Add(uint16(0x4000), byte(0), 430.0)
	f.Add(uint16(0xFFFF), byte(0xFF), 4300.0)
	f.Fuzz(func(t *testing.T, raw uint16, faults byte, reference float64) {
		list, err := device(100, reference).convert(raw, faults)
		if (err == nil) != (list != nil) {
			t.Fatalf("%v, %v", list, err)
		}
		if err == nil && !(list[0].Value >= -200 && list[0].Value <= 850) {
			t.Errorf("%v", list)
		}
	})
}
