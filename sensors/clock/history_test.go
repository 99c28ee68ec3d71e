package clock

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

const (
	second = int64(time.Second)
	day    = int64(24 * time.Hour)
	t0     = 1764000000 * second // a wall time
)

func learned(boot, diff int64) Stamp { return Stamp{Boot: boot, Wall: boot + diff, Synced: true} }

func TestHistory(t *testing.T) {
	var h History
	a, b, c := BootID{1}, BootID{2}, BootID{3}
	steps := []struct {
		id      BootID
		s       Stamp
		changed bool
	}{
		{a, Stamp{Boot: 5 * second, Wall: 9 * second}, false}, // not trusted: says nothing
		{b, learned(600*second, t0), true},
		{b, learned(900*second, t0+30e6), false}, // noise
		{b, learned(5000*second, t0+3600*second), true},
		{b, learned(6000*second, t0+3600*second), false},
		{a, learned(70*second, t0+day), true},
		{b, learned(7000*second, t0+3600*second), false}, // the order of boots is that of learning
	}
	for i, s := range steps {
		if got := h.Learn(s.id, s.s); got != s.changed {
			t.Errorf("step %d: changed %v, want %v", i, got, s.changed)
		}
	}
	tests := []struct {
		name       string
		id         BootID
		boot, wall int64
		synced     bool
		want       int64
		trusted    bool
	}{
		{"trusted stays", b, 1, 42, true, 42, true},
		{"trusted of an unknown boot", c, 1, 42, true, 42, true},
		{"before the first sync", b, 10 * second, 7e6, false, t0 + 10*second, true},
		{"before the first sync, other boot", a, 10 * second, 7e6, false, t0 + day + 10*second, true},
		{"unknown boot", c, 10 * second, 7e6, false, 7e6, false},
		{"between two steps, nearer to the first", b, 2900 * second, 0, false, t0 + 2900*second, true},
		{"between two steps, nearer to the second", b, 3000 * second, 0, false, t0 + 3600*second + 3000*second, true},
		{"while the second held", b, 6500 * second, 0, false, t0 + 3600*second + 6500*second, true},
		{"after everything", b, 9999 * second, 0, false, t0 + 3600*second + 9999*second, true},
		{"as coarse as it was: ms", b, 10*second + 1234567, 7e6, false, t0 + 10*second + 1e6, true},
		{"as coarse as it was: µs", b, 10*second + 1234567, 7e6 + 1e3, false, t0 + 10*second + 1234000, true},
		{"as coarse as it was: ns", b, 10*second + 1234567, 7e6 + 1, false, t0 + 10*second + 1234567, true},
	}
	check := func(t *testing.T, h *History) {
		for _, test := range tests {
			wall, trusted := h.Resolve(test.id, test.boot, test.wall, test.synced)
			if wall != test.want || trusted != test.trusted {
				t.Errorf("%s: got %d, %v, want %d, %v", test.name, wall, trusted, test.want, test.trusted)
			}
		}
	}
	check(t, &h)
	data, err := h.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var again History
	if err := again.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	check(t, &again)
	if !again.Learn(b, learned(7000*second, t0)) {
		t.Error("a step back to an earlier difference is news")
	}
	if err := again.UnmarshalBinary(nil); err != nil {
		t.Fatal(err)
	}
	if _, trusted := again.Resolve(b, 0, 0, false); trusted {
		t.Error("an empty history knows a boot")
	}
}

// However many boots and steps there are, the history stays within 1 KiB and can be read back, and keeps the latest boot with its
// first difference.
func TestHistoryLimits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var h History
	for boot := range 100 {
		id := BootID{byte(boot), 1}
		first := t0 + int64(boot)*day
		for step := range 1 + r.IntN(20) {
			h.Learn(id, learned(int64(step)*1000*second, first+int64(step)*second))
			data, _ := h.MarshalBinary()
			if len(data) > 1024 {
				t.Fatalf("%d bytes", len(data))
			}
			var again History
			if err := again.UnmarshalBinary(data); err != nil {
				t.Fatal(err)
			}
		}
		if wall, ok := h.Resolve(id, 0, 0, false); !ok || wall != first {
			t.Fatalf("boot %d: first difference lost: %d, %v", boot, wall, ok)
		}
		if boot > 4 {
			if _, ok := h.Resolve(BootID{byte(boot - 3), 1}, 0, 0, false); !ok {
				t.Fatalf("boot %d: the third last one was forgotten", boot)
			}
		}
	}
}

func TestHistoryRefuses(t *testing.T) {
	var good History
	good.Learn(BootID{1}, learned(5*second, t0))
	data, _ := good.MarshalBinary()
	change := func(i int, to byte) []byte { d := bytes.Clone(data); d[i] = to; return d }
	negative := bytes.Clone(data)
	binary.LittleEndian.PutUint64(negative[18:], 1<<63)
	for name, bad := range map[string][]byte{
		"version": change(0, 2), "short": data[:len(data)-1], "long": append(bytes.Clone(data), 0), "no differences": change(17, 0),
		"too many": change(17, 9), "ends before it begins": change(26, 0), "negative": negative,
	} {
		if name == "ends before it begins" {
			copy(bad[26:34], make([]byte, 8))
		}
		h := History{}
		h.Learn(BootID{9}, learned(0, t0))
		if err := h.UnmarshalBinary(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, ok := h.Resolve(BootID{9}, 0, 0, false); !ok {
			t.Errorf("%s: what was known is gone", name)
		}
	}
}

func TestHistoryConcurrent(t *testing.T) {
	var h History
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 200 {
				h.Learn(BootID{byte(i)}, learned(int64(n)*second, t0+int64(n%3)*second))
				h.Resolve(BootID{byte(n % 4)}, 0, 0, false)
				data, _ := h.MarshalBinary()
				var other History
				if err := other.UnmarshalBinary(data); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// What is read back is written again in the same bytes, and nothing breaks whatever the bytes are.
func FuzzHistory(f *testing.F) {
	var h History
	f.Add([]byte{})
	for i := range 3 {
		h.Learn(BootID{byte(i)}, learned(second, t0))
		h.Learn(BootID{byte(i)}, learned(2*second, t0+second))
		data, _ := h.MarshalBinary()
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var h History
		if err := h.UnmarshalBinary(data); err != nil {
			return
		}
		again, _ := h.MarshalBinary()
		if len(data) > 0 && !bytes.Equal(again, data) || len(again) > 1024 {
			t.Fatalf("%x became %x", data, again)
		}
		h.Resolve(BootID{}, 0, 0, false)
		h.Learn(BootID{}, learned(0, t0))
	})
}
