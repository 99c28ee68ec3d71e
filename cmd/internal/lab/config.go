package lab

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"net"
	"os"
	"strings"
)

// agentHead begins a configuration. The sum of what follows tells one that the lab wrote from one that somebody edited, which stays.
const agentHead = `# Written by pinhole-lab, ready for: pinhole run -c %s
# The lab writes it anew until somebody edits it (%08x).
`

// agentConfig is a configuration for `pinhole run` that needs nothing but this folder: a simulated board in front of the real
// drivers, and the lab behind the real connection.
const agentConfig = `device: %s
board: %s

sensors:
%s%s
publisher:
%s  batch: {age: 1s}
  queue: {dir: %s, max: 16MiB}

status: {listen: ""}
`

// DemoScript has things happen on the simulated board while somebody watches, early enough to be seen in a short demo.
const DemoScript = `sim:
  values:
    - {sensor: door, quantity: contact, value: true}
    - {sensor: door, quantity: contact, value: false, at: 5s, for: 4s, every: 20s}
  faults:
    - {sensor: air, kind: unplug, at: 10s, for: 3s, every: 30s}
`

// yaml writes a scene as a configuration. way is what stands in place of the broker and its TLS; "": MQTT over TLS.
func (s *scene) yaml(way string) []byte {
	var b strings.Builder
	b.WriteString(way)
	if way == "" {
		fmt.Fprintf(&b, "  broker: mqtts://%s\n  tls:\n", s.broker)
		for _, key := range [][2]string{{"ca", s.ca}, {"cert", s.cert}, {"key", s.key}, {"server_name", s.name}, {"alpn", s.alpn}} {
			if key[1] != "" {
				fmt.Fprintf(&b, "    %s: %s\n", key[0], key[1])
			}
		}
	}
	fmt.Fprintf(&b, "  proxy: %s\n", s.proxy)
	if s.password != "" {
		fmt.Fprintf(&b, "  proxy_password_file: %s\n", s.password)
	}
	return fmt.Appendf(nil, agentConfig, deviceName, s.board, s.sensors, s.script, b.String(), s.queue)
}

// The other ways out: how the broker is named and what goes with it. %s stands for the address.
const (
	wayHTTPS = `  broker: https://%s
  tls:
    ca: ca.pem
    cert: device.crt
    key: device.key
    server_name: localhost
    alpn: [x-amzn-http-ca]
`
	wayWSS = `  broker: wss://%s/mqtt
  tls:
    ca: ca.pem
    server_name: localhost
  aws: {region: eu-west-1, credentials_file: credentials}
`
)

// writeConfigs writes a configuration for each way. What the faults ask for is in the first.
func (l *Lab) writeConfigs() error {
	well := healthy(l.reachable(l.ln), l.opts.Script)
	main := l.scene.yaml("")
	err := errors.Join(l.writeConfig(configFile, main, well.broker, !bytes.Equal(main, well.yaml(""))),
		l.writeConfig(configHTTPS, well.yaml(fmt.Sprintf(wayHTTPS, well.broker)), well.broker, false))
	if l.web == nil {
		return err
	}
	web := l.reachable(l.web)
	return errors.Join(err, l.writeConfig(configWSS, well.yaml(fmt.Sprintf(wayWSS, web)), web, false))
}

// writeConfig writes a configuration where none is, or one that the lab wrote. Another one stays: with a warning if it leads elsewhere
// than to addr, with an error if a fault needs this one.
func (l *Lab) writeConfig(name string, body []byte, addr string, needed bool) error {
	path := l.file(name)
	old, err := os.ReadFile(path)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case err == nil && !ours(old) && needed:
		return fmt.Errorf("%s is there, and somebody edited it; choose another folder, or move it away", path)
	case err == nil && !ours(old):
		if !bytes.Contains(old, []byte(addr)) {
			l.log.Warn("the configuration was there before and leads elsewhere; edit or remove it", "file", path, "listening", addr)
		}
		return nil
	}
	return l.replace(name, 0o644, append(fmt.Appendf(nil, agentHead, path, crc32.ChecksumIEEE(body)), body...))
}

// ours reports whether the lab wrote a configuration, and nobody has edited it.
func ours(text []byte) bool {
	lines := bytes.SplitAfterN(text, []byte("\n"), 3)
	if len(lines) < 3 {
		return false
	}
	var sum uint32
	_, after, found := bytes.Cut(lines[1], []byte("("))
	_, err := fmt.Sscanf(string(after), "%08x)", &sum)
	return found && err == nil && sum == crc32.ChecksumIEEE(lines[2])
}

// reachable is the address of a listener for who wants to reach it on this machine.
func (l *Lab) reachable(ln net.Listener) string {
	host, port, err := net.SplitHostPort(ln.Addr().String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return ln.Addr().String()
}

// Config is the path of pinhole.yaml.
func (l *Lab) Config() string { return l.file(configFile) }
