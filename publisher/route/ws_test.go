package route

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/websocket"

	"pinhole/publisher/publishertest"
)

// pipe dials one in-memory connection, whose other end is handled by far.
type pipe func(far net.Conn)

func (p pipe) DialContext(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	go p(far)
	return near, nil
}

// upgrade opens a WebSocket over a Dialer.
func upgrade(t *testing.T, over Dialer, broker string, o WSOptions) (net.Conn, error) {
	t.Helper()
	b, err := ParseBroker(broker)
	if err != nil {
		t.Fatal(err)
	}
	return NewWebSocket(over, b, o).DialContext(t.Context(), "tcp", b.Addr())
}

// accept reads an upgrade's request and agrees to it, with further fields.
func accept(far net.Conn, fields string) (*http.Request, error) {
	r, err := http.ReadRequest(bufio.NewReader(far))
	if err != nil {
		return nil, err
	}
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, err = fmt.Fprintf(far, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
		base64.StdEncoding.EncodeToString(sum[:]), fields)
	return r, err
}

// TestAnotherImplementation: what Go's own WebSocket server echoes arrives whole, whatever the size.
func TestAnotherImplementation(t *testing.T) {
	var target, host, token, origin string
	server := httptest.NewTLSServer(websocket.Server{
		Handshake: func(c *websocket.Config, r *http.Request) error {
			target, host, token, origin = r.RequestURI, r.Host, r.Header.Get("X-Token"), r.Header.Get("Origin")
			c.Protocol = []string{"mqtt"}
			return nil
		},
		Handler: func(c *websocket.Conn) {
			c.PayloadType = websocket.BinaryFrame
			_, _ = io.Copy(c, c) // ends with the client
		},
	})
	defer server.Close()
	addr := server.Listener.Addr().String()
	dir := t.TempDir()
	ca := publishertest.WriteFile(t, dir, "ca.pem", pemOf(server.Certificate().Raw))
	b, err := ParseBroker("wss://" + addr + "/$iothub/websocket?iothub-no-client-cert=true&x=%2F")
	if err != nil {
		t.Fatal(err)
	}
	way := OverWebSocket(Direct(b, TLSOptions{CA: ca}), WSOptions{Header: http.Header{"X-Token": {"secret"}}})
	conn, err := way.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if conn.TLS() == nil || conn.TLS().Version != tls.VersionTLS13 {
		t.Errorf("state of TLS: %+v", conn.TLS())
	}
	for _, size := range []int{1, 125, 126, 65535, 65536, 200_000} {
		sent := bytes.Repeat([]byte{byte(size), 1, 2}, size/3+1)[:size]
		written := make(chan error, 1)
		go func() { _, err := conn.Write(sent); written <- err }()
		got := make([]byte, size)
		if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, sent) {
			t.Fatalf("%d bytes: not the same back, %v", size, err)
		}
		if err := <-written; err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if target != b.Path || host != addr || token != "secret" || origin != "" {
		t.Errorf("asked for %s at %s with token %q, origin %q", target, host, token, origin)
	}
}

