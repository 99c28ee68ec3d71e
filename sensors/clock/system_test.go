package clock

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// write makes files below root.
func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSystemHere(t *testing.T) {
	c, err := System("/", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Skip("no boot id here:", err)
	}
	if again, _ := System("/", time.Time{}); again.ID() != c.ID() || c.ID() == (BootID{}) {
		t.Errorf("boot ids %x and %x of %s", c.ID(), again.ID(), text)
	}
	before := time.Now().UnixNano()
	mono, a, b := c.Mono(), c.Now(), c.Now()
	after := time.Now().UnixNano()
	if a.Wall < before || b.Wall > after || b.Boot < a.Boot || a.Boot <= 0 {
		t.Errorf("stamps %+v and %+v between %d and %d", a, b, before, after)
	}
	at := c.At(mono - int64(time.Second))
	if d := time.Duration(a.Boot - at.Boot); (d - time.Second).Abs() > 500*time.Millisecond {
		t.Errorf("an event of a second ago was stamped %v ago", d)
	}
	if (at.Wall-at.Boot)-(a.Wall-a.Boot) > int64(100*time.Millisecond) {
		t.Errorf("wall and boot time of an event do not match: %+v, now %+v", at, a)
	}
	if late := c.At(c.Mono() + int64(time.Hour)); late.Wall > time.Now().UnixNano() {
		t.Errorf("an event in the future: %+v", late)
	}
	future, err := System("/", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if future.Now().Synced {
		t.Error("a clock behind the build's time was trusted")
	}
}

func TestBootID(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "boot_id")
	write(t, root, map[string]string{"boot_id": "df4a4987-e4eb-48a6-9cbe-d31eaa481f93\n"})
	if got, want := bootID(path), (BootID{0xdf, 0x4a, 0x49, 0x87, 0xe4, 0xeb, 0x48, 0xa6, 0x9c, 0xbe, 0xd3, 0x1e, 0xaa, 0x48, 0x1f, 0x93}); got != want {
		t.Errorf("got %x, want %x", got, want)
	}
	for _, text := range []string{"", "df4a4987", "zz4a4987-e4eb-48a6-9cbe-d31eaa481f93"} {
		write(t, root, map[string]string{"boot_id": text})
		if a, b := bootID(path), bootID(path); a == b {
			t.Errorf("%q: two equal ids by chance: %x", text, a)
		}
	}
	if a := bootID(filepath.Join(root, "none")); a == (BootID{}) {
		t.Error("no id for a missing file")
	}
}

func TestBuilt(t *testing.T) {
	if got := Built("2030-05-06T07:08:09Z"); got.Unix() != time.Date(2030, 5, 6, 7, 8, 9, 0, time.UTC).Unix() {
		t.Errorf("got %v", got)
	}
	for _, text := range []string{"", "yesterday", "1999-01-01T00:00:00Z"} {
		if got := Built(text); got.Before(time.Unix(floor, 0)) {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestEvidence(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	rtc := func(set, since string) map[string]string {
		return map[string]string{"sys/class/rtc/rtc0/hctosys": set, "sys/class/rtc/rtc0/since_epoch": since}
	}
	tests := []struct {
		name           string
		kernel, always bool
		files          map[string]string
		want           bool
	}{
		{"nothing", false, false, nil, false},
		{"the kernel's clock is kept", true, false, nil, true},
		{"timesyncd", false, false, map[string]string{"run/systemd/timesync/synchronized": ""}, true},
		{"timesyncd has not synchronised", false, false, map[string]string{"run/systemd/timesync/other": ""}, false},
		{"hardware clock", false, false, rtc("1\n", "1795521590\n"), true},
		{"hardware clock that set nothing", false, false, rtc("0\n", "1795521590\n"), false},
		{"hardware clock without a battery", false, false, rtc("1\n", "312\n"), false},
		{"hardware clock out of order", false, false, rtc("1\n", "\n"), false},
		{"a PC without a clock device", false, true, nil, true},
		{"a PC with an empty battery", false, true, rtc("1\n", "312\n"), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			write(t, root, test.files)
			e := evidence{root: root, kernel: func() bool { return test.kernel }, always: test.always}
			if got := e.trusted(now.UnixNano()); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// A board boots in 1970, gets a time from a file and then the right one from the network.
func TestSystemTrust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, first := time.Now(), time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
		var step time.Duration // of the wall clock, from 1970 on
		synced, looks := false, 0
		s := &system{
			floor:    floor * int64(time.Second),
			boottime: func() int64 { return int64(time.Since(start)) },
			wall:     func() int64 { return int64(step + time.Since(start)) },
			evidence: func(int64) bool { looks++; return synced },
		}
		check := func(what string, want bool, wantLooks int) {
			t.Helper()
			if got := s.now(); got.Synced != want || looks != wantLooks {
				t.Fatalf("%s: synced %v after %d looks, want %v after %d", what, got.Synced, looks, want, wantLooks)
			}
		}
		synced = true
		check("in 1970 nothing helps", false, 0)
		synced = false
		step = time.Duration(first.UnixNano())
		check("with a time from a file", false, 1)
		time.Sleep(4 * time.Second)
		check("within 5 s", false, 1)
		time.Sleep(time.Second)
		check("after 5 s", false, 2)
		step += 3 * time.Hour
		synced = true
		check("right after the step to the true time", true, 3)
		time.Sleep(59 * time.Second)
		check("within a minute", true, 3)
		time.Sleep(time.Second)
		check("after a minute", true, 4)
		synced = false
		step += 50 * time.Millisecond
		check("a step that is too small to matter", true, 4)
		step -= 200 * time.Millisecond
		check("a step back", false, 5)
		step = 0
		check("back in 1970", false, 5)
	})
}

// Looking is done once, by whoever comes first.
func TestSystemConcurrent(t *testing.T) {
	var boot, looks atomic.Int64
	s := &system{
		boottime: func() int64 { return boot.Add(1) },
		wall:     func() int64 { return boot.Load() },
		evidence: func(int64) bool { looks.Add(1); return true },
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				if !s.now().Synced {
					t.Error("not synced")
				}
			}
		})
	}
	wg.Wait()
	if looks.Load() != 1 {
		t.Errorf("%d looks, want 1", looks.Load())
	}
}

func TestAtOfPlainClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Desk(BootID{1})
		time.Sleep(time.Minute)
		now, at := c.Now(), c.At(c.Mono()-int64(time.Second))
		if now.Boot-at.Boot != int64(time.Second) || now.Wall-at.Wall != int64(time.Second) || !at.Synced || c.ID() != (BootID{1}) {
			t.Errorf("got %+v at %+v", at, now)
		}
		if !now.Time().Equal(time.Now()) {
			t.Errorf("got %v, want %v", now.Time(), time.Now())
		}
	})
}

func TestNowAllocations(t *testing.T) {
	c, err := System("/", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	c.Now()
	if n := testing.AllocsPerRun(100, func() { c.Now(); c.At(1) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkNow(b *testing.B) {
	c, err := System("/", time.Time{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Now()
	}
}
