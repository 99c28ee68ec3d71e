package record_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pinhole/publisher/record"
	"pinhole/sensors"
	"pinhole/sensors/clock"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var boot = clock.BootID{0xb0, 0x07, 15: 0x1d}

// wall is 2025-11-24T16:00:00Z in nanoseconds.
const wall = 1764000000 * int64(1e9)

// stamp is the instant t nanoseconds after the board came up, which was at wall.
func stamp(t int64, synced bool) clock.Stamp {
	return clock.Stamp{Boot: t, Wall: wall + t, Synced: synced}
}

func value(sensor string, q sensors.Quantity, v float64, s clock.Stamp) sensors.Reading {
	return sensors.Reading{Sensor: sensor, Quantity: q, Value: v, Stamp: s}
}

func pack(readings ...sensors.Reading) []byte {
	w := record.NewWriter(boot)
	for i := range readings {
		w.Add(&readings[i])
	}
	return w.Take()
}

// unpack returns the items of a block up to its end or its damage.
func unpack(block []byte) ([]record.Item, error) {
	r := record.NewReader(record.NewTable())
	if err := r.Reset(block); err != nil {
		return nil, err
	}
	var items []record.Item
	for {
		var it record.Item
		if !r.Next(&it) {
			return items, r.Err()
		}
		items = append(items, it)
	}
}

// sample is a block with every kind of entry.
func sample() []sensors.Reading {
	ms := int64(1e6)
	return []sensors.Reading{
		value("air", sensors.Temperature, 21.43, stamp(5000*ms, false)),
		value("air", sensors.RelativeHumidity, 45, stamp(5000*ms, false)),
		value("air", sensors.Pressure, 101325.5, stamp(5000*ms, false)),
		value("door", sensors.Contact, 1, stamp(5250*ms+417_000, false)),
		value("air", sensors.Temperature, -0.1, stamp(15000*ms, true)),
		{Sensor: "air", Quantity: sensors.RelativeHumidity, Err: sensors.CRC, Stamp: stamp(15000*ms, true)},
		value("air", sensors.Pressure, math.Pi, stamp(15000*ms, true)),
		{Sensor: "geiger", Quantity: "dose_rate", Value: 0.12, Stamp: stamp(16000*ms, true)},
		{Sensor: "geiger", Quantity: "dose_rate", Err: "saturated", Stamp: stamp(17000*ms, true)},
		value("door", sensors.Contact, 0, stamp(16999*ms, true)),
		value("meter", sensors.Count, 1<<50-1, stamp(20000*ms, true)),
		value("meter", sensors.Count, 1<<53, clock.Stamp{Boot: 21000 * ms, Wall: wall + 3600_000*ms, Synced: true}),
	}
}

// check compares what comes out with what went in. tolerance is for the boot
// time of synced readings, in microseconds.
func check(t *testing.T, readings []sensors.Reading, items []record.Item, tolerance int64) {
	t.Helper()
	if len(items) != len(readings) {
		t.Fatalf("%d items of %d readings", len(items), len(readings))
	}
	for i, r := range readings {
		it := items[i]
		got := sensors.Reading{Sensor: it.Series.Sensor, Quantity: it.Series.Quantity, Value: it.Value, Err: it.Err}
		want := r
		want.Stamp = clock.Stamp{}
		if want.Err == "" && (math.IsNaN(r.Value) || math.IsInf(r.Value, 0)) {
			want.Err = sensors.Range
		}
		if want.Err != "" {
			want.Value = 0
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("item %d (-want +got):\n%s", i, diff)
		}
		if it.Series.Unit != r.Quantity.Unit() {
			t.Fatalf("item %d: unit %q, want %q", i, it.Series.Unit, r.Quantity.Unit())
		}
		if (it.Kind == record.Boolean) != (r.Quantity.Boolean() && r.Err == "") || (it.Kind == record.Failed) != (want.Err != "") {
			t.Fatalf("item %d: kind %d of %+v", i, it.Kind, r)
		}
		if it.Kind == record.Decimal && float64(it.Mantissa)/math.Pow10(int(it.Decimals)) != r.Value {
			t.Fatalf("item %d: %d e-%d is not %v", i, it.Mantissa, it.Decimals, r.Value)
		}
		dw, db := it.Wall-floor(r.Stamp.Wall), it.Boot-floor(r.Stamp.Boot)
		if it.Synced != r.Stamp.Synced || dw != 0 || !it.Synced && db != 0 || max(db, -db) > tolerance {
			t.Fatalf("item %d: synced %v, wall off by %d us, boot by %d us", i, it.Synced, dw, db)
		}
	}
}

