package pms5003

import (
	"bytes"
	"strings"
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
	world := func(pm1, pm25, pm10 float64) sim.Still {
		return sim.Still{sensors.PM1: pm1, sensors.PM25: pm25, sensors.PM10: pm10}
	}
	suite := sensorstest.Suite{Kind: Kind(), Truth: []sim.Still{world(7, 12, 15), world(40, 66, 81), world(0, 0, 0), world(180, 300, 500), world(600, 999, 1000)},
		Within: map[sensors.Quantity]float64{sensors.PM1: 0.5, sensors.PM25: 0.5, sensors.PM10: 0.5}, Pace: 10 * time.Second}
	t.Run("passive", func(t *testing.T) { sensorstest.Run(t, suite) })
	t.Run("sleep", func(t *testing.T) {
		s := suite
		s.Params = kind.Params{"sleep": true}
		sensorstest.Run(t, s)
	})
	t.Run("active", func(t *testing.T) {
		s := suite
		s.Params, s.Oblivious = kind.Params{"mode": modeActive}, true
		sensorstest.Run(t, s)
	})
}

// example is a frame of a part in a living room, put together by hand: 42 4D, 28, CF=1 12 19 25, outside 10 16 22, counts from 1834 down.
var example = []byte{0x42, 0x4D, 0x00, 0x1C, 0x00, 0x0C, 0x00, 0x13, 0x00, 0x19, 0x00, 0x0A, 0x00, 0x10, 0x00, 0x16,
	0x07, 0x2A, 0x02, 0x1E, 0x00, 0x5A, 0x00, 0x08, 0x00, 0x02, 0x00, 0x00, 0x97, 0x00, 0x02, 0x5F}

// TestScan: what comes before, between and instead of a frame.
func TestScan(t *testing.T) {
	reply := []byte{0x42, 0x4D, 0x00, 0x04, 0xE1, 0x00, 0x01, 0x74}
	flipped := bytes.Clone(example)
	flipped[11] ^= 4
	join := func(list ...[]byte) []byte { return bytes.Join(list, nil) }
	for _, tt := range []struct {
		name    string
		b       []byte
		skip, n int
		spoilt  bool
	}{
		{"nothing", nil, 0, 0, false},
		{"a frame", example, 0, 32, false},
		{"half a frame", example[:20], 0, 0, false},
		{"its first byte", example[:1], 0, 0, false},
		{"began in the middle", join(example[9:], example), 23, 32, false},
		{"garbage", []byte{1, 2, 3, 0x4D}, 4, 0, false},
		{"garbage with a beginning", []byte{0x42, 0x42, 0x42, 0x4D, 0x42, 0x4D, 0x00}, 4, 0, false},
		{"another length", join([]byte{0x42, 0x4D, 0x00, 0x14}, example), 4, 32, false},
		{"an answer before", join(reply, example), 8, 32, false},
		{"an answer alone", reply, 8, 0, false},
		{"a wrong sum", flipped, 32, 0, true},
		{"a wrong sum, then a good one", join(flipped, example), 32, 32, true},
		{"a beginning, then a frame", join(example[:6], example), 6, 32, true},
	} {
		if skip, n, spoilt := scan(tt.b); skip != tt.skip || n != tt.n || spoilt != tt.spoilt {
			t.Errorf("%s: %d, %d, %v, want %d, %d, %v", tt.name, skip, n, spoilt, tt.skip, tt.n, tt.spoilt)
		}
	}
}

func TestConvert(t *testing.T) {
	list, err := new(Dev).convert(example)
	if err != nil || list[0].Value != 10 || list[1].Value != 16 || list[2].Value != 22 {
		t.Errorf("%+v, %v", list, err)
	}
	high := bytes.Clone(example)
	high[12], high[13], high[14], high[15] = 0x03, 0xE8, 0x03, 0xE9
	list, _ = new(Dev).convert(high)
	if list[0].Err != "" || list[1].Value != 1000 || list[2].Err != sensors.Range || list[2].Cause != errMass {
		t.Errorf("1000 and 1001: %+v", list)
	}
	still := bytes.Clone(example)
	still[16], still[17] = 0, 0
	list, _ = new(Dev).convert(still)
	for _, m := range list {
		if m.Err != sensors.Range || m.Cause != errCount || m.Value != 0 {
			t.Errorf("nothing counted: %+v", m)
		}
	}
}

// TestCommands compares with the commands of the kernel's driver pms7003.c.
func TestCommands(t *testing.T) {
	var heard [][]byte
	board := sim.New(sim.Options{})
	board.PlugTalker(port, "ear", ear{&heard})
	part, err := kind.OpenUART(board, "pms5003", kind.Params{"port": port}, baud)
	if err != nil {
		t.Fatal(err)
	}
	d := &Dev{part: part}
	for _, c := range [][2]byte{{cmdSleep, 1}, {cmdMode, 0}, {cmdRead, 0}, {cmdSleep, 0}} {
		if err := d.tell(t.Context(), "tell", c[0], c[1]); err != nil {
			t.Fatal(err)
		}
	}
	want := [][]byte{{0x42, 0x4D, 0xE4, 0x00, 0x01, 0x01, 0x74}, {0x42, 0x4D, 0xE1, 0x00, 0x00, 0x01, 0x70},
		{0x42, 0x4D, 0xE2, 0x00, 0x00, 0x01, 0x71}, {0x42, 0x4D, 0xE4, 0x00, 0x00, 0x01, 0x73}}
	for i := range want {
		if !bytes.Equal(heard[i], want[i]) {
			t.Errorf("% x, want % x", heard[i], want[i])
		}
	}
}

