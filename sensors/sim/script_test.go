package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/signal"
)

const sec = time.Second

func TestWhen(t *testing.T) {
	for _, tt := range []struct {
		when   When
		repeat time.Duration
		want   string // what holds in each second from 0: the number of the beginning, or . if it does not last
	}{
		{When{}, 0, "111111"},
		{When{At: 2 * sec}, 0, "..1111"},
		{When{At: 2 * sec, For: 2 * sec}, 0, "..11...."},
		{When{At: sec, For: sec, Every: 3 * sec}, 0, ".1..2..3..4"},
		{When{Every: 2 * sec}, 0, "112233"},
		{When{At: sec, For: 2 * sec}, 4 * sec, ".11..22..33."},
		{When{At: 3 * sec}, 4 * sec, "...1...2...3"},
		{When{At: 3 * sec, For: 2 * sec}, 4 * sec, "...1...2...3"},
		{When{At: 5 * sec}, 4 * sec, "........."},
		{When{At: sec, For: sec, Every: 2 * sec}, 6 * sec, ".1.2.3.4.5.6"},
		{When{At: sec, For: sec, Every: 2 * sec}, 4 * sec, ".1.2.3.4"},
	} {
		var got strings.Builder
		for i := range len(tt.want) {
			if m := tt.when.at(time.Duration(i)*sec, tt.repeat); m.on {
				fmt.Fprint(&got, m.n)
			} else {
				got.WriteByte('.')
			}
		}
		if got.String() != tt.want {
			t.Errorf("%+v, repeat %v: %s, want %s", tt.when, tt.repeat, &got, tt.want)
		}
	}
}

// TestWhenUntil goes through random times from change to change, and looks in between whether there was none.
func TestWhenUntil(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	some := func() time.Duration { return time.Duration(r.IntN(7)) }
	for range 20000 {
		w, repeat := When{some(), some(), some()}, some()
		if w.Every > 0 && w.For >= w.Every {
			w.For = w.Every - 1
		}
		count, last := int64(0), false
		for at := time.Duration(0); at < 40; {
			m := w.at(at, repeat)
			if m.until <= at {
				t.Fatalf("%+v, repeat %v: at %d until %d", w, repeat, at, m.until)
			}
			for k := at; k < min(m.until, 40); k++ {
				if n := w.at(k, repeat); n.on != m.on || n.n != m.n || n.start != m.start || n.end != m.end {
					t.Fatalf("%+v, repeat %v: %+v at %d, but %+v at %d", w, repeat, m, at, n, k)
				}
			}
			if m.n < count || m.n > count+1 || m.on && (at < m.start || at >= m.end) || m.n > 0 && !m.on && at < m.end {
				t.Fatalf("%+v, repeat %v: %+v at %d after %d beginnings", w, repeat, m, at, count)
			}
			if m.on && !last && m.n == count {
				t.Fatalf("%+v, repeat %v: %+v at %d goes on again", w, repeat, m, at)
			}
			count, last, at = m.n, m.on, m.until
		}
	}
}

var begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func constantly(v float64) signal.Signal { return signal.Signal{Shape: signal.Constant, Value: v} }

