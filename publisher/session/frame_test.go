package session

import (
	"errors"
	"testing"

	"pinhole/publisher/publishertest"
)

func TestScan(t *testing.T) {
	const limit = 1000
	for _, c := range []struct {
		name, bytes string
		want        frame
		n           int
		err         string
	}{
		{"nothing", "", frame{}, 0, ""},
		{"CONNACK", "\x20\x02\x00\x00rest", frame{kind: typeConnack}, 4, ""},
		{"CONNACK with a session", "\x20\x02\x01\x00", frame{kind: typeConnack}, 4, ""},
		{"CONNACK refused", "\x20\x02\x00\x05", frame{kind: typeConnack, code: 5}, 4, ""},
		{"CONNACK, three bytes of it", "\x20\x02\x00", frame{kind: typeConnack}, 0, ""},
		{"PUBACK", "\x40\x02\x12\x34", frame{kind: typePuback, id: 0x1234}, 4, ""},
		{"PUBACK, longer form of its length", "\x40\x82\x80\x80\x00\x12\x34", frame{kind: typePuback, id: 0x1234}, 7, ""},
		{"PINGRESP", "\xd0\x00", frame{kind: typePingresp}, 2, ""},
		{"DISCONNECT", "\xe0\x00", frame{kind: typeDisconnect}, 2, ""},
		{"DISCONNECT of MQTT 5", "\xe0\x02\x8e\x00", frame{kind: typeDisconnect, skip: 2}, 2, ""},
		{"PUBLISH", "\x30\x05\x00\x01axx", frame{kind: typePublish, skip: 5}, 2, ""},
		{"PUBLISH, largest", "\x3d\xe8\x07", frame{kind: typePublish, skip: 1000}, 3, ""},
		{"PUBLISH, too large", "\x30\xe9\x07", frame{}, 0, "PUBLISH of 1001 bytes, more than 1000"},
		{"PUBLISH, 256 MiB", "\x30\xff\xff\xff\x7f", frame{}, 0, "PUBLISH of 268435455 bytes, more than 1000"},
		{"PUBLISH, length not whole", "\x30\xff\xff\xff", frame{kind: typePublish}, 0, ""},
		{"PUBLISH, five bytes of length", "\x30\xff\xff\xff\xff\x01", frame{}, 0, "PUBLISH with a length of more than four bytes"},
		{"PUBLISH with QoS 3", "\x36\x05", frame{}, 0, "PUBLISH with the flags 0110"},
		{"PUBLISH with DUP and QoS 0", "\x38\x05", frame{}, 0, "PUBLISH with the flags 1000"},
		{"PUBACK with flags", "\x42", frame{}, 0, "PUBACK with the flags 0010"},
		{"PUBACK for id 0", "\x40\x02\x00\x00", frame{}, 0, "PUBACK without a packet id"},
		{"PUBACK too short", "\x40\x01\x01", frame{}, 0, "PUBACK of 1 bytes instead of 2"},
		{"PUBACK too long", "\x40\x04", frame{}, 0, "PUBACK of 4 bytes instead of 2"},
		{"PINGRESP with a body", "\xd0\x01", frame{}, 0, "PINGRESP of 1 bytes instead of 0"},
		{"CONNECT", "\x10", frame{}, 0, "unexpected CONNECT"},
		{"PUBREC", "\x50", frame{}, 0, "unexpected PUBREC"},
		{"PUBREL", "\x62", frame{}, 0, "unexpected PUBREL"},
		{"PUBCOMP", "\x70", frame{}, 0, "unexpected PUBCOMP"},
		{"SUBSCRIBE", "\x82", frame{}, 0, "unexpected SUBSCRIBE"},
		{"SUBACK", "\x90\x03\x00\x01\x00", frame{}, 0, "unexpected SUBACK"},
		{"UNSUBSCRIBE", "\xa2", frame{}, 0, "unexpected UNSUBSCRIBE"},
		{"UNSUBACK", "\xb0", frame{}, 0, "unexpected UNSUBACK"},
		{"PINGREQ", "\xc0", frame{}, 0, "unexpected PINGREQ"},
		{"type 0", "\x00", frame{}, 0, "unexpected reserved type 0"},
		{"type 15", "\xf0", frame{}, 0, "unexpected reserved type 15"},
	} {
		got, n, err := scan([]byte(c.bytes), limit)
		text := ""
		if err != nil {
			if text = err.Error(); !errors.Is(err, ErrProtocol) {
				t.Errorf("%s: %v is not ErrProtocol", c.name, err)
			}
		}
		if want := c.err; want != "" && text != ErrProtocol.Error()+": "+want || want == "" && err != nil {
			t.Errorf("%s: error %q, want %q", c.name, text, want)
		}
		if n != c.n || err == nil && n > 0 && got != c.want {
			t.Errorf("%s: %+v, %d bytes; want %+v, %d", c.name, got, n, c.want, c.n)
		}
	}
}

func TestScanAllocatesNothing(t *testing.T) {
	b := publishertest.Puback(7)
	if n := testing.AllocsPerRun(100, func() {
		if _, _, err := scan(b, MaxInbound); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzScan(f *testing.F) {
	for _, s := range []string{"\x20\x02\x00\x00", "\x40\x02\x12\x34", "\xd0\x00", "\x30\xff\xff\xff\x7f", "\x30\xff\xff\xff\xff\x01", "\xe0\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, n, err := scan(b, MaxInbound)
		if n < 0 || n > len(b) || got.skip < 0 || got.skip > MaxInbound || err != nil && n != 0 {
			t.Fatalf("%+v, %d bytes, %v", got, n, err)
		}
		if n == 0 && err == nil && len(b) >= 7 {
			t.Fatal("7 bytes are not enough")
		}
		for i := range n { // the beginning of a good packet is never an error, and never a packet
			if f, m, err := scan(b[:i], MaxInbound); m != 0 || err != nil {
				t.Fatalf("its first %d bytes: %+v, %d bytes, %v", i, f, m, err)
			}
		}
		if n > 0 && got.id == 0 && got.kind == typePuback {
			t.Fatal("PUBACK without an id")
		}
	})
}

func TestOutgoingID(t *testing.T) {
	for _, m := range []publishertest.Message{
		{Topic: "t", QoS: 1, ID: 1},
		{Topic: "a/long/topic", QoS: 1, ID: 65535, Payload: make([]byte, 200)},
		{Topic: "t", QoS: 1, ID: 300, Payload: make([]byte, 20000)},
		{Topic: "t", QoS: 1, ID: 5, Payload: make([]byte, 3000000)},
		{Topic: "t", QoS: 0, Payload: []byte("xxxxxxxx")},
	} {
		if got, err := outgoingID(publishertest.Publish(m)); err != nil || got != m.ID {
			t.Errorf("id %d (%v), want %d", got, err, m.ID)
		}
	}
}

func FuzzOutgoingID(f *testing.F) {
	f.Add([]byte{0x32, 5, 0, 1, 'a', 0, 7})
	f.Add([]byte{0x32, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 0 {
			_, _ = outgoingID(b) // it must not panic
		}
	})
}
