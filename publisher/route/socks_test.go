package route

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestWhatSOCKSSays compares every byte that is sent with RFC 1928 and 1929.
func TestWhatSOCKSSays(t *testing.T) {
	name := "\x05\x01\x00\x03\x0bbroker.test\x01\xbb"
	login := "\x01\x02me\x11" + canary
	for _, c := range []struct {
		name, user, addr string
		talk             []string // what arrives and what is answered, in turn
	}{
		{"name", "", "broker.test:443", []string{"\x05\x01\x00", "\x05\x00", name, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"}},
		{"bound to a name", "", "broker.test:443", []string{"\x05\x01\x00", "\x05\x00", name, "\x05\x00\x00\x03\x03abc\x00\x01"}},
		{"bound to no name", "", "broker.test:443", []string{"\x05\x01\x00", "\x05\x00", name, "\x05\x00\x00\x03\x00\x00\x01"}},
		{"bound to IPv6", "", "broker.test:443", []string{"\x05\x01\x00", "\x05\x00", name, "\x05\x00\x00\x04" + strings.Repeat("\x01", 18)}},
		{"IPv4", "", "10.1.2.3:8883", []string{"\x05\x01\x00", "\x05\x00", "\x05\x01\x00\x01\x0a\x01\x02\x03\x22\xb3",
			"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"}},
		{"IPv4 as IPv6", "", "[::ffff:10.1.2.3]:8883", []string{"\x05\x01\x00", "\x05\x00", "\x05\x01\x00\x01\x0a\x01\x02\x03\x22\xb3",
			"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"}},
		{"IPv6", "", "[2001:db8::1]:443", []string{"\x05\x01\x00", "\x05\x00",
			"\x05\x01\x00\x04\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x01\xbb",
			"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"}},
		{"login", "me", "broker.test:443", []string{"\x05\x02\x00\x02", "\x05\x02", login, "\x01\x00", name,
			"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"}},
		{"login not wanted", "me", "broker.test:443", []string{"\x05\x02\x00\x02", "\x05\x00", name,
			"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			over := proxyFunc(func(conn net.Conn, _ int) {
				for i := 0; i < len(c.talk); i += 2 {
					got := make([]byte, len(c.talk[i]))
					if _, err := io.ReadFull(conn, got); err != nil || string(got) != c.talk[i] {
						t.Errorf("step %d: got %q, %v; want %q", i/2, got, err, c.talk[i])
						return
					}
					for _, b := range []byte(c.talk[i+1]) { // a byte at a time
						if _, err := conn.Write([]byte{b}); err != nil {
							t.Errorf("step %d: %v", i/2, err)
							return
						}
					}
				}
				echo(conn)
			})
			conn, err := (&socks{over: over, hop: testHop("socks5", c.user, canary)}).DialContext(t.Context(), "tcp", c.addr)
			if err != nil {
				t.Fatal(err)
			}
			echoes(t, conn)
		})
	}
}

func TestWhatSOCKSRefuses(t *testing.T) {
	const greeted = "\x05\x00"
	for _, c := range []struct{ name, user, answer, want, hint string }{
		{"HTTP", "", "HTTP/1.1 400 Bad Request\r\n\r\n", `no SOCKS5 proxy, it says "HT"`, "http://"},
		{"SOCKS4", "", "\x00\x5b\x00\x00", "no SOCKS5 proxy", "SOCKS4"},
		{"another", "", "SSH-2.0-x\r\n", "no SOCKS5 proxy", "host and port"},
		{"another, later", "", greeted + "SSH-2", "no SOCKS5 proxy", "host and port"},
		{"wants a login", "", "\x05\xff", "the proxy wants a login", "proxy_password_file"},
		{"wants a login that was not offered", "", "\x05\x02", "chose method 0x2, which was not offered", ""},
		{"wants Kerberos", "me", "\x05\xff", "neither no login nor user and password", "methods"},
		{"chose Kerberos", "me", "\x05\x01", "chose method 0x1", ""},
		{"wrong login", "me", "\x05\x02\x01\x01", "does not take this user and password", "check both"},
		{"rules", "", greeted + "\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00", "answered 2, connection not allowed", "allow the broker's name"},
		{"unreachable", "", greeted + "\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00", "answered 4, host unreachable", "cannot reach the broker"},
		{"no names", "", greeted + "\x05\x08\x00\x01\x00\x00\x00\x00\x00\x00", "address type not supported", "takes no names"},
		{"unknown code", "", greeted + "\x05\x63\x00\x01\x00\x00\x00\x00\x00\x00", "unknown code 99", ""},
		{"unknown address", "", greeted + "\x05\x00\x00\x07\x00\x00\x00\x00\x00\x00", "unknown type 0x7", ""},
		{"nothing", "", "", "the proxy hung up: EOF", "is it a SOCKS5 proxy?"},
		{"half a reply", "", greeted + "\x05\x00\x00\x01\x00\x00", "the proxy hung up", ""},
		{"half a greeting", "", "\x05", "the proxy hung up", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			near, far := net.Pipe()
			over := dialFunc(func(context.Context) (net.Conn, error) { return near, nil })
			go func() {
				_, _ = io.ReadFull(far, make([]byte, 3)) // the greeting, or most of it
				go func() { _, _ = io.Copy(io.Discard, far) }()
				_, _ = io.Copy(far, bytes.NewReader([]byte(c.answer))) // the client may have heard enough
				_ = far.Close()
			}()
			_, err := (&socks{over: over, hop: testHop("socks5", c.user, canary)}).DialContext(t.Context(), "tcp", "broker.test:443")
			checkContains(t, err, StageProxy, c.want, c.hint)
			noSecrets(t, err)
			if _, err := near.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
				t.Error("the connection is left open")
			}
		})
	}
}

func TestSOCKSLoginsThatDoNotFit(t *testing.T) {
	for name, h := range map[string]*hop{
		"no password":   testHop("socks5", "me", ""),
		"long password": testHop("socks5", "me", strings.Repeat("x", 256)),
		"long user":     testHop("socks5", strings.Repeat("x", 256), "x"),
	} {
		over := proxyFunc(func(conn net.Conn, _ int) { echo(conn) })
		_, err := (&socks{over: over, hop: h}).DialContext(t.Context(), "tcp", "broker.test:443")
		checkContains(t, err, StageProxy, "1 to 255 bytes", "check the user")
		_ = name
	}
}

func TestSlowSOCKS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := proxyFunc(func(conn net.Conn, _ int) { _, _ = io.Copy(io.Discard, conn) })
		begin := time.Now()
		_, err := (&socks{over: over, hop: testHop("socks5", "", "")}).DialContext(t.Context(), "tcp", "broker.test:443")
		checkContains(t, err, StageProxy, "no answer in time", "SOCKS5")
		if took := time.Since(begin); took != proxyTimeout {
			t.Errorf("took %v", took)
		}
	})
}
