package scan

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"pinhole/cmd/pinhole/internal/config"
	"pinhole/sensors"
	"pinhole/sensors/all"
	"pinhole/sensors/kind"
	"pinhole/sensors/sim"
)

// desk is a simulated board of which a test changes what it tells.
type desk struct {
	*sim.Board
	root    string // "": the simulated one
	buses   []int
	crowded bool
	refuse  error // of every bus
}

func (d *desk) Root() string {
	if d.root != "" {
		return d.root
	}
	return d.Board.Root()
}

func (d *desk) I2CBuses() ([]int, error) {
	if d.buses != nil {
		return d.buses, nil
	}
	return d.Board.I2CBuses()
}

func (d *desk) I2C(name string) (i2c.Bus, error) {
	if d.refuse != nil {
		return nil, d.refuse
	}
	return d.Board.I2C(name)
}

func (d *desk) Alone(int) bool { return !d.crowded }

func newDesk(t *testing.T) *desk {
	d := &desk{Board: sim.New(sim.Options{})}
	t.Cleanup(func() { d.Board.Close() })
	return d
}

// attach puts a kind's part onto the board. keys are name and value, in turn.
func (d *desk) attach(t *testing.T, name string, keys ...any) kind.Params {
	t.Helper()
	k := kindOf(t, name)
	given := kind.Params{}
	for i := 0; i < len(keys); i += 2 {
		given[keys[i].(string)] = int64(keys[i+1].(int))
	}
	p := kind.WithDefaults(k.Keys, given)
	if err := d.Board.Attach(name, p); err != nil {
		t.Fatal(err)
	}
	return p
}

func kindOf(t *testing.T, name string) kind.Kind {
	t.Helper()
	kinds := all.Kinds()
	i := slices.IndexFunc(kinds, func(k kind.Kind) bool { return k.Name == name })
	if i < 0 {
		t.Fatalf("there is no kind %s", name)
	}
	return kinds[i]
}

func (d *desk) scan(t *testing.T) *Result {
	t.Helper()
	r, err := Run(t.Context(), Options{Kinds: all.Kinds(), Board: d, Survey: d})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// part finds what was found at a place; nil if nothing was.
func (r *Result) part(at string) *Part {
	for i := range r.Buses {
		for k := range r.Buses[i].Parts {
			if p := &r.Buses[i].Parts[k]; p.At == at {
				return p
			}
		}
	}
	return nil
}

func (r *Result) places() (list []string) {
	for _, b := range r.Buses {
		for _, p := range b.Parts {
			list = append(list, p.At)
		}
	}
	return list
}

// TestEveryChip attaches each simulated chip alone. It is found, as what it is or among the candidates, and never as another; a sensor
// that measures with it beforehand goes on afterwards.
func TestEveryChip(t *testing.T) {
	known := 0
	for _, name := range sim.Chips() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t)
				p := d.attach(t, name)
				time.Sleep(5 * time.Second)
				k := kindOf(t, name)
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				dev, err := k.Open(ctx, d, p)
				if err != nil {
					t.Fatal(err)
				}
				sense := func() error {
					_, err := dev.(sensors.Sensor).Sense(ctx)
					if sensors.ClassOf(err) == sensors.Warmup {
						return nil
					}
					return err
				}
				if err := sense(); err != nil {
					t.Fatal(err)
				}
				r := d.scan(t)
				if err := sense(); err != nil {
					if err := sense(); err != nil {
						t.Errorf("after the scan: %v", err)
					}
				}
				at := fmt.Sprintf("i2c-1/0x%02x", p.Int("address"))
				found := r.part(at)
				switch addr := uint16(p.Int("address")); {
				case found == nil:
					t.Fatalf("%s is not among %v", at, r.places())
				case found.Kind == name && (found.Sure == "id" || found.Sure == "checksum"):
					known++
				case found.Kind != "":
					t.Errorf("it is taken for a %s: %+v", found.Kind, found)
				case !slices.Contains(found.Candidates, name):
					t.Errorf("it is not among the candidates: %+v", found)
				case k.Probe.Ask != nil && !expander(addr) && name != "htu21d":
					t.Errorf("it has an identity, and was not recognised: %+v", found)
				}
				if len(r.places()) != 1 || !r.OK {
					t.Errorf("found %v, notes %v", r.places(), r.Notes)
				}
				_ = dev.(sensors.Sensor).Close()
			})
		})
	}
	if known < 20 {
		t.Errorf("%d of %d chips are recognised", known, len(sim.Chips()))
	}
}

