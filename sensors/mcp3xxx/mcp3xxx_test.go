package mcp3xxx

import (
	"math"
	"math/rand/v2"
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
	for _, v := range []float64{1.234, 3.21, 0.01, 0.5, 1.65, 2.5, 3.29} {
		worlds = append(worlds, sim.Still{sensors.Voltage: v})
	}
	for i, k := range Kinds() {
		within := map[sensors.Quantity]float64{sensors.Voltage: 3.3/float64(int(1)<<models()[i].bits) + 1e-5}
		t.Run(k.Name, func(t *testing.T) {
			sensorstest.Run(t, sensorstest.Suite{Kind: k, Truth: worlds, Within: within,
				Kin: []string{"mcp3004", "mcp3008", "mcp3204", "mcp3208"}})
		})
		t.Run(k.Name+"/several", func(t *testing.T) {
			sensorstest.Run(t, sensorstest.Suite{Kind: k, Params: kind.Params{"channels": []any{"0", "3"}}, Truth: worlds, Within: within,
				Kin: []string{"mcp3004", "mcp3008", "mcp3204", "mcp3208"}})
		})
	}
}

// steps is a world in which channel n has (n+1)/10 V.
type steps struct{ sim.Still }

func (steps) Value(_ sensors.Quantity, place string, _ time.Time) float64 {
	return float64(place[len(place)-1]-'0'+1) / 10
}

func device(t *testing.T, name string, p kind.Params) (*sim.Board, sensors.Sensor) {
	t.Helper()
	board := sim.New(sim.Options{World: steps{}})
	for _, k := range Kinds() {
		if k.Name != name {
			continue
		}
		p = kind.WithDefaults(k.Keys, p)
		if err := board.Attach(name, p); err != nil {
			t.Fatal(err)
		}
		dev, err := k.Open(t.Context(), board, p)
		if err != nil {
			t.Fatal(err)
		}
		return board, dev.(sensors.Sensor)
	}
	t.Fatal("no kind " + name)
	return nil, nil
}

// TestChannels reads every channel of every part, each of which has a voltage of its own.
func TestChannels(t *testing.T) {
	for _, m := range models() {
		var all []any
		for _, n := range names(m) {
			all = append(all, n)
		}
		_, dev := device(t, m.name, kind.Params{"channels": all, "ends": endsValue})
		list, err := dev.Sense(t.Context())
		if err != nil || len(list) != len(all) {
			t.Fatalf("%s: %v, %v", m.name, list, err)
		}
		for i, x := range list {
			name := all[i].(string)
			want := float64(name[0]-'0'+1) / 10
			if len(name) > 1 {
				want = max(want-float64(name[2]-'0'+1)/10, 0)
			}
			if x.Channel != name || x.Err != "" || math.Abs(x.Value-want) > 3.3/float64(int(1)<<m.bits) {
				t.Errorf("%s: channel %s is %+v, want %v", m.name, name, x, want)
			}
		}
	}
}

