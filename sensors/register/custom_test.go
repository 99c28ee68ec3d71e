package register_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/register"
	"pinhole/sensors/register/chips"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

// define returns the keys of a sensor of kind register at 0x48.
func define(t testing.TB, text string) kind.Params {
	t.Helper()
	f, problems := chips.Parse("test.yaml", []byte(text), chips.Keys())
	if problems != nil {
		t.Fatal(problems)
	}
	return kind.WithDefaults(find(t, register.Kind).Keys, kind.Params{"address": int64(0x48), "definition": f.Params})
}

// wide is a part with registers of 16 bits, a checksum over each pair of bytes, constants, and formulas of every kind.
const wide = `
chip: Wide
register_bytes: 2
startup: 2ms
constants: [{name: gain, default: x4, choices: [{word: x1, value: 1, code: 0}, {word: x4, value: 4, code: 2}]}]
derived: [{name: setting, value: 0x4000 + 256 * gain_code}]
identify: [{register: 0xd100, bytes: 2, equals: 0x4711}]
init:
  - set: {register: 0x0200, bytes: 2, value: setting, mask: 0xff00, verify: true}
measure:
  - start:
      - write: [0x21, 0x00, 0x01]
      - delay: 20ms
      - wait: {register: 0x2400, equals: 0x80, timeout: 10ms}
    reads:
      - register: 0x3000
        bytes: 8
        crc: {bits: 16, polynomial: 0x8005, init: 0xffff, reflected: true, order: little, group: 4}
        fields:
          - {quantity: pressure, bits: 20, scale: 0.25, min: 30000, max: 110000}
          - {quantity: temperature, byte: 2, bit: 4, bits: 12, type: signed, polynomial: [20, "0.05", "0.00001 / gain"], min: -50, max: 100, decimals: 3}
          - {quantity: distance, byte: 4, bits: 32, type: float32, order: little, min: 0, max: 5}
  - start:
      - set: {register: 0x2200, value: 1}
      - wait: {register: 0x2300, mask: 0x80, equals: 0x80, every: 2ms, timeout: 50ms}
      - expect: {register: 0x2300, mask: 0xc0, equals: 0x80}
    twice: true
    reads:
      - register: 0x3100
        bytes: 5
        fields:
          - {quantity: voltage, bits: 16, type: sign_magnitude, scale: 0.001, min: -30, max: 30}
          - {quantity: count, byte: 2, bits: 16, type: bcd, min: 0, max: 9999}
          - {quantity: alarm, byte: 4, bit: 3, bits: 1}
canary: [{register: 0x0200, bytes: 2, mask: 0xff00, equals: setting}]
part:
  converts: 19ms
  clears: [0x3000, 0x3100]
  power_on: [{register: 0x0200, bytes: 2, value: 0x0007}]
`

func wideWorlds() (list []sim.Still) {
	for _, x := range []float64{0.3, 0.9, 0.01, 0.6} {
		list = append(list, sim.Still{sensors.Pressure: 30001 + 79000*x, sensors.Temperature: 60*x - 10, sensors.Distance: 5 * x,
			sensors.Voltage: 50*x - 20, sensors.Count: float64(int(9999 * x)), sensors.Alarm: float64(int(2 * x))})
	}
	return list
}

// TestOwnDefinition puts kind register itself through the suite.
func TestOwnDefinition(t *testing.T) {
	sensorstest.Run(t, sensorstest.Suite{Kind: find(t, register.Kind), Params: define(t, wide), Truth: wideWorlds(),
		Within: map[sensors.Quantity]float64{sensors.Pressure: 0.13, sensors.Temperature: 0.033, sensors.Distance: 1e-6, sensors.Voltage: 0.00051,
			sensors.Count: 0, sensors.Alarm: 0}})
}

