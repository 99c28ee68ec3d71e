package chips

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pinhole/sensors"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestShipped: every definition that comes with the program is whole, and has what makes its values believable.
func TestShipped(t *testing.T) {
	if len(All()) < 15 {
		t.Fatalf("%d definitions", len(All()))
	}
	for _, s := range All() {
		c, problems := s.File.Build(nil)
		if problems != nil {
			t.Errorf("%s: %v", s.Kind, problems)
			continue
		}
		if !strings.EqualFold(c.Name, s.Kind) {
			t.Errorf("%s describes a %s", s.Kind, c.Name)
		}
		checked := len(c.Canary) > 0
		for _, f := range c.Fields() {
			checked = checked || len(f.Suspect) > 0
		}
		for _, r := range c.Rounds {
			for _, read := range r.Reads {
				checked = checked || read.CRC != nil
			}
		}
		if !checked {
			t.Errorf("%s: neither canary nor checksum nor suspect values: a broken supply would go unnoticed", s.Kind)
		}
		about := s.File.Params.Map("about")
		if !strings.Contains(about.String("datasheet"), "https://") {
			t.Errorf("%s: no address of its datasheet", s.Kind)
		}
	}
}

const whole = `
chip: Test
register_bytes: 2
constants:
  - {name: r, default: 0.1, min: 0.01, max: 1}
  - {name: gain, default: x2, choices: [{word: x1, value: 1}, {word: x2, value: 2, code: 3}]}
derived:
  - {name: cal, value: floor(1000 * r) + gain_code}
identify: [{register: 0x1234, bytes: 2, mask: 0xff00, equals: 0x5600}]
init:
  - write: [1, 2, 0xff]
  - set: {register: 2, bytes: 2, value: cal, mask: 0x0fff, verify: true}
  - delay: 15ms
  - wait: {register: 3, equals: 1, timeout: 20ms}
  - expect: {register: 3, equals: 1, says: it sleeps}
measure:
  - reads:
      - bytes: 6
        crc: {polynomial: 0x31, group: 3}
        reject: [0xff]
        require: [{byte: 1, bit: 3, bits: 2, equals: 2, class: busy, says: busy}]
        fields:
          - {quantity: temperature, bits: 20, type: signed, scale: gain / r, min: -10, max: 10 * gain, suspect: [0]}
          - {quantity: pressure, byte: 3, bit: 4, bits: 12, order: little, polynomial: [1, r], min: 0, max: 5}
          - {quantity: alarm, byte: 5, bit: 7, bits: 1}
`

// TestBuild: what a definition with nearly everything becomes.
func TestBuild(t *testing.T) {
	f, problems := Parse("whole.yaml", []byte(whole), Keys())
	if problems != nil {
		t.Fatal(problems)
	}
	c, problems := f.Build(map[string]string{"r": "0.25"})
	if problems != nil {
		t.Fatal(problems)
	}
	ms := func(n int) int64 { return int64(n) * 1e6 }
	reg := func(n int) Register { return Register{n, 2} }
	wait := Expect{At: reg(3), Bytes: 1, Mask: 0xFF, Equals: 1}
	said := wait
	said.Says = "it sleeps"
	want := &Chip{
		Name: "Test", RecoverAfter: 1, Identify: []Expect{{At: reg(0x1234), Bytes: 2, Mask: 0xFF00, Equals: 0x5600}},
		Init: []Step{{Write: []byte{1, 2, 255}}, {Set: &Set{At: reg(2), Bytes: 2, Value: 253, Mask: 0xFFF, Keep: true, Verify: true}}, {Delay: 15e6},
			{Wait: &Wait{Expect: wait, Every: defaultEvery, Timeout: 20e6}}, {Expect: &said}},
		Rounds: []Round{{Reads: []Read{{
			Bytes: 6, CRC: &CRC{Bits: 8, Polynomial: 0x31, Group: 3}, Reject: []byte{255},
			Require: []Require{{Bit: 11, Bits: 2, Equals: 2, Class: sensors.Busy, Says: "busy"}},
			Fields: []Field{
				{Quantity: sensors.Temperature, Bits: 20, Type: Signed, Order: Big, Scale: 8, Divisor: 1, Min: -10, Max: 20, Suspect: []uint64{0}, Decimals: -1},
				{Quantity: sensors.Pressure, Bit: 24, Within: 4, Word: 2, Bits: 12, Type: Unsigned, Order: Little, Scale: 1, Divisor: 1, Polynomial: []float64{1, 0.25}, Max: 5, Decimals: -1},
				{Quantity: sensors.Alarm, Bit: 47, Bits: 1, Type: Unsigned, Order: Big, Scale: 1, Divisor: 1, Max: 1, Decimals: -1},
			},
		}}}},
	}
	if d := cmp.Diff(want, c); d != "" {
		t.Error(d)
	}
	if got := c.Rounds[0].Reads[0].Size(); got != 8 || int64(c.Init[2].Delay) != ms(15) {
		t.Errorf("%d bytes, %v", got, c.Init[2].Delay)
	}
}

// TestProblems: each file of testdata/bad has mistakes, and what is said of them stands beside it.
func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		f, problems := Load(path)
		if problems == nil {
			_, problems = f.Build(nil)
		}
		if problems == nil {
			t.Errorf("%s: nothing is wrong", path)
		}
		var b strings.Builder
		for _, p := range problems {
			if p.Key != "" {
				t.Errorf("%s: a problem with the key %s", path, p.Key)
			}
			fmt.Fprintf(&b, "%s\n\t%s\n", p.Message, p.Hint)
		}
		golden := strings.TrimSuffix(path, ".yaml") + ".txt"
		if *update {
			if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), b.String()); d != "" {
			t.Errorf("%s (-want +got):\n%s", path, d)
		}
	}
}

