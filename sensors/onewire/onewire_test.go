package onewire

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
	"pinhole/sensors/sysfs"
)

const (
	fixture = "testdata/buses.txt"
	bus     = "sys/devices/w1_bus_master1/"
	one     = "28-0316a2794fff"
	two     = "28-0316a2795000"
	old     = "10-000802d6a1e2"
	couple  = "3b-2cd8c1e39d01"
)

// board is a board of which only Root counts.
type board struct {
	kind.Board
	root string
}

func (b board) Root() string { return b.root }

func opened(t testing.TB, root string, p kind.Params) (*dev, error) {
	t.Helper()
	k := Kind()
	p = kind.WithDefaults(k.Keys, p)
	if problems := k.Check(p); len(problems) > 0 {
		t.Fatal(problems)
	}
	s, err := k.Open(t.Context(), board{root: root}, p)
	if err != nil {
		if s != nil {
			t.Errorf("%v beside %v", s, err)
		}
		return nil, err
	}
	t.Cleanup(func() { s.(sensors.Sensor).Close() })
	return s.(*dev), nil
}

func must(t testing.TB, root string, p kind.Params) *dev {
	t.Helper()
	d, err := opened(t, root, p)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// show writes measurements down: "28-0316a2794fff 25.0625, 10-000802d6a1e2: crc".
func show(list []sensors.Measurement) string {
	var s []string
	for _, m := range list {
		if m.Err != "" {
			s = append(s, fmt.Sprintf("%s: %s", m.Channel, m.Err))
		} else {
			s = append(s, strings.TrimSpace(fmt.Sprintf("%s %v", m.Channel, m.Value)))
		}
	}
	return strings.Join(s, ", ")
}

func TestConformance(t *testing.T) {
	var truth []sim.Still
	for _, c := range []float64{21.4375, -10.125, 85, 0, -0.0625, 125, -55} { // among them the values that part and line lie with
		truth = append(truth, sim.Still{sensors.Temperature: c})
	}
	sensorstest.Run(t, sensorstest.Suite{Kind: Kind(), Params: kind.Params{"device": "28-00000a1b2c3d"}, Truth: truth,
		Within: map[sensors.Quantity]float64{sensors.Temperature: 0}})
}

// TestSim reads all parts of the simulated board's bus, as more come to it.
func TestSim(t *testing.T) {
	b := sim.New(sim.Options{World: sim.Still{sensors.Temperature: 20}})
	defer b.Close()
	k := Kind()
	s, err := k.Open(t.Context(), b, kind.WithDefaults(k.Keys, nil))
	if err != nil {
		t.Fatal(err)
	}
	dev := s.(sensors.Sensor)
	defer dev.Close()
	want := "28-00000a1b2c3d 20, 28-00000a1b2c3e 20"
	for i := range 4 {
		if list, err := dev.Sense(t.Context()); show(list) != want || err != nil {
			t.Errorf("%s, %v; want %s", show(list), err, want)
		}
		id := fmt.Sprintf("28-0000000000%02d", i)
		if err := b.Attach("onewire", kind.Params{"device": id}); err != nil {
			t.Fatal(err)
		}
		want += ", " + id + " 20"
	}
	err = b.Spoil("sys/devices/w1_bus_master1/28-00000a1b2c3e", func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	want = strings.Replace(want, "28-00000a1b2c3e 20", "28-00000a1b2c3e: absent", 1)
	if list, err := dev.Sense(t.Context()); show(list) != want || err != nil {
		t.Errorf("one is unplugged: %s, %v; want %s", show(list), err, want)
	}
	if err := b.Spoil("sys/devices/w1_bus_master1/28-00000a1b2c3e", nil); err != nil {
		t.Fatal(err)
	}
	want = strings.Replace(want, ": absent", " 20", 1)
	if list, err := dev.Sense(t.Context()); show(list) != want || err != nil {
		t.Errorf("it is plugged in again: %s, %v; want %s", show(list), err, want)
	}
}

func TestBuses(t *testing.T) {
	root := sensorstest.Tree(t, fixture, nil)
	for _, tt := range []struct {
		p    kind.Params
		want string
	}{
		{kind.Params{"device": one}, "25.0625"},
		{kind.Params{"device": two}, "-10.125"},
		{kind.Params{"device": old}, "22.187"},
		{kind.Params{"device": couple, "master": int64(2)}, "100.25"},
		{kind.Params{}, one + " 25.0625, " + two + " -10.125, " + old + " 22.187"},
		{kind.Params{"master": int64(2)}, couple + " 100.25"},
	} {
		list, err := must(t, root, tt.p).Sense(t.Context())
		if got := show(list); got != tt.want || err != nil {
			t.Errorf("%v: %s, %v; want %s", tt.p, got, err, tt.want)
		}
	}
}

// ones is what a part that hangs would show if the kernel did not look at the checksum.
const ones = "ff ff ff ff ff ff ff ff ff : crc=ff YES\nff ff ff ff ff ff ff ff ff t=-62\n"

// w1 is the text of w1_slave for eight octets of memory and a temperature, with the checksum that the part would send.
func w1(octets string, milli int) string {
	crc := byte(0)
	for o := range strings.FieldsSeq(octets) {
		b, err := strconv.ParseUint(o, 16, 8)
		if err != nil {
			panic(err)
		}
		crc ^= byte(b)
		for range 8 {
			crc = crc>>1 ^ crc&1*0x8C
		}
	}
	return fmt.Sprintf("%s %02x : crc=%02x YES\n%s %02x t=%d\n", octets, crc, crc, octets, crc, milli)
}

// TestLies gives the part's files other texts. Each is read twice: by the bare temperature, and without that file, as before
// Linux 5.8.
func TestLies(t *testing.T) {
	type files map[string]string
	for _, tt := range []struct {
		name, id string
		files    files // of the part
		class    sensors.Class
		says     string
		value    float64
	}{
		{"real 85", one, files{"temperature": "85000\n", "w1_slave": w1(`50 05 4b 46 7f ff 10 10`, 85000)},
			"", "", 85},
		{"power-on", one, files{"temperature": "85000\n", "w1_slave": w1(`50 05 4b 46 7f ff 0c 10`, 85000)},
			sensors.Range, "onewire: 28-0316a2794fff: read w1_slave: 85 Cel is the value after power-on: the part has lost its power while it measured", 0},
		{"power-on, then measured", one, files{"temperature": "85000\n"}, "", "", 25.0625},
		{"power-on of a DS18S20", old, files{"temperature": "85000\n", "w1_slave": w1(`aa 00 4b 46 ff ff 0c 10`, 85000)},
			sensors.Range, "", 0},
		{"real 0", one,
			files{"temperature": "0\n", "w1_slave": w1(`00 00 4b 46 7f ff 10 10`, 0)},
			"", "", 0},
		{"shorted line", one, files{"temperature": "0\n", "w1_slave": w1(`00 00 00 00 00 00 00 00`, 0)},
			sensors.CRC, "onewire: 28-0316a2794fff: read w1_slave: nine times 00 is no answer", 0},
		{"real -1/16", one, files{"temperature": "-62\n", "w1_slave": w1(`ff ff 4b 46 7f ff 01 10`, -62)},
			"", "", -0.0625},
		{"hanging line", one, files{"temperature": "-62\n", "w1_slave": ones},
			sensors.CRC, "onewire: 28-0316a2794fff: read w1_slave: nine times ff is no answer", 0},
		{"wrong sum beside an old value", one, files{"temperature": "0\n", "w1_slave": "ff ff ff ff ff ff ff ff ff : crc=c9 NO\n91 01 4b 46 7f ff 0f 10 25 t=25062\n"},
			sensors.CRC, "onewire: 28-0316a2794fff: read w1_slave: the checksum is wrong", 0},
		{"-127", one, files{"temperature": "-127000\n", "w1_slave": w1(`10 f8 4b 46 7f ff 10 10`, -127000)},
			sensors.Range, "", 0},
		{"127.9375", one, files{"temperature": "127937\n", "w1_slave": w1(`ff 07 4b 46 7f ff 0c 10`, 127937)},
			sensors.Range, "", 0},
		{"text", one, files{"temperature": "error\n", "w1_slave": "error\n"}, sensors.IO, "", 0},
		{"half a file", one, files{"temperature": "0\n", "w1_slave": "91 01 4b 46 7f ff 0f 10 25 : crc=25 YES\n"}, sensors.IO, "", 0},
		{"EIO", one, files{"temperature": sim.FailIO, "w1_slave": sim.FailIO}, sensors.IO, "", 0},
		{"gone", one, files{"temperature": "-> nowhere", "w1_slave": "-> nowhere"}, sensors.Absent, "", 0},
		{"silent, checksum", one, files{"temperature": "", "w1_slave": "", "resolution": "-5\n"}, sensors.CRC, "", 0},
		{"silent, nobody there", one, files{"temperature": "", "w1_slave": "", "resolution": "-19\n"}, sensors.Absent, "", 0},
		{"silent, bus taken", one, files{"temperature": "", "w1_slave": "", "resolution": "-11\n"}, sensors.Busy, "", 0},
		{"silent twice", one, files{"temperature": "", "w1_slave": ""}, sensors.CRC, "", 0},
		{"silent, no reason", one, files{"temperature": "", "w1_slave": "", "resolution": "-", "ext_power": "-"}, sensors.CRC, "", 0},
		{"silent, nobody there, DS18S20", old, files{"temperature": "", "w1_slave": "", "ext_power": "-19\n"}, sensors.Absent, "", 0},
		{"open thermocouple", couple,
			files{"w1_slave": w1(`45 06 00 19 f0 ff ff ff`, 100312)}, sensors.Range,
			"onewire: 3b-2cd8c1e39d01: read w1_slave: the thermocouple is open or shorted", 0},
		{"thermocouple below zero", couple,
			files{"w1_slave": w1(`f4 ff 00 19 f0 ff ff ff`, -750)}, "", "", -0.75},
		{"DS1825", couple,
			files{"w1_slave": w1(`91 01 00 19 7f ff ff ff`, 25062)}, "", "", 25.0625},
	} {
		for _, before58 := range []bool{false, true} {
			if before58 && tt.name == "gone" {
				continue
			}
			t.Run(fmt.Sprintf("%s/%v", tt.name, before58), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p, dir := kind.Params{"device": tt.id}, bus+tt.id+"/"
					if tt.id == couple {
						p["master"], dir = int64(2), "sys/devices/w1_bus_master2/"+tt.id+"/"
					}
					change := map[string]string{}
					for name, text := range tt.files {
						change[dir+name] = text
					}
					if before58 {
						change[dir+"temperature"] = "-"
					}
					d := must(t, sensorstest.Tree(t, fixture, change), p)
					list, err := d.Sense(t.Context())
					if sensors.ClassOf(err) != tt.class || tt.says != "" && err.Error() != tt.says {
						t.Fatalf("%s, %v (%s); want class %s, %s", show(list), err, sensors.ClassOf(err), tt.class, tt.says)
					}
					if err == nil && list[0].Value != tt.value {
						t.Errorf("%v, want %v", list[0].Value, tt.value)
					}
				})
			})
		}
	}
}

