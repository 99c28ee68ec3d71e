package publishertest

import (
	"bufio"
	"bytes"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLengthsTakeTheBytesOfTheSpecification(t *testing.T) {
	// MQTT 3.1.1, table 2.4.
	for _, c := range []struct {
		n    int
		want []byte
	}{
		{0, []byte{0}}, {127, []byte{0x7f}}, {128, []byte{0x80, 1}}, {16383, []byte{0xff, 0x7f}}, {16384, []byte{0x80, 0x80, 1}},
		{2097151, []byte{0xff, 0xff, 0x7f}}, {2097152, []byte{0x80, 0x80, 0x80, 1}}, {268435455, []byte{0xff, 0xff, 0xff, 0x7f}},
	} {
		if got := AppendLength(nil, c.n); !bytes.Equal(got, c.want) {
			t.Errorf("length %d is % x, want % x", c.n, got, c.want)
		}
	}
}

func TestPacketsSurviveTheWire(t *testing.T) {
	messages := []Message{
		{Topic: "a/b", Payload: []byte("x")},
		{Topic: "a", ID: 65535, QoS: 1, Dup: true, Retain: true, Payload: bytes.Repeat([]byte("y"), 20000)},
		{Topic: "empty", ID: 1, QoS: 1, Payload: []byte{}},
	}
	var wire bytes.Buffer
	wire.Write(Connect("me"))
	for _, m := range messages {
		wire.Write(Publish(m))
	}
	r := bufio.NewReader(&wire)
	p, err := ReadPacket(r)
	if err != nil {
		t.Fatal(err)
	}
	login, err := p.Login()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Login{Protocol: "MQTT", Level: 4, Flags: 2, KeepAlive: 60, ClientID: "me"}, login); diff != "" {
		t.Error("CONNECT (-want +got):\n" + diff)
	}
	for _, want := range messages {
		p, err := ReadPacket(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Message()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error("PUBLISH (-want +got):\n" + diff)
		}
	}
	if _, err := ReadPacket(r); err != io.EOF {
		t.Errorf("at the end: %v, want EOF", err)
	}
}

func TestTruncatedPacketsAreErrors(t *testing.T) {
	for _, b := range [][]byte{{0x30}, {0x30, 0x80}, {0x30, 2, 0}, {0x30, 0xff, 0xff, 0xff, 0xff, 1}} {
		if _, err := ReadPacket(bufio.NewReader(bytes.NewReader(b))); err == nil || err == io.EOF {
			t.Errorf("% x: %v, want an error that is not EOF", b, err)
		}
	}
}

func TestMosquittoDelivers(t *testing.T) {
	m := StartMosquitto(t)
	next := m.Subscribe(t, "lab/#")
	other := m.Subscribe(t, "lab/#")
	_ = other // a second subscriber must not take the first one's place
	conn := dial(t, m.Plain)
	r := bufio.NewReader(conn)
	write(t, conn, Connect("sender"))
	if p, err := ReadPacket(r); err != nil || !bytes.Equal(p.Bytes(), Connack(0)) {
		t.Fatalf("CONNACK: %v %v", p, err)
	}
	write(t, conn, Publish(Message{Topic: "lab/x", ID: 7, QoS: 1, Payload: []byte("hello")}))
	if p, err := ReadPacket(r); err != nil || !bytes.Equal(p.Bytes(), Puback(7)) {
		t.Fatalf("PUBACK: %v %v", p, err)
	}
	if got := next(); got.Topic != "lab/x" || string(got.Payload) != "hello" {
		t.Errorf("got %+v", got)
	}
}

func TestGatesSortByALPN(t *testing.T) {
	ca := NewCA(t, "CA")
	backend := serveTLS(t, ca.Server(t, nil, "localhost"), "right")
	for name, gate := range map[string]string{
		"haproxy": StartHAProxy(t, "right", backend, false),
		"nginx":   StartNginx(t, map[string]string{"right": backend}),
	} {
		if err := handshake(gate, ca, "right"); err != nil {
			t.Errorf("%s: right name: %v", name, err)
		}
		if err := handshake(gate, ca, "wrong"); err == nil {
			t.Errorf("%s: a wrong name got through", name)
		}
	}
}
