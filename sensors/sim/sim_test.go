package sim

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

func params(address int64) kind.Params { return kind.Params{"bus": int64(1), "address": address} }

func TestWeather(t *testing.T) {
	w := Weather(7)
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		q                sensors.Quantity
		low, high, moves float64 // what it stays between, and how far it must move in a day
		step             float64 // how far it may move in a second
	}{
		{sensors.Temperature, 10, 33, 4, 0.02},
		{sensors.RelativeHumidity, 5, 98, 5, 0.1},
		{sensors.Pressure, 97000, 105000, 50, 0.5},
		{sensors.CO2, 420, 1140, 200, 0.8},
		{sensors.TVOC, 5, 215, 50, 0.3},
		{sensors.Raw, 27500, 32500, 1000, 13},
		{sensors.UVIndex, 0, 5, 2, 0.01},
		{sensors.Illuminance, 0.2, 600, 300, 150},
		{sensors.PM25, 1, 17, 5, 0.2},
		{sensors.Voltage, 2.6, 3.1, 0.05, 0.004},
		{sensors.Current, 0.15, 0.65, 0.2, 0.03},
		{sensors.Power, 0.4, 2.1, 0.5, 0.1},
		{sensors.Resistance, 106, 112, 1, 0.01},
		{sensors.AccelerationX, -0.05, 0.05, 0.05, 0.1},
		{sensors.AccelerationZ, 9.76, 9.86, 0.05, 0.1},
		{sensors.AngularRateY, -0.5, 0.5, 0.5, 1},
		{sensors.Distance, 0.5, 1.9, 0.5, 0.01},
		{sensors.Speed, 0, 8, 3, 1},
		{sensors.Frequency, 49.9, 50.1, 0.03, 0.01},
		{sensors.Ratio, 0, 1, 0.3, 0.01},
	} {
		low, high := math.Inf(1), math.Inf(-1)
		for s := range 24 * 60 {
			at := begin.Add(time.Duration(s) * time.Minute)
			v := w.Value(tt.q, "here", at)
			low, high = min(low, v), max(high, v)
			if d := math.Abs(w.Value(tt.q, "here", at.Add(time.Second)) - v); d > tt.step {
				t.Errorf("%s moves by %v in a second at %v", tt.q, d, at)
			}
			if w.Value(tt.q, "here", at) != v {
				t.Errorf("%s is not the same when asked again", tt.q)
			}
		}
		if low < tt.low || high > tt.high || high-low < tt.moves {
			t.Errorf("%s runs from %v to %v", tt.q, low, high)
		}
	}
	if Weather(8).Value(sensors.Temperature, "here", begin) == w.Value(sensors.Temperature, "here", begin) {
		t.Error("another seed is the same weather")
	}
}

// TestMeters watches what only rises: never back, and by how much in a day.
func TestMeters(t *testing.T) {
	w := Weather(7)
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		q    sensors.Quantity
		want float64 // in a day
		most float64 // in a second
	}{
		{sensors.Energy, 6000, 0.1},
		{sensors.Volume, 1.44, 0.0004},
		{sensors.Rainfall, 144, 0.04},
		{sensors.Count, 14400, 1},
		{sensors.Uptime, 86400, 1},
		{sensors.NetworkReceived, 86400 * 1800, 1800},
	} {
		first := w.Value(tt.q, "here", begin)
		last := first
		for s := 1; s <= 86400; s++ {
			v := w.Value(tt.q, "here", begin.Add(time.Duration(s)*time.Second))
			if v < last || v-last > tt.most*1.000001 {
				t.Fatalf("%s goes from %v to %v in a second", tt.q, last, v)
			}
			last = v
		}
		if got := last - first; math.Abs(got-tt.want) > 0.001*tt.want {
			t.Errorf("%s rises by %v in a day, want %v", tt.q, got, tt.want)
		}
	}
	if v := w.Value(sensors.Volume, "here", installed.Add(-time.Hour)); v != 0 {
		t.Errorf("a meter shows %v before it was installed", v)
	}
}

