package mux_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"pinhole/sensors"
	"pinhole/sensors/bme280"
	"pinhole/sensors/kind"
	"pinhole/sensors/mux"
	"pinhole/sensors/register"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sht3x"
	"pinhole/sensors/sim"
)

// TestConformance puts kinds behind a multiplexer: one with registers, one with commands, one by definition. The transfers with the
// multiplexer are among those that fail.
func TestConformance(t *testing.T) {
	behind := kind.Params{"mux": int64(0x70), "channel": int64(3)}
	climate := []sim.Still{
		{sensors.Temperature: 21.43, sensors.RelativeHumidity: 48.2, sensors.Pressure: 101325},
		{sensors.Temperature: -12.5, sensors.RelativeHumidity: 77.7, sensors.Pressure: 55000},
	}
	within := map[sensors.Quantity]float64{sensors.Temperature: 0.011, sensors.RelativeHumidity: 0.03, sensors.Pressure: 1.4}
	list := []kind.Kind{bme280.Kinds()[0], sht3x.Kind()}
	for _, k := range register.Kinds() {
		if k.Name == "tmp117" {
			list = append(list, k)
		}
	}
	if len(list) != 3 {
		t.Fatal("there is no tmp117 any more")
	}
	for _, k := range list {
		t.Run(k.Name, func(t *testing.T) {
			sensorstest.Run(t, sensorstest.Suite{Kind: k, Params: maps.Clone(behind), Truth: climate, Within: within})
		})
	}
}

// rooms is a world in which each place has a temperature of its own.
type rooms map[string]float64

func (r rooms) Value(q sensors.Quantity, place string, t time.Time) float64 {
	if q == sensors.Temperature {
		return r[place]
	}
	return sim.Still{sensors.RelativeHumidity: 50, sensors.Pressure: 100000}.Value(q, place, t)
}

func (rooms) Switch(sensors.Quantity, string, time.Time) (bool, time.Time) {
	return false, time.Now().Add(time.Hour)
}

// bench is a board with parts of one address in several places.
type bench struct {
	*sim.Board
	t *testing.T
	k kind.Kind
}

// part is where a part is, and how warm it is there.
type part struct {
	mux, channel int64 // mux 0: in front of all
	address      int64
	truth        float64
	dev          sensors.Sensor
}

func (p *part) params(k kind.Kind) kind.Params {
	given := kind.Params{"address": p.address}
	if p.mux != 0 {
		given["mux"], given["channel"] = p.mux, p.channel
	}
	return kind.WithDefaults(k.Keys, given)
}

func newBench(t *testing.T, parts ...*part) *bench {
	world := rooms{}
	b := &bench{t: t, k: bme280.Kinds()[0]}
	for _, p := range parts {
		world[fmt.Sprintf("i2c-%s/0x%02x", kind.I2CNumber(p.params(b.k)), p.address)] = p.truth
	}
	b.Board = sim.New(sim.Options{World: world})
	t.Cleanup(func() { b.Board.Close() })
	for _, p := range parts {
		if err := b.Attach(b.k.Name, p.params(b.k)); err != nil {
			t.Fatal(err)
		}
		if _, err := b.I2C(kind.I2CNumber(p.params(b.k))); err != nil { // as the agent does with all sensors before it opens the first
			t.Fatal(err)
		}
	}
	time.Sleep(time.Second)
	return b
}

// sense measures a part's temperature, opening it if need be.
func (b *bench) sense(p *part) (float64, error) {
	ctx, cancel := context.WithTimeout(b.t.Context(), 5*time.Second)
	defer cancel()
	if p.dev == nil {
		dev, err := b.k.Open(ctx, b.Board, p.params(b.k))
		if err != nil {
			return 0, err
		}
		p.dev = dev.(sensors.Sensor)
	}
	list, err := p.dev.Sense(ctx)
	if err != nil {
		return 0, err
	}
	return list[0].Value, nil
}

// honest measures a part and accepts its own temperature or an error.
func (b *bench) honest(what string, p *part) error {
	b.t.Helper()
	got, err := b.sense(p)
	if err == nil && (got < p.truth-0.02 || got > p.truth+0.02) {
		b.t.Errorf("%s: %v Cel behind 0x%02x.%d, the truth is %v", what, got, p.mux, p.channel, p.truth)
	}
	return err
}