// TestSilentOnce has the kernel show nothing once, as after a signal or a wrong checksum: the part is measured again.
func TestSilentOnce(t *testing.T) {
	for _, tt := range []struct {
		silent int // reads of the temperature
		limit  time.Duration
		want   string
		reads  int
	}{
		{0, time.Minute, "25.0625", 1}, {1, time.Minute, "25.0625", 2}, {2, time.Minute, "crc", 2}, {1, 900 * time.Millisecond, "crc", 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := must(t, sensorstest.Tree(t, fixture, nil), kind.Params{"device": one})
			reads := 0
			d.parts[0].read = func(f sysfs.File) ([]byte, error) {
				if f.Name() == "temperature" {
					if reads++; reads <= tt.silent {
						return nil, nil
					}
				}
				return f.Read()
			}
			ctx, cancel := context.WithTimeout(t.Context(), tt.limit)
			defer cancel()
			list, err := d.Sense(ctx)
			got := show(list)
			if err != nil {
				got = string(sensors.ClassOf(err))
			}
			if got != tt.want || reads != tt.reads {
				t.Errorf("%d silent reads, %v: %s after %d, want %s after %d", tt.silent, tt.limit, got, reads, tt.want, tt.reads)
			}
		})
	}
}

// four is the fixture with two more parts on the first bus.
func four(t *testing.T) string {
	change := map[string]string{bus + "w1_master_slaves": strings.Join([]string{one, two, old, "28-000000000004"}, "\n") + "\n",
		bus + "28-000000000004/temperature": "4000\n"}
	return sensorstest.Tree(t, fixture, change)
}

