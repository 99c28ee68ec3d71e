package sim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// TestPartsFeel: a part that was without supply has forgotten its settings and starts, whether anybody looked meanwhile or not; one that
// is swapped in is another of its make, and the first one comes back.
func TestPartsFeel(t *testing.T) {
	for _, tt := range []struct {
		mishap  Mishap
		look    bool // somebody looks while it lasts
		forgets bool
	}{
		{Mishap{Kind: Brownout, When: When{At: sec}}, false, true},
		{Mishap{Kind: Brownout, When: When{At: sec, For: sec}}, false, true},
		{Mishap{Kind: Brownout, When: When{At: sec, For: sec}}, true, true},
		{Mishap{Kind: Unplug, When: When{At: sec, For: sec}}, false, true},
		{Mishap{Kind: Unplug, When: When{At: 200 * time.Millisecond, For: 200 * time.Millisecond, Every: 900 * time.Millisecond}}, true, true},
		{Mishap{Kind: Nak, When: When{At: sec, For: sec}}, true, false},
		{Mishap{Kind: Swap, When: When{At: sec, For: sec}}, true, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := New(Options{})
			if err := b.Attach("bme280", params(0x76)); err != nil {
				t.Fatal(err)
			}
			tt.mishap.Site, _ = SiteOf("bme280", params(0x76))
			b.Play(Script{Mishaps: []Mishap{tt.mishap}})
			bus, _ := b.I2C("1")
			read := func(reg byte, n int) string {
				r := make([]byte, n)
				if err := bus.Tx(0x76, []byte{reg}, r); err != nil {
					return string(sensors.ClassOf(err))
				}
				return fmt.Sprintf("% x", r)
			}
			if err := bus.Tx(0x76, []byte{0xF5, 0x10}, nil); err != nil {
				t.Fatal(err)
			}
			first := read(0x88, 6)
			time.Sleep(1100 * time.Millisecond)
			if tt.look {
				id, constants := read(0xD0, 1), read(0x88, 6)
				if swapped := tt.mishap.Kind == Swap; swapped && (id != "60" || constants == first) || !swapped && id != "absent" {
					t.Errorf("%+v: id %s, constants %s, while it lasts", tt.mishap, id, constants)
				}
			}
			time.Sleep(1500 * time.Millisecond)
			want := "10"
			if tt.forgets {
				want = "00"
			}
			if got := read(0xF5, 1); got != want {
				t.Errorf("%+v: config is %s afterwards, want %s", tt.mishap, got, want)
			}
			if got := read(0x88, 6); got != first {
				t.Errorf("%+v: constants %s, want %s", tt.mishap, got, first)
			}
		})
	}
	// It starts when its supply is back, not when somebody looks.
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		if err := b.Attach("bme280", params(0x76)); err != nil {
			t.Fatal(err)
		}
		site, _ := SiteOf("bme280", params(0x76))
		b.Play(Script{Mishaps: []Mishap{{Kind: Brownout, Site: site, When: When{At: sec, For: sec}}}})
		bus, _ := b.I2C("1")
		time.Sleep(2*sec + time.Millisecond)
		if err := bus.Tx(0x76, []byte{0xD0}, make([]byte, 1)); sensors.ClassOf(err) != sensors.Absent {
			t.Errorf("answers while it starts: %v", err)
		}
		time.Sleep(2 * time.Millisecond)
		if err := bus.Tx(0x76, []byte{0xD0}, make([]byte, 1)); err != nil {
			t.Errorf("does not answer when it has started: %v", err)
		}
	})
}

// TestPulledLine: a line whose chip was unplugged is dead, even when the chip is back, and until then nobody gets another.
func TestPulledLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		b.Play(Script{Mishaps: []Mishap{{Kind: Unplug, Site: Site{Medium: Line, Pin: "pinctrl-bcm2835:4"}, When: When{At: sec, For: sec}}}})
		old, err := b.Line("GPIO4", kind.LineOptions{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
		if _, err := b.Line("GPIO4", kind.LineOptions{}); sensors.ClassOf(err) != sensors.Absent && sensors.ClassOf(err) != sensors.Busy {
			t.Errorf("while the chip is gone: %v", err)
		}
		time.Sleep(sec)
		if _, err := old.Read(); sensors.ClassOf(err) != sensors.Absent {
			t.Errorf("a line of a chip that was gone: %v", err)
		}
		if err := old.Close(); err != nil {
			t.Error(err)
		}
		l, err := b.Line("GPIO4", kind.LineOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Read(); err != nil {
			t.Errorf("requested anew: %v", err)
		}
	})
}

// TestFileMishaps looks at the files themselves.
func TestFileMishaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		defer b.Close()
		one, _ := SiteOf("onewire", kind.Params{"device": "28-00000a1b2c3d"})
		chip, ok := SiteOf("hwmon", kind.Params{"device": "lm75"})
		if _, other := SiteOf("hwmon", kind.Params{"device": "ina219"}); !ok || other {
			t.Error("sites of hwmon devices")
		}
		b.Play(Script{Mishaps: []Mishap{
			{Kind: Unplug, Site: one, When: When{At: sec, For: sec}},
			{Kind: Garbage, Site: chip, When: When{At: sec, For: sec}},
			{Kind: BrokenOff, Site: chip, When: When{At: 2 * sec, For: sec}},
		}})
		read := func(name string) string {
			if err := b.Refresh(); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(b.Root(), name))
			if e, ok := errors.AsType[*os.PathError](err); ok {
				return e.Err.Error()
			}
			return string(text)
		}
		const slaves, link, temp = w1Master + "/w1_master_slaves", w1Devices + "28-00000a1b2c3d/temperature", "sys/class/hwmon/hwmon1/temp1_input"
		whole := read(temp)
		for _, want := range [][]string{
			{slaves, "28-00000a1b2c3d\n28-00000a1b2c3e\n"}, {temp, whole}, nil,
			{slaves, "28-00000a1b2c3e\n"}, {link, "no such file or directory"}, {temp, "\x7fnonsense\n"}, {"sys/class/hwmon/hwmon1/name", "lm75\n"}, nil,
			{slaves, "28-00000a1b2c3d\n28-00000a1b2c3e\n"}, {temp, "input/output error"}, nil,
			{temp, whole}, {link, read(link)},
		} {
			if want == nil {
				time.Sleep(sec)
			} else if got := read(want[0]); got != want[1] {
				t.Errorf("%s holds %q, want %q", want[0], got, want[1])
			}
		}
	})
}
