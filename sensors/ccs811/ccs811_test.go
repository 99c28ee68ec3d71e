package ccs811

import (
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

func worlds() (list []sim.Still) {
	for _, x := range [][2]float64{{120, 950}, {999, 7000}, {0, 400}, {1, 401}, {37, 655}} {
		list = append(list, sim.Still{sensors.TVOC: x[0], sensors.CO2Equivalent: x[1]})
	}
	return list
}

// TestConformance reads the part every 70 s, which is longer than the slowest pace and ends the run-in in 18 readings. The pace in the
// middle is but another code, TestModes.
func TestConformance(t *testing.T) {
	for _, pace := range []string{"1s", "60s"} {
		t.Run(pace, func(t *testing.T) {
			sensorstest.Run(t, sensorstest.Suite{Kind: Kind(), Truth: worlds(), Pace: 70 * time.Second, Params: kind.Params{"pace": pace},
				Within: map[sensors.Quantity]float64{sensors.TVOC: 0.5, sensors.CO2Equivalent: 0.5}})
		})
	}
}

// desk is an opened part on a board of its own.
func desk(t *testing.T, world sim.Still, p kind.Params) (*sim.Board, *Dev) {
	t.Helper()
	board := sim.New(sim.Options{World: world})
	p = kind.WithDefaults(Kind().Keys, p)
	if err := board.Attach("ccs811", p); err != nil {
		t.Fatal(err)
	}
	dev, err := Kind().Open(t.Context(), board, p)
	if err != nil {
		t.Fatal(err)
	}
	return board, dev.(*Dev)
}

// TestModes: what MEAS_MODE holds, "Drive Mode" from bit 4 on, and 0 when it rests.
func TestModes(t *testing.T) {
	for pace, want := range map[string]byte{"1s": 0x10, "10s": 0x20, "60s": 0x30} {
		synctest.Test(t, func(t *testing.T) {
			board, dev := desk(t, sim.Still{sensors.CO2Equivalent: 400}, kind.Params{"pace": pace})
			bus, _ := board.I2C("1")
			r := make([]byte, 1)
			if err := bus.Tx(0x5A, []byte{0x01}, r); err != nil || r[0] != want {
				t.Errorf("%s: 0x%02x, %v, want 0x%02x", pace, r[0], err, want)
			}
			if err := dev.Close(); err != nil {
				t.Error(err)
			}
			if err := bus.Tx(0x5A, []byte{0x01}, r); err != nil || r[0] != 0 {
				t.Errorf("%s, closed: 0x%02x, %v", pace, r[0], err)
			}
		})
	}
}

// TestRunIn: nothing for 20 minutes, then a value a second; after a broken supply the same again.
func TestRunIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, dev := desk(t, sim.Still{sensors.TVOC: 250, sensors.CO2Equivalent: 1200}, nil)
		for again := range 2 {
			begin := time.Now()
			for {
				time.Sleep(2 * time.Second)
				list, err := dev.Sense(t.Context())
				if err == nil {
					if list[0].Value != 250 || list[1].Value != 1200 {
						t.Errorf("%v", list)
					}
					break
				}
				if sensors.ClassOf(err) != sensors.Warmup {
					t.Fatalf("after %v: %v", time.Since(begin), err)
				}
			}
			if took := time.Since(begin); took < 20*time.Minute || took > 20*time.Minute+5*time.Second {
				t.Errorf("the first value came after %v", took)
			}
			if again == 0 {
				board.BrownOut("1", 0x5A)
				time.Sleep(time.Second)
				if _, err := dev.Sense(t.Context()); sensors.ClassOf(err) != sensors.IO {
					t.Errorf("broken supply: %v", err)
				}
			}
		}
		time.Sleep(time.Minute)
		if _, err := dev.Sense(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := dev.Sense(t.Context()); err == nil || err.Error() != "ccs811 at i2c-1/0x5a: read result: there is no new one yet" {
			t.Errorf("asked again at once: %v", err)
		}
	})
}

// TestPace: from a fast pace to a slow one it goes by way of a rest, back at once.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, fast := desk(t, sim.Still{sensors.TVOC: 250, sensors.CO2Equivalent: 1200}, kind.Params{"run_in": time.Duration(0)})
		time.Sleep(2 * time.Second)
		if list, err := fast.Sense(t.Context()); err != nil || list[0].Value != 250 {
			t.Errorf("without a run-in: %v, %v", list, err)
		}
		reopen := func(pace string) *Dev { // as after a crash: the part still measures
			dev, err := Kind().Open(t.Context(), board, kind.WithDefaults(Kind().Keys, kind.Params{"pace": pace, "run_in": time.Duration(0)}))
			if err != nil {
				t.Fatal(err)
			}
			return dev.(*Dev)
		}
		slow := reopen("60s")
		for range 9 {
			time.Sleep(time.Minute)
			if _, err := slow.Sense(t.Context()); err == nil || err.Error() != "ccs811 at i2c-1/0x5a: set mode: the part rests for 10m0s before it measures at a slower pace" {
				t.Fatalf("resting: %v", err)
			}
		}
		if c := board.Chip("1", 0x5A).(sim.Idler); !c.Idle(time.Now()) {
			t.Error("it does not rest")
		}
		time.Sleep(time.Minute)
		if _, err := slow.Sense(t.Context()); sensors.ClassOf(err) != sensors.Warmup {
			t.Errorf("just begun: %v", err)
		}
		time.Sleep(62 * time.Second)
		if list, err := slow.Sense(t.Context()); err != nil || list[0].Value != 250 {
			t.Errorf("rested: %v, %v", list, err)
		}
		again := reopen("1s")
		time.Sleep(2 * time.Second)
		if list, err := again.Sense(t.Context()); err != nil || list[0].Value != 250 {
			t.Errorf("faster: %v, %v", list, err)
		}
	})
}