// TestRelations checks that quantities which depend on each other agree.
func TestRelations(t *testing.T) {
	w := Weather(7)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	flowing := false
	for range 100 {
		at = at.Add(137 * time.Second)
		v := func(q sensors.Quantity) float64 { return w.Value(q, "here", at) }
		if p := v(sensors.Voltage) * v(sensors.Current); v(sensors.Power) != p {
			t.Errorf("%v V and %v A make %v W", v(sensors.Voltage), v(sensors.Current), v(sensors.Power))
		}
		if v(sensors.PM1) > v(sensors.PM25) || v(sensors.PM25) > v(sensors.PM10) {
			t.Errorf("particles %v, %v, %v", v(sensors.PM1), v(sensors.PM25), v(sensors.PM10))
		}
		drawn := w.Value(sensors.Volume, "here", at.Add(time.Millisecond)) - v(sensors.Volume)
		if flow := v(sensors.FlowRate); flow == w.Value(sensors.FlowRate, "here", at.Add(time.Millisecond)) {
			if flowing = flowing || flow > 0; math.Abs(drawn*1e6-flow) > 1e-3 {
				t.Errorf("%v litres a second, but %v m3 in a millisecond", flow, drawn)
			}
		}
	}
	if !flowing {
		t.Error("no water in all that time")
	}
	for _, info := range sensors.Quantities() {
		if v := w.Value(info.Quantity, "here", at); math.IsNaN(v) || math.IsInf(v, 0) || v == 0 && !info.Boolean && info.Quantity != sensors.FlowRate &&
			info.Quantity != sensors.RainfallRate {
			t.Errorf("%s is %v by day", info.Quantity, v)
		}
	}
}

func TestSwitch(t *testing.T) {
	w := Weather(7)
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	changes, closed := 0, time.Duration(0)
	last, _ := w.Switch(sensors.Contact, "door", begin)
	for at := begin; at.Before(begin.Add(time.Hour)); {
		on, until := w.Switch(sensors.Contact, "door", at)
		if !until.After(at) {
			t.Fatalf("at %v: until %v", at, until)
		}
		if early, _ := w.Switch(sensors.Contact, "door", until.Add(-time.Nanosecond)); early != on {
			t.Errorf("at %v: said to last until %v, and does not", at, until)
		}
		if on != last {
			changes++
		}
		if on {
			closed += until.Sub(at)
		}
		last, at = on, until
	}
	if changes != 240 { // opened and closed in each of 120 half minutes
		t.Errorf("%d changes in an hour", changes)
	}
	if closed < 30*time.Minute || closed > 55*time.Minute {
		t.Errorf("closed for %v in an hour", closed)
	}
}

// TestForcedMode follows a measurement at the registers.
func TestForcedMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{World: Still{sensors.Temperature: 25, sensors.Pressure: 100000, sensors.RelativeHumidity: 40}})
		if err := b.Attach("bme280", params(0x76)); err != nil {
			t.Fatal(err)
		}
		bus, _ := b.I2C("1")
		r := make([]byte, 13)
		if err := bus.Tx(0x76, []byte{0xD0}, r[:1]); err != nil {
			t.Errorf("a part that has been on since the board was does not answer: %v", err)
		}
		b.BrownOut("1", 0x76)
		if err := bus.Tx(0x76, []byte{0xD0}, r[:1]); !errors.Is(err, syscall.EREMOTEIO) {
			t.Errorf("answers while it starts: %v", err)
		}
		time.Sleep(2 * time.Millisecond)
		if err := bus.Tx(0x76, []byte{0xD0}, r[:1]); err != nil || r[0] != 0x60 {
			t.Errorf("id % x, %v", r[0], err)
		}
		if err := bus.Tx(0x76, []byte{0xF3}, r[:1]); err != nil || r[0] != 1 {
			t.Errorf("status while it copies its constants %x, %v", r[0], err)
		}
		time.Sleep(3 * time.Millisecond)
		read := func() []byte {
			if err := bus.Tx(0x76, []byte{0xF2}, r); err != nil {
				t.Fatal(err)
			}
			return slices.Clone(r)
		}
		if got := read(); !slices.Equal(got, []byte{0, 0, 0, 0, 0, 0x80, 0, 0, 0x80, 0, 0, 0x80, 0}) {
			t.Errorf("after power-on % x", got)
		}
		if err := bus.Tx(0x76, []byte{0xF2, 1, 0xF4, 0x25}, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(9299 * time.Microsecond)
		if got := read(); got[1] != 8 || got[2] != 0x25 {
			t.Errorf("while it measures % x", got[:4])
		}
		time.Sleep(time.Microsecond)
		got := read()
		if got[1] != 0 || got[2] != 0x24 || slices.Equal(got[8:11], []byte{0x80, 0, 0}) {
			t.Errorf("after 9.3 ms % x", got)
		}
		if !b.Chip("1", 0x76).(Idler).Idle(time.Now()) {
			t.Error("not idle")
		}
		b.BrownOut("1", 0x76)
		time.Sleep(5 * time.Millisecond)
		if got := read(); got[0] != 0 || got[8] != 0x80 {
			t.Errorf("after a brown-out % x", got)
		}
	})
}

