package mhz19

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

const port = "/dev/serial0"

func TestConformance(t *testing.T) {
	var worlds []sim.Still
	for _, ppm := range []float64{612, 1853, 400, 1, 4999} {
		worlds = append(worlds, sim.Still{sensors.CO2: ppm})
	}
	suite := sensorstest.Suite{Kind: Kind(), Truth: worlds, Within: map[sensors.Quantity]float64{sensors.CO2: 0.5},
		Pace: 30 * time.Second, Oblivious: true}
	t.Run("plain", func(t *testing.T) { sensorstest.Run(t, suite) })
	t.Run("set", func(t *testing.T) {
		s := suite
		s.Params = kind.Params{"range": int64(10000), "self_calibration": false}
		s.Truth = append(worlds, sim.Still{sensors.CO2: 9999})
		sensorstest.Run(t, s)
	})
}

// TestCommand compares with the examples of the manual, section "Commands", and what parts take for 0x99.
func TestCommand(t *testing.T) {
	for _, tt := range []struct{ got, want [length]byte }{
		{command(cmdRead), [length]byte{0xFF, 0x01, 0x86, 0, 0, 0, 0, 0, 0x79}},
		{command(cmdABC, abcOn), [length]byte{0xFF, 0x01, 0x79, 0xA0, 0, 0, 0, 0, 0xE6}},
		{command(cmdABC, 0), [length]byte{0xFF, 0x01, 0x79, 0, 0, 0, 0, 0, 0x86}},
		{command(cmdRange, 0, 0, 0, 0x13, 0x88), [length]byte{0xFF, 0x01, 0x99, 0, 0, 0, 0x13, 0x88, 0xCB}},
	} {
		if tt.got != tt.want {
			t.Errorf("% x, want % x", tt.got, tt.want)
		}
	}
}

// TestScan uses the answers of the manuals: 544 ppm (MH-Z19B) and 608 ppm.
func TestScan(t *testing.T) {
	answer := []byte{0xFF, 0x86, 0x02, 0x20, 0, 0, 0, 0, 0x58}
	other := []byte{0xFF, 0x86, 0x02, 0x60, 0x47, 0, 0, 0, 0xD1}
	flipped := bytes.Clone(answer)
	flipped[2] ^= 1
	join := func(list ...[]byte) []byte { return bytes.Join(list, nil) }
	for _, tt := range []struct {
		name    string
		b       []byte
		skip, n int
		spoilt  bool
	}{
		{"544 ppm", answer, 0, 9, false},
		{"608 ppm", other, 0, 9, false},
		{"nothing", nil, 0, 0, false},
		{"half of it", answer[:5], 0, 0, false},
		{"the second half, then one", join(answer[4:], other), 5, 9, false},
		{"ones", bytes.Repeat([]byte{0xFF}, 20), 19, 0, false},
		{"zeros", make([]byte, 20), 20, 0, false},
		{"a wrong bit", flipped, 9, 0, true},
		{"a wrong bit, then one", join(flipped, other), 9, 9, true},
		{"ones before", join([]byte{0xFF, 0xFF}, answer), 2, 9, false},
		{"what was sent comes back", []byte{0xFF, 0x01, 0x86, 0, 0, 0, 0, 0, 0x79}, 9, 0, false},
	} {
		if skip, n, spoilt := scan(tt.b); skip != tt.skip || n != tt.n || spoilt != tt.spoilt {
			t.Errorf("%s: %d, %d, %v, want %d, %d, %v", tt.name, skip, n, spoilt, tt.skip, tt.n, tt.spoilt)
		}
	}
}

func TestConvert(t *testing.T) {
	for _, tt := range []struct {
		limit, ppm int
		err        sensors.Class
	}{{5000, 608, ""}, {5000, 1, ""}, {5000, 4999, ""}, {5000, 5000, sensors.Range}, {5000, 0, sensors.Range}, {2000, 2000, sensors.Range},
		{10000, 5000, ""}, {10000, 10000, sensors.Range}, {5000, 65535, sensors.Range}} {
		m := (&Dev{limit: tt.limit}).convert(tt.ppm)[0]
		if m.Err != tt.err || tt.err == "" && m.Value != float64(tt.ppm) || tt.err != "" && (m.Value != 0 || m.Cause == nil) {
			t.Errorf("%d of %d ppm: %+v", tt.ppm, tt.limit, m)
		}
	}
}

