package kind

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pinhole/sensors"
)

func TestParsePin(t *testing.T) {
	for _, tt := range []struct {
		pin, label string
		offset     uint32
		ok         bool
	}{
		{"GPIO17", "", 17, true},
		{"GPIO0", "", 0, true},
		{"pinctrl-rp1:4", "pinctrl-rp1", 4, true},
		{"gpio-brcmstb@107d508500:3", "gpio-brcmstb@107d508500", 3, true},
		{"a:b:3", "a:b", 3, true},
		{"", "", 0, false},
		{"17", "", 0, false},
		{"GPIO", "", 0, false},
		{"gpio17", "", 0, false},
		{"GPIO-1", "", 0, false},
		{"GPIO017", "", 0, false},
		{"GPIO+1", "", 0, false},
		{"GPIO99999", "", 0, false},
		{":3", "", 0, false},
		{"x:", "", 0, false},
	} {
		label, offset, err := ParsePin(tt.pin)
		if label != tt.label || offset != tt.offset || (err == nil) != tt.ok {
			t.Errorf("ParsePin(%q) = %q, %d, %v; want %q, %d, ok %v", tt.pin, label, offset, err, tt.label, tt.offset, tt.ok)
		}
	}
}

func TestI2CError(t *testing.T) {
	for _, tt := range []struct {
		err   error
		class sensors.Class
		is    error
	}{
		{errors.New("sysfs-i2c: remote I/O error"), sensors.Absent, syscall.EREMOTEIO},
		{errors.New("sysfs-i2c: no such device or address"), sensors.Absent, syscall.ENXIO},
		{errors.New("sysfs-i2c: no such device"), sensors.Absent, syscall.ENODEV},
		{errors.New("sysfs-i2c: connection timed out"), sensors.Timeout, syscall.ETIMEDOUT},
		{errors.New("sysfs-i2c: resource temporarily unavailable"), sensors.Busy, syscall.EAGAIN},
		{errors.New("sysfs-i2c: device or resource busy"), sensors.Busy, syscall.EBUSY},
		{errors.New("sysfs-i2c: operation not supported"), sensors.IO, syscall.EOPNOTSUPP},
		{errors.New("sysfs-i2c: permission denied"), sensors.Denied, syscall.EACCES},
		{errors.New("sysfs-i2c: input/output error"), sensors.IO, syscall.EIO},
		{fmt.Errorf("wrapped: %w", syscall.EREMOTEIO), sensors.Absent, syscall.EREMOTEIO},
		{context.DeadlineExceeded, sensors.Timeout, context.DeadlineExceeded},
		{errors.New("something new"), sensors.IO, nil},
	} {
		err := I2CError(0x76, tt.err)
		if got := sensors.ClassOf(err); got != tt.class {
			t.Errorf("class of %q = %s, want %s", tt.err, got, tt.class)
		}
		if tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%q: errors.Is(%v) is false", err, tt.is)
		}
	}
	if I2CError(0x76, nil) != nil {
		t.Error("no error became one")
	}
}

func TestWithDefaults(t *testing.T) {
	keys := append(I2CKeys(0x76, 0x77), Key{Name: "signal", Type: Map, Keys: []Key{{Name: "shape", Default: "sine"}, {Name: "max"}}})
	got := WithDefaults(keys, Params{"address": int64(0x77)})
	want := Params{"bus": int64(1), "address": int64(0x77), "signal": Params{"shape": "sine"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestI2CKeys(t *testing.T) {
	keys := I2CKeys(0x76, 0x77)
	if a := keys[1]; !slices.Equal(a.Enum, []string{"0x76", "0x77"}) || a.Default != int64(0x76) || !strings.Contains(a.Help, "0x76 or 0x77") {
		t.Errorf("%+v", a)
	}
	p := WithDefaults(keys, Params{"bus": int64(3)})
	if I2CBus(p) != "i2c-3" || I2CNumber(p) != "3" {
		t.Errorf("worker %s, bus %s", I2CBus(p), I2CNumber(p))
	}
	p["mux"], p["channel"] = int64(0x70), int64(5)
	if I2CBus(p) != "i2c-3" || I2CNumber(p) != "3/0x70.5" {
		t.Errorf("behind a multiplexer: worker %s, bus %s", I2CBus(p), I2CNumber(p))
	}
}

func TestParseI2C(t *testing.T) {
	for _, tt := range []struct {
		name   string
		number int
		behind *Channel
		ok     bool
	}{
		{"1", 1, nil, true},
		{"12/0x70.0", 12, &Channel{0x70, 0}, true},
		{"0/0x77.7", 0, &Channel{0x77, 7}, true},
		{"x", 0, nil, false},
		{"-1", 0, nil, false},
		{"1/", 0, nil, false},
		{"1/0x70", 0, nil, false},
		{"1/0x70.8", 0, nil, false},
		{"1/0x80.1", 0, nil, false},
		{"1/0x70.1/0x71.1", 0, nil, false},
	} {
		number, behind, err := ParseI2C(tt.name)
		if number != tt.number || !cmp.Equal(behind, tt.behind) || (err == nil) != tt.ok {
			t.Errorf("ParseI2C(%q) = %d, %v, %v", tt.name, number, behind, err)
		}
	}
}

// FuzzParseI2C: whatever is accepted is what I2CNumber writes for it.
func FuzzParseI2C(f *testing.F) {
	for _, s := range []string{"1", "1/0x70.3", "12/0x77.0", "1/0x70", "/", "1/.", "01", "1/112.3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		number, behind, err := ParseI2C(name)
		if err != nil {
			return
		}
		p := Params{"bus": int64(number)}
		if behind != nil {
			p["mux"], p["channel"] = int64(behind.Mux), int64(behind.Number)
		}
		again, other, err := ParseI2C(I2CNumber(p))
		if err != nil || again != number || !cmp.Equal(other, behind) {
			t.Errorf("%q is %d, %v; written again %q: %d, %v, %v", name, number, behind, I2CNumber(p), again, other, err)
		}
	})
}
