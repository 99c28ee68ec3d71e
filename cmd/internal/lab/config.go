package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// agentConfig is a configuration for `pinhole run` that needs nothing but this folder: a simulated board in front of the real
// drivers, and the lab behind the real connection.
const agentConfig = `# Written by pinhole-lab, ready for: pinhole run -c %[1]s
device: lab-pi
board: sim

sensors:
  - {name: air, kind: bme280, every: 1s}
  - {name: door, kind: gpio, pin: GPIO17}
  - {name: wave, kind: mock, every: 500ms, quantity: voltage, signal: {shape: sine, min: 0, max: 3.3, period: 20s}}
  - {name: board, kind: host, every: 2s}

publisher:
  broker: mqtts://%[2]s
  tls:
    ca: ca.pem
    cert: device.crt
    key: device.key
    server_name: localhost
    alpn: [x-amzn-mqtt-ca]
  proxy: none
  batch: {age: 1s}
  queue: {dir: queue, max: 16MiB}

status: {listen: ""}
`

// writeConfig writes pinhole.yaml unless it is there; one that leads elsewhere is left alone, with a warning.
func (l *Lab) writeConfig() error {
	path := filepath.Join(l.dir, configFile)
	host, port, err := net.SplitHostPort(l.Addr())
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	addr := net.JoinHostPort(host, port)
	err = create(path, 0o644, fmt.Appendf(nil, agentConfig, path, addr))
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	old, err := os.ReadFile(path)
	if err == nil && !strings.Contains(string(old), addr) {
		l.log.Warn("the configuration was there before and leads elsewhere; edit or remove it", "file", path, "listening", addr)
	}
	return err
}

// Config is the path of pinhole.yaml.
func (l *Lab) Config() string { return filepath.Join(l.dir, configFile) }