func TestDirector(t *testing.T) {
	w := direct(&Script{Settings: []Setting{
		{Quantity: sensors.Temperature, Signal: constantly(20)},
		{Quantity: sensors.Temperature, Places: []string{"i2c-1/0x76"}, When: When{At: 10 * sec, For: 10 * sec},
			Signal: signal.Signal{Shape: signal.Ramp, Min: 30, Max: 40, Period: 10 * sec}},
		{Quantity: sensors.Voltage, Places: []string{"i2c-1/0x40"}, Channel: "2", Signal: constantly(12)},
		{Quantity: sensors.Current, Places: []string{"i2c-1/0x40"}, Signal: constantly(2)},
		{Quantity: sensors.Temperature, Places: []string{"w1-1/"}, Signal: constantly(5)},
	}}, begin)
	for _, tt := range []struct {
		q     sensors.Quantity
		place string
		at    time.Duration
		want  float64
	}{
		{sensors.Temperature, "i2c-1/0x76", 0, 20},
		{sensors.Temperature, "i2c-1/0x76", 10 * sec, 30},
		{sensors.Temperature, "i2c-1/0x76", 15 * sec, 35},
		{sensors.Temperature, "i2c-1/0x76", 20 * sec, 20},
		{sensors.Temperature, "i2c-1/0x77", 15 * sec, 20},
		{sensors.Temperature, "w1-1/28-00000a1b2c3d", 0, 5},
		{sensors.Voltage, "i2c-1/0x40.2", 0, 12},
		{sensors.Current, "i2c-1/0x40.2", 0, 2},
		{sensors.Power, "i2c-1/0x40.2", 0, 24}, // which follows from them
	} {
		if got := w.Value(tt.q, tt.place, begin.Add(tt.at)); got != tt.want {
			t.Errorf("%s at %s after %v is %v, want %v", tt.q, tt.place, tt.at, got, tt.want)
		}
	}
	if v := w.Value(sensors.Voltage, "i2c-1/0x40.1", begin); v > 4 {
		t.Errorf("another channel has %v V", v)
	}
	if v := w.Value(sensors.Current, "i2c-1/0x401", begin); v == 2 {
		t.Error("a place that only begins like another is covered")
	}
	warm := direct(&Script{Settings: []Setting{{Quantity: sensors.Temperature, Signal: constantly(35)}}}, begin)
	if a, b := w.Value(sensors.RelativeHumidity, "x", begin), warm.Value(sensors.RelativeHumidity, "x", begin); b > a-20 {
		t.Errorf("%v %%RH at 20 degrees, %v at 35", a, b)
	}
}

// TestDirectedSwitch opens a door that the weather would move otherwise.
func TestDirectedSwitch(t *testing.T) {
	steps := signal.Signal{Shape: signal.Steps, Points: []signal.Point{{At: 0, Value: 0}, {At: sec, Value: 1}, {At: 2 * sec, Value: 0}}}
	for _, speed := range []float64{0, 1, 3, 0.7} {
		w := direct(&Script{Speed: speed, Settings: []Setting{
			{Quantity: sensors.Contact, Signal: constantly(1)},
			{Quantity: sensors.Contact, When: When{At: 10 * sec, For: 5 * sec, Every: 60 * sec}, Signal: steps},
		}}, begin)
		if speed == 0 {
			speed = 1
		}
		var got []string
		last := false
		for at := begin; at.Before(begin.Add(time.Duration(float64(2*time.Minute) / speed))); {
			on, until := w.Switch(sensors.Contact, "GPIO17", at)
			if !until.After(at) {
				t.Fatalf("at %v until %v", at, until)
			}
			if early, _ := w.Switch(sensors.Contact, "GPIO17", until.Add(-1)); early != on {
				t.Errorf("speed %v: at %v: said to last until %v, and does not", speed, at.Sub(begin), until.Sub(begin))
			}
			if on != last {
				got = append(got, fmt.Sprintf("%v:%.1f", on, at.Sub(begin).Seconds()*speed))
			}
			last, at = on, until
		}
		const want = "[true:0.0 false:10.0 true:11.0 false:12.0 true:15.0 false:70.0 true:71.0 false:72.0 true:75.0]"
		if fmt.Sprint(got) != want {
			t.Errorf("speed %v: %v, want %s", speed, got, want)
		}
	}
}