// TestSettings: what is configured reaches the part, and again after it was gone; what is not configured leaves it alone.
func TestSettings(t *testing.T) {
	run := func(p kind.Params, ppm float64) (list []sensors.Measurement, heard [][]byte) {
		synctest.Test(t, func(t *testing.T) {
			world := sim.Still{sensors.CO2: ppm}
			board := sim.New(sim.Options{World: world})
			ear := &ear{Talker: sim.NewTalker("mhz19", sim.Env{World: world})}
			board.PlugTalker(port, "mhz19", ear)
			time.Sleep(time.Minute)
			dev, err := Kind().Open(t.Context(), board, kind.WithDefaults(Kind().Keys, p))
			if err != nil {
				t.Fatal(err)
			}
			d := dev.(*Dev)
			time.Sleep(4 * time.Minute)
			old := board.UnplugTalker(port)
			if _, err := d.Sense(t.Context()); sensors.ClassOf(err) != sensors.Timeout {
				t.Errorf("unplugged: %v", err)
			}
			ear.heard = nil
			board.PlugTalker(port, "mhz19", old)
			for n := 0; ; n++ {
				time.Sleep(10 * time.Second)
				if list, err = d.Sense(t.Context()); err == nil {
					if n < 17 {
						t.Errorf("values after %d times 10 s", n+1)
					}
					break
				}
				if sensors.ClassOf(err) != sensors.Warmup {
					t.Fatal(err)
				}
			}
			heard = ear.heard
		})
		return list, heard
	}
	list, heard := run(kind.Params{"range": int64(2000), "self_calibration": false}, 3000)
	if list[0].Err != sensors.Range || list[0].Cause != errEnd {
		t.Errorf("3000 ppm with a range of 2000: %+v", list)
	}
	want := [][]byte{{0xFF, 0x01, 0x99, 0, 0, 0, 0x07, 0xD0, 0x8F}, {0xFF, 0x01, 0x79, 0, 0, 0, 0, 0, 0x86}, {0xFF, 0x01, 0x86, 0, 0, 0, 0, 0, 0x79}}
	for i := range want {
		if !bytes.Equal(heard[i], want[i]) {
			t.Errorf("%d: the part heard % x, want % x", i, heard[i], want[i])
		}
	}
	list, heard = run(nil, 3000)
	if list[0].Value != 3000 {
		t.Errorf("3000 ppm: %+v", list)
	}
	for _, w := range heard {
		if w[2] != cmdRead {
			t.Errorf("the part heard % x", w)
		}
	}
}

// ear is a part that notes what it hears.
type ear struct {
	sim.Talker
	heard [][]byte
}

func (e *ear) Hear(at time.Time, p []byte) {
	e.heard = append(e.heard, bytes.Clone(p))
	e.Talker.Hear(at, p)
}

func TestCheck(t *testing.T) {
	k := Kind()
	for n, ok := range map[int64]bool{2000: true, 5000: true, 10000: true, 3000: false} {
		p := kind.WithDefaults(k.Keys, kind.Params{"range": n})
		if list := k.Check(p); (list == nil) != ok {
			t.Errorf("range %d: %v", n, list)
		}
	}
	if list := k.Check(kind.WithDefaults(k.Keys, nil)); list != nil {
		t.Error(list)
	}
}

// FuzzScan: what is taken for an answer has its start, its command and its sum.
func FuzzScan(f *testing.F) {
	f.Add([]byte{0xFF, 0x86, 0x02, 0x60, 0x47, 0, 0, 0, 0xD1})
	f.Add([]byte{0xFF, 0xFF, 0x86, 0x02, 0x20, 0, 0, 0, 0, 0x58})
	f.Fuzz(func(t *testing.T, b []byte) {
		skip, n, _ := scan(b)
		if skip < 0 || n != 0 && n != length || skip+n > len(b) {
			t.Fatalf("%d, %d of %d", skip, n, len(b))
		}
		if n == 0 {
			if len(b)-skip >= length {
				t.Errorf("%d bytes are left, and no answer", len(b)-skip)
			}
			return
		}
		total := byte(0)
		for _, x := range b[skip+1 : skip+length] {
			total += x
		}
		if b[skip] != 0xFF || b[skip+1] != cmdRead || total != 0 {
			t.Errorf("% x", b[skip:skip+length])
		}
	})
}