// floor turns nanoseconds into whole microseconds.
func floor(ns int64) int64 {
	us := ns / 1000
	if us*1000 > ns {
		us--
	}
	return us
}

func TestRoundTrip(t *testing.T) {
	items, err := unpack(pack(sample()...))
	if err != nil {
		t.Fatal(err)
	}
	check(t, sample(), items, 0)
}

// TestGolden holds the format: blocks lie on cards for months, so what was written once must be read for ever.
func TestGolden(t *testing.T) {
	const file = "testdata/v1.hex"
	got := pack(sample()...)
	if *update {
		if err := os.WriteFile(file, []byte(hex.Dump(got)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), hex.Dump(got)); diff != "" {
		t.Errorf("the format has changed (-want +got):\n%s", diff)
	}
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		v        float64
		kind     record.Kind
		mantissa int64
		decimals uint8
	}{
		{0, record.Decimal, 0, 0},
		{math.Copysign(0, -1), record.Decimal, 0, 0},
		{21.4, record.Decimal, 214, 1},
		{-40, record.Decimal, -40, 0},
		{1e-9, record.Decimal, 1, 9},
		{0.30000000000000004, record.Float, 0, 0},
		{1e-10, record.Float, 0, 0},
		{1<<50 - 2, record.Decimal, 1<<50 - 2, 0},
		{1 << 50, record.Float, 0, 0},
		{math.MaxFloat64, record.Float, 0, 0},
		{math.SmallestNonzeroFloat64, record.Float, 0, 0},
		{math.NaN(), record.Failed, 0, 0},
		{math.Inf(-1), record.Failed, 0, 0},
	} {
		// Before and after a value of the same series that leaves another hint behind.
		items, err := unpack(pack(value("s", sensors.Raw, c.v, stamp(0, true)), value("s", sensors.Raw, 0.123456789, stamp(1e6, true)),
			value("s", sensors.Raw, c.v, stamp(2e6, true))))
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range []int{0, 2} {
			it := items[i]
			if it.Kind != c.kind || it.Mantissa != c.mantissa || it.Decimals != c.decimals || c.kind != record.Failed && it.Value != c.v {
				t.Errorf("%v: item %d: kind %d, %d e-%d, %v", c.v, i, it.Kind, it.Mantissa, it.Decimals, it.Value)
			}
		}
		if c.kind == record.Failed && items[0].Err != sensors.Range {
			t.Errorf("%v: error %q", c.v, items[0].Err)
		}
	}
}

// TestRandom packs random readings into many blocks of one writer: clocks tremble, step and fall in and out of sync.
func TestRandom(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		w := record.NewWriter(boot)
		quantities := sensors.Quantities()
		now := stamp(rnd.Int64N(1e15), rnd.IntN(2) == 0)
		for range 20 {
			var want []sensors.Reading
			for range 1 + rnd.IntN(100) {
				now.Boot += rnd.Int64N(1e10) >> rnd.IntN(34)
				now.Wall += rnd.Int64N(1e10) >> rnd.IntN(34)
				switch rnd.IntN(30) {
				case 0:
					now.Wall = rnd.Int64() - rnd.Int64()
				case 1:
					now.Synced = !now.Synced
				}
				r := sensors.Reading{Sensor: fmt.Sprint("s", rnd.IntN(10)), Quantity: quantities[rnd.IntN(len(quantities))].Quantity, Stamp: now}
				switch {
				case rnd.IntN(20) == 0:
					r.Err = []sensors.Class{sensors.Absent, sensors.IO, "odd"}[rnd.IntN(3)]
				case r.Quantity.Boolean():
					r.Value = float64(rnd.IntN(2))
				case rnd.IntN(10) == 0:
					r.Value = math.Float64frombits(rnd.Uint64())
				default:
					r.Value = math.Round(rnd.NormFloat64()*1e4) / math.Pow10(rnd.IntN(6))
				}
				want = append(want, r)
				w.Add(&r)
			}
			n := w.Len()
			block := w.Take()
			if n != len(block) {
				t.Fatalf("seed %d: Len %d, block of %d bytes", seed, n, len(block))
			}
			items, err := unpack(block)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			check(t, want, items, 2000)
		}
	}
}