func TestTogether(t *testing.T) {
	const want = one + " 25.0625, " + two + " -10.125, " + old + " 22.187, 28-000000000004 4"
	for _, tt := range []struct {
		name     string
		blocks   time.Duration // how long the kernel keeps the writer
		done     time.Duration // after the write, until it says that the parts have measured
		err      error
		took     time.Duration
		triggers int // in two measurements
		fails    bool
	}{
		{"by the book", 750 * time.Millisecond, 0, nil, 750 * time.Millisecond, 2, false},
		{"a signal comes", 10 * time.Millisecond, 0, nil, 750 * time.Millisecond, 2, false},
		{"it takes longer", 750 * time.Millisecond, 120 * time.Millisecond, nil, 900 * time.Millisecond, 2, false},
		{"not allowed", 0, 0, unix.EACCES, 0, 1, false},
		{"old kernel", 0, 0, unix.ENOENT, 0, 1, false},
		{"broken", 0, 0, unix.EIO, 0, 2, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				root := four(t)
				d := must(t, root, kind.Params{})
				triggers := 0
				d.trigger = func() error {
					triggers++
					time.Sleep(tt.blocks)
					if tt.done > 0 {
						sensorstest.Put(t, root, bus+"therm_bulk_read", "-1\n")
						time.AfterFunc(tt.done, func() { sensorstest.Put(t, root, bus+"therm_bulk_read", "1\n") })
					}
					return tt.err
				}
				for range 2 {
					for _, p := range d.parts {
						if err := p.open(d.master); err != nil { // the kernel tells how long they take
							t.Fatal(err)
						}
					}
					begin := time.Now()
					list, err := d.Sense(t.Context())
					if took := time.Since(begin); (err != nil) != tt.fails || err == nil && show(list) != want || took != tt.took {
						t.Errorf("%s, %v after %v; want %v", show(list), err, took, tt.took)
					}
				}
				if triggers != tt.triggers {
					t.Errorf("triggered %d times, want %d", triggers, tt.triggers)
				}
			})
		})
	}
}

