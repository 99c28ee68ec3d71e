package record_test

import (
	"math"
	"testing"

	"pinhole/publisher/record"
	"pinhole/sensors"
)

// FuzzReader reads arbitrary bytes.
func FuzzReader(f *testing.F) {
	block := pack(sample()...)
	f.Add(block)
	for n := 0; n < len(block); n += 7 {
		f.Add(block[:n])
	}
	f.Fuzz(func(t *testing.T, block []byte) { sane(t, block) })
}

// FuzzValue packs arbitrary values and times.
func FuzzValue(f *testing.F) {
	f.Add(21.43, int64(5), wall, true)
	f.Add(-1e-7, int64(0), int64(-1), false)
	f.Add(math.MaxFloat64, int64(math.MinInt64), int64(math.MaxInt64), true)
	f.Add(math.NaN(), int64(math.MaxInt64), int64(math.MinInt64), false)
	f.Fuzz(func(t *testing.T, v float64, boot, wall int64, synced bool) {
		r := value("s", sensors.Raw, v, stamp(0, true))
		odd := r
		odd.Stamp.Boot, odd.Stamp.Wall, odd.Stamp.Synced = boot, wall, synced
		items, err := unpack(pack(r, odd, r))
		if err != nil {
			t.Fatal(err)
		}
		check(t, []sensors.Reading{r, odd, r}, items, 2000)
		if items[0].Kind == record.Decimal && items[0].Decimals > 0 && items[0].Mantissa%10 == 0 {
			t.Fatalf("%v: %d e-%d has a decimal too many", v, items[0].Mantissa, items[0].Decimals)
		}
	})
}