// TestTremble: reading two clocks one after the other costs no bytes while the clock is synced, and two a poll otherwise.
func TestTremble(t *testing.T) {
	const polls = 1000
	rnd := rand.New(rand.NewPCG(1, 2))
	for synced, most := range map[bool]int{true: 10, false: 2*polls + 10} {
		w := record.NewWriter(boot)
		size := func(tremble int64) int {
			w.Take()
			for i := range int64(polls) {
				s := stamp(i*1e9, synced)
				s.Boot += rnd.Int64N(tremble)
				for _, q := range []sensors.Quantity{sensors.Temperature, sensors.Pressure} {
					r := value("s", q, 21.5, s)
					w.Add(&r)
				}
			}
			return w.Len()
		}
		if still, trembling := size(1), size(50_000); trembling > still+most {
			t.Errorf("synced %v: %d bytes with trembling clocks, %d without", synced, trembling, still)
		}
	}
}

// TestOrder: what rises in the stamps rises in the items, also across blocks and while the clocks tremble: the wall time of
// synced readings, which is sent, and the boot time of the others, by which they are repaired.
func TestOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, synced := range []bool{true, false} {
		w := record.NewWriter(boot)
		var last int64
		for i := range int64(200) {
			for k := range int64(5) {
				s := stamp(1e12+(5*i+k)*1000, synced)
				if synced {
					s.Boot += rnd.Int64N(1e7)
				} else {
					s.Wall += rnd.Int64N(1e7)
				}
				r := value("door", sensors.Contact, 1, s)
				w.Add(&r)
			}
			items, err := unpack(w.Take())
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range items {
				now := it.Boot
				if synced {
					now = it.Wall
				}
				if now <= last {
					t.Fatalf("synced %v: %d after %d", synced, now, last)
				}
				last = now
			}
		}
	}
}

func TestEmptyAndReuse(t *testing.T) {
	w := record.NewWriter(boot)
	if w.Take() != nil || w.Len() != 0 || w.Count() != 0 {
		t.Error("a new writer holds something")
	}
	r := sample()[0]
	w.Add(&r)
	if w.Count() != 1 {
		t.Errorf("count %d", w.Count())
	}
	first := w.Take()
	keep := bytes.Clone(first)
	w.Add(&r)
	if second := w.Take(); !bytes.Equal(first, second) || !bytes.Equal(first, keep) {
		t.Errorf("the same reading packs differently:\n%x\n%x", first, second)
	}
}

func TestSkip(t *testing.T) {
	block := pack(sample()...)
	all, _ := unpack(block)
	r := record.NewReader(record.NewTable())
	for k := range len(all) + 2 {
		if err := r.Reset(block); err != nil {
			t.Fatal(err)
		}
		if r.Boot() != boot {
			t.Fatalf("boot %x", r.Boot())
		}
		if ok := r.Skip(k); ok != (k <= len(all)) {
			t.Fatalf("skip %d: %v", k, ok)
		}
		var it record.Item
		if k < len(all) && (!r.Next(&it) || it.Wall != all[k].Wall || it.Series.JSON != all[k].Series.JSON || r.Count() != k+1) {
			t.Fatalf("after skip %d: %+v, want %+v", k, it, all[k])
		}
	}
}

// TestDamage: every cut and every foreign version is an error; a changed byte may go unnoticed, but nothing worse.
func TestDamage(t *testing.T) {
	block := pack(sample()...)
	for n := range block {
		if items, err := unpack(block[:n]); !errors.Is(err, record.ErrDamaged) {
			t.Fatalf("cut to %d bytes: %d items, error %v", n, len(items), err)
		}
	}
	if _, err := unpack(append(bytes.Clone(block), 0)); !errors.Is(err, record.ErrDamaged) {
		t.Errorf("a byte too many: %v", err)
	}
	for i := range block {
		for bit := range 8 {
			b := bytes.Clone(block)
			b[i] ^= 1 << bit
			sane(t, b)
		}
	}
	block[0] = 2
	if _, err := unpack(block); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("another version: %v", err)
	}
}