// TestDirectedMeters: a setting of a total is its rise in an hour, and where none holds the weather's water flows.
func TestDirectedMeters(t *testing.T) {
	s := &Script{Settings: []Setting{
		{Quantity: sensors.Volume, Signal: constantly(0)},
		{Quantity: sensors.Volume, When: When{At: 10 * sec, For: 20 * sec}, Signal: constantly(0.36)},
		{Quantity: sensors.Count, Places: []string{"GPIO5"}, When: When{At: 0, For: time.Minute}, Signal: constantly(3600)},
	}}
	w := direct(s, begin)
	first := w.Value(sensors.Volume, "GPIO4", begin)
	for at, want := range map[time.Duration]float64{5 * sec: 0, 10 * sec: 0, 15 * sec: 0.0005, 15050 * time.Millisecond: 0.000505, 30 * sec: 0.002, time.Hour: 0.002} {
		if got := w.Value(sensors.Volume, "GPIO4", begin.Add(at)) - first; math.Abs(got-want) > 1e-9 {
			t.Errorf("%v m3 after %v, want %v", got, at, want)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 100 { // whatever it was asked before, it says the same
		at := begin.Add(time.Duration(r.Int64N(int64(time.Minute))))
		for _, at := range []time.Time{at.Add(10 * time.Millisecond), at, at.Add(tick), at} {
			if a, b := w.Value(sensors.Volume, "GPIO4", at), direct(s, begin).Value(sensors.Volume, "GPIO4", at); a != b {
				t.Fatalf("at %v it says %v, asked at once %v", at.Sub(begin), a, b)
			}
		}
	}
	weather := Weather(0)
	from := w.Value(sensors.Count, "GPIO5", begin.Add(time.Minute))
	if n := from - w.Value(sensors.Count, "GPIO5", begin); n != 60 {
		t.Errorf("%v in a minute, want 60", n)
	}
	rest := weather.Value(sensors.Count, "GPIO5", begin.Add(40*time.Minute)) - weather.Value(sensors.Count, "GPIO5", begin.Add(time.Minute))
	if got := w.Value(sensors.Count, "GPIO5", begin.Add(40*time.Minute)) - from; got != rest {
		t.Errorf("the weather counts %v in the rest of the time, the script %v", rest, got)
	}
	last := 0.0
	for i := range 40000 { // it never falls, over more than an hour
		v := w.Value(sensors.Volume, "GPIO9", begin.Add(time.Duration(i)*137*time.Millisecond))
		if v < last {
			t.Fatalf("from %v to %v", last, v)
		}
		last = v
	}
}

// TestFlows: a total and its rate agree, whichever of them is set.
func TestFlows(t *testing.T) {
	for _, tt := range []struct {
		set, get sensors.Quantity
		v, want  float64 // of a rate as it is; of a total its rise in an hour
	}{
		{sensors.FlowRate, sensors.Volume, 0.5, 1.8},
		{sensors.Volume, sensors.FlowRate, 1.8, 0.5},
		{sensors.Power, sensors.Energy, 1500, 1500},
		{sensors.Energy, sensors.Power, 1500, 1500},
		{sensors.RainfallRate, sensors.Rainfall, 12, 12},
		{sensors.Rainfall, sensors.RainfallRate, 12, 12},
		{sensors.Frequency, sensors.Count, 2, 7200},
		{sensors.Count, sensors.Frequency, 7200, 2},
	} {
		w := direct(&Script{Settings: []Setting{{Quantity: tt.get, Signal: constantly(77)}, {Quantity: tt.set, Signal: constantly(tt.v)}}}, begin)
		if Rises(tt.get) {
			if got := w.Value(tt.get, "x", begin.Add(time.Hour)) - w.Value(tt.get, "x", begin); math.Abs(got-tt.want) > 1e-6 {
				t.Errorf("%s %v: %s rises by %v in an hour, want %v", tt.set, tt.v, tt.get, got, tt.want)
			}
			continue
		}
		w = direct(&Script{Settings: []Setting{{Quantity: tt.set, Signal: constantly(tt.v)}}}, begin)
		if got := w.Value(tt.get, "x", begin.Add(time.Hour)); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s %v: %s is %v, want %v", tt.set, tt.v, tt.get, got, tt.want)
		}
	}
}

// BenchmarkMeter asks as lines do: what is now, and what is a little later.
func BenchmarkMeter(b *testing.B) {
	w := direct(&Script{Settings: []Setting{{Quantity: sensors.Volume, When: When{At: 50 * sec, For: sec}, Signal: constantly(1)}}}, begin)
	at := begin
	for b.Loop() {
		at = at.Add(9 * time.Millisecond)
		w.Value(sensors.Volume, "GPIO5", at)
		w.Value(sensors.Volume, "GPIO5", at.Add(10*time.Millisecond))
	}
}

// TestSpeed: at 60 times the speed a day passes in 24 minutes.
func TestSpeed(t *testing.T) {
	slow, fast := direct(&Script{Seed: 3, Speed: 1}, begin), direct(&Script{Seed: 3, Speed: 60}, begin)
	for _, at := range []time.Duration{0, sec, time.Minute, 24 * time.Minute} {
		a, b := slow.Value(sensors.Temperature, "x", begin.Add(60*at)), fast.Value(sensors.Temperature, "x", begin.Add(at))
		if math.Abs(a-b) > 1e-6 {
			t.Errorf("after %v: %v, at speed %v", at, a, b)
		}
	}
}

// TestPlay replaces one script by another while lines and a bus are in use.
func TestPlay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		for name, p := range map[string]kind.Params{"sht4x": {"bus": int64(1), "address": int64(0x44)}, "gpio": {"pin": "GPIO17", "quantity": "contact"}} {
			if err := b.Attach(name, p); err != nil {
				t.Fatal(err)
			}
		}
		site, _ := SiteOf("sht4x", kind.Params{"bus": int64(1), "address": int64(0x44)})
		closed := Setting{Quantity: sensors.Contact, Signal: constantly(1)}
		b.Play(Script{Settings: []Setting{closed}, Mishaps: []Mishap{{Kind: Hanging, Site: site}}})
		l, err := b.Line("GPIO17", kind.LineOptions{Pull: kind.PullUp, ActiveLow: true, Edges: kind.BothEdges})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(10 * sec)
			b.Play(Script{Settings: []Setting{{Quantity: sensors.Contact, Signal: constantly(0)}}})
		}()
		start := time.Now()
		bus, _ := b.I2C("1")
		if err := bus.Tx(0x44, []byte{0x89}, nil); sensors.ClassOf(err) != sensors.Timeout || time.Since(start) != 10*sec {
			t.Errorf("hanging: %v after %v", err, time.Since(start))
		}
		if err := bus.Tx(0x44, []byte{0x89}, nil); err != nil {
			t.Errorf("after the script: %v", err)
		}
		got := edges(t, l, 60*sec)
		if len(got) != 1 || got[0].Rising {
			t.Errorf("edges %v, want the door to open once", got)
		}
		b.Play(Script{Mishaps: []Mishap{{Kind: Hanging, Site: site}}})
		time.AfterFunc(sec, func() { b.Close() })
		if err := bus.Tx(0x44, []byte{0x89}, nil); sensors.ClassOf(err) != sensors.Timeout {
			t.Errorf("hanging while the board closes: %v", err)
		}
	})
}

