package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pinhole/cmd/internal/judge"
)

// TestE2EBusManners: the real agent starts although a part is missing, which is an error reading, and has it by itself when it is plugged
// in. A bus that hangs fails what is on it and nothing else, and comes back. Two parts with one address behind a multiplexer that loses
// its supply, and whose channel is switched off by that, are never taken for each other. What warms up says so.
func TestE2EBusManners(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a bus hangs for 14 s")
	}
	d := newDesk(t)
	type said struct {
		at    int64 // ns since 1970
		value float64
		class string
	}
	var mu sync.Mutex
	told := map[string][]said{}
	d.books.each = func(b *judge.Batch) {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range b.Readings {
			if r.Quantity == "temperature" || r.Quantity == "co2" {
				name := strings.Clone(r.Sensor)
				told[name] = append(told[name], said{r.Time, r.Value, strings.Clone(r.Error)})
			}
		}
	}
	config := d.configure(settings{sensors: `
		{name: late, kind: sht4x, every: 100ms}
		{name: hung, kind: sht4x, bus: 2, every: 100ms}
		{name: neighbour, kind: tmp117, bus: 2, every: 100ms}
		{name: north, kind: tmp117, bus: 3, mux: 0x70, channel: 0, every: 100ms}
		{name: south, kind: tmp117, bus: 3, mux: 0x70, channel: 5, every: 100ms}
		{name: steady, kind: tmp117, bus: 4, every: 100ms}
		{name: breath, kind: scd4x, bus: 5, every: 1s}`})
	whole, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	script := `sim:
  values:
    - {quantity: temperature, value: 20}
    - {sensor: north, quantity: temperature, value: 10}
    - {sensor: south, quantity: temperature, value: 30}
  faults:
    - {sensor: late, kind: unplug, for: 2s}
    - {sensor: hung, kind: hang, at: 4s, for: 14s}
    - {bus: 3, address: 0x70, kind: brownout, at: 1s, every: 300ms}
`
	if err := os.WriteFile(config, append(whole, script...), 0o600); err != nil {
		t.Fatal(err)
	}
	d.run(config)
	// classes are the errors of a sensor in their order, with "v" for any number of values.
	classes := func(name string) string {
		mu.Lock()
		defer mu.Unlock()
		var list []string
		for _, s := range told[name] {
			if s.class == "" {
				s.class = "v"
			}
			list = append(list, s.class)
		}
		return strings.Join(slices.Compact(list), " ")
	}
	d.await(2*time.Minute, "everything is back", func() bool {
		return classes("late") == "absent v" && classes("hung") == "v timeout v" && classes("neighbour") == "v busy v"
	})
	d.finish()
	mu.Lock()
	defer mu.Unlock()
	for name, want := range map[string]float64{"late": 20, "hung": 20, "neighbour": 20, "north": 10, "south": 30, "steady": 20} {
		values := 0
		for _, s := range told[name] {
			if s.class != "" {
				continue
			}
			if values++; s.value != want {
				t.Errorf("%s measures %v, the truth is %v", name, s.value, want)
			}
		}
		if values < 2 {
			t.Errorf("%s: %d values", name, values)
		}
	}
	if first := told["breath"]; len(first) == 0 || first[0].class != "warmup" {
		t.Errorf("what warms up says %v", first)
	}
	// From the last value of the bus that hangs to the report of it, the others go on.
	i := slices.IndexFunc(told["hung"], func(s said) bool { return s.class == "timeout" })
	if i < 1 {
		t.Fatalf("the bus that hangs: %v", told["hung"])
	}
	from, to := told["hung"][i-1].at, told["hung"][i].at
	for _, name := range []string{"steady", "north", "south"} {
		n := 0
		for _, s := range told[name] {
			if s.at > from && s.at < to && s.class == "" {
				n++
			}
		}
		if n < 5 { // ten in a second, unless the machine is busy
			t.Errorf("%s: %d values in the %.1f s in which bus 2 hung", name, n, time.Duration(to-from).Seconds())
		}
	}
	if s := fmt.Sprint(told["steady"]); strings.Contains(s, "busy") || strings.Contains(s, "timeout") {
		t.Errorf("steady: %s", s)
	}
}
