package agent

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pinhole/sensors"
)

// TestMeters: what a script says of water, wind and rain is what the kinds that count pulses report.
func TestMeters(t *testing.T) {
	w := follow(t, `
sensors:
  - {name: water, kind: pulse, pin: GPIO5, quantity: volume, scale: 0.0001, every: 10s, window: 10s}
  - {name: flow, kind: pulse, pin: GPIO6, quantity: volume, pulses_per_unit: 450000, report: rate, every: 10s, window: 10s}
  - {name: wind, kind: pulse, pin: GPIO13, quantity: distance, scale: 0.667, report: rate, every: 10s, window: 10s}
  - {name: mains, kind: frequency, pin: GPIO19, every: 10s}
sim:
  values:
    - {sensor: water, quantity: volume, value: 0}
    - {sensor: water, quantity: volume, value: 0.36, at: 20s, for: 30s}
    - {sensor: flow, quantity: flow_rate, value: 0.2}
    - {sensor: wind, quantity: speed, signal: {points: [[0s, 4], [60s, 4], [60s, 8]]}}
    - {sensor: mains, quantity: frequency, value: 60}
  faults: [{sensor: mains, kind: lost-edges, at: 1m2s, for: 1s}, {sensor: wind, kind: high, at: 1m30s}]
`, 125*time.Second)
	near := func(sensor string, q sensors.Quantity, from, to time.Duration, want, within float64) {
		t.Helper()
		n := 0
		for _, r := range w.of(sensor, q) {
			if r.at < from || r.at > to {
				continue
			}
			if n++; r.Err != "" || r.Value < want-within || r.Value > want+within {
				t.Errorf("%s %s: %v %s after %v, want %v", sensor, q, r.Value, r.Err, r.at, want)
			}
		}
		if n < 2 {
			t.Errorf("%s %s: %d readings from %v to %v", sensor, q, n, from, to)
		}
	}
	const s = time.Second
	near("water", sensors.FlowRate, 9*s, 21*s, 0, 0)
	near("water", sensors.FlowRate, 29*s, 51*s, 0.1, 0.011)
	near("water", sensors.FlowRate, 69*s, 121*s, 0, 0)
	near("flow", sensors.FlowRate, 19*s, 121*s, 0.2, 0.001)
	near("wind", sensors.Speed, 19*s, 61*s, 4, 0.1)
	near("wind", sensors.Speed, 79*s, 91*s, 8, 0.1)
	near("wind", sensors.Speed, 109*s, 121*s, 0, 0)
	near("mains", sensors.Frequency, 19*s, 61*s, 60, 0.1)
	near("mains", sensors.Frequency, 79*s, 121*s, 60, 0.1)
	lost := 0
	for _, r := range w.of("mains", sensors.Frequency) {
		if r.Err == sensors.IO && r.at > 62*s && r.at < 75*s {
			lost++
		}
	}
	if total := w.of("water", sensors.Volume); lost != 1 || len(total) == 0 || math.Abs(total[len(total)-1].Value-0.003) > 0.00011 {
		t.Errorf("%d errors for lost edges; %d totals, the last %v", lost, len(total), total[max(0, len(total)-1):])
	}
}

// TestRanger: what stands in front of it, and what goes wrong with its two lines.
func TestRanger(t *testing.T) {
	for mishap, class := range map[string]sensors.Class{
		"sensor: tank, kind: unplug": sensors.Absent, "pin: GPIO23, kind: unplug": sensors.Absent,
		"sensor: tank, kind: low": sensors.Absent, "sensor: tank, kind: high": sensors.IO, "sensor: tank, kind: lost-edges": sensors.Absent,
	} {
		w := follow(t, `
sensors: [{name: tank, kind: hcsr04, trigger: GPIO23, echo: GPIO24, every: 1s}]
sim:
  values: [{sensor: tank, quantity: distance, signal: {points: [[0s, 1.5], [30s, 1.5], [30s, 0.5]]}}]
  faults: [{`+mishap+`, at: 4500ms, for: 15s}]
`, 40*time.Second)
		var classes []sensors.Class
		good := 0
		for _, r := range w.readings {
			want := 1.5
			if r.at > 29500*time.Millisecond {
				want = 0.5
			}
			if r.Err != "" {
				classes = append(classes, r.Err)
			} else if good++; math.Abs(r.Value-want) > 0.01 || r.at > from && r.at < to {
				t.Errorf("%s: %v m after %v", mishap, r.Value, r.at)
			}
		}
		if !slices.Equal(classes, []sensors.Class{class}) || good < 19 {
			t.Errorf("%s: %d values, classes %v, want %s", mishap, good, classes, class)
		}
	}
}