// TestPlayKeepsEdges: what happened under the old script, and nobody has taken yet, has its edges at their times.
func TestPlayKeepsEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		b := New(Options{Mono: func() int64 { return int64(time.Since(start)) }})
		if err := b.Attach("gpio", kind.Params{"pin": "GPIO17", "quantity": "contact"}); err != nil {
			t.Fatal(err)
		}
		b.Play(Script{Settings: []Setting{
			{Quantity: sensors.Contact, Signal: constantly(1)},
			{Quantity: sensors.Contact, When: When{At: 5 * sec, For: sec}, Signal: constantly(0)},
		}})
		l, err := b.Line("GPIO17", kind.LineOptions{Pull: kind.PullUp, ActiveLow: true, Edges: kind.BothEdges})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * sec)
		b.Play(Script{Settings: []Setting{{Quantity: sensors.Contact, Signal: constantly(0)}}})
		time.Sleep(10 * sec)
		want := []kind.Event{{Rising: false, Mono: int64(5 * sec), Seq: 1}, {Rising: true, Mono: int64(6 * sec), Seq: 2}, {Rising: false, Mono: int64(10 * sec), Seq: 3}}
		if got := edges(t, l, sec); !slices.Equal(got, want) {
			t.Errorf("edges %v, want %v", got, want)
		}
	})
}
