package agent

import (
	"testing"
	"time"

	"pinhole/cmd/pinhole/internal/config"
	"pinhole/sensors"
	"pinhole/sensors/all"
)

// TestMultiplexerLeftSwitched: what an earlier run has left connected is disconnected before the first part is read, even if nothing
// behind that multiplexer is opened yet.
func TestMultiplexerLeftSwitched(t *testing.T) {
	text := `board: sim
publisher: {broker: h, queue: {dir: ` + t.TempDir() + `}}
sensors:
  - {name: a, kind: bme280, mux: 0x70, channel: 0}
  - {name: b, kind: bme280, mux: 0x71, channel: 4}
`
	c, problems := config.Parse("test.yaml", []byte(text), config.Options{Kinds: all.Kinds(), Hostname: "desk", Dir: t.TempDir(),
		Env: func(string) (string, bool) { return "", false }})
	if c == nil {
		t.Fatal(problems)
	}
	b, err := OpenBoard(c, "")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	sources, err := b.Sources(c.Sensors)
	if err != nil {
		t.Fatal(err)
	}
	left := b.sim.Chip("1", 0x71)
	left.Tx(time.Now(), []byte{1 << 4}, nil)
	if _, err := sources[0].Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if on := left.(interface{ Connected() byte }).Connected(); on != 0 {
		t.Errorf("channels 0b%b of the other multiplexer are still connected", on)
	}
}

// TestWrongPlaces has sensors whose parts cannot be where the configuration says. The simulated board takes that as a real one does:
// the sensors fail, each by itself, and nothing is refused, neither at the start nor when the same comes again.
func TestWrongPlaces(t *testing.T) {
	w := follow(t, `sensors:
  - {name: air, kind: bme280, every: 1s}
  - {name: bmp, kind: bmp280, address: 0x76, every: 1s}
  - {name: boiler, kind: max31865, wires: 3, every: 1s}
  - {name: adc, kind: mcp3008, every: 1s}
  - {name: gas, kind: mhz19, warmup: 0s, every: 1s}
  - {name: dust, kind: pms5003, warmup: 0s, every: 1s}
  - {name: door, kind: gpio, pin: GPIO54}
  - {name: tank, kind: hcsr04, trigger: GPIO99, echo: GPIO24}
`, 10*time.Second)
	for sensor, class := range map[string]sensors.Class{
		"air": "", "bmp": sensors.Wrong, "boiler": "", "adc": sensors.Busy, "dust": sensors.Busy, "gas": "", "door": sensors.Absent, "tank": sensors.Absent,
	} {
		good := false
		for _, r := range w.readings {
			good = good || r.Sensor == sensor && r.Err == ""
		}
		if good != (class == "") || class != "" && !w.classes[sensor][class] {
			t.Errorf("%s: values %v, classes %v, want %q", sensor, good, w.classes[sensor], class)
		}
	}
}