func (b *bench) good(what string, p *part) {
	b.t.Helper()
	if err := b.honest(what, p); err != nil {
		b.t.Errorf("%s: %v", what, err)
	}
}

// control writes the register of a multiplexer behind everybody's back.
func (b *bench) control(addr uint16, v byte) { b.Chip("1", addr).Tx(time.Now(), []byte{v}, nil) }

// TestSameAddress reads parts of one address side by side, with another multiplexer and a part in front of both.
func TestSameAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parts := []*part{{mux: 0x70, channel: 0, address: 0x76, truth: 10}, {mux: 0x70, channel: 7, address: 0x76, truth: 20},
			{mux: 0x71, channel: 0, address: 0x76, truth: 30}, {address: 0x77, truth: 40}}
		b := newBench(t, parts...)
		// What an earlier run of the program left behind.
		b.control(0x70, 0xFF)
		b.control(0x71, 0x01)
		for n := range 3 {
			for _, p := range parts {
				b.good(fmt.Sprintf("round %d", n), p)
			}
		}
		b.good("a part behind", parts[0])
		b.good("a part in front", parts[3])
		if b.Chip("1", 0x70).(interface{ Connected() byte }).Connected() != 0 {
			t.Error("a channel is connected while a part in front of it is read")
		}
	})
}

// TestSwitchedBehindTheBack breaks the multiplexer's supply, and connects another channel, before each of its transfers. What is
// measured is the part's own temperature, or there is an error, and the next measurement but one is good again.
func TestSwitchedBehindTheBack(t *testing.T) {
	for name, trouble := range map[string]func(*bench){
		"brown-out":     func(b *bench) { b.BrownOut("1", 0x70) },
		"other channel": func(b *bench) { b.control(0x70, 1<<7) },
		"both channels": func(b *bench) { b.control(0x70, 1<<7|1) },
	} {
		failed, total := 0, 0
		for k := 0; ; k++ {
			struck := false
			synctest.Test(t, func(t *testing.T) {
				own := &part{mux: 0x70, channel: 0, address: 0x76, truth: 10}
				b := newBench(t, own, &part{mux: 0x70, channel: 7, address: 0x76, truth: 20})
				b.good("before", own)
				b.Inject("1", func(x sim.Transfer) sim.Fault {
					if x.N == k {
						struck = true
						trouble(b)
					}
					return sim.Fault{}
				})
				if total++; b.honest(fmt.Sprintf("%s before transfer %d", name, k), own) != nil {
					failed++
				}
				b.Inject("1", nil)
				b.honest(name+", afterwards", own)
				b.good(name+", at the end", own)
			})
			if !struck {
				break
			}
		}
		if total < 12 || failed == 0 || failed == total {
			t.Errorf("%s: %d of %d measurements failed: nothing is proven", name, failed, total)
		}
	}
}

// TestDeadMultiplexer: one that is gone fails what is behind it, by name, and nothing else.
func TestDeadMultiplexer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		behind, other, front := &part{mux: 0x70, channel: 2, address: 0x76, truth: 10}, &part{mux: 0x71, channel: 0, address: 0x76, truth: 20},
			&part{address: 0x77, truth: 30}
		b := newBench(t, behind, other, front)
		b.good("before", behind)
		chip := b.Unplug("1", 0x70)
		_, err := b.sense(behind)
		if err == nil || !strings.HasPrefix(err.Error(), "bme280 at i2c-1/0x70.2/0x76: ") ||
			!strings.Contains(err.Error(), "multiplexer 0x70, channel 2: select channel") || sensors.ClassOf(err) != sensors.Absent {
			t.Errorf("behind it: %v", err)
		}
		b.good("another multiplexer", other)
		b.good("in front", front)
		b.Plug("1", 0x70, "tca9548a", chip)
		b.good("plugged in again", behind)
	})
}

// fixed answers every read with the same byte.
type fixed byte

func (f fixed) Tx(_ time.Time, _, r []byte) bool {
	for i := range r {
		r[i] = byte(f)
	}
	return true
}

func (fixed) Power(time.Time) {}