func TestRequest(t *testing.T) {
	sign := func(_ context.Context, host, path string) (string, error) { return path + "?signed-for=" + host, nil }
	for _, c := range []struct {
		broker       string
		o            WSOptions
		target, host string
	}{
		{"wss://broker.example", WSOptions{}, "/mqtt", "broker.example"},
		{"wss://broker.example:443/", WSOptions{}, "/", "broker.example"},
		{"wss://broker.example:8443/a%20b?c=d", WSOptions{}, "/a%20b?c=d", "broker.example:8443"},
		{"ws://[::1]?c", WSOptions{}, "/?c", "[::1]"},
		{"wss://" + awsHost + "/mqtt", WSOptions{Sign: sign}, "/mqtt?signed-for=" + awsHost, awsHost},
		{"wss://[::1]:8443", WSOptions{Sign: sign}, "/mqtt?signed-for=[::1]:8443", "[::1]:8443"},
	} {
		asked := make(chan *http.Request, 1)
		conn, err := upgrade(t, pipe(func(far net.Conn) {
			r, _ := accept(far, "Sec-WebSocket-Protocol: mqtt\r\n") // a failure shows at the client
			asked <- r
		}), c.broker, c.o)
		if err != nil {
			t.Fatalf("%s: %v", c.broker, err)
		}
		r := <-asked
		if r.RequestURI != c.target || r.Host != c.host || r.Header.Get("Sec-WebSocket-Protocol") != "mqtt" {
			t.Errorf("%s: asked for %s at %s, %v", c.broker, r.RequestURI, r.Host, r.Header)
		}
		if err := conn.(*wsConn).Conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestSignedAnew: the address is signed at each dial, before anything is dialed, and a failure keeps its stage.
func TestSignedAnew(t *testing.T) {
	b, err := ParseBroker("wss://" + awsHost)
	if err != nil {
		t.Fatal(err)
	}
	signed, dialed := 0, 0
	w := NewWebSocket(pipe(func(far net.Conn) { dialed++; _ = far.Close() }), b, WSOptions{
		Sign: func(context.Context, string, string) (string, error) {
			switch signed++; signed {
			case 3:
				return "", errors.New("no credentials")
			case 4:
				return "", fmt.Errorf("ask: %w", &Error{Stage: StageDNS, Op: "resolve x", Err: errors.New("no"), Hint: "h"})
			}
			return "/", nil
		}})
	for _, stage := range []Stage{StageWS, StageWS, StageWS, StageDNS} {
		if _, err := w.DialContext(t.Context(), "tcp", b.Addr()); StageOf(err) != stage {
			t.Errorf("attempt %d: %v at stage %q, want %q", signed, err, StageOf(err), stage)
		}
	}
	if signed != 4 || dialed != 2 {
		t.Errorf("signed %d times, dialed %d", signed, dialed)
	}
}

func TestNoUpgrade(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	signed := func(context.Context, string, string) (string, error) { return "/mqtt", nil }
	plain := "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n"
	for _, c := range []struct {
		name, answer string
		sign         bool
		stage        Stage
		want, hint   string
	}{
		{"portal", "HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\nContent-Length: 0\r\n\r\n", false, StageWS,
			`"302 Found" and sends to "http://portal.example/"`, "captive portal"},
		{"page", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", false, StageWS, `"200 OK"`, "a web server answers"},
		{"path", fmt.Sprintf(plain, "404 Not Found"), false, StageWS, `"404 Not Found"`, "wss://broker.example:443/x"},
		{"credentials", fmt.Sprintf(plain, "401 Unauthorized"), false, StageWS, `"401 Unauthorized"`, "a token in a header"},
		{"signature", "HTTP/1.1 403 Forbidden\r\nDate: Tue, 24 Nov 2026 12:04:59 GMT\r\n\r\n{\"message\":\"Forbidden\"}", true, StageWS,
			`"403 Forbidden" (Forbidden)`, "iot:Connect"},
		{"clock", "HTTP/1.1 403 Forbidden\r\nDate: Tue, 24 Nov 2026 14:00:00 GMT\r\n\r\n", true, StageClock, "differs from this machine's by 2h0m0s",
			"right clock"},
		{"gateway", fmt.Sprintf(plain, "502 Bad Gateway"), false, StageWS, `"502 Bad Gateway"`, "gateway"},
		{"filter", fmt.Sprintf(plain, "451 Unavailable For Legal Reasons"), false, StageWS, "451", "ask for them to be allowed"},
		{"after an interim answer", "HTTP/1.1 103 Early Hints\r\n\r\n" + fmt.Sprintf(plain, "426 Upgrade Required"), false, StageWS, "426", "version"},
		{"not HTTP", "\x20\x02\x00\x00 and more", false, StageWS, "is no HTTP", "websocket address?"},
		{"broken", "HTTP/1.1 what\r\n\r\n", false, StageWS, "malformed", "websocket address?"},
		{"nothing", "", false, StageWS, "closed instead of an answer", "websocket listener"},
		{"half", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n", false, StageWS, "closed instead of an answer", "websocket listener"},
		{"endless", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", maxUpgrade), false, StageWS, "more than 32768 bytes", ""},
		{"another websocket", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: AAAA\r\n\r\n", false, StageWS,
			"something else", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := WSOptions{Now: func() time.Time { return now }}
			if c.sign {
				o.Sign = signed
			}
			_, err := upgrade(t, pipe(func(far net.Conn) {
				_, _ = http.ReadRequest(bufio.NewReader(far)) // failures show at the client
				_, _ = io.WriteString(far, c.answer)
				_ = far.Close()
			}), "wss://broker.example/x", o)
			checkContains(t, err, c.stage, c.want, c.hint)
		})
	}
	for fields, want := range map[string]string{
		"Sec-WebSocket-Extensions: permessage-deflate\r\n": "was not offered",
		"Sec-WebSocket-Protocol: chat\r\n":                 `"chat"`,
	} {
		_, err := upgrade(t, pipe(func(far net.Conn) { _, _ = accept(far, fields) }), "wss://broker.example", WSOptions{})
		checkContains(t, err, StageWS, want, "")
	}
	if _, err := upgrade(t, redirect("none"), "wss://broker.example/a b", WSOptions{}); err == nil || !strings.Contains(err.Error(), "space") {
		t.Errorf("a path with a space: %v", err)
	}
}

// TestSilenceAfterTheRequest ends with the time limit of the dial, and names the WebSocket as what is missing.
func TestSilenceAfterTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := ParseBroker("wss://broker.example")
		if err != nil {
			t.Fatal(err)
		}
		over := pipe(func(far net.Conn) { _, _ = io.Copy(io.Discard, far) })
		start := time.Now()
		_, err = (&Route{Broker: b, Dialer: NewWebSocket(over, b, WSOptions{})}).Dial(t.Context())
		checkContains(t, err, StageWS, "no answer in time", "holds the websocket back")
		if took := time.Since(start); took != DialTimeout {
			t.Errorf("took %v", took)
		}
	})
}

// frames makes a wsConn that reads these bytes. written collects what it sends.
func frames(b []byte) (c *wsConn, written *bytes.Buffer) {
	written = &bytes.Buffer{}
	return newWSConn(&memory{in: bytes.NewReader(b), out: written}, nil), written
}

// memory is a connection with everything already received.
type memory struct {
	net.Conn
	in  io.Reader
	out *bytes.Buffer
}

func (m *memory) Read(p []byte) (int, error)       { return m.in.Read(p) }
func (m *memory) Write(p []byte) (int, error)      { return m.out.Write(p) }
func (m *memory) SetWriteDeadline(time.Time) error { return nil }
func (m *memory) Close() error                     { return nil }

func TestFrames(t *testing.T) {
	for _, c := range []struct {
		name, in, want, err string
	}{
		{"one", "\x82\x03abc", "abc", "EOF"},
		{"two, one empty", "\x82\x00\x82\x03abc", "abc", "EOF"},
		{"fragments with a ping inside", "\x02\x01a\x89\x02hi\x00\x00\x80\x02bc\x82\x01d", "abcd", "EOF"},
		{"16 bits", "\x82\x7e\x00\x03abc", "abc", "EOF"},
		{"64 bits", "\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x03abc", "abc", "EOF"},
		{"a pong", "\x8a\x00\x82\x01a", "a", "EOF"},
		{"close", "\x82\x01a\x88\x05\x03\xf0bye", "a", "code 1008 (bye)"},
		{"close without a code", "\x88\x00", "", "closed by the peer"},
		{"close with noise", "\x88\x04\x03\xe8\xff\xff", "", "code 1000"},
		{"text", "\x81\x01a", "", "MQTT is binary"},
		{"masked", "\x82\x81aaaaa", "", "masked"},
		{"reserved bit", "\xc2\x01a", "", "reserved"},
		{"unknown opcode", "\x83\x00", "", "opcode, 0x3"},
		{"unknown control", "\x8b\x00", "", "opcode, 0xb"},
		{"continuation of nothing", "\x80\x01a", "", "out of order"},
		{"two messages at once", "\x02\x01a\x82\x01b", "a", "out of order"},
		{"fragmented ping", "\x09\x00", "", "control frame"},
		{"long ping", "\x89\x7e\x00\x7e", "", "control frame"},
		{"negative length", "\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00", "", "highest bit"},
		{"cut in a frame", "\x82\x03ab", "ab", "unexpected EOF"},
		{"huge", "\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xffab", "ab", "unexpected EOF"},
		{"cut in a header", "\x82\x7e\x00", "", "EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, _ := frames([]byte(c.in))
			var got []byte
			var err error
			for err == nil {
				var b [2]byte
				var n int
				n, err = conn.Read(b[:])
				got = append(got, b[:n]...)
			}
			if string(got) != c.want || !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %q, %v, want %q, %s", got, err, c.want, c.err)
			}
			if _, again := conn.Read(make([]byte, 1)); c.err != "unexpected EOF" && again != err {
				t.Errorf("then %v", again)
			}
		})
	}
}

