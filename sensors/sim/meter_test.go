package sim

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// rising is a world in which totals rise by value a second from its beginning on, and everything else has its value.
type rising struct {
	Still
	begin time.Time
}

func (w rising) Value(q sensors.Quantity, place string, t time.Time) float64 {
	switch q {
	case sensors.Count, sensors.Volume, sensors.Energy, sensors.Rainfall:
		return 1000 + w.Still[q]*t.Sub(w.begin).Seconds()
	}
	return w.Still[q]
}

// TestMeter counts edges of meters for ten minutes and compares with the world.
func TestMeter(t *testing.T) {
	for _, tt := range []struct {
		kind string
		p    kind.Params
		q    sensors.Quantity
		v    float64 // a second, or as it is
		want float64 // pulses
	}{
		{"pulse", kind.Params{"quantity": "count"}, sensors.Count, 0.5, 300},
		{"pulse", kind.Params{"quantity": "volume", "scale": 0.001}, sensors.Volume, 0.0002, 120},
		{"pulse", kind.Params{"quantity": "volume", "pulses_per_unit": 450000.0, "pull": "down"}, sensors.Volume, 0.0002, 54000},
		{"pulse", kind.Params{"quantity": "energy"}, sensors.Energy, 1, 600},
		{"pulse", kind.Params{"quantity": "rainfall", "scale": 0.2794}, sensors.Rainfall, 0.01, 21},
		{"pulse", kind.Params{"quantity": "distance", "scale": 0.667}, sensors.Speed, 6.67, 6000},
		{"pulse", kind.Params{"quantity": "count"}, sensors.Count, 0, 0},
		{"frequency", kind.Params{"pulses": int64(2)}, sensors.Frequency, 50, 60000},
		{"frequency", kind.Params{"pulses": int64(1)}, sensors.Frequency, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := New(Options{World: rising{Still{tt.q: tt.v}, time.Now()}})
			tt.p["pin"] = "GPIO5"
			if err := b.Attach(tt.kind, tt.p); err != nil {
				t.Fatal(err)
			}
			pull := kind.PullUp
			if tt.p.String("pull") == "down" {
				pull = kind.PullDown
			}
			l, err := b.Line("GPIO5", kind.LineOptions{Edges: kind.RisingEdges, Pull: pull, ActiveLow: pull == kind.PullUp})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			n := float64(len(edges(t, l, 10*time.Minute)))
			if math.Abs(n-tt.want) > 1 {
				t.Errorf("%s %v with %s %v: %v pulses, want %v", tt.kind, tt.p, tt.q, tt.v, n, tt.want)
			}
		})
	}
}

// TestMeterPassesOverNothing has a meter's rate jump from nothing to a thousand pulses a second.
func TestMeterPassesOverNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now().Add(7 * time.Second)
		w := &wheel{turns: func(at time.Time) (float64, float64) { return max(at.Sub(begin).Seconds(), 0) * 1000, 0 }}
		b := New(Options{})
		pin, _ := b.pin("GPIO5")
		pin.connect(w.level)
		l, err := b.Line("GPIO5", kind.LineOptions{Edges: kind.BothEdges})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if n := len(edges(t, l, 10*time.Second)); n < 6000-2*100 || n > 6000 {
			t.Errorf("%d edges in three seconds at 1 kHz", n)
		}
	})
}

// TestWeatherMeters finds something to count on every kind of meter, and not too much.
func TestWeatherMeters(t *testing.T) {
	for q, unit := range map[string]float64{"count": 1, "volume": 0.001, "energy": 1, "rainfall": 0.2794, "distance": 0.667} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(installed.Add(time.Hour)))
			b := New(Options{})
			if err := b.Attach("pulse", kind.Params{"pin": "GPIO5", "quantity": q, "scale": unit}); err != nil {
				t.Fatal(err)
			}
			l, err := b.Line("GPIO5", kind.LineOptions{Edges: kind.RisingEdges, Pull: kind.PullUp, ActiveLow: true})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if n := len(edges(t, l, time.Hour)); n < 5 || n > 100000 {
				t.Errorf("%s: %d pulses in an hour", q, n)
			}
		})
	}
}
