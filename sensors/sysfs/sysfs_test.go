package sysfs

import (
	"errors"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pinhole/sensors"
)

func TestDecimal(t *testing.T) {
	for _, tt := range []struct {
		text string
		exp  int
		want float64
		ok   bool
	}{
		{"25080", -3, 25.08, true},
		{"25080.000000000", -3, 25.08, true},
		{"100.653253906", 3, 100653.253906, true},
		{"-62", -3, -0.062, true},
		{"-0.5", 0, -0.5, true},
		{"-0", 0, 0, true},
		{"0", -3, 0, true},
		{"0.000100000", 4, 1, true},
		{"007", 0, 7, true},
		{"9223372036854775807", 0, 9223372036854775807, true},
		{"", 0, 0, false},
		{"-", 0, 0, false},
		{".5", 0, 0, false},
		{"5.", 0, 0, false},
		{"1.2.3", 0, 0, false},
		{"+5", 0, 0, false},
		{"1e3", 0, 0, false},
		{"0x10", 0, 0, false},
		{"1_0", 0, 0, false},
		{"nan", 0, 0, false},
		{"inf", 0, 0, false},
		{"12 dB", 0, 0, false},
		{"1 2 3", 0, 0, false},
		{"12\n", 0, 0, false},
		{strings.Repeat("1", 41), 0, 0, false},
	} {
		got, ok := Decimal([]byte(tt.text), tt.exp)
		if got != tt.want || ok != tt.ok || math.Signbit(got) != (tt.want < 0) {
			t.Errorf("Decimal(%q, %d) = %v, %v; want %v, %v", tt.text, tt.exp, got, ok, tt.want, tt.ok)
		}
	}
}

// FuzzDecimal compares with exact rational numbers.
func FuzzDecimal(f *testing.F) {
	for _, s := range []string{"25080", "100.653253906", "-0.0625", "0", "-0", "1.", "1e5", "99999999999999999999999999999999999999.9"} {
		f.Add([]byte(s), -3)
	}
	f.Fuzz(func(t *testing.T, text []byte, exp int) {
		exp %= 13
		got, ok := Decimal(text, exp)
		if !ok {
			return
		}
		exact, valid := new(big.Rat).SetString(string(text))
		if !valid {
			t.Fatalf("%q is no number and was read as %v", text, got)
		}
		power := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(exp, -exp))), nil))
		if exp < 0 {
			power.Inv(power)
		}
		if want, _ := exact.Mul(exact, power).Float64(); got != want {
			t.Errorf("Decimal(%q, %d) = %v, want %v", text, exp, got, want)
		}
		if n, ok := Whole(text); ok && exp == 0 && float64(n) != got {
			t.Errorf("Whole(%q) = %d, Decimal says %v", text, n, got)
		}
	})
}

func TestWhole(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"0", 0, true}, {"-19", -19, true}, {"85000", 85000, true}, {"999999999999999999", 999999999999999999, true},
		{"", 0, false}, {"-", 0, false}, {"1.0", 0, false}, {"+1", 0, false}, {"1 ", 0, false}, {"1000000000000000000", 0, false},
	} {
		if got, ok := Whole([]byte(tt.text)); got != tt.want || ok != tt.ok {
			t.Errorf("Whole(%q) = %d, %v; want %d, %v", tt.text, got, ok, tt.want, tt.ok)
		}
	}
}