// unmasked takes the frames of a client apart: opcode and payload of each.
func unmasked(t *testing.T, b []byte) (list []string) {
	t.Helper()
	for len(b) > 0 {
		if b[0]&0xf0 != 0x80 || b[1]&0x80 == 0 || b[1]&0x7f > maxControl {
			t.Fatalf("frame % x", b)
		}
		n := int(b[1] & 0x7f)
		payload := make([]byte, n)
		for i := range payload {
			payload[i] = b[6+i] ^ b[2+i%4]
		}
		list = append(list, fmt.Sprintf("%x %s", b[0]&0xf, payload))
		b = b[6+n:]
	}
	return list
}

// TestWhatIsAnswered: pings with the same payload, the close frame with its code, breaches with 1002; nothing after a close frame.
func TestWhatIsAnswered(t *testing.T) {
	for in, want := range map[string][]string{
		"\x89\x02hi\x89\x00":       {"a hi", "a "},
		"\x88\x05\x03\xf0bye":      {"8 \x03\xf0"},
		"\x88\x00":                 {"8 "},
		"\x81\x00":                 {"8 \x03\xea"},
		"\x89\x01a\x83\x00":        {"a a", "8 \x03\xea"},
		"\x88\x00\x89\x00\x89\x00": {"8 "},
	} {
		conn, written := frames([]byte(in))
		_, _ = io.Copy(io.Discard, conn) // its end is not of interest here
		if got := unmasked(t, written.Bytes()); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("% x: answered %q, want %q", in, got, want)
		}
	}
	conn, written := frames(nil)
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Error(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if _, err := conn.Write([]byte("late")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after the close frame: %v", err)
	}
	if got := unmasked(t, written.Bytes()); fmt.Sprint(got) != fmt.Sprint([]string{"2 hello", "8 \x03\xe8"}) {
		t.Errorf("sent %q", got)
	}
}