// TestConstants: what a user may set, and what not.
func TestConstants(t *testing.T) {
	f, _ := Parse("whole.yaml", []byte(whole), Keys())
	for _, tt := range []struct{ name, value, want string }{
		{"r", "0.5", ""}, {"r", "1", ""}, {"gain", "x1", ""},
		{"r", "2", "constant r is 2, more than 1"}, {"r", "0.001", "constant r is 0.001, less than 0.01"}, {"r", "much", `constant r is "much", no number`},
		{"r", "NaN", `constant r is "NaN", no number`}, {"r", "", `constant r is "", no number`}, {"gain", "x3", `constant gain is "x3", none of x1, x2`},
		{"gain_code", "1", `there is no constant "gain_code" in the definition`}, {"q", "1", `there is no constant "q" in the definition`},
	} {
		got := ""
		if _, problems := f.Build(map[string]string{tt.name: tt.value}); problems != nil {
			got = problems[0].Message
		}
		if got != tt.want {
			t.Errorf("%s = %s: %q, want %q", tt.name, tt.value, got, tt.want)
		}
	}
}

func TestEvaluate(t *testing.T) {
	names := map[string]float64{"r": 0.1, "lsb": 0.001, "x_1": 7}
	for _, tt := range []struct {
		text string
		want float64
		err  string
	}{
		{"1", 1, ""}, {" 1 + 2 * 3 ", 7, ""}, {"(1+2)*3", 9, ""}, {"-r", -0.1, ""}, {"--2", 2, ""}, {"2 - -3", 5, ""}, {"8/4/2", 1, ""}, {"8-4-2", 2, ""},
		{"0x1F", 31, ""}, {"0xff*2", 510, ""}, {"1e-3", 0.001, ""}, {"1.5E+2", 150, ""}, {".5", 0.5, ""}, {"x_1*2", 14, ""},
		{"floor(0.04096/(lsb*r))", 409, ""}, {"round(2.5)", 3, ""}, {"min(1,2)+max(1,2)", 3, ""}, {"round(-floor(1.5))", -1, ""},
		{"", 0, "ends where"}, {"1 +", 0, "ends where"}, {"1 2", 0, "left over"}, {"q", 0, `names "q"`}, {"(1", 0, "closing bracket"}, {"1/0", 0, "no finite"},
		{"0/0", 0, "no finite"}, {"sqrt(2)", 0, "calls sqrt"}, {"min(1)", 0, "calls min"}, {"round(1,2)", 0, "calls round"}, {"0x", 0, "no hex"}, {"1.2.3", 0, "no number"},
		{"1e400", 0, "no number"}, {"$", 0, "where a number"}, {"2**3", 0, "where a number"}, {"Inf", 0, `names "Inf"`}, {strings.Repeat("(", 60) + "1", 0, "nested"},
		{strings.Repeat("1+", 200) + "1", 0, "longer than"}, {"0x1p3", 0, "left over"}, {"1_000", 0, "left over"},
	} {
		got, err := evaluate(tt.text, names)
		if tt.err == "" && (err != nil || got != tt.want) || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%q is %v, %v; want %v %s", tt.text, got, err, tt.want, tt.err)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "none.yaml"), dir, os.DevNull} {
		if _, problems := Load(path); len(problems) != 1 || !strings.HasPrefix(problems[0].Message, "read "+path+": ") {
			t.Errorf("%s: %v", path, problems)
		}
	}
	for _, s := range All() { // what is shipped works as a user's own file, too
		data, err := files.ReadFile(s.Kind + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "own.yaml")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, problems := Load(path); problems != nil {
			t.Errorf("%s as a file: %v", s.Kind, problems)
		}
	}
	big := filepath.Join(dir, "big.yaml")
	if err := os.WriteFile(big, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, problems := Load(big); len(problems) != 1 || !strings.Contains(problems[0].Message, "more than 65536 bytes") {
		t.Errorf("%v", problems)
	}
}

// FuzzDefinition: no text makes the reader panic, and what it accepts keeps the bounds.
func FuzzDefinition(f *testing.F) {
	f.Add([]byte(whole))
	for _, s := range All() {
		data, err := files.ReadFile(s.Kind + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(data), "\naddresses:")
		f.Add([]byte("chip: x\naddresses:" + rest))
	}
	bad, _ := filepath.Glob("testdata/bad/*.yaml")
	for _, path := range bad {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, problems := Parse("fuzz.yaml", data, Keys())
		if problems != nil {
			return
		}
		c, problems := file.Build(nil)
		if (c == nil) == (problems == nil) {
			t.Fatalf("%v, %v", c, problems)
		}
		if c == nil {
			return
		}
		if len(c.Fields()) == 0 || len(c.Quantities()) == 0 || c.RecoverAfter < 1 {
			t.Fatalf("%+v", c)
		}
		for _, r := range c.Rounds {
			if steps(r.Start).Seconds() > maxTotal {
				t.Fatalf("waits for %v", steps(r.Start))
			}
			for _, read := range r.Reads {
				if read.Size() > maxRead || read.Size() < 1 {
					t.Fatalf("%d bytes", read.Size())
				}
				for _, x := range read.Fields {
					if x.Bit+max(x.Bits, 8*x.Word) > 8*read.Bytes || x.Bits < 1 || !(x.Min < x.Max) && !x.Quantity.Boolean() {
						t.Fatalf("%+v", x)
					}
				}
			}
		}
	})
}