// TestChannels: parts with several inputs, each of which can be told apart in a script.
func TestChannels(t *testing.T) {
	w := follow(t, `
sensors:
  - {name: wet, kind: ads1115, input: a0, every: 1s}
  - {name: dry, kind: ads1115, input: a1, every: 1s}
  - {name: three, kind: ina3221, every: 1s}
  - {name: eight, kind: mcp3008, channels: [0, 1, "2-3"], every: 1s}
  - {name: couple, kind: max31855, device: "0.1", every: 1s}
  - {name: power, kind: pipower, every: 1s}
sim:
  values:
    - {quantity: voltage, value: 1}
    - {sensor: wet, quantity: voltage, value: 2}
    - {sensor: three, channel: "2", quantity: voltage, value: 12}
    - {sensor: eight, quantity: voltage, value: 0.5}
    - {sensor: eight, channel: "1", quantity: voltage, value: 3}
    - {sensor: eight, channel: "2", quantity: voltage, value: 2.5}
    - {sensor: couple, quantity: temperature, value: 300}
    - {sensor: couple, channel: internal, quantity: temperature, value: 30}
    - {sensor: power, quantity: undervoltage, value: false}
    - {sensor: power, quantity: undervoltage, value: true, at: 3s, for: 3s}
`, 10*time.Second)
	last := map[string]float64{}
	var low strings.Builder
	for _, r := range w.readings {
		switch {
		case r.Err != "":
			t.Errorf("%s %s: %s", r.Sensor, r.Quantity, r.Err)
		case r.Quantity == sensors.Undervoltage:
			low.WriteString(fmt.Sprint(r.Value))
		case r.Quantity == sensors.Voltage, r.Quantity == sensors.Temperature:
			last[r.Sensor] = r.Value
		}
	}
	for name, want := range map[string]float64{"wet": 2, "dry": 1, "three.1": 1, "three.2": 12, "three.3": 1, "eight.0": 0.5, "eight.1": 3, "eight.2-3": 2,
		"couple": 300, "couple.internal": 30} {
		if got, ok := last[name]; !ok || math.Abs(got-want) > 0.02 {
			t.Errorf("%s measures %v, want %v; there are %v", name, got, want, last)
		}
	}
	if !regexp.MustCompile(`^0{3,4}1{3,4}0{3,5}$`).MatchString(low.String()) { // the file is as much as a second behind
		t.Errorf("undervoltage %s", low.String())
	}
}

// TestSerialMishaps: what goes wrong at a serial port, with a part that speaks by itself and one that is asked.
func TestSerialMishaps(t *testing.T) {
	for _, tt := range []struct {
		kind, mishap string
		class        sensors.Class
	}{
		{"pms5003", "unplug", sensors.Timeout},
		{"pms5003", "brownout", sensors.Timeout},
		{"pms5003", "broken", sensors.IO},
		{"pms5003", "flip", sensors.IO}, // a bit in the frame's head, at first
		{"pms5003", "ones", sensors.Timeout},
		{"pms5003", "zeros", sensors.Timeout},
		{"pms5003", "cut", sensors.Timeout},
		{"pms5003", "overrun", sensors.Timeout},
		{"pms5003", "noise", ""},
		{"mhz19", "unplug", sensors.Timeout},
		{"mhz19", "brownout", sensors.Timeout},
		{"mhz19", "broken", sensors.IO},
		{"mhz19", "flip", sensors.CRC},
		{"mhz19", "noise", ""},
	} {
		w := follow(t, "sensors: [{name: a, every: 5s, kind: "+tt.kind+`}]
sim:
  values: [{quantity: pm2_5, value: 20}, {quantity: co2, value: 900}]
  faults: [{sensor: a, at: 302500ms, for: 60s, kind: `+tt.mishap+"}]\n", 900*time.Second)
		const from, to = 302500 * time.Millisecond, 362500 * time.Millisecond
		q, want := sensors.PM25, 20.0
		if tt.kind == "mhz19" {
			q, want = sensors.CO2, 900
		}
		var classes []sensors.Class
		good := 0
		for _, r := range w.of("a", q) {
			switch {
			case r.Err == sensors.Warmup && r.at < time.Minute:
			case r.Err != "":
				classes = append(classes, r.Err)
			case r.Value != want || tt.class != "" && r.at > from+2*time.Second && r.at < to:
				t.Errorf("%s %s: %v after %v", tt.kind, tt.mishap, r.Value, r.at)
			default:
				good++
			}
		}
		expected := []sensors.Class{tt.class}
		if tt.class == "" {
			expected = nil
		}
		if !slices.Equal(classes, expected) || good < 60 {
			t.Errorf("%s %s: %d values, classes %v, want %v", tt.kind, tt.mishap, good, classes, expected)
		}
	}
}
