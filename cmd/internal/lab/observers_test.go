package lab

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"
)

func subscribePacket(id uint16, qos byte, filters ...string) []byte {
	parts := [][]byte{{byte(id >> 8), byte(id)}}
	for _, f := range filters {
		parts = append(parts, str(f), []byte{qos})
	}
	return packet(0x82, parts...)
}

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true}, {"a/b", "a/c", false}, {"a/+", "a/b", true}, {"a/+", "a/b/c", false}, {"a/+/c", "a/b/c", true},
		{"#", "a/b", true}, {"a/#", "a/b/c", true}, {"a/#", "a", false}, {"+", "a", true}, {"+", "a/b", false}, {"a/b", "a", false},
		{"a", "a/b", false}, {"+/+", "/a", true}, {"#", "$aws/x", false}, {"+/x", "$aws/x", false}, {"$aws/#", "$aws/x", true},
	} {
		if got := matches(tt.filter, tt.topic); got != tt.want {
			t.Errorf("%s covers %s: %v", tt.filter, tt.topic, got)
		}
	}
}

func TestObserver(t *testing.T) {
	l := startLab(t, Options{NoLimits: true})
	o := login(t, l, "observer")
	o.send(subscribePacket(7, 1, "pinhole/+/readings", "x"))
	o.expect(0x90, 4, 0, 7, 1, 1)
	o.send(subscribePacket(8, 2, "x"))
	o.expect(0x90, 3, 0, 8, 1) // QoS 2 is not granted

	p := login(t, l, "publisher")
	p.send(publishPacket(0, topic, 0, "zero"))
	o.expect(publishPacket(0, topic, 0, "zero")...)
	const many = 250 // more than may be unacknowledged
	for n := range many {
		p.send(publishPacket(1, topic, uint16(n+1), "one"))
	}
	p.send(publishPacket(1, "pinhole/d/other", 999, "not for the observer"))
	for n := range many {
		id := uint16(n + 1)
		o.expect(publishPacket(1, topic, id, "one")...)
		if n == MaxUnacked-1 {
			o.expectSilence(50 * time.Millisecond)
			for k := range id {
				o.send([]byte{0x40, 2, byte((k + 1) >> 8), byte(k + 1)})
			}
		} else if n >= MaxUnacked {
			o.send(binary.BigEndian.AppendUint16([]byte{0x40, 2}, id))
		}
	}
	o.send(packet(0xa2, []byte{0, 9}, str("pinhole/+/readings")))
	o.expect(0xb0, 2, 0, 9)
	p.send(publishPacket(0, topic, 0, "zero"))
	o.send([]byte{0xc0, 0})
	o.expect(0xd0, 0)
	if got := l.observers.Load(); got != 1 {
		t.Errorf("%d filters left", got)
	}
}

func TestFiftySubscriptions(t *testing.T) {
	l := startLab(t, Options{NoLimits: true})
	o := login(t, l, "observer")
	name := strings.Repeat("s", 60)
	for n := range 51 {
		o.send(subscribePacket(uint16(n+1), 0, name[:n+1]))
		want := byte(0)
		if n == 50 {
			want = 0x80
		}
		o.expect(0x90, 3, 0, byte(n+1), want)
	}
}

func TestWillAndRetained(t *testing.T) {
	l := startLab(t, Options{})
	o := login(t, l, "observer")
	o.send(subscribePacket(1, 0, "pinhole/#"))
	o.expect(0x90, 3, 0, 1, 0)

	p := dial(t, l)
	const presence = "pinhole/d/status"
	p.send(packet(0x10, str("MQTT"), []byte{4, 2 | 4 | 8 | 0x20 | 0x80 | 0x40, 0, 30}, str("p"), str(presence), str("gone"), str("user"), str("secret")))
	p.expect(0x20, 2, 0, 0)
	p.send(packet(0x33, str(presence), []byte{0, 1}, []byte("here")))
	p.expect(0x40, 2, 0, 1)
	o.expect(publishPacket(0, presence, 0, "here")...)
	late := login(t, l, "late")
	late.send(subscribePacket(1, 1, presence))
	late.expect(0x90, 3, 0, 1, 1)
	late.expect(packet(0x33, str(presence), []byte{0, 1}, []byte("here"))...)
	p.conn.Close()
	o.expect(publishPacket(0, presence, 0, "gone")...)

	orderly := dial(t, l)
	orderly.send(packet(0x10, str("MQTT"), []byte{4, 2 | 4, 0, 30}, str("q"), str(presence), str("never")))
	orderly.expect(0x20, 2, 0, 0)
	orderly.send([]byte{0xe0, 0})
	orderly.expectClose()
	o.send([]byte{0xc0, 0})
	o.expect(0xd0, 0)
	if got := l.Judge().Totals().Messages; got != 0 {
		t.Errorf("%d presence messages were judged", got)
	}
}