// tree writes files: a path and its text, or after -> what it links to.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		err := error(nil)
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestRead(t *testing.T) {
	root := tree(t, map[string]string{
		"temp1_input": "21500\n", "empty": "", "spaces": "28-00000a \n\n", "large": strings.Repeat("x", 5000),
		"eio": "-> /proc/self/mem", "folder/x": "", "write": "",
	})
	d, err := OpenDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, want string
		err        error
		class      sensors.Class
	}{
		{"temp1_input", "21500", nil, ""},
		{"empty", "", nil, ""},
		{"spaces", "28-00000a", nil, ""},
		{"large", "", errTooLarge, sensors.IO},
		{"eio", "", syscall.EIO, sensors.IO}, // reading what is mapped nowhere: the plain file system's only way to this error
		{"folder", "", syscall.EISDIR, sensors.IO},
		{"missing", "", syscall.ENOENT, sensors.Absent},
	} {
		text, err := d.File(tt.name).Read()
		if string(text) != tt.want || !errors.Is(err, tt.err) || sensors.ClassOf(err) != tt.class {
			t.Errorf("%s: %q, %v (class %s)", tt.name, text, err, sensors.ClassOf(err))
		}
	}
	if err := d.File("write").Write("trigger\n"); err != nil {
		t.Error(err)
	}
	if text, err := d.File("write").Read(); string(text) != "trigger" || err != nil {
		t.Errorf("written: %q, %v", text, err)
	}
	if err := d.File("missing").Write("x"); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("write to a file that is not there: %v", err)
	}
	f := d.File("temp1_input")
	if n := testing.AllocsPerRun(100, func() { f.Read() }); n != 0 {
		t.Errorf("%v allocations a read", n)
	}

	// The folder's name now belongs to another device: it must not be read in the place of the first.
	if err := os.Rename(root, root+".gone"); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(root + ".gone")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "temp1_input"), []byte("99000\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if text, _ := f.Read(); string(text) != "21500" {
		t.Errorf("after the folder was replaced: %q", text)
	}
	for range 2 {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := f.Read(); !errors.Is(err, syscall.EBADF) {
		t.Errorf("closed: %v", err)
	}
	if _, err := OpenDir(filepath.Join(root, "missing")); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("open a folder that is not there: %v", err)
	}
}

func TestPick(t *testing.T) {
	root := tree(t, map[string]string{
		"sys/devices/i2c-1/1-0076/iio:device0/name":   "bmp280\n",
		"sys/devices/i2c-1/1-0077/iio:device10/name":  "bmp280\n",
		"sys/devices/i2c-1/1-0077/iio:device10/label": "attic\n",
		"sys/devices/dht11@0/iio:device2/name":        "dht11@0\n",
		"sys/bus/iio/devices/iio:device0":             "-> ../../../devices/i2c-1/1-0076/iio:device0",
		"sys/bus/iio/devices/iio:device10":            "-> ../../../devices/i2c-1/1-0077/iio:device10",
		"sys/bus/iio/devices/iio:device2":             "-> ../../../devices/dht11@0/iio:device2",
		"sys/bus/iio/devices/trigger0/name":           "bmp280\n",
		"sys/bus/iio/devices/iio:device/name":         "bmp280\n",
	})
	list, err := Devices(root, "sys/bus/iio/devices", "iio:device")
	if err != nil || len(list) != 3 || list[1].Name != "dht11@0" || list[2].Label != "attic" {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, tt := range []struct {
		want  Wanted
		at    string
		class sensors.Class
		hint  string
	}{
		{Wanted{Name: "dht11"}, "dht11@0", "", ""},
		{Wanted{Name: "dht11@0"}, "dht11@0", "", ""},
		{Wanted{Name: "dht11@1"}, "", sensors.Absent, "there are: bmp280 at 1-0076, dht11@0 at dht11@0, bmp280 label attic at 1-0077"},
		{Wanted{Name: "bmp280"}, "", sensors.Wrong, "tell them apart by at or label: bmp280 at 1-0076, bmp280 label attic at 1-0077"},
		{Wanted{Name: "bmp280", At: "1-0077"}, "1-0077", "", ""},
		{Wanted{Name: "bmp280", Label: "attic"}, "1-0077", "", ""},
		{Wanted{Label: "attic", At: "1-0076"}, "", sensors.Absent, "there are: "},
	} {
		d, err := Pick(list, tt.want)
		if d.At != tt.at || sensors.ClassOf(err) != tt.class {
			t.Errorf("%s: %+v, %v", tt.want, d, err)
		}
		if e, ok := errors.AsType[*sensors.Error](err); ok && !strings.HasPrefix(e.Hint, tt.hint) {
			t.Errorf("%s: hint %q, want %q", tt.want, e.Hint, tt.hint)
		}
	}
	if _, err := Devices(root, "sys/class/hwmon", "hwmon"); sensors.ClassOf(err) != sensors.Absent {
		t.Errorf("no such class: %v", err)
	}

	class := tree(t, map[string]string{
		"devices/1-0048/hwmon/hwmon3/name":   "lm75\n",
		"devices/1-0048/hwmon/hwmon3/device": "-> ../../../1-0048",
		"class/hwmon3":                       "-> ../devices/1-0048/hwmon/hwmon3",
	})
	if list, err := Devices(class, "class", "hwmon"); err != nil || len(list) != 1 || list[0].At != "1-0048" {
		t.Errorf("%+v, %v", list, err)
	}
}