// TestNotAMultiplexer: another part at the address, or a stuck one, is told by its register.
func TestNotAMultiplexer(t *testing.T) {
	for _, v := range []fixed{0x00, 0x80, 0xFF, 0x44} {
		synctest.Test(t, func(t *testing.T) {
			p := &part{mux: 0x70, channel: 2, address: 0x76, truth: 10}
			b := newBench(t, p)
			b.Plug("1", 0x70, "another", v)
			_, err := b.sense(p)
			e, ok := errors.AsType[*sensors.Error](err)
			if !ok || e.Class != sensors.IO || !strings.Contains(e.Hint, "TCA9548A") || !strings.Contains(err.Error(), "not 0x04") {
				t.Errorf("0x%02x: %v (%+v)", byte(v), err, e)
			}
		})
	}
}

// TestTransfers follows what goes over the bus: the channel is selected once, looked at before and after each transfer, and selected
// anew after a failure of whatever kind.
func TestTransfers(t *testing.T) {
	b := sim.New(sim.Options{World: rooms{}})
	b.Plug("1/0x70.1", 0x50, "part", fixed(0xA1))
	bus, err := b.I2C("1/0x70.1")
	if err != nil {
		t.Fatal(err)
	}
	var log []string
	fail := -1
	b.Inject("1", func(x sim.Transfer) sim.Fault {
		log = append(log, fmt.Sprintf("%02x w%d r%d", x.Addr, x.W, x.R))
		if len(log)-1 == fail {
			return sim.Fault{Trouble: sim.Broken}
		}
		return sim.Fault{}
	})
	const sel, look, part = "70 w1 r0", "70 w0 r1", "50 w1 r1"
	for i, tt := range []struct {
		fail int
		want []string
	}{
		{-1, []string{sel, look, part, look}},
		{-1, []string{look, part, look}},
		{0, []string{look}},
		{-1, []string{sel, look, part, look}},
		{1, []string{look, part}},
		{-1, []string{sel, look, part, look}},
		{2, []string{look, part, look}},
		{0, []string{sel}},
		{1, []string{sel, look}},
		{-1, []string{sel, look, part, look}},
	} {
		log, fail = nil, tt.fail
		r := []byte{0}
		err := bus.Tx(0x50, []byte{0}, r)
		if (err == nil) != (tt.fail < 0) || err == nil && r[0] != 0xA1 || !slices.Equal(log, tt.want) {
			t.Errorf("step %d: %q, want %q; % x, %v", i, log, tt.want, r, err)
		}
	}
	log, fail = nil, -1
	b.BrownOut("1", 0x70)
	if err := bus.Tx(0x50, []byte{0}, []byte{0}); err != nil || !slices.Equal(log, []string{look, sel, look, part, look}) {
		t.Errorf("after the multiplexer lost its supply: %q, %v; it is not switched again", log, err)
	}
}

// TestForgedTransfers has two parts that differ in nothing but the byte that they answer, and switches to the other one before each
// transfer on the bus, for one of them or for good.
func TestForgedTransfers(t *testing.T) {
	for _, control := range []byte{0, 1 << 7, 1<<7 | 1, 0xFF} {
		for _, length := range []int{1, 100} {
			for k := range 8 {
				b := sim.New(sim.Options{World: rooms{}})
				b.Plug("1/0x70.0", 0x50, "own", fixed(0xA7))
				b.Plug("1/0x70.7", 0x50, "other", fixed(0x0F))
				bus, err := b.I2C("1/0x70.0")
				if err != nil {
					t.Fatal(err)
				}
				b.Inject("1", func(x sim.Transfer) sim.Fault {
					if x.N >= k && x.N-k < length {
						b.Chip("1", 0x70).Tx(time.Now(), []byte{control}, nil)
					}
					return sim.Fault{}
				})
				good := 0
				for n := range 3 {
					r := []byte{0}
					switch err := bus.Tx(0x50, []byte{0}, r); {
					case err == nil && r[0] != 0xA7:
						t.Errorf("0x%02x before transfer %d: the other part's answer %x passes as this one's", control, k, r)
					case err == nil:
						good++
					case sensors.ClassOf(err) == "":
						t.Errorf("0x%02x before transfer %d, measurement %d: %v", control, k, n, err)
					}
				}
				if length == 1 && good < 2 {
					t.Errorf("0x%02x before transfer %d: %d of 3 good", control, k, good)
				}
			}
		}
	}
}