// TestManualExamples: the worked parts of the manual measure on the simulated board.
func TestManualExamples(t *testing.T) {
	m := find(t, register.Kind).Manual
	keys := []kind.Key{{Name: "name", Type: kind.String}, {Name: "kind", Type: kind.String}, {Name: "address", Type: kind.Address},
		{Name: "definition", Type: kind.Map, Keys: chips.Keys()}}
	for _, text := range append([]string{m.Example}, m.Further...) {
		f, problems := chips.Parse("example", []byte(text), keys)
		if problems != nil {
			t.Fatal(problems)
		}
		p := kind.WithDefaults(find(t, register.Kind).Keys, f.Params)
		t.Run(p.String("name"), func(t *testing.T) {
			sensorstest.Run(t, sensorstest.Suite{Kind: find(t, register.Kind), Params: p, Truth: temperatures(-40, 100), Nameless: true,
				Within: map[sensors.Quantity]float64{sensors.Temperature: 0.251, sensors.RelativeHumidity: 0.01}, Blind: p.String("name") == "air"})
		})
	}
}

// TestStrangers: parts with an id that answer without a checksum refuse other parts too, which the suite does not try with them.
func TestStrangers(t *testing.T) {
	for _, other := range sim.Chips() {
		if other == "hdc1080" {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			k := find(t, "hdc1080")
			board := sim.New(sim.Options{World: temperatures(-40, 125)[0]})
			board.Plug("1", 0x40, other, sim.NewChip(other, sim.Env{World: temperatures(-40, 125)[0]}))
			time.Sleep(time.Second)
			if _, err := k.Open(t.Context(), board, kind.WithDefaults(k.Keys, nil)); err == nil {
				t.Errorf("a %s passes for an HDC1080", other)
			}
		})
	}
}

// scripted is a part that answers by a function.
type scripted func(w, r []byte) bool

func (s scripted) Tx(_ time.Time, w, r []byte) bool { return s(w, r) }
func (scripted) Power(time.Time)                    {}

