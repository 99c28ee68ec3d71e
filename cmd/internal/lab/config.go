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
  %[2]s
  proxy: none
  batch: {age: 1s}
  queue: {dir: queue, max: 16MiB}

status: {listen: ""}
`

// The ways out: how the broker is named and what goes with it. %[1]s stands for the address.
const (
	wayMQTT = `broker: mqtts://%[1]s
  tls:
    ca: ca.pem
    cert: device.crt
    key: device.key
    server_name: localhost
    alpn: [x-amzn-mqtt-ca]`
	wayHTTPS = `broker: https://%[1]s
  tls:
    ca: ca.pem
    cert: device.crt
    key: device.key
    server_name: localhost
    alpn: [x-amzn-http-ca]`
	wayWSS = `broker: wss://%[1]s/mqtt
  tls:
    ca: ca.pem
    server_name: localhost
  aws: {region: eu-west-1, credentials_file: credentials}`
)

// writeConfigs writes a configuration for each way.
func (l *Lab) writeConfigs() error {
	err := errors.Join(l.writeConfig(configFile, wayMQTT, l.ln), l.writeConfig(configHTTPS, wayHTTPS, l.ln))
	if l.web == nil {
		return err
	}
	return errors.Join(err, l.writeConfig(configWSS, wayWSS, l.web))
}

// writeConfig writes a configuration unless it is there; one that leads elsewhere is left alone, with a warning.
func (l *Lab) writeConfig(name, way string, ln net.Listener) error {
	path := filepath.Join(l.dir, name)
	host, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	addr := net.JoinHostPort(host, port)
	err = create(path, 0o644, fmt.Appendf(nil, agentConfig, path, fmt.Sprintf(way, addr)))
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