// TestTogetherEnds ends the time while the parts measure.
func TestTogetherEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := four(t)
		d := must(t, root, kind.Params{})
		d.trigger = func() error { sensorstest.Put(t, root, bus+"therm_bulk_read", "-1\n"); return nil }
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		begin := time.Now()
		list, err := d.Sense(ctx)
		if list != nil || sensors.ClassOf(err) != sensors.Timeout || time.Since(begin) != 300*time.Millisecond {
			t.Errorf("%v, %v after %v", list, err, time.Since(begin))
		}
	})
}

// TestTrigger looks what is written to the file.
func TestTrigger(t *testing.T) {
	root := four(t)
	d := must(t, root, kind.Params{})
	if _, err := d.Sense(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(filepath.Join(root, bus, "therm_bulk_read")); string(text) != "trigger\n" {
		t.Errorf("%q", text)
	}
}

// TestBusyBus has another program measure all parts together while one is read.
func TestBusyBus(t *testing.T) {
	d := must(t, sensorstest.Tree(t, fixture, map[string]string{bus + one + "/temperature": "", bus + "therm_bulk_read": "-1\n"}),
		kind.Params{"device": one})
	if list, err := d.Sense(t.Context()); sensors.ClassOf(err) != sensors.Busy {
		t.Errorf("%v, %v", list, err)
	}
}

func TestOneFails(t *testing.T) {
	d := must(t, sensorstest.Tree(t, fixture, map[string]string{bus + two + "/temperature": "-99000\n"}), kind.Params{})
	list, err := d.Sense(t.Context())
	if want := one + " 25.0625, " + two + ": range, " + old + " 22.187"; show(list) != want || err != nil {
		t.Errorf("%s, %v; want %s", show(list), err, want)
	}
	if list[1].Value != 0 || list[1].Cause == nil {
		t.Errorf("%+v", list[1])
	}
	if n := testing.AllocsPerRun(50, func() {
		d.parts = d.parts[:1]
		if _, err := d.Sense(t.Context()); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a measurement", n)
	}
}

func TestNotThere(t *testing.T) {
	for _, tt := range []struct {
		p      kind.Params
		change map[string]string
		class  sensors.Class
		hint   string
	}{
		{kind.Params{}, map[string]string{"sys/bus/w1": "-"}, sensors.Absent, "add dtoverlay=w1-gpio"},
		{kind.Params{"master": int64(3)}, nil, sensors.Absent, "there is w1_bus_master1, w1_bus_master2"},
		{kind.Params{"device": couple}, nil, sensors.Absent, "it is on w1_bus_master2: say master: 2"},
		{kind.Params{"device": "28-000000000009"}, nil, sensors.Absent, "the bus has: " + one + ", " + two},
		{kind.Params{}, map[string]string{bus + "w1_master_slaves": "not found.\n"}, sensors.Absent, "check wiring"},
		{kind.Params{}, map[string]string{bus + "w1_master_slaves": sim.FailIO}, sensors.IO, ""},
		{kind.Params{}, map[string]string{"sys/devices/w1_bus_master1": "x"}, sensors.IO, ""},
	} {
		_, err := opened(t, sensorstest.Tree(t, fixture, tt.change), tt.p)
		e, ok := errors.AsType[*sensors.Error](err)
		if !ok || e.Class != tt.class || !strings.HasPrefix(e.Hint, tt.hint) || !strings.HasPrefix(err.Error(), "onewire: ") {
			t.Errorf("%v: %v, class %s, hint %q; want %s, %q", tt.p, err, e.Class, e.Hint, tt.class, tt.hint)
		}
	}
}

func TestCheck(t *testing.T) {
	for id, good := range map[string]bool{
		"": false, one: true, old: true, couple: true, "22-000000000001": true, "42-000000000001": true, "28-0316A2794FFF": false,
		"2d-00001a2b3c4d": false, "28-0316a2794ff": false, "28-0316a2794ffff": false, "28:0316a2794fff": false, "../28-000000000": false,
	} {
		problems := check(kind.Params{"device": id})
		if good != (len(problems) == 0) {
			t.Errorf("%q: %v", id, problems)
		}
	}
	if problems := check(kind.Params{}); problems != nil {
		t.Errorf("none: %v", problems)
	}
}

// TestExact goes through every value that a part can show, as the kernel cuts it.
func TestExact(t *testing.T) {
	for raw := -55 * 16; raw <= 125*16; raw++ {
		if got, want := exact("28", int64(raw*1000/16)), float64(raw)/16; got != want {
			t.Fatalf("raw %d: %v, want %v", raw, got, want)
		}
	}
	if got := exact("10", 22187); got != 22.187 {
		t.Errorf("DS18S20: %v", got)
	}
}

// FuzzSlave feeds any text to the parser; what it accepts must be what the kernel would print for it.
func FuzzSlave(f *testing.F) {
	for _, s := range []string{
		"91 01 4b 46 7f ff 0f 10 25 : crc=25 YES\n91 01 4b 46 7f ff 0f 10 25 t=25062",
		"ff ff ff ff ff ff ff ff ff : crc=c9 NO\n91 01 4b 46 7f ff 0f 10 25 t=25062",
		"", "\n", "91 01", "91 01 4b 46 7f ff 0f 10 25 : crc=25 YES\n", "91 01 4b 46 7f ff 0f 10 25 : crc=2", ": crc=25 YES\nt=1",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, ok := parseSlave(text)
		if !ok {
			return
		}
		lines := strings.Split(string(text), "\n")
		verdict := map[bool]string{true: "YES", false: "NO"}[s.valid]
		if len(lines) != 2 || !strings.HasPrefix(lines[0], fmt.Sprintf("% x : crc=", s.pad)) || !strings.HasSuffix(lines[0], " "+verdict) ||
			!strings.Contains(lines[1], "t=") {
			t.Errorf("%q was read as %+v", text, s)
		}
	})
}

// FuzzSense gives a part's files any text: what comes out is a possible temperature, or an error.
func FuzzSense(f *testing.F) {
	for _, s := range []string{"25062", "85000", "0", "-62", "", "x", "-127000", "125001", "99999999999999999"} {
		f.Add([]byte(s), []byte("91 01 4b 46 7f ff 0f 10 25 : crc=25 YES\n91 01 4b 46 7f ff 0f 10 25 t=25062"))
	}
	root := f.TempDir()
	for _, dir := range []string{"sys/bus/w1/devices/w1_bus_master1/" + one} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, temperature, slave []byte) {
		if len(temperature) > 1000 || len(slave) > 1000 {
			return
		}
		const dir = "sys/bus/w1/devices/w1_bus_master1/" + one
		for name, text := range map[string][]byte{"temperature": temperature, "w1_slave": slave} {
			if err := os.WriteFile(filepath.Join(root, dir, name), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		d := must(t, root, kind.Params{"device": one})
		list, err := d.Sense(t.Context())
		if (err == nil) == (list == nil) || err == nil && (list[0].Value < -55 || list[0].Value > 125) {
			t.Errorf("%q and %q: %s, %v", temperature, slave, show(list), err)
		}
	})
}