// mailbox is a part that answers from a table.
type mailbox map[byte][]byte

func (m mailbox) Tx(_ time.Time, w, r []byte) bool {
	if len(w) > 1 {
		m[w[0]] = w[1:]
	}
	if len(w) == 1 && w[0] == 0xF4 && m[0x00][0] == 0x10 {
		m[0x00] = []byte{0x90}
	}
	copy(r, m[w[0]])
	return true
}

func (mailbox) Power(time.Time) {}

// TestFaults: what the part reports of itself.
func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		status, fault byte
		want          string
		class         sensors.Class
	}{
		{0x00, 0, "read status: 0x00: the part has no firmware", sensors.IO},
		{0x12, 0, "read status: 0x12 has bits that no CCS811 sets", sensors.IO},
		{0x91, 0x08, "read error: 0x08: the part reports resistance beyond the scale", sensors.IO},
		{0x91, 0x30, "read error: 0x30: the part reports heater current out of range, heater without supply", sensors.IO},
		{0x91, 0x00, "read error: 0x00: the part reports a fault", sensors.IO},
	} {
		synctest.Test(t, func(t *testing.T) {
			board := sim.New(sim.Options{})
			board.Plug("1", 0x5A, "scripted", mailbox{0x00: {tt.status}, 0x01: {0}, 0x20: {0x81}, 0xE0: {tt.fault}})
			dev, err := Kind().Open(t.Context(), board, kind.WithDefaults(Kind().Keys, nil))
			if err == nil {
				_, err = dev.(*Dev).Sense(t.Context())
			}
			if err == nil || err.Error() != "ccs811 at i2c-1/0x5a: "+tt.want || sensors.ClassOf(err) != tt.class {
				t.Errorf("%v (%s), want %s", err, sensors.ClassOf(err), tt.want)
			}
		})
	}
}

// TestSilent: a part that claims to measure and never has a result.
func TestSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := sim.New(sim.Options{})
		board.Plug("1", 0x5A, "scripted", mailbox{0x00: {0x10}, 0x01: {0}, 0x20: {0x81}})
		dev, err := Kind().Open(t.Context(), board, kind.WithDefaults(Kind().Keys, kind.Params{"pace": "10s"}))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(12 * time.Second)
		_, err = dev.(*Dev).Sense(t.Context())
		if err == nil || err.Error() != "ccs811 at i2c-1/0x5a: read result: there was none for 11s" || sensors.ClassOf(err) != sensors.Timeout {
			t.Errorf("%v", err)
		}
	})
}

func TestConvert(t *testing.T) {
	d := &Dev{part: new(kind.Part)}
	for _, tt := range []struct {
		equivalent, tvoc uint16
		ok               bool
	}{
		{400, 0, true}, {401, 1, true}, {8191, 1186, true}, {9000, 1300, true}, {399, 0, false}, {0, 0, false}, {0xFDFD, 0xFDFD, false},
		{400, 0x8000, false}, {0x8000, 0, false}, {0x7FFF, 0x7FFF, true}, {0xFFFF, 0xFFFF, false}, {8192, 1000, false}, {5000, 1187, false},
	} {
		list, err := d.convert(tt.equivalent, tt.tvoc)
		if tt.ok != (err == nil) || tt.ok && (list[0].Value != float64(tt.tvoc) || list[1].Value != float64(tt.equivalent) || list[1].Quantity == sensors.CO2) ||
			!tt.ok && (sensors.ClassOf(err) != sensors.Range || list != nil) {
			t.Errorf("%d, %d: %v, %v", tt.equivalent, tt.tvoc, list, err)
		}
	}
}

// FuzzConvert: no words make a value that the part cannot measure.
func FuzzConvert(f *testing.F) {
	f.Add(uint16(400), uint16(0))
	f.Add(uint16(0xFFFF), uint16(0xFFFF))
	f.Fuzz(func(t *testing.T, equivalent, tvoc uint16) {
		d := &Dev{part: new(kind.Part)}
		list, err := d.convert(equivalent, tvoc)
		if err == nil && !(list[0].Value >= 0 && list[0].Value <= mostPPB && list[1].Value >= lowest && list[1].Value <= highest) {
			t.Errorf("%v", list)
		}
	})
}