// sane reads a block of any origin.
func sane(t *testing.T, block []byte) {
	items, err := unpack(block)
	if err != nil && !errors.Is(err, record.ErrDamaged) {
		t.Fatalf("unknown error %v", err)
	}
	if len(items) > len(block) {
		t.Fatalf("%d items of %d bytes", len(items), len(block))
	}
	for _, it := range items {
		if it.Series == nil || math.IsNaN(it.Value) || math.IsInf(it.Value, 0) || (it.Kind == record.Failed) != (it.Err != "") {
			t.Fatalf("%+v", it)
		}
	}
}

func TestDamageByHand(t *testing.T) {
	head := append([]byte{1}, boot[:]...)
	for _, c := range []struct {
		name, body, want string
	}{
		{"reading before the clock", "0e0173 01 30 00 ff01", "before the clock"},
		{"undefined series", "1f00 0e0173 01 10 07 00 ff01", "series 7"},
		{"same sensor at first", "1e 01", "tag"},
		{"unknown quantity code", "0e0173 7f", "code 127"},
		{"unknown class code", "1f00 0e0173 01 3d 7f", "class 127"},
		{"empty class", "1f00 0e0173 01 3d 00 00 ff01", "empty"},
		{"text beyond the end", "0e ffffffff0f", "text"},
		{"endless varint", "0e ffffffffffffffffffffff", "too long"},
		{"time out of range", "1f ffffffffffffffffff01", "time"},
		{"mantissa out of range", "1f00 0e0173 01 30 ffffffffffffffff7f ff01", "mantissa"},
		{"not a number", "1f00 0e0173 01 3a 000000000000f87f ff01", "finite"},
		{"short float", "1f00 0e0173 01 3a 0000", "ends"},
		{"reserved bits", "4f00", "tag"},
		{"wrong count", "1f00 0e0173 01 30 00 ff02", "1 readings"},
		{"none, but well formed", "ff00", ""},
	} {
		body, err := hex.DecodeString(strings.ReplaceAll(c.body, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		_, err = unpack(append(bytes.Clone(head), body...))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q in it", c.name, err, c.want)
		}
	}
}

// TestUnknownQuantity: a quantity that package sensors does not know comes back with the unit that was recorded.
func TestUnknownQuantity(t *testing.T) {
	body, _ := hex.DecodeString("1f00" + "0e0173" + "00" + "03" + hex.EncodeToString([]byte("psi")) + "02" + hex.EncodeToString([]byte("Xy")) + "3126ff01")
	items, err := unpack(append(append([]byte{1}, boot[:]...), body...))
	if err != nil || len(items) != 1 {
		t.Fatal(items, err)
	}
	want := record.Series{Sensor: "s", Quantity: "psi", Unit: "Xy", JSON: `"sensor":"s","quantity":"psi","unit":"Xy"`, Name: "s/psi"}
	if diff := cmp.Diff(want, *items[0].Series); diff != "" || items[0].Value != 1.9 {
		t.Errorf("%v (-want +got):\n%s", items[0].Value, diff)
	}
}

// TestBlockSizes holds the cost of a reading on the card, in bytes, block header and definitions included.
func TestBlockSizes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	burst := func(series, polls int) float64 {
		w := record.NewWriter(boot)
		for p := range polls {
			for s := range series {
				r := value(fmt.Sprintf("s%05d", s), sensors.Temperature, math.Round(2000+100*rnd.NormFloat64())/100, stamp(int64(p)*1e9, true))
				w.Add(&r)
			}
		}
		return float64(w.Len()) / float64(series*polls)
	}
	for _, c := range []struct {
		series, polls int
		most          float64
	}{{20, 25, 4}, {1, 500, 8}, {3, 1, 25}, {20, 1, 16}, {200, 5, 6}} {
		if got := burst(c.series, c.polls); got > c.most {
			t.Errorf("%d series, %d polls: %.1f bytes a reading, at most %.1f expected", c.series, c.polls, got, c.most)
		} else {
			t.Logf("%d series, %d polls: %.1f bytes a reading", c.series, c.polls, got)
		}
	}
}
