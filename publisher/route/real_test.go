package route

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"pinhole/publisher/aws"
	"pinhole/publisher/publishertest"
)

// TestRealGates goes to a real mosquitto with mutual TLS, through real gates that let only one ALPN name pass. Mosquitto itself
// takes no notice of ALPN, so the name comes back empty: fine elsewhere, refused at AWS.
func TestRealGates(t *testing.T) {
	m := publishertest.StartMosquitto(t)
	cert, key := m.Client(t, "device")
	files := TLSOptions{CA: m.Folder + "/ca.pem", Cert: cert, Key: key, ServerName: "localhost"}
	named := files
	named.ALPN = ALPN{Names: []string{aws.ALPNMQTT}}
	gates := []struct {
		name, addr string
		strict     bool // lets nothing pass without the name
	}{
		{"no gate", m.TLS, false},
		{"haproxy", publishertest.StartHAProxy(t, aws.ALPNMQTT, m.TLS, false), true},
		{"haproxy, silent", publishertest.StartHAProxy(t, aws.ALPNMQTT, m.TLS, true), true},
		{"nginx", publishertest.StartNginx(t, map[string]string{aws.ALPNMQTT: m.TLS}), true},
	}
	for _, g := range gates {
		t.Run(g.name, func(t *testing.T) {
			layer, broker := client(t, g.addr, "broker.example", named)
			if _, err := dial(t, layer, broker); err != nil {
				t.Errorf("with the name: %v", err)
			}
			layer, broker = client(t, g.addr, awsHost, named)
			if _, err := dial(t, layer, broker); StageOf(err) != StageALPN {
				t.Errorf("at AWS an unanswered name must be refused at stage alpn: %v", err)
			}
			if strings.Contains(g.name, "silent") {
				shortly(t, g.addr, files)
				return
			}
			layer, broker = client(t, g.addr, "broker.example", files)
			_, err := dial(t, layer, broker)
			if g.strict {
				checkContains(t, err, StageTLS, "the ClientHello", "let through")
			} else if err != nil {
				t.Errorf("without a name: %v", err)
			}
		})
	}
}

// shortly shows that silence ends with the context: what the time limits add up to is tested in virtual time.
func shortly(t *testing.T, gate string, files TLSOptions) {
	t.Helper()
	layer, broker := client(t, gate, "broker.example", files)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := layer.DialContext(ctx, "tcp", broker)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	checkContains(t, err, StageTLS, "silence after the ClientHello", "let through")
}

func TestRealMosquittoWantsACertificate(t *testing.T) {
	m := publishertest.StartMosquitto(t)
	b, err := ParseBroker("mqtts://" + m.TLS)
	if err != nil {
		t.Fatal(err)
	}
	r := Direct(b, TLSOptions{CA: m.Folder + "/ca.pem"})
	conn, err := r.Dial(t.Context())
	if err == nil {
		defer conn.Close()
		_, err = conn.Read(make([]byte, 1))
	}
	checkContains(t, err, StageTLS, "certificate required", "publisher.tls.cert")
}