// witness takes down what it is sent. It lets itself be read, or not before it was written to.
type witness struct {
	mute  bool
	value byte
	seen  []string
}

func (c *witness) Tx(_ time.Time, w, r []byte) bool {
	if len(w) > 0 || !c.mute {
		c.seen = append(c.seen, fmt.Sprintf("%x/%d", w, len(r)))
	}
	if len(w) == 0 && c.mute {
		return false
	}
	for i := range r {
		r[i] = c.value
	}
	return true
}

func (c *witness) Power(time.Time) {}

// TestDoesNoHarm puts a part that takes down what it is sent at every address.
func TestDoesNoHarm(t *testing.T) {
	for _, value := range []byte{0x00, 0x5A, 0xFF} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t)
			list := map[uint16]*witness{}
			for addr := uint16(usual); addr <= last; addr++ {
				list[addr] = &witness{value: value}
				d.Plug("1", addr, "witness", list[addr])
			}
			d.scan(t)
			// At most the number of a register, and that in the transfer that reads it.
			number := regexp.MustCompile(`^([0-9a-f]{2})?/[1-9][0-9]*$`)
			for addr, c := range list {
				if len(c.seen) == 0 {
					t.Errorf("0x%02x was not looked at", addr)
				}
				for _, x := range c.seen {
					mux := addr >= 0x70 && (x == "00/0" || value == 0 && x == "01/0")
					switch {
					case !number.MatchString(x) && !mux:
						t.Errorf("0x%02x, which lets itself be read, is sent %s", addr, x)
					case expander(addr) && !strings.HasPrefix(x, "/"):
						t.Errorf("0x%02x, where a port expander may be, is sent %s", addr, x)
					case addr == 0x10 && !strings.HasSuffix(x, "/2"):
						t.Errorf("0x10, where a VEML7700 may be, sees the transfer %s", x)
					}
				}
			}
		})
	}
}

// TestWritesNothingBesideOthers: while another process uses the bus, parts are read and not written to, but for what tells a multiplexer.
func TestWritesNothingBesideOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.crowded = true
		list := map[uint16]*witness{}
		for addr := uint16(usual); addr <= last; addr++ {
			list[addr] = &witness{value: 0x5A}
			d.Plug("1", addr, "witness", list[addr])
		}
		r := d.scan(t)
		for addr, c := range list {
			for _, x := range c.seen {
				if !strings.HasPrefix(x, "/") && (addr < 0x70 || x != "00/0") {
					t.Errorf("0x%02x is sent %s", addr, x)
				}
			}
		}
		if p := r.part("i2c-1/0x76"); p == nil || p.Kind != "" || !slices.Contains(p.Candidates, "bme280") {
			t.Errorf("%+v", p)
		}
	})
}

