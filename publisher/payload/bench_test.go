package payload

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
			rs = append(rs, sensors.Reading{Sensor: fmt.Sprintf("s%05d", s), Quantity: sensors.Temperature,
				Value: math.Round(2000+100*rnd.NormFloat64()) / 100, Stamp: at(1764000000123_000+p*1_000_000, true)})
		}
	}
	return rs
}

// sender holds what a publisher keeps from message to message.
type sender struct {
	Encoder
	r  *record.Reader
	it record.Item
}

func newSender(tb testing.TB, format string) *sender {
	return &sender{Encoder: newEncoder(tb, format), r: record.NewReader(record.NewTable())}
}

// message reads a block and encodes it.
func (s *sender) message(tb testing.TB, block []byte) []byte {
	if err := s.r.Reset(block); err != nil {
		tb.Fatal(err)
	}
	s.Begin(Header{Device: "greenhouse-7", Stream: stream, Seq: 1200})
	for s.r.Next(&s.it) {
		s.Add(&s.it, s.it.Wall, !s.it.Synced)
	}
	return s.Finish()
}

func block(rs []sensors.Reading) []byte {
	w := record.NewWriter(boot)
	for i := range rs {
		w.Add(&rs[i])
	}
	return w.Take()
}

func TestNoAllocations(t *testing.T) {
	b := block(load())
	for _, format := range Formats() {
		s := newSender(t, format)
		s.message(t, b)
		if n := testing.AllocsPerRun(20, func() { s.message(t, b) }); n != 0 {
			t.Errorf("%s: %v allocations a message", format, n)
		}
	}
}

// BenchmarkMessage goes from the stored block to the message.
func BenchmarkMessage(b *testing.B) {
	rs := load()
	blk := block(rs)
	for _, format := range Formats() {
		b.Run(format, func(b *testing.B) {
			s := newSender(b, format)
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				size = len(s.message(b, blk))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(rs)), "ns/reading")
			b.ReportMetric(float64(size)/float64(len(rs)), "B/reading")
		})
	}
}

// BenchmarkWhole goes from the reading to the message.
func BenchmarkWhole(b *testing.B) {
	rs := load()
	for _, format := range Formats() {
		b.Run(format, func(b *testing.B) {
			w := record.NewWriter(boot)
			s := newSender(b, format)
			b.ReportAllocs()
			for b.Loop() {
				for i := range rs {
					w.Add(&rs[i])
				}
				s.message(b, w.Take())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(rs)), "ns/reading")
		})
	}
}
