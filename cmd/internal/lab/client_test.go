package lab

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait of the tests; nothing waits that long when all is well.
const patience = 10 * time.Second

// client speaks MQTT with bytes of its own.
type client struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

func startLab(t testing.TB, o Options) *Lab {
	t.Helper()
	l, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func fault(t testing.TB, texts ...string) []Fault {
	t.Helper()
	var list []Fault
	for _, s := range texts {
		f, err := ParseFault(s)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
	}
	return list
}

func clientTLS(t testing.TB, l *Lab) *tls.Config {
	t.Helper()
	cfg, err := l.ClientTLS()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// dial connects by TLS.
func dial(t testing.TB, l *Lab) *client {
	t.Helper()
	c, err := dialTLS(t, l, clientTLS(t, l))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func dialTLS(t testing.TB, l *Lab, cfg *tls.Config) (*client, error) {
	d := &net.Dialer{Timeout: patience}
	conn, err := tls.DialWithDialer(d, "tcp", l.Addr(), cfg)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { conn.Close() })
	return &client{t, conn, bufio.NewReader(conn)}, nil
}

// login connects by TLS and MQTT.
func login(t testing.TB, l *Lab, id string) *client {
	t.Helper()
	c := dial(t, l)
	c.send(connectPacket(id, 30))
	c.expect(0x20, 2, 0, 0)
	return c
}

func str(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }

func packet(first byte, parts ...[]byte) []byte {
	var body []byte
	for _, p := range parts {
		body = append(body, p...)
	}
	out := []byte{first}
	for n := len(body); ; {
		b := byte(n % 128)
		if n /= 128; n > 0 {
			out = append(out, b|128)
			continue
		}
		return append(append(out, b), body...)
	}
}

func connectPacket(id string, keepAlive uint16) []byte {
	return packet(0x10, str("MQTT"), []byte{4, 2, byte(keepAlive >> 8), byte(keepAlive)}, str(id))
}

func publishPacket(qos byte, topic string, id uint16, payload string) []byte {
	if qos == 0 {
		return packet(0x30, str(topic), []byte(payload))
	}
	return packet(0x30|qos<<1, str(topic), []byte{byte(id >> 8), byte(id)}, []byte(payload))
}

func (c *client) send(b []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

// expect reads exactly these bytes.
func (c *client) expect(want ...byte) {
	c.t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c.r, got); err != nil || string(got) != string(want) {
		c.t.Fatalf("got % x (%v), want % x", got[:n], err, want)
	}
}

func (c *client) puback() (uint16, error) {
	var b [4]byte
	if _, err := io.ReadFull(c.r, b[:]); err != nil {
		return 0, err
	}
	if b[0] != 0x40 || b[1] != 2 {
		return 0, fmt.Errorf("got % x, not a PUBACK", b)
	}
	return binary.BigEndian.Uint16(b[2:]), nil
}

// expectClose wants the end of the connection and nothing before it.
func (c *client) expectClose() {
	c.t.Helper()
	b, err := c.r.ReadByte()
	if err == nil {
		c.t.Fatalf("got byte %#x instead of the end", b)
	}
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		c.t.Fatal("the connection stays open")
	}
}

// expectSilence wants the connection open and quiet for a moment; only for what is promised to be silent.
func (c *client) expectSilence(d time.Duration) {
	c.t.Helper()
	c.conn.SetReadDeadline(time.Now().Add(d))
	b, err := c.r.ReadByte()
	if ne, ok := errors.AsType[net.Error](err); !ok || !ne.Timeout() {
		c.t.Fatalf("got byte %#x, error %v instead of silence", b, err)
	}
	c.conn.SetReadDeadline(time.Now().Add(patience))
}

const run = "0199f0c2-6f7e-7c11-9a51-0b6f2c1d8a44"

// batch is a json message with the readings from to to-1.
func batch(from, to int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"device":"d","stream":%q,"seq":%d,"readings":[`, run, from)
	for n := from; n < to; n++ {
		if n > from {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"sensor":"air","quantity":"temperature","unit":"Cel","time":%d,"value":%d}`, 1764000000000+int64(n), n)
	}
	return b.String() + "]}"
}