// TestAsksOnlyTheMute: what is sent to parts that refuse to be read, and that nothing is while somebody else is on the bus.
func TestAsksOnlyTheMute(t *testing.T) {
	for _, crowded := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t)
			d.crowded = crowded
			list := map[uint16]*witness{}
			for addr := uint16(usual); addr <= last; addr++ {
				list[addr] = &witness{mute: true, value: 0x5A}
				d.Plug("1", addr, "witness", list[addr])
			}
			r := d.scan(t)
			commands := 0
			for addr, c := range list {
				for _, x := range c.seen {
					w, _, _ := strings.Cut(x, "/")
					if len(w) > 4 {
						t.Errorf("0x%02x is sent %s: a command has two bytes", addr, x)
					}
					if len(w) == 4 || strings.HasSuffix(x, "/0") {
						commands++
					}
					if expander(addr) {
						t.Errorf("0x%02x, where a port expander may be, is sent %s", addr, x)
					}
				}
			}
			told := slices.ContainsFunc(r.Notes, func(n Note) bool { return strings.Contains(n.What, "another pinhole uses the bus") })
			if (commands > 0) == crowded || told != crowded {
				t.Errorf("crowded %v: %d commands, notes %v", crowded, commands, r.Notes)
			}
			if crowded && !slices.ContainsFunc(r.Notes, func(n Note) bool { return strings.Contains(n.What, "scd4x") }) {
				t.Errorf("notes do not say who was not asked: %v", r.Notes)
			}
		})
	}
}

// TestMultiplexer finds parts of one address behind two multiplexers, one of which was left with all channels connected.
func TestMultiplexer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.attach(t, "bme280", "address", 0x76, "mux", 0x70, "channel", 0)
		d.attach(t, "bme280", "address", 0x76, "mux", 0x70, "channel", 7)
		d.attach(t, "bmp280", "address", 0x76, "mux", 0x71, "channel", 3)
		d.attach(t, "tmp117", "address", 0x48)
		d.attach(t, "bme680", "address", 0x77)
		time.Sleep(time.Second)
		d.Chip("1", 0x70).Tx(time.Now(), []byte{0xFF}, nil)
		r := d.scan(t)
		want := []string{"i2c-1/0x48", "i2c-1/0x70", "i2c-1/0x70.0/0x76", "i2c-1/0x70.7/0x76", "i2c-1/0x71", "i2c-1/0x71.3/0x76", "i2c-1/0x77"}
		if got := r.places(); !slices.Equal(got, want) {
			t.Fatalf("found %v, want %v", got, want)
		}
		if p := r.part("i2c-1/0x71.3/0x76"); p.Kind != "bmp280" || p.Mux != "0x71" || *p.Channel != 3 {
			t.Errorf("%+v", p)
		}
		for _, mux := range []uint16{0x70, 0x71} {
			if on := d.Chip("1", mux).(interface{ Connected() byte }).Connected(); on != 0 {
				t.Errorf("0x%02x is left with channels 0b%b connected", mux, on)
			}
		}
	})
}

// TestStuckBus: a bus that fails every transfer, or hangs in one, is left, and the other one is looked at.
func TestStuckBus(t *testing.T) {
	for name, trouble := range map[string]sim.Trouble{"timeout": sim.Timeout, "hang": sim.Hang} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t)
				d.attach(t, "bme280")
				d.attach(t, "bme280", "bus", 3)
				time.Sleep(time.Second)
				d.Inject("1", func(x sim.Transfer) sim.Fault {
					if x.Addr >= 0x30 {
						return sim.Fault{Trouble: trouble}
					}
					return sim.Fault{}
				})
				begin := time.Now()
				r := d.scan(t)
				if took := time.Since(begin); took > 15*time.Second {
					t.Errorf("took %v", took)
				}
				if r.part("i2c-3/0x76") == nil || r.part("i2c-1/0x76") != nil || r.Buses[0].Whole || !r.Buses[1].Whole {
					t.Errorf("found %v", r.places())
				}
				stuck := slices.IndexFunc(r.Notes, func(n Note) bool { return n.Where == "i2c-1" && n.Fault && n.Hint != "" })
				if r.OK || stuck < 0 {
					t.Errorf("notes %+v", r.Notes)
				}
				if len(r.Notes) > 3 {
					t.Errorf("%d notes say the same: %v", len(r.Notes), r.Notes)
				}
				d.Inject("1", nil) // frees the transfer that hangs
				time.Sleep(time.Minute)
			})
		})
	}
}

