package lab

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Somebody else's clients must get along with the endpoint: mosquitto's, with ALPN and a client certificate.
func TestMosquittoClients(t *testing.T) {
	for _, name := range []string{"mosquitto_pub", "mosquitto_sub"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	subscribed := make(chan string, 10)
	l := startLab(t, Options{OnEvent: func(e Event) {
		if e.Kind == "subscribe" {
			subscribed <- e.Client
		}
	}})
	_, port, _ := net.SplitHostPort(l.Addr())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := func(name string, args ...string) *exec.Cmd {
		return exec.CommandContext(ctx, name, append([]string{
			"-h", "localhost", "-p", port, "--cafile", filepath.Join(l.Dir(), caFile), "--cert", filepath.Join(l.Dir(), certFile),
			"--key", filepath.Join(l.Dir(), keyFile), "--tls-alpn", ALPN, "-q", "1",
		}, args...)...)
	}
	message := batch(0, 50)
	sub := command("mosquitto_sub", "-i", "sub", "-t", "pinhole/#", "-C", "1")
	var heard bytes.Buffer
	sub.Stdout, sub.Stderr = &heard, &heard
	if err := sub.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-subscribed:
	case <-ctx.Done():
		sub.Wait()
		t.Fatalf("mosquitto_sub does not subscribe: %s", &heard)
	}
	if out, err := command("mosquitto_pub", "-i", "pub", "-t", topic, "-m", message).CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_pub: %v: %s", err, out)
	}
	if err := sub.Wait(); err != nil || !strings.Contains(heard.String(), message) {
		t.Errorf("mosquitto_sub: %v: %s", err, &heard)
	}
	if r := l.Judge().Report(); r.Readings != 50 || r.Err() != nil {
		t.Errorf("%+v", r)
	}
}