func TestBranchAllocates(t *testing.T) {
	b := sim.New(sim.Options{World: rooms{}})
	if err := b.Attach("bme280", kind.Params{"bus": int64(1), "address": int64(0x76), "mux": int64(0x70), "channel": int64(1)}); err != nil {
		t.Fatal(err)
	}
	bus, err := b.I2C("1/0x70.1")
	if err != nil || bus.String() != "i2c-1/0x70.1" {
		t.Fatalf("%v, %v", bus, err)
	}
	w, r := []byte{0xD0}, make([]byte, 1)
	if n := testing.AllocsPerRun(100, func() {
		if err := bus.Tx(0x76, w, r); err != nil || r[0] != 0x60 {
			t.Errorf("%x, %v", r, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a transfer", n)
	}
}

// owned is a bus on which a driver of the kernel has an address.
type owned struct {
	i2c.Bus
	addr uint16
}

func (o owned) Tx(addr uint16, w, r []byte) error {
	if addr == o.addr {
		return &sensors.Error{Class: sensors.Busy, Op: "address", Err: &kind.Taken{Driver: "pca954x"}}
	}
	return o.Bus.Tx(addr, w, r)
}

// TestOwnedByTheKernel: a multiplexer that the kernel has fails what was configured behind it, and nothing else on the bus.
func TestOwnedByTheKernel(t *testing.T) {
	b := sim.New(sim.Options{World: rooms{}})
	b.Plug("1", 0x50, "part", fixed(0xA1))
	b.Plug("1/0x71.0", 0x51, "part", fixed(0xA2))
	bus, _ := b.I2C("1")
	trunk := mux.New(owned{bus, 0x70})
	refused, other := trunk.Branch(kind.Channel{Mux: 0x70, Number: 2}), trunk.Branch(kind.Channel{Mux: 0x71})
	for range 2 {
		if err := refused.Tx(0x50, []byte{0}, []byte{0}); sensors.ClassOf(err) != sensors.Busy || !strings.Contains(err.Error(), "pca954x has it") {
			t.Errorf("behind it: %v", err)
		}
		if err := trunk.Tx(0x50, []byte{0}, []byte{0}); err != nil {
			t.Errorf("in front of it: %v", err)
		}
		if err := other.Tx(0x51, []byte{0}, []byte{0}); err != nil {
			t.Errorf("behind another one: %v", err)
		}
	}
}

// narrow is a multiplexer with fewer channels: its register lacks the bits of the others.
type narrow struct{ keeps, control byte }

func (c *narrow) Tx(_ time.Time, w, r []byte) bool {
	if len(w) > 0 {
		c.control = w[len(w)-1] & c.keeps
	}
	for i := range r {
		r[i] = c.control
	}
	return true
}

func (c *narrow) Power(time.Time) { c.control = 0 }

func TestFind(t *testing.T) {
	b := sim.New(sim.Options{World: rooms{}})
	b.Plug("1/0x70.1", 0x50, "part", fixed(0xA1))
	four, two := &narrow{keeps: 0x0F, control: 0x0F}, &narrow{keeps: 0x03}
	b.Plug("1", 0x71, "four", four)
	b.Plug("1", 0x72, "two", two)
	b.Plug("1", 0x73, "another", fixed(0x5A))
	b.Plug("1", 0x74, "zero", fixed(0))
	if err := b.Attach("bme280", kind.Params{"bus": int64(1), "address": int64(0x76)}); err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[uint16]int{0x70: 8, 0x71: 4, 0x72: 2, 0x73: 0, 0x74: 0, 0x76: 0} {
		if n, err := b.Multiplexer(1, addr); n != want || err != nil {
			t.Errorf("0x%02x: %d channels, %v; want %d", addr, n, err, want)
		}
	}
	if four.control != 0 {
		t.Error("a multiplexer is left connected")
	}
	if _, err := b.Multiplexer(1, 0x77); sensors.ClassOf(err) != sensors.Absent {
		t.Errorf("nobody there: %v", err)
	}
	// A channel that was selected is selected anew afterwards.
	bus, _ := b.I2C("1/0x70.1")
	for range 2 {
		if err := bus.Tx(0x50, []byte{0}, []byte{0}); err != nil {
			t.Error(err)
		}
		if _, err := b.Multiplexer(1, 0x70); err != nil {
			t.Error(err)
		}
	}
}