// with opens a definition on a scripted part within a bubble, and hands it on.
func with(t *testing.T, text string, part scripted, f func(t *testing.T, dev sensors.Sensor, err error)) {
	t.Helper()
	p := define(t, text)
	synctest.Test(t, func(t *testing.T) {
		board := sim.New(sim.Options{})
		board.Plug("1", 0x48, "scripted", part)
		dev, err := find(t, register.Kind).Open(t.Context(), board, p)
		s, _ := dev.(sensors.Sensor)
		f(t, s, err)
		if s != nil {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// measuring is with for definitions that open.
func measuring(t *testing.T, text string, part scripted, f func(t *testing.T, dev sensors.Sensor)) {
	t.Helper()
	with(t, text, part, func(t *testing.T, dev sensors.Sensor, err error) {
		if err != nil {
			t.Fatal(err)
		}
		f(t, dev)
	})
}

// plain is a definition with one reading of one byte, into which extras go.
func plain(extra, read, field string) string {
	return fmt.Sprintf("chip: Test\n%s\nmeasure: [{%s fields: [{quantity: raw, bits: 8, min: 0, max: 200 %s}]}]}]\n", extra, read, field)
}

const once = "reads: [{register: 0, bytes: 1,"

func TestRefusals(t *testing.T) {
	answer := func(b byte) scripted {
		return func(_, r []byte) bool {
			for i := range r {
				r[i] = b
			}
			return true
		}
	}
	for _, tt := range []struct {
		text  string
		part  scripted
		want  string
		class sensors.Class
	}{
		{plain("identify: [{register: 15, equals: 7}]", once, ""), answer(8), "identify by register 0x0f: 0x08: another part than a Test answers", sensors.Wrong},
		{plain("identify: [{register: 15, bytes: 2, equals: 7}]", once, ""), answer(255), "identify by register 0x0f: 0xffff: nothing drives the bus", sensors.Absent},
		{plain("init: [{expect: {register: 1, equals: 7, says: it sleeps}}]", once, ""), answer(0), "check register 0x01: 0x00, should be 0x7 in the bits 0xff: it sleeps", sensors.IO},
		{plain("init: [{wait: {register: 1, equals: 7, every: 1ms, timeout: 5ms}}]", once, ""), answer(0), "wait for register 0x01: still 0x00 after 5ms", sensors.Timeout},
		{plain("init: [{set: {register: 1, value: 7, verify: true}}]", once, ""), answer(0), "read back register 0x01: 0x00, should be 0x7 in the bits 0xff: it did not take the value", sensors.IO},
		{plain("canary: [{register: 1, equals: 7}]", once, ""), answer(9),
			"look for a reset in register 0x01: 0x09, should be 0x7 in the bits 0xff: the part was reset since it was prepared", sensors.IO},
		{plain("", once, ""), answer(201), "convert raw: 201  (raw 0xc9) is outside of 0 to 200", sensors.Range},
		{plain("", once, ", invalid: [5]"), answer(5), "convert raw: raw 0x5 says that there is no measurement, or one beyond the part's range", sensors.Range},
		{plain("", once, ", type: bcd"), answer(0xAA), "convert raw: raw 0xaa is no number", sensors.Range},
		{plain("", "reads: [{register: 0, bytes: 1, reject: [0, 5],", ""), answer(5), "read register 0x00: nothing but 0x05: no part answers like that", sensors.IO},
		{plain("", "reads: [{bytes: 2, require: [{byte: 1, bit: 7, equals: 1, class: busy, says: it still measures}],", ""), answer(2), "read the answer: it still measures (0x0 at bit 15, should be 0x1)", sensors.Busy},
		{plain("", "reads: [{register: 0, bytes: 2, crc: {polynomial: 0x31, init: 0xff},", ""), answer(0), "read register 0x00: checksum 0x00 behind byte 1, should be 0x81", sensors.CRC},
		{plain("", "start: [{expect: {register: 1, equals: 7}}], reads: [{register: 0, bytes: 1,", ""), answer(0), "check register 0x01: 0x00, should be 0x7 in the bits 0xff", sensors.IO},
	} {
		with(t, tt.text, tt.part, func(t *testing.T, dev sensors.Sensor, err error) {
			if err == nil {
				var list []sensors.Measurement
				if list, err = dev.Sense(t.Context()); list != nil {
					t.Errorf("%s: %v", tt.want, list)
				}
			}
			want := "register at i2c-1/0x48: " + tt.want
			if err == nil || err.Error() != want || sensors.ClassOf(err) != tt.class {
				t.Errorf("%v (%s), want %s (%s)", err, sensors.ClassOf(err), want, tt.class)
			}
		})
	}
}

// TestSet: a mask keeps the other bits.
func TestSet(t *testing.T) {
	mem := []byte{0, 0xA5, 0x5A}
	part := func(w, r []byte) bool {
		copy(mem[w[0]:], w[1:])
		copy(r, mem[w[0]:])
		return true
	}
	with(t, plain("init: [{set: {register: 1, bytes: 2, value: 0x0300, mask: 0x0f00, verify: true}}]\nclose: [{write: [1, 0xff]}]", once, ""), part, func(t *testing.T, dev sensors.Sensor, err error) {
		if err != nil || mem[1] != 0xA3 || mem[2] != 0x5A {
			t.Errorf("%v, % x", err, mem)
		}
	})
	if mem[1] != 0xFF {
		t.Errorf("not closed: % x", mem)
	}
}

// TestTwice: one wrong answer among right ones is found; one that differs each time is an error.
func TestTwice(t *testing.T) {
	n := 0
	measuring(t, plain("", "twice: true, "+once, ""), func(_, r []byte) bool {
		r[0] = []byte{9, 7, 7}[min(n, 2)]
		n++
		return true
	}, func(t *testing.T, dev sensors.Sensor) {
		list, err := dev.Sense(t.Context())
		if err != nil || len(list) != 1 || list[0].Value != 7 || n != 3 {
			t.Errorf("%v, %v after %d reads", list, err, n)
		}
	})
	n = 0
	measuring(t, plain("", "twice: true, "+once, ""), func(_, r []byte) bool {
		n++
		r[0] = byte(n)
		return true
	}, func(t *testing.T, dev sensors.Sensor) {
		list, err := dev.Sense(t.Context())
		if list != nil || sensors.ClassOf(err) != sensors.CRC || n != 4 {
			t.Errorf("%v, %v after %d reads", list, err, n)
		}
	})
}

// TestSuspect: a value that the part has after power-on is measured again, and believed the second time, whatever it is.
func TestSuspect(t *testing.T) {
	for _, tt := range []struct {
		answers []byte
		want    float64
		reads   int
	}{{[]byte{7}, 7, 1}, {[]byte{0, 7}, 7, 2}, {[]byte{0, 0}, 0, 2}} {
		n := 0
		measuring(t, plain("", once, ", suspect: [0]"), func(_, r []byte) bool {
			r[0] = tt.answers[n]
			n++
			return true
		}, func(t *testing.T, dev sensors.Sensor) {
			list, err := dev.Sense(t.Context())
			if err != nil || list[0].Value != tt.want || n != tt.reads {
				t.Errorf("%v: %v, %v after %d reads", tt.answers, list, err, n)
			}
		})
	}
}

// TestStartAgain: a measurement that is not seen to start is started again.
func TestStartAgain(t *testing.T) {
	writes := 0
	measuring(t, plain("", "start: [{write: [1, 1]}, {expect: {register: 2, equals: 1}}], "+once, ""), func(w, r []byte) bool {
		switch {
		case w[0] == 1:
			writes++
		case w[0] == 2 && writes == 3:
			r[0] = 1
		}
		return true
	}, func(t *testing.T, dev sensors.Sensor) {
		if list, err := dev.Sense(t.Context()); err != nil || writes != 3 {
			t.Errorf("%v, %v after %d writes", list, err, writes)
		}
	})
}

// TestRecoverAfter: the part is prepared anew after as many failures as the definition says, and at once when the canary is dead.
func TestRecoverAfter(t *testing.T) {
	inits, dead, reset := 0, false, false
	part := func(w, r []byte) bool {
		switch w[0] {
		case 1:
			inits++
			reset = false
		case 2:
			r[0] = 7
			if reset {
				r[0] = 0
			}
		}
		return !dead
	}
	text := plain("recover_after: 3\ninit: [{write: [1, 1]}]\ncanary: [{register: 2, equals: 7}]", once, "")
	measuring(t, text, part, func(t *testing.T, dev sensors.Sensor) {
		sense := func(good bool, want int) {
			t.Helper()
			_, err := dev.Sense(t.Context())
			if (err == nil) != good || inits != want {
				t.Errorf("%v with %d inits, want good %v and %d", err, inits, good, want)
			}
		}
		sense(true, 1)
		dead = true
		sense(false, 1)
		sense(false, 1)
		dead = false
		sense(true, 1)
		dead = true
		sense(false, 1)
		sense(false, 1)
		sense(false, 1)
		dead = false
		sense(true, 2)
		reset = true
		sense(false, 2)
		sense(true, 3)
	})
}

// TestUntilAck: a part that does not acknowledge while it measures is asked again, for as long as it may take and no longer.
func TestUntilAck(t *testing.T) {
	for _, tt := range []struct {
		naks int
		good bool
	}{{0, true}, {5, true}, {10, true}, {11, false}} {
		n := 0
		measuring(t, plain("", "reads: [{register: 0, bytes: 1, until_ack: 20ms,", ""), func(_, r []byte) bool {
			n++
			return n > tt.naks
		}, func(t *testing.T, dev sensors.Sensor) {
			begin := time.Now()
			_, err := dev.Sense(t.Context())
			if (err == nil) != tt.good || time.Since(begin) > 20*time.Millisecond {
				t.Errorf("%d: %v after %v", tt.naks, err, time.Since(begin))
			}
		})
	}
	measuring(t, plain("", "reads: [{register: 0, bytes: 1, until_ack: 1s,", ""), func(_, r []byte) bool { return false }, func(t *testing.T, dev sensors.Sensor) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		if _, err := dev.Sense(ctx); sensors.ClassOf(err) != sensors.Timeout {
			t.Errorf("%v", err)
		}
	})
}

// TestPartial: a field beyond its limits does not take the others with it.
func TestPartial(t *testing.T) {
	text := "chip: Test\nmeasure: [{reads: [{register: 0, bytes: 2, fields: [{quantity: raw, bits: 8, min: 0, max: 9}, {quantity: raw, channel: b, byte: 1, bits: 8, min: 0, max: 9}]}]}]"
	measuring(t, text, func(_, r []byte) bool { copy(r, []byte{10, 9}); return true }, func(t *testing.T, dev sensors.Sensor) {
		list, err := dev.Sense(t.Context())
		if err != nil || len(list) != 2 || list[0].Err != sensors.Range || list[0].Cause == nil || list[0].Value != 0 || list[1].Value != 9 || list[1].Channel != "b" {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

// TestCheck: what the configuration's check says of a sensor.
func TestCheck(t *testing.T) {
	k := find(t, register.Kind)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := plain("addresses: [0x48]\nconstants: [{name: r, default: 1, max: 3}]", once, "")
	set := func(p kind.Params, key string, v any) kind.Params { p[key] = v; return p }
	constant := func(name, value string) []any { return []any{kind.Params{"name": name, "value": value}} }
	for _, tt := range []struct {
		p    kind.Params
		want []string
	}{
		{define(t, good), nil},
		{set(define(t, good), "constants", constant("r", "2")), nil},
		{set(define(t, good), "constants", constant("r", "4")), []string{"constants: constant r is 4, more than 3"}},
		{set(define(t, good), "constants", append(constant("r", "1"), constant("r", "2")...)), []string{"constants[1].name: r is there already"}},
		{set(define(t, good), "address", int64(0x49)), []string{"address: a Test cannot have the address 0x49"}},
		{kind.Params{}, []string{": has neither definition nor definition_file"}},
		{set(define(t, good), "definition_file", "x.yaml"), []string{"definition_file: stands beside definition"}},
		{define(t, plain("", once, ", scale: 0")), []string{"definition.measure[0].reads[0].fields[0].scale: is 0: every value would be the same"}},
		{define(t, plain("", once, ", offset: 300")), []string{"definition.measure[0].reads[0].fields[0]: can be 300 to 555, of which nothing lies within 0 to 200"}},
		{define(t, "chip: x\nmeasure: [{reads: [{bytes: 1, fields: [{quantity: contact, bits: 1, scale: 2}]}]}]"),
			[]string{"definition.measure[0].reads[0].fields[0]: yields 0 and 2, not 0 and 1"}},
		{define(t, "chip: x\nmeasure: [{reads: [{bytes: 1, fields: [{quantity: contact, bits: 1, scale: -1, offset: 1}]}]}]"), nil},
		{define(t, "chip: x\nmeasure: [{reads: [{bytes: 2, fields: [{quantity: power, min: 0, max: 9, sign_from: current}]}]}]"),
			[]string{"definition.measure[0].reads[0].fields[0].sign_from: no field before this one is current"}},
		{kind.Params{"definition_file": file("good.yaml", good), "address": int64(0x48)}, nil},
		{kind.Params{"definition_file": file("bad.yaml", plain("init: [{delay: 5}, {writ: 1}]", once, "")), "address": int64(0x48)}, []string{
			"definition_file: bad.yaml:2:16: init[0].delay: must be a duration with its unit: 15ms, 2s",
			"definition_file: bad.yaml:2:21: init[1].writ: unknown key"}},
		{kind.Params{"definition_file": file("far.yaml", plain("", once, ", offset: 300")), "address": int64(0x48)},
			[]string{"definition_file: far.yaml:3:53: measure[0].reads[0].fields[0]: can be 300 to 555, of which nothing lies within 0 to 200"}},
		{kind.Params{"definition_file": filepath.Join(dir, "none"), "address": int64(0x48)},
			[]string{"definition_file: read " + filepath.Join(dir, "none") + ": no such file or directory"}},
	} {
		var got []string
		for _, p := range k.Check(tt.p) {
			got = append(got, p.Key+": "+p.Message)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
		}
		if n := len(k.Yields(tt.p)); (n > 0) != (tt.want == nil) && !strings.Contains(strings.Join(tt.want, ""), "yields") && !strings.Contains(strings.Join(tt.want, ""), "within") {
			t.Errorf("%v: %d quantities", tt.want, n)
		}
	}
	for _, name := range []string{"ina219", "ina226"} { // constants of shipped kinds
		k := find(t, name)
		problems := k.Check(kind.WithDefaults(k.Keys, kind.Params{"shunt": 0.0001, "max_current": 0.001}))
		if len(problems) == 0 || !strings.Contains(problems[0].Message, "does not fit into 2 bytes") {
			t.Errorf("%s: %v", name, problems)
		}
		if len(k.Yields(kind.WithDefaults(k.Keys, kind.Params{"shunt": 0.0001, "max_current": 0.001}))) != 3 {
			t.Errorf("%s: quantities depend on constants", name)
		}
	}
}

// TestOpenChanged: a definition that was spoilt after the check is an error, not a panic.
func TestOpenChanged(t *testing.T) {
	_, err := find(t, register.Kind).Open(t.Context(), sim.New(sim.Options{}), kind.Params{"bus": int64(1), "address": int64(0x48), "definition_file": "none.yaml"})
	if err == nil || !strings.HasPrefix(err.Error(), "register at i2c-1: read definition: definition_file: read none.yaml: ") {
		t.Errorf("%v", err)
	}
}

// TestInputs: several sensors read inputs of one converter, and each gets its own.
func TestInputs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := find(t, "ads1115")
		board := sim.New(sim.Options{World: sim.Still{sensors.Voltage: 1.25}})
		var devs []sensors.Sensor
		var keys []kind.Params
		for _, input := range []string{"a0", "a3", "a0-a1"} {
			p := kind.WithDefaults(k.Keys, kind.Params{"input": input, "full_scale": "2.048V"})
			keys = append(keys, p)
			if err := board.Attach(k.Name, p); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range keys {
			dev, err := k.Open(t.Context(), board, p)
			if err != nil {
				t.Fatal(err)
			}
			devs = append(devs, dev.(sensors.Sensor))
		}
		for range 3 {
			for i, dev := range devs {
				if list, err := dev.Sense(t.Context()); err != nil || list[0].Value != 1.25 {
					t.Errorf("%s: %v, %v", keys[i].String("input"), list, err)
				}
			}
		}
		// Another part at the address is not there: the one that is goes on.
		if err := board.Attach(register.Kind, define(t, plain("", once, ""))); err != nil {
			t.Error(err)
		}
		if list, err := devs[0].Sense(t.Context()); err != nil || list[0].Value != 1.25 {
			t.Errorf("beside another part: %v, %v", list, err)
		}
	})
}

// TestCause: the bus's error is kept.
func TestCause(t *testing.T) {
	with(t, plain("identify: [{register: 0, equals: 1}]", once, ""), func(_, _ []byte) bool { return false }, func(t *testing.T, _ sensors.Sensor, err error) {
		if sensors.ClassOf(err) != sensors.Absent || !strings.Contains(err.Error(), syscall.EREMOTEIO.Error()) {
			t.Errorf("%v", err)
		}
	})
}

func BenchmarkSense(b *testing.B) {
	k := find(b, "lm75")
	p := kind.WithDefaults(k.Keys, nil)
	board := sim.New(sim.Options{})
	if err := board.Attach(k.Name, p); err != nil {
		b.Fatal(err)
	}
	dev, err := k.Open(b.Context(), board, p)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dev.(sensors.Sensor).Sense(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
