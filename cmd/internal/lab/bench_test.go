package lab

import (
	"encoding/binary"
	"testing"
)

// BenchmarkEndpoint pushes messages of 1000 readings through TLS, MQTT and the judge, 64 in flight.
func BenchmarkEndpoint(b *testing.B) {
	const (
		readings = 1000
		messages = 64
	)
	l := startLab(b, Options{NoLimits: true})
	c := login(b, l, "bench")
	var in [messages][]byte
	for n := range in {
		in[n] = publishPacket(1, topic, uint16(n+1), batch(n*readings, (n+1)*readings))
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(in[0])))
	sent := 0
	ack := func() {
		var a [4]byte
		for k := range a {
			a[k], _ = c.r.ReadByte()
		}
		if binary.BigEndian.Uint16(a[2:]) == 0 {
			b.Fatal("no PUBACK")
		}
	}
	for b.Loop() {
		if sent >= messages {
			ack()
		}
		c.send(in[sent%messages])
		sent++
	}
	b.ReportMetric(float64(sent*readings)/b.Elapsed().Seconds(), "readings/s")
}
