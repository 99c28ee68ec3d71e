package publishertest

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"
)

// Mosquitto is a running mosquitto broker with four listeners on 127.0.0.1.
type Mosquitto struct {
	Plain  string // address without TLS; anybody may log in
	WS     string // the same inside WebSocket, at any path
	WSS    string // WebSocket over TLS, without client certificates
	TLS    string // address with TLS; demands a client certificate of the authority. Named localhost and 127.0.0.1
	Folder string // where ca.pem, server.crt and server.key are
	CA     *CA    // signed the server's certificate and is trusted for clients
}

// StartMosquitto starts the broker. It ends with the test.
func StartMosquitto(t testing.TB) *Mosquitto {
	t.Helper()
	path := Program(t, "mosquitto")
	m := &Mosquitto{Plain: FreeAddr(t), WS: FreeAddr(t), WSS: FreeAddr(t), TLS: FreeAddr(t), Folder: t.TempDir(), CA: NewCA(t, "Broker CA")}
	WriteFile(t, m.Folder, "ca.pem", m.CA.PEM)
	m.CA.Server(t, nil, "localhost", "127.0.0.1").Files(t, m.Folder, "server")
	conf := fmt.Sprintf(`user root
allow_anonymous true
persistence false
max_queued_messages 0
max_inflight_messages 0
listener %[1]s 127.0.0.1
listener %[2]s 127.0.0.1
protocol websockets
listener %[3]s 127.0.0.1
protocol websockets
cafile %[5]s/ca.pem
certfile %[5]s/server.crt
keyfile %[5]s/server.key
listener %[4]s 127.0.0.1
cafile %[5]s/ca.pem
certfile %[5]s/server.crt
keyfile %[5]s/server.key
require_certificate true
`, port(t, m.Plain), port(t, m.WS), port(t, m.WSS), port(t, m.TLS), m.Folder)
	start(t, []string{m.Plain, m.WS, m.WSS, m.TLS}, path, "-c", WriteFile(t, m.Folder, "mosquitto.conf", []byte(conf)))
	return m
}

// Client issues a certificate that the broker takes and returns its files.
func (m *Mosquitto) Client(t testing.TB, name string) (cert, key string) {
	t.Helper()
	return m.CA.Client(t, name).Files(t, m.Folder, name)
}

// Subscribe subscribes over the plain listener with QoS 1. next waits for the next message, ten seconds at most; the message is
// acknowledged.
func (m *Mosquitto) Subscribe(t testing.TB, filter string) (next func() Message) {
	t.Helper()
	conn, err := net.Dial("tcp", m.Plain)
	if err != nil {
		t.Fatal(err)
	}
	return subscribe(t, conn, filter, 10*time.Second)
}

func subscribe(t testing.TB, conn net.Conn, filter string, patience time.Duration) (next func() Message) {
	t.Helper()
	t.Cleanup(func() { _ = conn.Close() }) // the broker may have closed it first
	r := bufio.NewReader(conn)
	send := func(b []byte) {
		t.Helper()
		if _, err := conn.Write(b); err != nil {
			t.Fatalf("subscriber: %v", err)
		}
	}
	receive := func(want byte) Packet {
		t.Helper()
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatalf("subscriber: %v", err)
		}
		p, err := ReadPacket(r)
		if err != nil {
			t.Fatalf("subscriber: waiting for packet type %d: %v", want, err)
		}
		if p.Type != want {
			t.Fatalf("subscriber: packet type %d came, want %d", p.Type, want)
		}
		return p
	}
	send(Connect("subscriber-" + strconv.FormatInt(time.Now().UnixNano(), 36)))
	receive(CONNACK)
	send(Subscribe(1, filter))
	receive(SUBACK)
	return func() Message {
		t.Helper()
		msg, err := receive(PUBLISH).Message()
		if err != nil {
			t.Fatalf("subscriber: %v", err)
		}
		if msg.QoS == 1 {
			send(Puback(msg.ID))
		}
		return msg
	}
}

func port(t testing.TB, addr string) string {
	t.Helper()
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
