package lab

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestParseFault(t *testing.T) {
	for text, want := range map[string]string{
		"mute-ack": "", "cut-after=5": "", "cut-after": "", "slow-ack=50ms": "", "drop-acks=10%": "", "drop-acks=10": "",
		"poison=a=b*c": "after the *", "connack=5*3": "", "reset*1": "",
		"gremlins": "unknown fault", "mute-ack=1": "takes no argument", "connack=0": "out of range", "connack=256": "out of range",
		"cut-after=-1": "out of range", "http-status=200": "out of range", "http-status=600": "out of range", "cut-after=x": "invalid syntax", "drop-acks=101": "out of range", "slow-ack=5": "missing unit",
		"slow-ack=-1s": "negative", "poison": "needs a text", "mute-ack*0": "after the *", "": "unknown fault",
		"alpn-block=silence": "", "alpn-block=loudly": "takes reset, close or silence", "key-open*2": "stays",
	} {
		f, err := ParseFault(text)
		if want == "" && (err != nil || f.String() != text) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, %v, want %q", text, f, err, want)
		}
	}
	for _, f := range Faults() {
		if _, err := ParseFault(f.Name); err != nil && f.Name != "poison" {
			t.Errorf("%s does not do without an argument: %v", f.Name, err)
		}
		if f.Does == "" || f.Where == "" || (f.Arg == "") != (f.Default == "") && f.Name != "poison" || f.Culprit != "" && f.Says == "" {
			t.Errorf("%+v is not described", f)
		}
	}
}

// run logs in and publishes n readings one by one; it returns the acknowledgements and how it ended.
func (c *client) run(n int) (acks []uint16, err error) {
	if _, err := c.conn.Write(connectPacket("a", 30)); err != nil {
		return nil, err
	}
	var b [4]byte
	if _, err := io.ReadFull(c.r, b[:]); err != nil {
		return nil, err
	}
	if b != [4]byte{0x20, 2, 0, 0} {
		return nil, errors.New("CONNACK refused")
	}
	for k := range n {
		if _, err := c.conn.Write(publishPacket(1, topic, uint16(k+1), batch(k, k+1))); err != nil {
			return acks, err
		}
	}
	c.conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	for {
		id, err := c.puback()
		if err != nil {
			return acks, err
		}
		acks = append(acks, id)
	}
}

func upTo(n int) (ids []uint16) {
	for id := range n {
		ids = append(ids, uint16(id+1))
	}
	return ids
}

func timeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}

func TestFaultsOfAcks(t *testing.T) {
	const n = 20
	sorted := func(ids []uint16) []uint16 { return slices.Sorted(slices.Values(ids)) }
	tests := []struct {
		fault string
		taken uint64
		check func(acks []uint16, err error) bool
	}{
		{"cut-after=5", 5, func(a []uint16, err error) bool { return slices.Equal(a, upTo(5)) && !timeout(err) }},
		{"cut-after=0", 0, func(a []uint16, err error) bool { return len(a) == 0 && !timeout(err) }},
		{"cut-before-ack=5", 5, func(a []uint16, err error) bool { return slices.Equal(a, upTo(4)) && !timeout(err) }},
		{"mute-ack", n, func(a []uint16, err error) bool { return len(a) == 0 && timeout(err) }},
		{"drop-acks=50%", n, func(a []uint16, err error) bool { return len(a) > 2 && len(a) < n-2 && timeout(err) }},
		{"drop-acks=100%", n, func(a []uint16, err error) bool { return len(a) == 0 && timeout(err) }},
		{"slow-ack=20ms", n, func(a []uint16, err error) bool { return slices.Equal(a, upTo(n)) && timeout(err) }},
		{"slow-ack=1h", n, func(a []uint16, err error) bool { return len(a) == 0 && timeout(err) }},
		{"reorder-acks", n, func(a []uint16, err error) bool {
			return !slices.IsSorted(a) && slices.Equal(sorted(a), upTo(n)) && timeout(err)
		}},
		{"double-acks", n, func(a []uint16, err error) bool {
			return slices.Equal(slices.Compact(a), upTo(n)) && timeout(err)
		}},
		{"stray-acks", n, func(a []uint16, err error) bool { return len(a) == 2*n && a[1] == 1|0x8000 && timeout(err) }},
		{"deny-publish", 0, func(a []uint16, err error) bool { return len(a) == 0 && !timeout(err) }},
		{`poison="seq":3,`, 3, func(a []uint16, err error) bool { return slices.Equal(a, upTo(3)) && !timeout(err) }},
		{"stop-reading=4", 4, func(a []uint16, err error) bool { return slices.Equal(a, upTo(4)) && timeout(err) }},
		{"garbage=2", n, func(a []uint16, err error) bool { return slices.Equal(a, upTo(2)) && err != nil && !timeout(err) }},
		{"huge=2", n, func(a []uint16, err error) bool { return slices.Equal(a, upTo(2)) && err != nil && !timeout(err) }},
		{"connack=5", 0, func(a []uint16, err error) bool { return err != nil && err.Error() == "CONNACK refused" }},
		{"not-active", 0, func(a []uint16, err error) bool { return err != nil && !timeout(err) }},
	}
	for _, tt := range tests {
		t.Run(tt.fault, func(t *testing.T) {
			t.Parallel()
			l := startLab(t, Options{Faults: fault(t, tt.fault)})
			acks, err := dial(t, l).run(n)
			if !tt.check(acks, err) {
				t.Errorf("acks %v, %v", acks, err)
			}
			if tt.fault == "garbage=2" || tt.fault == "huge=2" {
				return // the client leaves in the middle
			}
			if got := l.Judge().Totals().Readings; got != tt.taken {
				t.Errorf("%d taken, want %d", got, tt.taken)
			}
		})
	}
}

