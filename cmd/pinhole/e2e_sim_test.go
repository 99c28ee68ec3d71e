package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pinhole/cmd/internal/judge"
	"pinhole/cmd/internal/lab"
)

// TestE2EScript runs the real program's `read --watch` on a board that a script directs: each fault by its name, at a part of its own, for three
// seconds. The parts are such as do not mind if a busy machine keeps their driver waiting. The configuration is one for a real board; --board sim makes it this one.
func TestE2EScript(t *testing.T) {
	t.Parallel()
	faults := []struct{ name, sensor, fault, class string }{
		{"pulled", "kind: sht4x, bus: 1", "kind: unplug", "absent"},
		{"refused", "kind: sht4x, bus: 2", "kind: nak", "absent"},
		{"slow", "kind: sht4x, bus: 3", "kind: timeout", "timeout"},
		{"stuck", "kind: sht4x, bus: 4", "kind: stuck", "timeout"},
		{"shared", "kind: sht4x, bus: 5", "kind: arbitration", "busy"},
		{"broken", "kind: sht3x, bus: 6", "kind: broken", "io"},
		{"flipped", "kind: sht4x, bus: 7", "kind: flip", "crc"},
		{"floating", "kind: shtc3, bus: 8", "kind: ones", "crc"},
		{"held", "kind: sht3x, bus: 9", "kind: zeros", "crc"},
		{"browned", "kind: sht4x, bus: 10", "kind: brownout", "absent"},
		{"swapped", "kind: sht4x, bus: 11", "kind: swap, with: bme280", "crc or absent"}, // absent while the other one starts
		{"alike", "kind: sht4x, bus: 12", "kind: swap", ""},
		{"stretched", "kind: sht4x, bus: 13", "kind: stretch, delay: 10ms", ""},
		{"muxed", "kind: sht4x, bus: 14, mux: 0x70, channel: 2", "kind: unplug", "absent"},
		{"spi", "kind: max31865, device: \"0.0\", wires: 3", "kind: unplug", "absent"},
		{"wire", "kind: onewire, device: 28-00000a1b2c3d", "kind: unplug", "absent"},
		{"file", "kind: hwmon, device: lm75", "kind: broken", "io"},
	}
	var sensors, script strings.Builder
	for _, f := range faults {
		fmt.Fprintf(&sensors, "  - {name: %s, every: 100ms, %s}\n", f.name, f.sensor)
		fmt.Fprintf(&script, "    - {sensor: %s, at: 2050ms, for: 3s, %s}\n", f.name, f.fault)
	}
	config := filepath.Join(t.TempDir(), "pinhole.yaml")
	text := "publisher: {broker: mqtt://localhost}\nsensors:\n" + sensors.String() + "  - {name: door, kind: gpio, pin: GPIO17}\n" + `sim:
  values:
    - {quantity: temperature, value: 20}
    - {sensor: door, quantity: contact, value: true}
    - {sensor: door, quantity: contact, value: false, at: 2s, for: 3s}
  faults:
` + script.String()
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, nil, agentPath(t), "read", "--watch", "--json", "--board", "sim", "-c", config)

	type reading struct {
		Sensor, Quantity string
		Value            any
		Error            string
	}
	// once tells whether a fault's class was told once, and values came again.
	once := func(class, told string) bool {
		if class == "" {
			return strings.Trim(told, "v") == "" && len(told) > 55
		}
		for c := range strings.SplitSeq(class, " or ") {
			if before, after, found := strings.Cut(told, " "+c+" "); found && strings.Trim(before+after, "v") == "" && before != "" && after != "" {
				return true
			}
		}
		return false
	}
	series := func() map[string]string {
		told := map[string]string{} // of each sensor its first quantity: v for a value, or the class
		for line := range strings.Lines(p.out.String()) {
			var r reading
			if json.Unmarshal([]byte(line), &r) != nil || r.Quantity != "temperature" && r.Quantity != "contact" {
				continue // the last line may be half
			}
			if name, _, _ := strings.Cut(r.Sensor, "."); r.Error != "" {
				// A part that goes between being asked and being read has refused a byte; it depends on the moment.
				told[name] += " " + strings.Replace(r.Error, "nak", "absent", 1) + " "
			} else if v, ok := r.Value.(float64); !ok {
				told[name] += fmt.Sprintf("%v ", r.Value)
			} else if told[name] += "v"; v < 19 || v > 21 {
				t.Errorf("%s measures %v", name, v)
			}
		}
		return told
	}
	back := func() bool {
		told := series()
		for _, f := range faults {
			if !once(f.class, told[f.name]) {
				return false
			}
		}
		return strings.Count(told["door"], "true") == 2
	}
	for end := time.Now().Add(60 * time.Second); !back() && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
	p.stop()
	told := series()
	for _, f := range faults {
		if !once(f.class, told[f.name]) {
			t.Errorf("%s, %s: %s, want %q once, and values again", f.name, f.fault, told[f.name], f.class)
		}
	}
	if told["door"] != "true false true " {
		t.Errorf("the door: %s", told["door"])
	}
}

// TestE2EDemoScript: the agent takes the configuration of the demo without a word against it.
func TestE2EDemoScript(t *testing.T) {
	t.Parallel()
	l, err := lab.Start(lab.Options{Script: lab.DemoScript})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	out, errs, code := output(t, "", agentPath(t), "check", "--json", "-c", l.Config())
	if want := `{"ok":true,"problems":[],"warnings":[]}`; code != 0 || strings.TrimSpace(out) != want || errs != "" {
		t.Errorf("code %d: %s%s", code, out, errs)
	}
}

// TestE2EScriptReload: SIGHUP takes a changed script over, from its beginning.
func TestE2EScriptReload(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var mu sync.Mutex
	told := map[string][]string{} // of each sensor what it said, equal things once
	d.books.each = func(b *judge.Batch) {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range b.Readings {
			if what := fmt.Sprint(r.Value, r.Error); r.Quantity == "temperature" {
				name := strings.Clone(r.Sensor)
				told[name] = slices.Compact(append(told[name], what))
			}
		}
	}
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		t.Logf("the sensors said %v", told)
	})
	said := func(want string) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return fmt.Sprint(told) == want
		}
	}
	config := d.configure(settings{sensors: "{name: a, every: 100ms, kind: sht4x}\n{name: b, every: 100ms, kind: sht4x, bus: 2}"})
	whole, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	direct := func(script string) {
		if err := os.WriteFile(config, append(whole[:len(whole):len(whole)], script...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	direct("sim: {values: [{quantity: temperature, value: 20}], faults: [{sensor: a, kind: unplug}]}\n")
	d.run(config)
	d.await(30*time.Second, "a is missing", said("map[a:[0absent] b:[20]]"))
	direct("sim: {values: [{sensor: b, quantity: temperature, value: 30}, {sensor: a, quantity: temperature, value: 10}], faults: [{sensor: b, kind: timeout, at: 3s}]}\n")
	d.live.signal(syscall.SIGHUP)
	d.await(30*time.Second, "a comes back, and b becomes warm before it fails", said("map[a:[0absent 10] b:[20 30 0timeout]]"))
	d.finish()
}
