package lab

import (
	"bufio"
	"bytes"
	"testing"
)

// Whatever bytes come, they are taken apart or refused, within bounds.
func FuzzPackets(f *testing.F) {
	f.Add(connectPacket("a", 30))
	f.Add(packet(0x10, str("MQTT"), []byte{4, 2 | 4 | 8 | 0x20 | 0x80 | 0x40, 0, 30}, str("p"), str("t"), str("x"), str("u"), str("s")))
	f.Add(publishPacket(1, topic, 7, "{}"))
	f.Add(publishPacket(0, "$aws/rules/r/t", 0, ""))
	f.Add(subscribePacket(3, 1, "a/+/#", "b"))
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bufio.NewReader(bytes.NewReader(in))
		var buf []byte
		topics := map[string]string{}
		for {
			fr, err := readFrame(r, &buf)
			if err != nil {
				break
			}
			switch fr.kind {
			case pConnect:
				if c, err := parseConnect(fr.body); err == nil && c.will != nil {
					_ = checkTopic([]byte(c.will.topic))
				}
			case pPublish:
				m, err := parsePublish(fr, topics)
				if err != nil {
					continue
				}
				if len(m.topic) == 0 || len(m.payload) > len(fr.body) {
					t.Fatalf("%+v out of % x", m, fr.body)
				}
				if m.dup {
					continue
				}
				again := appendPublish(nil, &m, m.qos, m.id, m.retain)
				if m.qos < 3 && !bytes.HasSuffix(again, fr.body) {
					t.Fatalf("% x became % x", fr.body, again)
				}
			case pSubscribe, pUnsubscribe:
				_, filters, err := parseSubscribe(fr)
				if err != nil {
					continue
				}
				for _, x := range filters {
					matches(x.text, "a/b")
				}
			}
		}
		if cap(buf) > 2*maxFrame {
			t.Fatalf("buffer of %d bytes", cap(buf))
		}
	})
}
