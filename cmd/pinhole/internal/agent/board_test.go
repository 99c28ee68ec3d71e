package agent

import (
	"testing"
	"time"

	"pinhole/cmd/pinhole/internal/config"
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
