package publishertest

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// NATS is a cluster of three nats-servers on 127.0.0.1 that speak MQTT over TLS. Every message of QoS 1 has three replicas, and two of
// the nodes have it, in files of the test, before it is acknowledged.
type NATS struct {
	MQTT   [3]string // the nodes' addresses; anybody may log in. Named localhost and 127.0.0.1
	Folder string    // where ca.pem is
	CA     *CA

	kill [3]func()
}

// StartNATS starts the cluster and returns once each node has found the leader of the three. It ends with the test.
func StartNATS(t testing.TB) *NATS {
	t.Helper()
	path := Program(t, "nats-server")
	n := &NATS{Folder: t.TempDir(), CA: NewCA(t, "Broker CA")}
	WriteFile(t, n.Folder, "ca.pem", n.CA.PEM)
	cert, key := n.CA.Server(t, nil, "localhost", "127.0.0.1").Files(t, n.Folder, "server")
	var own, route, health [3]string
	var routes []string
	for i := range n.MQTT {
		n.MQTT[i], own[i], route[i], health[i] = FreeAddr(t), FreeAddr(t), FreeAddr(t), FreeAddr(t)
		routes = append(routes, "nats://"+route[i])
	}
	for i := range n.MQTT {
		conf := fmt.Sprintf(`server_name: n%[1]d
listen: "%[2]s"
http: "%[3]s"
jetstream { store_dir: "%[4]s/n%[1]d", max_mem: 64MB, max_file: 512MB }
cluster { name: pinhole, listen: "%[5]s", routes: ["%[6]s"] }
mqtt { listen: "%[7]s", stream_replicas: 3, tls { cert_file: "%[8]s", key_file: "%[9]s" } }
`, i, own[i], health[i], n.Folder, route[i], strings.Join(routes, `", "`), n.MQTT[i], cert, key)
		file := WriteFile(t, n.Folder, fmt.Sprintf("n%d.conf", i), []byte(conf))
		n.kill[i] = start(t, nil, path, "-c", file)
	}
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		ready := 0
		for _, addr := range health {
			if healthy("http://" + addr + "/healthz") {
				ready++
			}
		}
		if ready == len(health) {
			return n
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d nodes are ready", ready, len(health))
		}
	}
}

func healthy(url string) bool {
	resp, err := (&http.Client{Timeout: time.Second}).Get(url)
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // nothing of it is wanted
	return resp.StatusCode == http.StatusOK
}

// Kill ends a node without a word to it.
func (n *NATS) Kill(node int) { n.kill[node]() }

// Subscribe subscribes at a node with QoS 1. next waits for the next message and fails the test if none comes in that time; the
// message is acknowledged.
func (n *NATS) Subscribe(t testing.TB, node int, filter string, patience time.Duration) (next func() Message) {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", n.MQTT[node], &tls.Config{RootCAs: n.CA.Pool()})
	if err != nil {
		t.Fatal(err)
	}
	return subscribe(t, conn, filter, patience)
}