// TestAReadThatTimesOutCanGoOn: no byte of a header is lost.
func TestAReadThatTimesOutCanGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c := newWSConn(near, []byte{0x82})
		go func() {
			for _, b := range []byte("\x7e\x00\x02ab") {
				time.Sleep(3 * time.Second)
				if _, err := far.Write([]byte{b}); err != nil {
					t.Error(err)
				}
			}
		}()
		var got []byte
		for len(got) < 2 {
			if err := c.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
				t.Fatal(err)
			}
			var b [8]byte
			n, err := c.Read(b[:])
			if got = append(got, b[:n]...); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
		}
		if string(got) != "ab" {
			t.Errorf("got %q", got)
		}
		_ = near.Close() // both ends are in memory
		_ = far.Close()
	})
}

// TestAStuckPeer holds up neither a write nor a close for longer than their limits.
func TestAStuckPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		c, start := Wrap(newWSConn(near, nil)), time.Now()
		ended := make(chan error, 1)
		go func() { _, err := c.Write([]byte("x")); ended <- err }()
		synctest.Wait()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > closeTimeout {
			t.Errorf("closed after %v", took)
		}
		if err := <-ended; err == nil {
			t.Error("the write went well")
		}
	})
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x02\x01a\x89\x02hi\x00\x00\x80\x02bc\x82\x01d\x88\x05\x03\xf0bye"))
	f.Add([]byte("\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x03abc"))
	f.Fuzz(func(t *testing.T, b []byte) {
		conn, written := frames(b)
		n, err := io.Copy(io.Discard, conn)
		if n > int64(len(b)) || err == nil && n == int64(len(b)) && n > 0 {
			t.Errorf("%d bytes out of %d, %v", n, len(b), err)
		}
		unmasked(t, written.Bytes())
	})
}

func TestWriteAllocatesNothing(t *testing.T) {
	conn, written := frames(nil)
	packet := make([]byte, 5000)
	if n := testing.AllocsPerRun(100, func() {
		written.Reset()
		if _, err := conn.Write(packet); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// pemOf writes a certificate in PEM.
func pemOf(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}) }