// TestWrongBits spoils each bit of each transfer, both ways, where every channel has another voltage: no other channel's value may
// come out, nor any that is off.
func TestWrongBits(t *testing.T) {
	for _, m := range models() {
		board, dev := device(t, m.name, kind.Params{"channels": []any{"1", "2-3", "3-2", "0"}, "ends": endsValue})
		good, err := dev.Sense(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := append([]sensors.Measurement(nil), good...)
		refused := 0
		for n := range 12 {
			for _, trouble := range []sim.Trouble{sim.Flip, sim.FlipWrite} {
				for bit := range 40 {
					board.Inject("spi-0.0", func(x sim.Transfer) sim.Fault {
						if x.N == n {
							return sim.Fault{Trouble: trouble, Byte: bit / 8, Bit: uint(bit % 8)}
						}
						return sim.Fault{}
					})
					list, err := dev.Sense(t.Context())
					if err != nil {
						refused++
						continue
					}
					for i := range list {
						if list[i] != want[i] {
							t.Errorf("%s: transfer %d, trouble %d, bit %d: %+v, want %+v", m.name, n, trouble, bit, list[i], want[i])
						}
					}
				}
			}
		}
		if refused < 12*(m.bits+1) {
			t.Errorf("%s: only %d wrong bits were noticed", m.name, refused)
		}
	}
}

// TestRequest compares with the bytes of the datasheets' figures 6-1: a part with 10 bits has its start bit at the end of the first
// byte, one with 12 bits two places before.
func TestRequest(t *testing.T) {
	for _, tt := range []struct {
		model   model
		channel string
		want    [5]byte
	}{
		{models()[1], "0", [5]byte{0x01, 0x80}},
		{models()[1], "7", [5]byte{0x01, 0xF0}},
		{models()[1], "6-7", [5]byte{0x01, 0x60}},
		{models()[1], "7-6", [5]byte{0x01, 0x70}},
		{models()[0], "3", [5]byte{0x01, 0xB0}},
		{models()[3], "0", [5]byte{0x06, 0x00}},
		{models()[3], "7", [5]byte{0x07, 0xC0}},
		{models()[3], "4-5", [5]byte{0x05, 0x00}},
		{models()[2], "3-2", [5]byte{0x04, 0xC0}},
	} {
		if got := tt.model.request(inputs(tt.model)[tt.channel]); got != tt.want {
			t.Errorf("%s channel %s: % x, want % x", tt.model.name, tt.channel, got, tt.want)
		}
	}
}

func TestDecode(t *testing.T) {
	ten, twelve := models()[1], models()[3]
	for _, tt := range []struct {
		m    model
		r    [5]byte
		code int
		bad  string
	}{
		// 0b1010000011 and back; what stands before the null bit is nobody's.
		{ten, [5]byte{0xFF, 0xFA, 0x83, 0x82, 0x80}, 0x283, ""},
		{ten, [5]byte{0, 0, 0, 0, 0}, 0, ""},
		{ten, [5]byte{0x00, 0x03, 0xFF, 0xFF, 0x80}, 1023, ""},
		{ten, [5]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, 0, "the null bit is not 0"},
		{ten, [5]byte{0x00, 0x07, 0xFF, 0xFF, 0x80}, 0, "the null bit is not 0"},
		{ten, [5]byte{0x00, 0x02, 0x83, 0x83, 0x80}, 0, "the second time the code differs"},
		{ten, [5]byte{0x00, 0x02, 0x83, 0x00, 0x00}, 0, "the second time the code differs"},
		{ten, [5]byte{0x00, 0x02, 0x83, 0x82, 0x81}, 0, "there are no zeros behind it"},
		{twelve, [5]byte{0xFF, 0xEA, 0xBC, 0x7A, 0xA0}, 0xABC, ""},
		{twelve, [5]byte{0x00, 0x0A, 0xBC, 0x7A, 0xB0}, 0, "there are no zeros behind it"},
		{twelve, [5]byte{0x00, 0x1A, 0xBC, 0x7A, 0xA0}, 0, "the null bit is not 0"},
	} {
		code, bad := tt.m.decode(tt.r)
		if code != tt.code || bad != tt.bad {
			t.Errorf("%s % x: %#x, %q, want %#x, %q", tt.m.name, tt.r, code, bad, tt.code, tt.bad)
		}
	}
}

func TestVolts(t *testing.T) {
	d := &Dev{model: models()[3], vref: 4.096}
	for _, tt := range []struct {
		code  int
		ends  bool
		want  float64
		class sensors.Class
	}{
		{1, false, 0.001, ""}, {2048, false, 2.048, ""}, {4094, false, 4.094, ""},
		{0, false, 0, sensors.Range}, {4095, false, 0, sensors.Range}, {0, true, 0, ""}, {4095, true, 4.095, ""},
	} {
		d.ends = tt.ends
		v, class, cause := d.volts(tt.code)
		if v != tt.want || class != tt.class || (cause != nil) != (class != "") {
			t.Errorf("code %d: %v, %s, %v, want %v, %s", tt.code, v, class, cause, tt.want, tt.class)
		}
	}
	for range 1000 {
		a, b, c := rand.IntN(5), rand.IntN(5), rand.IntN(5)
		m := median(a, b, c)
		if below, above := 0, 0; m != a && m != b && m != c || func() bool {
			for _, x := range []int{a, b, c} {
				if x < m {
					below++
				} else if x > m {
					above++
				}
			}
			return below > 1 || above > 1
		}() {
			t.Fatalf("median of %d %d %d is %d", a, b, c, m)
		}
	}
}

// TestNobodyThere: the errors that people meet.
func TestNobodyThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, dev := device(t, "mcp3008", nil)
		board.UnplugSPI("0.0")
		_, err := dev.Sense(t.Context())
		const want = "mcp3008 at spi-0.0: convert: ff ff ff ff ff for channel 0: nothing drives the bus"
		if err == nil || err.Error() != want || sensors.ClassOf(err) != sensors.Absent {
			t.Errorf("floating: %v, class %s", err, sensors.ClassOf(err))
		}
		board.Inject("spi-0.0", func(sim.Transfer) sim.Fault { return sim.Fault{Trouble: sim.Zeros} })
		list, err := dev.Sense(t.Context())
		if err != nil || len(list) != 1 || list[0].Err != sensors.Range || !strings.Contains(list[0].Cause.Error(), "the part is not there") {
			t.Errorf("held low: %+v, %v", list, err)
		}
	})
}

func TestCheck(t *testing.T) {
	k := Kinds()[1]
	good := kind.WithDefaults(k.Keys, nil)
	if list := k.Check(good); list != nil {
		t.Error(list)
	}
	good["channels"], good["device"] = []any{"0", "1", "0"}, "zero"
	if list := k.Check(good); len(list) != 2 || list[1].Key != "channels[2]" {
		t.Errorf("%+v", list)
	}
}

// FuzzDecode: what is taken for a code was sent both ways.
func FuzzDecode(f *testing.F) {
	f.Add(uint64(0xFFFA838280), uint8(1))
	f.Add(uint64(0), uint8(3))
	f.Add(uint64(1<<40-1), uint8(2))
	f.Fuzz(func(t *testing.T, x uint64, which uint8) {
		m := models()[which%4]
		var r [5]byte
		for i := range r {
			r[i] = byte(x >> (32 - 8*i))
		}
		code, bad := m.decode(r)
		if bad != "" {
			if code != 0 {
				t.Errorf("% x: %d beside %q", r, code, bad)
			}
			return
		}
		bit := func(i int) int { return int(r[i/8] >> (7 - i%8) & 1) }
		for k := range m.bits {
			if bit(23-k) != code>>k&1 || k > 0 && bit(23+k) != code>>k&1 {
				t.Fatalf("% x: %#x", r, code)
			}
		}
	})
}
