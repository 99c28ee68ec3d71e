package route

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"pinhole/publisher/publishertest"
)

// TestHabitsOutliveTheProcess: what got through is taken over by the next run, holds for a day, and counts for that address by that
// way alone.
func TestHabitsOutliveTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := publishertest.NewCA(t, "CA")
		file := caFile(t, ca)
		b := &box{server: &tls.Config{Certificates: []tls.Certificate{ca.Server(t, nil, "broker.example").TLS}}}
		hatesLarge := func(size int, _ bool) outcome { return map[bool]outcome{true: hangUp, false: pass}[size > 1000] }
		b.treat = hatesLarge
		var saved string
		saves := 0
		run := func(addr, way string, want ...string) {
			t.Helper()
			h := &Habits{Save: func(text string) { saved = text; saves++ }}
			h.Load(saved)
			broker, err := ParseBroker("mqtts://" + addr)
			if err != nil {
				t.Fatal(err)
			}
			layer := NewTLS(b, broker, TLSOptions{CA: file, ServerName: "broker.example", Habits: h})
			layer.way = way
			conn, err := (&Route{Broker: broker, Dialer: layer}).Dial(t.Context())
			if err == nil {
				conn.Fail(errors.New("seen enough"))
			}
			synctest.Wait()
			if tried := b.take(); !slices.Equal(tried, want) {
				t.Errorf("%s %s tried %q, want %q", addr, way, tried, want)
			}
		}
		run("broker.example:443", "direct", "tcp large", "tcp small")
		run("broker.example:443", "direct", "tcp small")
		run("broker.example:8883", "direct", "tcp large", "tcp small")
		run("broker.example:443", "proxy http://a:3128", "tcp large", "tcp small")
		run("broker.example:443", "direct", "tcp small")
		if saves != 3 || strings.Count(saved, "\n") != 3 {
			t.Errorf("saved %d times:\n%s", saves, saved)
		}
		time.Sleep(habitsLast - time.Minute)
		run("broker.example:443", "direct", "tcp small")
		time.Sleep(time.Minute)
		run("broker.example:443", "direct", "tcp large", "tcp small")
		b.treat = func(int, bool) outcome { return pass }
		time.Sleep(habitsLast + time.Second)
		run("broker.example:443", "direct", "tcp large")
		b.treat = hatesLarge
		run("broker.example:443", "direct", "tcp large", "tcp small")
		if strings.Count(saved, "\n") != 1 {
			t.Errorf("what is a day old is still there:\n%s", saved)
		}
		b.treat = func(int, bool) outcome { return hangUp }
		run("broker.example:443", "direct", "tcp small")
		if saved != "" {
			t.Errorf("what did not help is kept: %q", saved)
		}
	})
}

func TestHabitsFromAnOddFile(t *testing.T) {
	now := time.Now()
	for text, want := range map[string]bool{
		fmt.Sprintf("%d classical tcp a:1 direct\n", now.Unix()):                           true,
		fmt.Sprintf("%d hybrid tcp4 a:1 direct", now.Unix()):                               true,
		fmt.Sprintf("nonsense\n\n%d classical tcp6 a:1 direct\n", now.Unix()):              true,
		fmt.Sprintf("%d classical tcp a:1 direct\n", now.Add(23*time.Hour).Unix()):         true, // the clock was set back
		fmt.Sprintf("%d classical tcp a:1 direct\n", now.Add(25*time.Hour).Unix()):         false,
		fmt.Sprintf("%d hybrid tcp a:1 direct\n", now.Unix()):                              false, // that is no habit
		fmt.Sprintf("%d classical udp a:1 direct\n", now.Unix()):                           false,
		fmt.Sprintf("%d classic tcp a:1 direct\n", now.Unix()):                             false,
		fmt.Sprintf("%d classical tcp a:1\n", now.Unix()):                                  false,
		"x classical tcp a:1 direct\n":                                                     false,
		"99999999999999999999 classical tcp a:1 direct\n":                                  false,
		strings.Repeat(fmt.Sprintf("%d classical tcp b:1 x\n", now.Unix()), 1000) + "\x00": false,
	} {
		var h Habits
		h.Load(text)
		if _, known := h.recall("a:1", "direct", now); known != want {
			t.Errorf("%.60q: known %v", text, known)
		}
	}
	var h Habits
	for i := range 2 * maxHabits {
		h.keep(fmt.Sprint(i), "direct", habit{classical: true}, now)
	}
	if len(h.known) != maxHabits {
		t.Errorf("%d are kept", len(h.known))
	}
}

func FuzzHabits(f *testing.F) {
	f.Add("1764000000 classical tcp4 a:1 proxy http://b:3128\n")
	f.Fuzz(func(t *testing.T, text string) {
		var h, again Habits
		h.Load(text)
		again.Load(h.text())
		if h.text() != again.text() {
			t.Errorf("%q is read again as %q", h.text(), again.text())
		}
	})
}