// ear notes what it hears.
type ear struct{ heard *[][]byte }

func (e ear) Power(time.Time)                                  {}
func (e ear) Hear(_ time.Time, p []byte)                       { *e.heard = append(*e.heard, bytes.Clone(p)) }
func (e ear) Say(time.Time, func(time.Time, []byte)) time.Time { return time.Time{} }

// TestRefusals are the errors that people meet.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		name  string
		part  func(sim.Talker) sim.Talker
		class sensors.Class
		want  string
	}{
		{"nobody", func(sim.Talker) sim.Talker { return nil }, sensors.Timeout,
			"pms5003 at /dev/serial0: read measurement: nothing came for 1s: i/o timeout"},
		{"deaf", func(x sim.Talker) sim.Talker { return deaf{x} }, sensors.IO,
			"pms5003 at /dev/serial0: measure: 192 bytes came that nobody asked for: the part was reset, or does not hear what it is told"},
	} {
		synctest.Test(t, func(t *testing.T) {
			world := sim.Still{sensors.PM1: 1, sensors.PM25: 2, sensors.PM10: 3}
			board := sim.New(sim.Options{World: world})
			board.PlugTalker(port, "pms5003", tt.part(sim.NewTalker("pms5003", sim.Env{World: world})))
			time.Sleep(time.Minute)
			dev, err := Kind().Open(t.Context(), board, kind.WithDefaults(Kind().Keys, nil))
			for n := 0; err == nil || sensors.ClassOf(err) == sensors.Warmup; n++ {
				if n == 3 {
					t.Fatalf("%s: nobody notices", tt.name)
				}
				time.Sleep(15 * time.Second)
				_, err = dev.(sensors.Sensor).Sense(t.Context())
			}
			if err.Error() != tt.want || sensors.ClassOf(err) != tt.class {
				t.Errorf("%s: %v, class %s\nwant %s", tt.name, err, sensors.ClassOf(err), tt.want)
			}
		})
	}
}

// deaf is a part whose RXD is not connected.
type deaf struct{ sim.Talker }

func (deaf) Hear(time.Time, []byte) {}

// TestWarmup: no value before the fan has come to speed, whatever the mode, and one right afterwards.
func TestWarmup(t *testing.T) {
	for _, mode := range []string{modePassive, modeActive} {
		synctest.Test(t, func(t *testing.T) {
			world := sim.Still{sensors.PM1: 100, sensors.PM25: 200, sensors.PM10: 300}
			board := sim.New(sim.Options{World: world})
			board.PlugTalker(port, "pms5003", sim.NewTalker("pms5003", sim.Env{World: world}))
			time.Sleep(2 * time.Second)
			dev, err := Kind().Open(t.Context(), board, kind.WithDefaults(Kind().Keys, kind.Params{"mode": mode}))
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			for {
				list, err := dev.(sensors.Sensor).Sense(t.Context())
				if err == nil {
					if took := time.Since(begin); took < 28*time.Second || took > 34*time.Second || list[0].Value != 100 || list[2].Value != 300 {
						t.Errorf("%s: %+v after %v", mode, list, took)
					}
					return
				}
				if sensors.ClassOf(err) != sensors.Warmup || !strings.Contains(err.Error(), "30s after the start") {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	k := Kind()
	p := kind.WithDefaults(k.Keys, nil)
	if list := k.Check(p); list != nil {
		t.Error(list)
	}
	p["mode"], p["sleep"] = modeActive, true
	if list := k.Check(p); len(list) != 1 || list[0].Key != "sleep" {
		t.Errorf("%+v", list)
	}
}

// FuzzScan: what is taken for a frame has its length and its sum, and scanning goes on from any point.
func FuzzScan(f *testing.F) {
	f.Add(example)
	f.Add(append(bytes.Clone(example[5:]), example...))
	f.Add([]byte{0x42, 0x4D, 0x00, 0x04, 0xE1, 0x00, 0x01, 0x74, 0x42})
	f.Fuzz(func(t *testing.T, b []byte) {
		skip, n, _ := scan(b)
		if skip < 0 || skip > len(b) || n != 0 && n != 32 || skip+n > len(b) {
			t.Fatalf("%d, %d of %d", skip, n, len(b))
		}
		if n == 0 {
			if len(b)-skip >= 32 {
				t.Errorf("%d bytes are left, and no frame", len(b)-skip)
			}
			if again, m, _ := scan(b[skip:]); again != 0 || m != 0 {
				t.Errorf("a second look finds %d, %d", again, m)
			}
			return
		}
		frame := b[skip : skip+n]
		total := 0
		for _, x := range frame[:30] {
			total += int(x)
		}
		if frame[0] != 0x42 || frame[1] != 0x4D || frame[3] != 28 || total != int(frame[30])<<8|int(frame[31]) {
			t.Errorf("% x", frame)
		}
		list, err := new(Dev).convert(frame)
		for _, m := range list {
			if m.Value < 0 || m.Value > 1000 || m.Err != "" && m.Value != 0 || err != nil {
				t.Errorf("%+v, %v", m, err)
			}
		}
	})
}