// TestInverse checks that truth, turned into raw values, comes out of the formulas again.
func TestInverse(t *testing.T) {
	for v := range bmxVariants {
		k := bmxVariants[v]
		for c := -40.0; c <= 85; c += 2.5 {
			raw := float64(k.rawTemperature(c))
			fine := k.fine(raw)
			if got := k.temperature(raw); math.Abs(got-c) > 0.001 {
				t.Errorf("variant %d: %v Cel became %v", v, c, got)
			}
			for p := 30000.0; p <= 110000; p += 8000 {
				if got := k.pressure(float64(k.rawPressure(p, fine)), fine); math.Abs(got-p) > 0.2 {
					t.Errorf("variant %d: %v Pa at %v Cel became %v", v, p, c, got)
				}
			}
			for h := 1.0; h <= 100; h += 5 {
				if got := k.humidity(float64(k.rawHumidity(h, fine)), fine); math.Abs(got-h) > 0.02 {
					t.Errorf("variant %d: %v %%RH at %v Cel became %v", v, h, c, got)
				}
			}
		}
	}
}

func TestAttach(t *testing.T) {
	b := New(Options{})
	for _, kindName := range []string{"bme280", "bme280", "mock", "unheard of"} {
		if err := b.Attach(kindName, params(0x76)); err != nil {
			t.Errorf("%s: %v", kindName, err)
		}
	}
	// Another kind where a part is already finds that part, and is not refused.
	if err := b.Attach("bmp280", params(0x76)); err != nil || b.bus("1").at(0x76).kind != "bme280" {
		t.Errorf("two parts at one address: %v, and a %s is there", err, b.bus("1").at(0x76).kind)
	}
	if err := b.Attach("gpio", kind.Params{"pin": "17"}); err == nil {
		t.Error("a pin that is none")
	}
}

func TestFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		if err := b.Attach("bme280", params(0x76)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		bus, _ := b.I2C("1")
		for _, tt := range []struct {
			fault Fault
			class sensors.Class
			took  time.Duration
			want  byte
		}{
			{Fault{}, "", 0, 0x60},
			{Fault{Trouble: NAK}, sensors.Absent, 0, 0},
			{Fault{Trouble: Timeout}, sensors.Timeout, AdapterTimeout, 0},
			{Fault{Trouble: Lost}, sensors.Busy, 0, 0},
			{Fault{Trouble: Broken}, sensors.IO, 0, 0x60},
			{Fault{Trouble: Flip, Byte: -1, Bit: 7}, "", 0, 0xE0},
			{Fault{Trouble: FlipWrite, Bit: 0}, "", 0, 0x00},
			{Fault{Trouble: Ones}, "", 0, 0xFF},
			{Fault{Trouble: Zeros}, "", 0, 0x00},
		} {
			b.Inject("1", func(x Transfer) Fault {
				if x.Addr != 0x76 || x.W != 1 || x.R != 1 || x.N != 0 {
					t.Errorf("transfer %+v", x)
				}
				return tt.fault
			})
			r := []byte{0}
			begin := time.Now()
			err := bus.Tx(0x76, []byte{0xD0}, r)
			if sensors.ClassOf(err) != tt.class || time.Since(begin) != tt.took || r[0] != tt.want {
				t.Errorf("%+v: %v after %v, read %#x", tt.fault, err, time.Since(begin), r[0])
			}
		}
		// A transfer that hangs holds the whole bus, until it is freed.
		b.Inject("1", func(x Transfer) Fault { return Fault{Trouble: Hang} })
		done := make(chan error, 2)
		for range 2 {
			go func() { done <- bus.Tx(0x76, []byte{0xD0}, make([]byte, 1)) }()
		}
		time.Sleep(time.Hour)
		if len(done) != 0 {
			t.Error("does not hang")
		}
		b.Inject("1", nil)
		if a, b := <-done, <-done; (a == nil) == (b == nil) {
			t.Errorf("freed: %v and %v, want one error", a, b)
		}
	})
}

// TestFiles reads the tree as the kinds that live on it do.
func TestFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		read := func(name string) string {
			text, err := os.ReadFile(filepath.Join(b.Root(), name))
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		field := func(name string, n int) float64 {
			v, err := strconv.ParseFloat(strings.Fields(read(name))[n], 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		if v := field("sys/class/thermal/thermal_zone0/temp", 0); v < 20000 || v > 80000 {
			t.Errorf("processor at %v", v)
		}
		up, user, idle := field("proc/uptime", 0), field("proc/stat", 1), field("proc/stat", 4)
		time.Sleep(10 * time.Second)
		if err := b.Refresh(); err != nil {
			t.Fatal(err)
		}
		if d := field("proc/uptime", 0) - up; d != 10 {
			t.Errorf("uptime moved by %v in 10 s", d)
		}
		dUser, dIdle := field("proc/stat", 1)-user, field("proc/stat", 4)-idle
		if dUser <= 0 || dIdle <= 0 || dUser+dIdle > 4001 {
			t.Errorf("processor time moved by %v and %v", dUser, dIdle)
		}
		root := b.Root()
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(root); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("left behind: %v", err)
		}
	})
}
