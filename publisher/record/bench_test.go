package record_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pinhole/publisher/record"
	"pinhole/sensors"
)

// load is polls of 20 sensors at 1 Hz with two decimals, 500 readings.
func load() []sensors.Reading {
	rnd := rand.New(rand.NewPCG(7, 8))
	var rs []sensors.Reading
	for p := range int64(25) {
		for s := range 20 {
			rs = append(rs, value(fmt.Sprintf("s%05d", s), sensors.Temperature, math.Round(2000+100*rnd.NormFloat64())/100, stamp(p*1e9, true)))
		}
	}
	return rs
}

func TestNoAllocations(t *testing.T) {
	rs := load()
	w := record.NewWriter(boot)
	fill := func() {
		for i := range rs {
			w.Add(&rs[i])
		}
	}
	fill()
	block := w.Take()
	fill()
	w.Take()
	if n := testing.AllocsPerRun(20, func() { fill(); w.Take() }); n > 1 {
		t.Errorf("writing a block: %v allocations; one, the block itself, is meant", n)
	}
	r := record.NewReader(record.NewTable())
	read := func() {
		if err := r.Reset(block); err != nil || !r.Skip(len(rs)) {
			t.Fatal(err, r.Err())
		}
	}
	read()
	if n := testing.AllocsPerRun(20, read); n != 0 {
		t.Errorf("reading a block: %v allocations", n)
	}
}

func BenchmarkWriterAdd(b *testing.B) {
	rs := load()
	w := record.NewWriter(boot)
	b.ReportAllocs()
	i, bytes := 0, 0
	for b.Loop() {
		w.Add(&rs[i])
		if i++; i == len(rs) {
			bytes, i = len(w.Take()), 0
		}
	}
	if bytes > 0 {
		b.ReportMetric(float64(bytes)/float64(len(rs)), "B/reading")
	}
}

func BenchmarkReaderNext(b *testing.B) {
	rs := load()
	block := pack(rs...)
	r := record.NewReader(record.NewTable())
	var it record.Item
	b.ReportAllocs()
	for b.Loop() {
		if !r.Next(&it) {
			if err := r.Reset(block); err != nil {
				b.Fatal(err)
			}
		}
	}
}