func TestFaultsOfTLS(t *testing.T) {
	for text, want := range map[string]string{
		"alpn-reject":     "no application protocol",
		"expired-cert":    "certificate has expired or is not yet valid",
		"future-cert":     "certificate has expired or is not yet valid",
		"wrong-name-cert": "valid for elsewhere.example, not localhost",
		"unknown-ca":      "unknown authority",
		"http":            "first record does not look like a TLS handshake",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			l := startLab(t, Options{Faults: fault(t, text)})
			if _, err := dialTLS(t, l, clientTLS(t, l)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}

func TestFaultsThatLetPass(t *testing.T) {
	for text, check := range map[string]func(tls.ConnectionState, bool) bool{
		"no-alpn":        func(s tls.ConnectionState, asked bool) bool { return s.NegotiatedProtocol == "" && asked },
		"no-client-cert": func(s tls.ConnectionState, asked bool) bool { return s.NegotiatedProtocol == ALPN && !asked },
		"tls12":          func(s tls.ConnectionState, asked bool) bool { return s.Version == tls.VersionTLS12 && asked },
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			l := startLab(t, Options{Faults: fault(t, text)})
			cfg := clientTLS(t, l)
			pair, asked := cfg.Certificates[0], false
			cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				asked = true
				return &pair, nil
			}
			c, err := dialTLS(t, l, cfg)
			if err != nil {
				t.Fatal(err)
			}
			if s := c.conn.(*tls.Conn).ConnectionState(); !check(s, asked) {
				t.Errorf("version %x, ALPN %q, certificate asked for: %v", s.Version, s.NegotiatedProtocol, asked)
			}
			c.send(connectPacket("a", 30))
			c.expect(0x20, 2, 0, 0)
		})
	}
}

func TestSilentFaults(t *testing.T) {
	t.Run("tls-stall", func(t *testing.T) {
		t.Parallel()
		l := startLab(t, Options{Faults: fault(t, "tls-stall")})
		done := make(chan error, 1)
		go func() {
			_, err := dialTLS(t, l, clientTLS(t, l))
			done <- err
		}()
		select {
		case err := <-done:
			t.Errorf("the handshake ended: %v", err)
		case <-time.After(200 * time.Millisecond):
		}
		l.Close()
		if err := <-done; err == nil {
			t.Error("the handshake succeeded")
		}
	})
	t.Run("no-connack", func(t *testing.T) {
		t.Parallel()
		l := startLab(t, Options{Faults: fault(t, "no-connack")})
		c := dial(t, l)
		c.send(connectPacket("a", 30))
		c.expectSilence(200 * time.Millisecond)
	})
	t.Run("mute-ping", func(t *testing.T) {
		t.Parallel()
		c := login(t, startLab(t, Options{Faults: fault(t, "mute-ping")}), "a")
		c.send([]byte{0xc0, 0})
		c.expectSilence(200 * time.Millisecond)
		c.send(publishPacket(1, topic, 1, batch(0, 1)))
		c.expect(0x40, 2, 0, 1)
	})
	t.Run("reset", func(t *testing.T) {
		t.Parallel()
		l := startLab(t, Options{Faults: fault(t, "reset=2")})
		acks, err := dial(t, l).run(2)
		if !errors.Is(err, syscall.ECONNRESET) || len(acks) > 2 {
			t.Errorf("acks %v, %v", acks, err)
		}
	})
}

func TestFaultOnTheFirstConnectionsOnly(t *testing.T) {
	l := startLab(t, Options{NoLimits: true, Faults: fault(t, "connack=3*2", "cut-after=1*3")})
	for n, want := range []string{"CONNACK refused", "CONNACK refused", "EOF", "timeout"} {
		acks, err := dial(t, l).run(2)
		got := "timeout"
		if !timeout(err) {
			got = err.Error()
		}
		if got != want {
			t.Errorf("connection %d: acks %v, %v, want %s", n+1, acks, err, want)
		}
	}
	if err := l.SetFaults(fault(t, "mute-ack")...); err != nil {
		t.Fatal(err)
	}
	if acks, err := dial(t, l).run(2); len(acks) > 0 || !timeout(err) {
		t.Errorf("acks %v, %v", acks, err)
	}
	if err := l.SetFaults(Fault{Name: "gremlins"}); err == nil {
		t.Error("took an unknown fault")
	}
}

func TestCut(t *testing.T) {
	l := startLab(t, Options{})
	c := login(t, l, "a")
	l.Cut()
	c.expectClose()
}
