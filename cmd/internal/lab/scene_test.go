package lab

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestScenes: each staged fault starts in a new folder and in one that the lab used before, and ends. What it does is for whoever walks
// it with the agent's own program.
func TestScenes(t *testing.T) {
	dir := t.TempDir()
	startLab(t, Options{Dir: dir}).Close()
	key, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Faults() {
		if !f.Staged() {
			continue
		}
		if f.Says == "" {
			t.Errorf("%s: nobody knows what to see", f.Name)
		}
		l := startLab(t, Options{Dir: dir, Faults: fault(t, f.Name)})
		o := l.Outlook()
		if len(o) != 1 || o[0].Name != f.Name || !strings.Contains(l.Try("doctor"), "pinhole doctor -c "+l.Config()) {
			t.Errorf("%+v, %s", o, l.Try("doctor"))
		}
		if err := l.SetFaults(); err != nil {
			t.Error(err)
		}
		l.Close()
	}
	l := startLab(t, Options{Dir: dir})
	if b, err := os.ReadFile(l.Config()); err != nil || !strings.Contains(string(b), "broker: mqtts://"+l.Addr()+"\n") {
		t.Errorf("after all faults the configuration is still one of theirs: %v\n%s", err, b)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, keyFile)); string(b) != string(key) {
		t.Error("the device's key has changed")
	}
	if err := l.SetFaults(fault(t, "key-open")...); err == nil || !strings.Contains(err.Error(), "from the start") {
		t.Errorf("staged in the middle: %v", err)
	}
	if l, err := Start(Options{Dir: filepath.Join(dir, "it's"), Faults: fault(t, "disk-full")}); err == nil || !strings.Contains(err.Error(), "another folder") {
		t.Errorf("a path that a shell trips over: %v", err)
		l.Close()
	}
}

// TestDeadPorts: one swallows what begins a connection, the other refuses it, and nobody else gets either.
func TestDeadPorts(t *testing.T) {
	for name, want := range map[string]func(error) bool{
		"port-dropped": timeout,
		"port-refused": func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) },
	} {
		l := startLab(t, Options{Faults: fault(t, name)})
		if c, err := net.DialTimeout("tcp", l.Addr(), 300*time.Millisecond); err == nil || !want(err) {
			t.Errorf("%s: %v, %v", name, c, err)
		}
		if other, err := net.Listen("tcp", l.Addr()); err == nil {
			other.Close()
			t.Errorf("%s: somebody else can have the port", name)
		}
	}
}

// TestProxy: what it answers, and that its tunnels lead to the endpoint alone.
func TestProxy(t *testing.T) {
	login := "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(proxyUser+":"+proxyPassword)) + "\r\n"
	for _, c := range []struct {
		fault, request, header string
		status                 int
		wants                  string
	}{
		{"proxy-only-name", "CONNECT " + noSuchName + ":443", "", 200, ""},
		{"proxy-only-name", "CONNECT www.example.com:443", "", 503, ""},
		{"proxy-only-name", "GET http://localhost/", "", 405, ""},
		{"legacy-endpoint", "CONNECT " + legacyName + ":443", "", 200, ""},
		{"proxy-403", "CONNECT localhost:443", "", 403, ""},
		{"proxy-login", "CONNECT localhost:443", "", 407, `Basic realm="pinhole-lab"`},
		{"proxy-login", "CONNECT localhost:443", login, 200, ""},
		{"proxy-password", "CONNECT localhost:443", "Proxy-Authorization: Basic bGFiOndyb25n\r\n", 407, `Basic realm="pinhole-lab"`},
		{"proxy-scheme", "CONNECT localhost:443", login, 407, "Negotiate"},
	} {
		l := startLab(t, Options{Dir: t.TempDir(), Faults: fault(t, c.fault)})
		p, ok := l.also[0].(*proxy)
		if !ok {
			t.Fatalf("%s has no proxy", c.fault)
		}
		conn, err := net.DialTimeout("tcp", p.Addr().String(), patience)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: %s\r\n%s\r\n", c.request, strings.Fields(c.request)[1], c.header)
		resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodConnect})
		if err != nil || resp.StatusCode != c.status || resp.Header.Get("Proxy-Authenticate") != c.wants {
			t.Errorf("%+v: %v, %v", c, resp, err)
			continue
		}
		if c.status != http.StatusOK {
			continue
		}
		cfg := clientTLS(t, l)
		if err := tls.Client(conn, cfg).Handshake(); err != nil && c.fault != "legacy-endpoint" {
			t.Errorf("%+v: through the tunnel: %v", c, err)
		}
	}
}

// TestRival: it is there first, is thrown out by who comes with the same client id, and comes back.
func TestRival(t *testing.T) {
	l := startLab(t, Options{NoLimits: true, Faults: fault(t, "client-id-taken")})
	for deadline := time.Now().Add(patience); len(l.Peers()) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come")
		}
	}
	begin := time.Now()
	login(t, l, deviceName).expectClose()
	if took := time.Since(begin); took < connectSpacing {
		t.Errorf("it came back after %v, sooner than an endpoint allows", took)
	}
}
