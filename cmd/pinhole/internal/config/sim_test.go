package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pinhole/sensors"
	"pinhole/sensors/signal"
	"pinhole/sensors/sim"
)

const desk = `publisher: {broker: h}
board: sim
sensors:
  - {name: air, kind: bme280, bus: 3}
  - {name: door, kind: gpio, pin: GPIO17}
`

func TestSim(t *testing.T) {
	got := good(t, desk+`sim:
  seed: 0x10
  speed: 60
  repeat: 1d
  values:
    - {quantity: temperature, value: -5.5}
    - {sensor: [door], quantity: contact, value: true, at: 10s, for: 5s, every: 1m}
    - {sensor: door, quantity: contact, signal: {points: [[0, false], [2s, true]], period: 4s}}
    - {quantity: pressure, signal: {min: 90000, max: 100000}}
    - {quantity: co2, signal: {shape: walk, min: 400, max: 1400, step: 2, seed: 9}}
    - {sensor: air, channel: t, quantity: temperature, signal: {points: [[1s, 3], [1s, 4]]}}
  faults:
    - {sensor: air, kind: unplug, at: 1m30s, for: 1s}
    - {bus: 1, address: 0x40, kind: stretch, delay: 20ms}
    - {bus: 0, kind: brownout, every: 1s}
    - {pin: "gpio-mockup:3", kind: high}
    - {sensor: air, kind: swap, with: bmp180}
`).Sim
	air := sim.Site{Medium: sim.I2C, Bus: "3", Address: 0x76, Places: []string{"i2c-3/0x76"}}
	want := sim.Script{
		Seed: 16, Speed: 60, Repeat: 24 * time.Hour,
		Settings: []sim.Setting{
			{Quantity: sensors.Temperature, Signal: signal.Signal{Shape: signal.Constant, Value: -5.5}},
			{Quantity: sensors.Contact, Places: []string{"GPIO17"}, When: sim.When{At: 10 * time.Second, For: 5 * time.Second, Every: time.Minute},
				Signal: signal.Signal{Shape: signal.Constant, Value: 1}},
			{Quantity: sensors.Contact, Places: []string{"GPIO17"}, Signal: signal.Signal{Shape: signal.Steps, Max: 1, Period: 4 * time.Second,
				Step: 0.02, Seed: 1, Points: []signal.Point{{At: 0, Value: 0}, {At: 2 * time.Second, Value: 1}}}},
			{Quantity: sensors.Pressure, Signal: signal.Signal{Shape: signal.Sine, Min: 90000, Max: 100000, Period: time.Minute, Step: 200, Seed: 1}},
			{Quantity: sensors.CO2, Signal: signal.Signal{Shape: signal.Walk, Min: 400, Max: 1400, Period: time.Minute, Step: 2, Seed: 9}},
			{Quantity: sensors.Temperature, Places: []string{"i2c-3/0x76"}, Channel: "t", Signal: signal.Signal{Shape: signal.Points, Min: 15, Max: 25,
				Step: 0.2, Seed: 1, Points: []signal.Point{{At: time.Second, Value: 3}, {At: time.Second, Value: 4}}}},
		},
		Mishaps: []sim.Mishap{
			{Kind: sim.Unplug, Site: air, When: sim.When{At: 90 * time.Second, For: time.Second}, Delay: 5 * time.Millisecond},
			{Kind: sim.Stretch, Site: sim.Site{Medium: sim.I2C, Bus: "1", Address: 0x40}, Delay: 20 * time.Millisecond},
			{Kind: sim.Brownout, Site: sim.Site{Medium: sim.I2C, Bus: "0"}, When: sim.When{Every: time.Second}, Delay: 5 * time.Millisecond},
			{Kind: sim.High, Site: sim.Site{Medium: sim.Line, Pin: "gpio-mockup:3"}, Delay: 5 * time.Millisecond},
			{Kind: sim.Swap, Site: air, With: "bmp180", Delay: 5 * time.Millisecond},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestSimOnPi: on a real board the section is a warning, unless the command line says otherwise.
func TestSimOnPi(t *testing.T) {
	text := strings.Replace(desk, "board: sim\n", "", 1) + "sim: {faults: [{sensor: air, kind: nak}]}\n"
	c := good(t, text)
	const want = "test.yaml:5:6: sim: directs the simulated board, and this is board pi; add --board sim to use it, or write board: sim"
	if len(c.Warnings) != 1 || c.Warnings[0].String() != want {
		t.Errorf("warnings %v, want %s", c.Warnings, want)
	}
	o := options()
	o.Board = Sim
	if c, problems := Parse("test.yaml", []byte(text), o); c == nil || len(c.Warnings) > 0 || c.Board != Sim || len(c.Sim.Mishaps) != 1 {
		t.Errorf("with --board sim: %+v, %v", c, problems)
	}
}

// TestScenario reads a script from a file of its own, beside the configuration, and reports its mistakes at their place there.
func TestScenario(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("storm.yaml", "speed: 60\nseed: 7\nvalues: [{quantity: speed, value: 20}]\nfaults: [{sensor: door, kind: high}]\n")
	main := write("pinhole.yaml", desk+"sim: {scenario: storm.yaml, speed: 2, values: [{quantity: speed, value: 3}]}\n")
	c, problems := Load(main, options())
	if c == nil {
		t.Fatal(problems)
	}
	if s := c.Sim; s.Speed != 2 || s.Seed != 7 || len(s.Settings) != 2 || s.Settings[1].Signal.Value != 3 || len(s.Mishaps) != 1 {
		t.Errorf("%+v", s)
	}
	write("storm.yaml", "# a comment\nvalues:\n  - {quantity: sped, value: 20}\n  - {quantity: speed, valeu: 20}\nscenario: x\n")
	write("pinhole.yaml", desk+"sim: {scenario: storm.yaml}\nlog: {level: loud}\n")
	_, problems = Load(main, options())
	var got strings.Builder
	for _, p := range problems {
		got.WriteString(strings.TrimPrefix(p.String(), dir+"/") + "\n")
	}
	const want = `pinhole.yaml:7:14: log.level: unknown value "loud"; write debug, info, warn or error
storm.yaml:3:16: values[0].quantity: unknown quantity "sped"; did you mean speed?
storm.yaml:4:5: values[1]: has no value; add ` + "`value: ...`, or `signal: {shape: sine, min: ..., max: ...}`" + `
storm.yaml:4:23: values[1].valeu: unknown key; did you mean value?
storm.yaml:5:1: scenario: unknown key; the key of this name is sim.scenario
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for text, want := range map[string]string{
		"":           "storm.yaml: the file is empty",
		"- a\n":      "storm.yaml:1:1: must hold keys with values, but is a list",
		"a: [\n":     "storm.yaml:1:5: this is not YAML",
		"speed: x\n": "storm.yaml:1:8: speed: must be a number",
	} {
		write("storm.yaml", text)
		_, problems := Load(main, options())
		found := false
		for _, p := range problems {
			found = found || strings.HasPrefix(strings.TrimPrefix(p.String(), dir+"/"), want)
		}
		if !found {
			t.Errorf("%q: %v, want %s", text, problems, want)
		}
	}
}