// TestOneBadAddress: a single address that fails is told of and keeps nobody from looking at the others.
func TestOneBadAddress(t *testing.T) {
	for _, trouble := range []sim.Trouble{sim.Timeout, sim.Broken, sim.Lost} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t)
			d.attach(t, "bme280", "address", 0x76)
			d.attach(t, "bme280", "address", 0x77)
			time.Sleep(time.Second)
			d.Inject("1", func(x sim.Transfer) sim.Fault {
				if x.Addr == 0x76 {
					return sim.Fault{Trouble: trouble}
				}
				return sim.Fault{}
			})
			r := d.scan(t)
			told := slices.DeleteFunc(slices.Clone(r.Notes), func(n Note) bool { return n.Where != "i2c-1/0x76" })
			if r.part("i2c-1/0x77") == nil || r.OK == (trouble != sim.Lost) || len(told) == 0 || len(told) > 2 {
				t.Errorf("%v: found %v, notes %+v", trouble, r.places(), r.Notes)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	d := newDesk(t)
	d.refuse = &sensors.Error{Class: sensors.Denied, Op: "i2c-1", Err: os.ErrPermission, Hint: "add the user to group i2c"}
	r := d.scan(t)
	if r.OK || r.Buses[0].Whole || !slices.ContainsFunc(r.Notes, func(n Note) bool { return n.Fault && n.Hint == "add the user to group i2c" }) {
		t.Errorf("notes %+v", r.Notes)
	}
}

// TestInterrupted: Ctrl-C ends it at once, in the middle of a slow bus and of a transfer that hangs.
func TestInterrupted(t *testing.T) {
	for name, f := range map[string]func(sim.Transfer) sim.Fault{
		"slow": func(sim.Transfer) sim.Fault { time.Sleep(100 * time.Millisecond); return sim.Fault{} },
		"hang": func(sim.Transfer) sim.Fault { return sim.Fault{Trouble: sim.Hang} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t)
				d.Inject("1", f)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				begin := time.Now()
				if _, err := Run(ctx, Options{Kinds: all.Kinds(), Board: d, Survey: d}); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v", err)
				}
				if took := time.Since(begin); took > time.Second {
					t.Errorf("took %v", took)
				}
				d.Inject("1", nil)
				time.Sleep(time.Minute)
			})
		})
	}
}

// TestYAML: what is printed passes the checker, as it is and with each of its comments switched on.
func TestYAML(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		for _, addr := range []int{0x76, 0x77} {
			d.attach(t, "bme280", "address", addr)
		}
		d.attach(t, "lm75")
		d.attach(t, "ads1115", "address", 0x49)
		d.attach(t, "ina219", "address", 0x40)
		d.attach(t, "bh1750")
		d.attach(t, "tmp117", "bus", 3)
		d.attach(t, "sht4x", "mux", 0x71, "channel", 2)
		d.Plug("1", 0x57, "memory", &witness{value: 0x12})
		time.Sleep(time.Second)
		r := d.scan(t)
		text := r.YAML(true)
		check := func(text string) []config.Sensor {
			t.Helper()
			c, problems := config.Parse("scan.yaml", []byte(text), config.Options{Kinds: all.Kinds(), Hostname: "pi", Dir: t.TempDir(),
				Env: func(string) (string, bool) { return "", false }})
			if c == nil {
				t.Fatalf("%v in\n%s", problems, text)
			}
			return c.Sensors
		}
		on := len(check(text))
		off := regexp.MustCompile(`(?m)^  # - `).FindAllStringIndex(text, -1)
		if on < 8 || len(off) < 8 {
			t.Errorf("%d sensors, %d more as comments:\n%s", on, len(off), text)
		}
		for _, at := range off {
			if n := len(check(text[:at[0]] + "  - " + text[at[1]:])); n != on+1 {
				t.Errorf("%d sensors with a comment switched on, want %d", n, on+1)
			}
		}
		if strings.Contains(text, "{name: lm75, kind: lm75") && !strings.Contains(text, "# - {name: lm75, kind: lm75") {
			t.Errorf("a part without an identity is switched on:\n%s", text)
		}
	})
}