// TestTheOtherFamily: one of the two addresses of a name takes connections and never answers. The other one is tried, and is tried
// first from then on. The sockets and the name server are real.
func TestTheOtherFamily(t *testing.T) {
	ca := publishertest.NewCA(t, "CA")
	config := &tls.Config{Certificates: []tls.Certificate{ca.Server(t, nil, "broker.example").TLS}}
	file := caFile(t, ca)
	for deaf, hears := range map[string]string{"tcp6": "tcp4", "tcp4": "tcp6"} {
		t.Run(deaf+" is deaf", func(t *testing.T) {
			t.Parallel()
			port, accepted := twoFamilies(t, deaf, config)
			broker, err := ParseBroker(fmt.Sprintf("mqtts://broker.example:%d", port))
			if err != nil {
				t.Fatal(err)
			}
			// IPv6 is dialed first where there is an address. To have IPv4 come first, the name server learns of the other one later.
			over := TCP{Resolver: nameServer(t, deaf == "tcp4")}
			r := &Route{Broker: broker, Dialer: NewTLS(over, broker, TLSOptions{CA: file, KeyExchange: Classical})}
			for n := range 2 {
				conn, err := r.Dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if v6 := isIPv6(conn.RemoteAddr()); v6 != (hears == "tcp6") {
					t.Errorf("dial %d went to %v", n, conn.RemoteAddr())
				}
				_ = conn.Close() // it has shown what it can
			}
			if d, h := accepted[deaf].Load(), accepted[hears].Load(); d != 1 || h != 2 {
				t.Errorf("%d connections to the deaf one and %d to the other, want 1 and 2", d, h)
			}
		})
	}
}

// twoFamilies listens on one port of 127.0.0.1 and ::1. The deaf one accepts and says nothing.
func twoFamilies(t *testing.T, deaf string, config *tls.Config) (port int, accepted map[string]*atomic.Int32) {
	t.Helper()
	four, err := net.Listen("tcp4", publishertest.FreeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	port = four.Addr().(*net.TCPAddr).Port
	six, err := net.Listen("tcp6", fmt.Sprintf("[::1]:%d", port))
	if err != nil {
		_ = four.Close() // the other error matters
		if os.Getenv("CI") == "true" {
			t.Fatalf("there is no IPv6 here: %v", err)
		}
		t.Skipf("there is no IPv6 here: %v", err)
	}
	accepted = map[string]*atomic.Int32{"tcp4": {}, "tcp6": {}}
	var wg sync.WaitGroup
	var conns sync.Map
	for network, ln := range map[string]net.Listener{"tcp4": four, "tcp6": six} {
		wg.Go(func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				accepted[network].Add(1)
				conns.Store(conn, nil)
				if network != deaf {
					wg.Go(func() { _, _ = io.Copy(io.Discard, tls.Server(conn, config)) }) // ends with the client
				}
			}
		})
	}
	t.Cleanup(func() {
		_, _ = four.Close(), six.Close()
		conns.Range(func(conn, _ any) bool { _ = conn.(net.Conn).Close(); return true })
		wg.Wait()
	})
	return port, accepted
}

// nameServer answers for every name with 127.0.0.1 and ::1; where the latter is late, from the second question for it on.
func nameServer(t *testing.T, late bool) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { _ = server.Close(); <-ended })
	go func() {
		defer close(ended)
		for buf := make([]byte, 512); ; {
			n, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			m.Header = dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true, RecursionDesired: true}
			m.Additionals = nil
			head := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1}
			switch {
			case q.Type == dnsmessage.TypeA:
				m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
			case q.Type == dnsmessage.TypeAAAA && !late:
				m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AAAAResource{AAAA: [16]byte{15: 1}}}}
			case q.Type == dnsmessage.TypeAAAA:
				late = false
			}
			if answer, err := m.Pack(); err == nil {
				_, _ = server.WriteTo(answer, from) // who asked may be gone
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp4", server.LocalAddr().String())
	}}
}

// TestWarningsAreSaidOnce: a broker elsewhere that takes no notice of the certificate and of ALPN is warned of once a layer, not at
// every connect.
func TestWarningsAreSaidOnce(t *testing.T) {
	ca, dir := publishertest.NewCA(t, "CA"), t.TempDir()
	cert, key := ca.Client(t, "device").Files(t, dir, "device")
	addr, visits := serve(t, tlsPeer(&tls.Config{Certificates: []tls.Certificate{ca.Server(t, nil, "broker.example").TLS}}))
	broker, err := ParseBroker("mqtts://broker.example")
	if err != nil {
		t.Fatal(err)
	}
	log, out := logged(t)
	layer := NewTLS(redirect(addr), broker, TLSOptions{CA: caFile(t, ca), Cert: cert, Key: key, ALPN: ALPN{Names: []string{"mqtt"}}, Log: log})
	for range 3 {
		if _, err := dial(t, layer, broker.Addr()); err != nil {
			t.Fatal(err)
		}
		<-visits
	}
	for _, want := range []string{"did not ask for this device's certificate", "took no notice of ALPN"} {
		if n := strings.Count(out.String(), want); n != 1 {
			t.Errorf("%d times %q:\n%s", n, want, out)
		}
	}
	if n := strings.Count(out.String(), "level=WARN"); n != 2 {
		t.Errorf("%d warnings", n)
	}
}
