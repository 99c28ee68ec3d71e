package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"pinhole/publisher/publishertest"
	"pinhole/publisher/route"
)

func TestLoginSaysWhatWasConfigured(t *testing.T) {
	for name, c := range map[string]struct {
		o    Options
		want publishertest.Login
	}{
		"plain": {Options{ClientID: "device-7"},
			publishertest.Login{Protocol: "MQTT", Level: 4, Flags: 0x02, KeepAlive: 30, ClientID: "device-7"}},
		"all": {Options{ClientID: "d", Username: "u", Password: func() (string, error) { return "p\x00\xff", nil },
			KeepAlive: 1500 * time.Millisecond, Will: &Will{Topic: "w/t", Payload: []byte("gone"), QoS: 1, Retain: true}},
			publishertest.Login{Protocol: "MQTT", Level: 4, Flags: 0x80 | 0x40 | 0x20 | 0x08 | 0x04 | 0x02, KeepAlive: 2, ClientID: "d",
				WillTopic: "w/t", WillPayload: []byte("gone"), Username: "u", Password: "p\x00\xff"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, result := dialPeer(t, c.o)
				got, err := p.expect(publishertest.CONNECT).Login()
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Error("(-want +got):\n" + diff)
				}
				p.send(publishertest.Connack(0))
				s, err := result()
				if err != nil {
					t.Fatal(err)
				}
				p.end(s)
			})
		})
	}
}

// TestAnswersToTheLogin: whatever comes instead of a CONNACK with code 0 is an error with stage and words, at once, and the
// connection is closed after exactly one CONNECT.
func TestAnswersToTheLogin(t *testing.T) {
	type answer struct {
		name, bytes string
		want, hint  string
		is          error
	}
	answers := []answer{
		{"not CONNACK", "\x40\x02\x00\x01", "PUBACK before the CONNACK", "is this an MQTT broker?", ErrProtocol},
		{"PINGRESP", "\xd0\x00", "PINGRESP before the CONNACK", "", ErrProtocol},
		{"PUBLISH", "\x30\x03\x00\x01a", "PUBLISH before the CONNACK", "", ErrProtocol},
		{"HTTP", "HTTP/1.1 400 Bad Request\r\n", "PUBACK with the flags 1000", "Check scheme and port", ErrProtocol},
		{"SSH", "SSH-2.0-x\r\n", "unexpected PUBREC", "", ErrProtocol},
		{"too long", "\x20\x03\x00\x00\x00", "CONNACK of 3 bytes instead of 2", "", ErrProtocol},
		{"session with refusal", "\x20\x02\x01\x05", "CONNACK with the flags 0x01", "", ErrProtocol},
		{"reserved flags", "\x20\x02\x02\x00", "CONNACK with the flags 0x02", "", ErrProtocol},
		{"closed", "", "closed the connection instead of answering the login", "iot:Connect", ErrHungUp},
		{"half", "\x20\x02\x00", "closed the connection instead of answering the login", "", ErrHungUp},
	}
	for code, words := range map[byte]string{1: "it does not speak MQTT 3.1.1", 2: "it does not take this client id",
		3: "its MQTT service is not available", 4: "user name or password is wrong", 5: "this client may not log in",
		6: "return code 6, which MQTT 3.1.1 does not know", 7: "return code 7, which MQTT 3.1.1 does not know",
		255: "return code 255, which MQTT 3.1.1 does not know"} {
		answers = append(answers, answer{fmt.Sprint("code ", code), string(publishertest.Connack(code)), words, "", nil})
	}
	for _, a := range answers {
		t.Run(a.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, result := dialPeer(t, Options{})
				p.expect(publishertest.CONNECT)
				start := time.Now()
				p.send([]byte(a.bytes))
				if a.is == ErrHungUp {
					_ = p.conn.Close() // the answer of this case
				}
				s, err := result()
				if s != nil || err == nil {
					t.Fatal("logged in")
				}
				if time.Since(start) != 0 {
					t.Errorf("took %v", time.Since(start))
				}
				e, ok := err.(*route.Error)
				if !ok || e.Stage != route.StageConnack || !strings.Contains(e.Error(), a.want) || !strings.Contains(e.Hint, a.hint) {
					t.Errorf("got  %v\nwant ...%s... (...%s...)", err, a.want, a.hint)
				}
				if a.is != nil && !errors.Is(err, a.is) {
					t.Errorf("%v is not %v", err, a.is)
				}
				if refused, ok := errors.AsType[*Refused](err); ok != (a.is == nil) || ok && refused.Code != a.bytes[3] {
					t.Errorf("refusal %v", refused)
				}
				if a.is != ErrHungUp {
					if _, err := publishertest.ReadPacket(p.r); err == nil {
						t.Error("something was sent after the refusal")
					}
				}
			})
		})
	}
}

func TestConnackTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, result := dialPeer(t, Options{})
		start := time.Now()
		p.expect(publishertest.CONNECT)
		_, err := result()
		if took := time.Since(start); took != ConnackTimeout {
			t.Errorf("took %v, want %v", took, ConnackTimeout)
		}
		if !errors.Is(err, ErrNoConnack) || route.StageOf(err) != route.StageConnack {
			t.Errorf("got %v", err)
		}
		p.send(publishertest.Connack(0))
	})
}

func TestConnackByteByByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, result := dialPeer(t, Options{})
		p.expect(publishertest.CONNECT)
		for _, b := range publishertest.Connack(0) {
			time.Sleep(2 * time.Second)
			p.send([]byte{b})
		}
		s, err := result()
		if err != nil {
			t.Fatal(err)
		}
		p.end(s)
	})
}

func TestPeerThatTakesNoConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, result := dialPeer(t, Options{ConnackTimeout: time.Minute})
		start := time.Now()
		_, err := result()
		if took := time.Since(start); took != route.WriteTimeout || route.StageOf(err) != route.StageTCP {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

func TestLoginEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p, result := dialPeerContext(ctx, t, Options{})
		p.expect(publishertest.CONNECT)
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		if _, err := result(); !errors.Is(err, context.Canceled) || time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestTheContextOfTheLoginEndsNothingLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p, result := dialPeerContext(ctx, t, Options{})
		p.expect(publishertest.CONNECT)
		p.send(publishertest.Connack(0))
		s, err := result()
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		synctest.Wait()
		if err := s.Err(); err != nil {
			t.Errorf("the session ended: %v", err)
		}
		p.end(s)
	})
}

func TestOptionsThatCannotWork(t *testing.T) {
	long := strings.Repeat("x", 65536)
	for _, c := range []struct {
		name string
		o    Options
		want string
	}{
		{"no id", Options{}, "the client id is empty"},
		{"id too long", Options{ClientID: long}, "the client id has 65536 bytes; 65535 is the most"},
		{"id not UTF-8", Options{ClientID: "\xff"}, `the client id "\xff" is not UTF-8`},
		{"id with NUL", Options{ClientID: "a\x00"}, `the client id "a\x00" has a NUL character`},
		{"password alone", Options{ClientID: "x", Password: func() (string, error) { return "", nil }}, "a password needs a user name"},
		{"password fails", Options{ClientID: "x", Username: "u", Password: func() (string, error) { return "", errors.New("no file") }},
			"get the password: no file"},
		{"password too long", Options{ClientID: "x", Username: "u", Password: func() (string, error) { return long, nil }},
			"the password has 65536 bytes; 65535 is the most"},
		{"keepalive", Options{ClientID: "x", KeepAlive: 65536 * time.Second}, "keepalive 18h12m16s is not from 1s to 65535s"},
		{"will topic", Options{ClientID: "x", Will: &Will{Topic: "a/#"}}, `will: topic "a/#" has the wildcard '#', which is for ` +
			`subscribing only`},
		{"will qos", Options{ClientID: "x", Will: &Will{Topic: "a", QoS: 2}}, "will: qos 2 or 0 bytes of payload are too much"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				_, err := Connect(t.Context(), near, c.o)
				if err == nil || err.Error() != "prepare the login: "+c.want {
					t.Errorf("got  %v\nwant %s", err, c.want)
				}
				if _, err := far.Read(make([]byte, 1)); err == nil {
					t.Error("something was sent")
				}
			})
		})
	}
}
