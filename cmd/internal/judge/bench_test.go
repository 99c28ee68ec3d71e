package judge

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkTake gives the cost of one reading in each format, in messages of 1000.
func BenchmarkTake(b *testing.B) {
	const batch = 1000
	senml := func(from, to int) string {
		var s strings.Builder
		fmt.Fprintf(&s, `[{"bn":"d/","bt":1764000000,"stream":%q,"seq":%d,"count":%d`, run1, from, to-from)
		for n := from; n < to; n++ {
			if n > from {
				s.WriteString(",{")
			} else {
				s.WriteString(",")
			}
			fmt.Fprintf(&s, `"n":"air/temperature","u":"Cel","t":%d.5,"v":%d.5}`, n, n)
		}
		return s.String() + "]"
	}
	for _, f := range []struct {
		name string
		make func(from int) string
	}{
		{"json", func(n int) string { return rows(run1, n, n+batch, "") }},
		{"columns", func(n int) string { return cols(n, n+batch, 0, "") }},
		{"senml", func(n int) string { return senml(n, n+batch) }},
	} {
		b.Run(f.name, func(b *testing.B) {
			const messages = 64
			var in [messages][]byte
			for i := range in {
				in[i] = []byte(f.make(i * batch))
			}
			j := New()
			b.ReportAllocs()
			b.SetBytes(int64(len(in[0])))
			n := 0
			for b.Loop() {
				if n%messages == 0 { // a fresh stream, so that first arrivals are measured
					j = New()
				}
				if err := j.Take(in[n%messages], nil); err != nil {
					b.Fatal(err)
				}
				n++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*batch), "ns/reading")
		})
	}
}
