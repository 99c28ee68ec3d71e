package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pinhole/cmd/internal/lab"
	"pinhole/publisher/publishertest"
	"pinhole/publisher/route"
	"pinhole/sensors/clock"
)

const year = 365 * 24 * time.Hour

// at is a clock that stands at a time.
func at(t time.Time, synced bool) func() clock.Stamp {
	return func() clock.Stamp { return clock.Stamp{Wall: t.UnixNano(), Synced: synced} }
}

// faults is what can go wrong, each with the first thing that breaks. A culprit of "" means that the agent gets through; note is what
// some line must say.
var faults = []struct {
	name    string
	host    string // "" is AWS's
	stage   func(b *bench)
	culprit route.Stage
	note    string
}{
	{name: "nothing, at AWS", stage: func(*bench) {}, note: "client's certificate is asked for"},
	{name: "nothing, elsewhere", host: otherHost, stage: func(*bench) {}, note: "everything works"},
	{name: "nothing, TLS 1.2", stage: func(b *bench) { b.fault("tls12") }, note: "; chain of 2 up to \"CN=Pinhole lab CA,O=Pinhole lab\""},
	{name: "nothing, columns", stage: func(b *bench) { b.yaml["more"] = "  format: columns\n" }, note: "without readings"},
	{name: "nothing, senml", stage: func(b *bench) { b.yaml["more"] = "  format: senml\n" }, note: "without readings"},
	{name: "nothing, slow acks", stage: func(b *bench) { b.fault("slow-ack=200ms") }, note: "acknowledged after"},

	// Names.
	{name: "NXDOMAIN", stage: func(b *bench) { delete(b.names, awsHost) }, culprit: "dns", note: "does not exist"},
	{name: "SERVFAIL", stage: func(b *bench) { b.names[awsHost] = nil }, culprit: "dns"},
	{name: "no name server", stage: func(b *bench) { b.names[awsHost] = []string{"silent"} }, culprit: "dns", note: "no name server"},
	{name: "private address", stage: func(b *bench) { b.names[awsHost] = []string{"10.1.2.3"} }, note: "private network"},

	// TCP.
	{name: "port dropped", stage: func(b *bench) { b.ports["443"] = blackHole(b.t) }, culprit: "tcp", note: "packets are dropped"},
	{name: "port refused", stage: func(b *bench) { b.ports["443"] = "" }, culprit: "tcp", note: "refused"},
	{name: "port refused, another open", stage: func(b *bench) { b.ports["8883"], b.ports["443"] = b.ports["443"], "" }, culprit: "tcp",
		note: "it is this port that is blocked"},
	{name: "port refused, of a further way too", stage: func(b *bench) { b.ports["443"], b.yaml["more"] = "", "  routes: [\"mqtts://"+awsHost+":8883\"]\n" },
		culprit: "tcp", note: "further way"},
	{name: "reset after connect", stage: func(b *bench) { b.fault("tls-reset") }, culprit: "tls", note: "TLS as such"},
	{name: "closed after connect", stage: func(b *bench) { b.ports["443"] = serve(b.t, func(c net.Conn) { c.Read(make([]byte, 1)) }) }, culprit: "tls", note: "TLS as such"},
	{name: "IPv6 black hole", stage: func(b *bench) {
		b.names[awsHost] = []string{"192.0.2.10", "2001:db8::10"}
		b.ports["v6"] = blackHole(b.t)
	}, note: "IPv6 leads nowhere"},

	// Filters, by what they look at and how they end it.
	{name: "SNI, silence", stage: func(b *bench) { b.fault("sni-block=silence") }, culprit: "tls", note: "server name (SNI)"},
	{name: "SNI, reset", stage: func(b *bench) { b.fault("sni-block") }, culprit: "tls", note: "server name (SNI)"},
	{name: "ALPN, reset", stage: func(b *bench) { b.fault("alpn-block") }, culprit: "alpn", note: "filters by ALPN"},
	{name: "ALPN, silence", stage: func(b *bench) { b.fault("alpn-block=silence") }, culprit: "alpn", note: "filters by ALPN"},
	{name: "ALPN, close", stage: func(b *bench) { b.fault("alpn-block=close") }, culprit: "alpn", note: "filters by ALPN"},
	{name: "ALPN or SNI", stage: func(b *bench) { b.fault("alpn-block", "sni-block") }, culprit: "tls",
		note: "filters by both"},
	{name: "big ClientHello, auto", stage: func(b *bench) { b.fault("hello-block=silence") }, note: "\nWorks, but: tls: "},
	{name: "big ClientHello, auto, reset", stage: func(b *bench) { b.fault("hello-block") }, note: "drops large ones"},
	{name: "big ClientHello, hybrid", stage: func(b *bench) { b.yaml["key_exchange"] = "hybrid"; b.fault("hello-block=silence") }, culprit: "tls",
		note: "drops large ones"},
	{name: "big ClientHello, classical", stage: func(b *bench) { b.yaml["key_exchange"] = "classical"; b.fault("hello-block=silence") }, note: "TLS 1.3"},
	{name: "big ClientHello and ALPN", stage: func(b *bench) { b.fault("hello-block", "alpn-block") }, culprit: "alpn"},
	{name: "all of TLS, silence", stage: func(b *bench) { b.fault("tls-stall") }, culprit: "tls", note: "TLS as such"},
	{name: "stops after ServerHello", stage: func(b *bench) { b.ports["443"] = stalls(b.t, b.lab.Addr()) }, culprit: "tls", note: "MTU"},

	// Certificates of the server, and who shows them.
	{name: "inspection, unknown CA, at AWS", stage: func(b *bench) { b.fault("inspect") }, culprit: "intercepted", note: "Corp TLS Inspection"},
	{name: "inspection, unknown CA, elsewhere", host: otherHost, stage: func(b *bench) { b.fault("inspect") }, culprit: "intercepted", note: "does not ask for this device's certificate"},
	{name: "inspection, trusted CA, at AWS", stage: func(b *bench) { b.trustedInspection() }, culprit: "intercepted", note: "did not ask"},
	{name: "inspection, trusted CA, elsewhere", host: otherHost, stage: func(b *bench) { b.trustedInspection() }, culprit: "intercepted",
		note: "did not ask"},
	{name: "broker of another CA", host: otherHost, stage: func(b *bench) { b.fault("unknown-ca") }, culprit: "tls", note: "unknown authority"},
	{name: "captive portal", stage: func(b *bench) { b.fault("http") }, culprit: "intercepted", note: "HTTP server answered"},
	{name: "wrong name, at AWS", stage: func(b *bench) { b.fault("wrong-name-cert") }, culprit: "intercepted", note: "not for " + awsHost},
	{name: "wrong name, elsewhere", host: otherHost, stage: func(b *bench) { b.fault("wrong-name-cert") }, culprit: "tls", note: "not for " + otherHost},
	{name: "expired server", stage: func(b *bench) { b.fault("expired-cert") }, culprit: "tls", note: "expired"},
	{name: "server of tomorrow", stage: func(b *bench) { b.fault("future-cert") }, culprit: "clock", note: "begins on"},
	{name: "legacy endpoint", host: "abc123.iot.eu-west-1.amazonaws.com", stage: func(b *bench) {
		b.yaml["ca"], b.yaml["alpn"] = "", "auto" // Amazon's roots
		b.fault("unknown-ca")
	}, culprit: "tls", note: "-ats"},
	{name: "plain MQTT on the port", stage: func(b *bench) {
		b.ports["443"] = serve(b.t, func(c net.Conn) { c.Write([]byte{0x20, 2, 0, 1, 0xd0, 0}); io.Copy(io.Discard, c) })
	}, culprit: "tls", note: "without TLS"},
	{name: "no ALPN echo, at AWS", stage: func(b *bench) { b.fault("no-alpn") }, culprit: "alpn", note: "unanswered"},
	{name: "no ALPN echo, elsewhere", host: otherHost, stage: func(b *bench) { b.fault("no-alpn") }, note: "took no notice"},
	{name: "ALPN refused", stage: func(b *bench) { b.fault("alpn-reject") }, culprit: "alpn", note: "refuses ALPN"},
	{name: "client certificate not asked for, at AWS", stage: func(b *bench) { b.fault("no-client-cert") }, culprit: "intercepted"},
	{name: "client certificate not asked for, elsewhere", host: otherHost, stage: func(b *bench) { b.fault("no-client-cert") },
		note: "did not ask for this device's certificate"},
	{name: "client certificate of an unknown CA", stage: func(b *bench) {
		publishertest.NewCA(b.t, "else").Client(b.t, "pi-7").Files(b.t, b.dir, "device")
	}, culprit: "tls", note: "certificate"},

	// The clock.
	{name: "clock in 1970", stage: func(b *bench) { b.o.Clock = at(time.Unix(300, 0), false) }, culprit: "clock", note: "was built on"},
	{name: "clock a year behind", stage: func(b *bench) {
		b.o.Built = time.Unix(0, 0)
		b.o.Clock = at(time.Now().AddDate(-1, 0, 0), false)
	}, culprit: "clock", note: "begins on"},
	{name: "clock a year behind, AWS's long certificate", stage: func(b *bench) {
		b.issue(-5*year, 20*year)
		b.o.Built = time.Unix(0, 0)
		b.o.Clock = at(time.Now().AddDate(-1, 0, 0), false)
	}, culprit: "clock", note: "begins on"},
	{name: "clock in 2090", stage: func(b *bench) { b.o.Clock = at(time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC), false) }, culprit: "clock",
		note: "both look expired"},
	{name: "clock in 2045, AWS's long certificate", stage: func(b *bench) {
		b.issue(-year, time.Until(time.Date(2049, 12, 31, 0, 0, 0, 0, time.UTC)))
		b.o.Clock = at(time.Date(2045, 1, 1, 0, 0, 0, 0, time.UTC), false)
	}, culprit: "clock", note: "looks expired"},
	{name: "clock not synced", stage: func(b *bench) { b.o.Clock = at(time.Now(), false) }, note: "marked unsynced"},

	// The device's certificate and key.
	{name: "device certificate expired", stage: func(b *bench) { b.issue(-2*year, -24*time.Hour) },
		culprit: "key", note: "it has expired"},
	{name: "device certificate expired, clock not synced", stage: func(b *bench) {
		b.issue(-2*year, -24*time.Hour)
		b.o.Clock = at(time.Now(), false)
	}, culprit: "key", note: "it has expired"},
	{name: "device certificate not yet valid", stage: func(b *bench) { b.issue(24*time.Hour, year) },
		culprit: "key", note: "not valid before"},
	{name: "device certificate nearly expired", stage: func(b *bench) { b.issue(-year, 100*time.Hour) },
		note: "in 4 days"},
	{name: "device certificate with its authority behind it", stage: func(b *bench) { b.append("device.crt", "ca.pem") }, note: ", chain of 2 up to"},
	{name: "device certificate with a stranger behind it", stage: func(b *bench) {
		publishertest.WriteFile(b.t, b.dir, "else.pem", publishertest.NewCA(b.t, "else").PEM)
		b.append("device.crt", "else.pem")
	}, note: "did not sign the one before it"},
	{name: "certificate for another key", stage: func(b *bench) {
		key, err := os.ReadFile(filepath.Join(b.dir, "device.key"))
		if err != nil {
			b.t.Fatal(err)
		}
		b.issue(-year, year)
		publishertest.WriteFile(b.t, b.dir, "device.key", key)
	}, culprit: "key", note: "does not belong"},
	{name: "key readable by others", stage: func(b *bench) { os.Chmod(filepath.Join(b.dir, "device.key"), 0o644) }, culprit: "key", note: "chmod 600"},
	{name: "key missing", stage: func(b *bench) { os.Remove(filepath.Join(b.dir, "device.key")) }, culprit: "key"},
	{name: "key missing, TLS 1.2", stage: func(b *bench) { os.Remove(filepath.Join(b.dir, "device.key")); b.fault("tls12") }, culprit: "key"},
	{name: "CA file missing", stage: func(b *bench) { os.Remove(filepath.Join(b.dir, "ca.pem")) }, culprit: "key"},
	{name: "password file missing", stage: func(b *bench) { b.yaml["more"] = "  username: u\n  password_file: nowhere\n" }, culprit: "key"},

	// The login.
	{name: "certificate inactive", stage: func(b *bench) { b.fault("not-active") }, culprit: "connack", note: "is the certificate active"},
	{name: "no CONNACK", stage: func(b *bench) { b.fault("no-connack") }, culprit: "connack", note: "no CONNACK in time"},
	{name: "CONNACK 1", stage: func(b *bench) { b.fault("connack=1") }, culprit: "connack", note: "MQTT 3.1.1"},
	{name: "CONNACK 2", stage: func(b *bench) { b.fault("connack=2") }, culprit: "connack", note: "client id"},
	{name: "CONNACK 3", stage: func(b *bench) { b.fault("connack=3") }, culprit: "connack", note: "not available"},
	{name: "CONNACK 3, for a moment", stage: func(b *bench) { b.fault("connack=3*4") /* TCP alone, TLS alone twice, the login */ }, note: "logged in as"},
	{name: "CONNACK 4", stage: func(b *bench) {
		b.fault("connack=4")
		b.yaml["more"] = "  username: user\n  password_file: mqtt.pw\n"
		publishertest.WriteFile(b.t, b.dir, "mqtt.pw", []byte(canary))
	}, culprit: "connack", note: "user name or password"},
	{name: "CONNACK 5", stage: func(b *bench) { b.fault("connack=5") }, culprit: "connack", note: "may not log in"},
	{name: "CONNACK 7", stage: func(b *bench) { b.fault("connack=7") }, culprit: "connack", note: "return code 7"},
	{name: "client id in use elsewhere", stage: func(b *bench) { b.lab.Rival("pi-7"); b.o.Limits.Idle = 3 * time.Second }, culprit: "connack",
		note: "another client uses the same client id"},
	{name: "connections are reset after login", stage: func(b *bench) { b.fault("reset=0") }, culprit: "tcp", note: "cuts connections"},

	{name: "garbage after login", stage: func(b *bench) { b.fault("garbage=0") }, culprit: "ack", note: "breaks the MQTT protocol"},
	{name: "a huge packet after login", stage: func(b *bench) { b.fault("huge=0") }, culprit: "ack", note: "breaks the MQTT protocol"},

	// The publish.
	{name: "policy denies publish", stage: func(b *bench) { b.fault("deny-publish") }, culprit: "ack",
		note: "arn:aws:iot:eu-west-1:ACCOUNT:topic/pinhole/pi-7/readings"},
	{name: "mute acks", stage: func(b *bench) { b.fault("mute-ack") }, culprit: "ack", note: "no PUBACK in time"},
	{name: "cut after each message", stage: func(b *bench) { b.fault("cut-after=1") }, culprit: "ack", note: "and then ends the session"},
	{name: "one cut", stage: func(b *bench) { b.fault("deny-publish*4") /* TCP alone, TLS alone twice, the login */ }, note: "at the second try"},

	// The board.
	{name: "bus missing", stage: func(b *bench) { b.yaml["sensors"] = "[{name: air, kind: bme280}]" }, culprit: "bus", note: "raspi-config"},
	{name: "i2c group missing", stage: func(b *bench) {
		b.yaml["sensors"] = "[{name: air, kind: bme280}, {name: hall, kind: sht4x}]"
		b.o.open = func(path string) error { return &fs.PathError{Op: "open", Path: path, Err: syscall.EACCES} }
	}, culprit: "bus", note: "usermod -aG i2c"},
	{name: "no GPIO", stage: func(b *bench) { b.yaml["sensors"] = "[{name: door, kind: gpio, pin: GPIO17}]" }, culprit: "bus", note: "gpiochip"},
	{name: "bus and GPIO are there", stage: func(b *bench) {
		b.yaml["sensors"] = "[{name: air, kind: bme280}, {name: door, kind: gpio, pin: GPIO17}]"
		os.Mkdir(filepath.Join(b.o.Root, "dev"), 0o755)
		for _, f := range []string{"dev/i2c-1", "dev/gpiochip0"} {
			publishertest.WriteFile(b.t, b.o.Root, f, nil)
		}
	}, note: "can be used: /dev/i2c-1, /dev/gpiochip*"},
	{name: "no SPI", stage: func(b *bench) { b.yaml["sensors"] = "[{name: tank, kind: mcp3008}]" }, culprit: "bus", note: "dtparam=spi=on"},
	{name: "spi group missing", stage: func(b *bench) {
		b.yaml["sensors"] = "[{name: tank, kind: mcp3008}]"
		b.o.open = func(path string) error { return &fs.PathError{Op: "open", Path: path, Err: syscall.EACCES} }
	}, culprit: "bus", note: "usermod -aG spi"},
	{name: "SPI is there", stage: func(b *bench) {
		b.yaml["sensors"] = "[{name: tank, kind: mcp3008, device: 0.1}]"
		os.Mkdir(filepath.Join(b.o.Root, "dev"), 0o755)
		publishertest.WriteFile(b.t, b.o.Root, "dev/spidev0.1", nil)
	}, note: "can be used: /dev/spidev0.1"},
	{name: "no serial port", stage: func(b *bench) { b.yaml["sensors"] = "[{name: room, kind: mhz19}]" }, culprit: "bus", note: "do_serial_hw 0"},
	{name: "dialout group missing", stage: func(b *bench) {
		b.yaml["sensors"] = "[{name: room, kind: mhz19, port: /dev/ttyUSB0}]"
		b.o.open = func(path string) error { return &fs.PathError{Op: "open", Path: path, Err: syscall.EACCES} }
	}, culprit: "bus", note: "usermod -aG dialout"},
	{name: "the agent has the serial port", stage: func(b *bench) {
		b.yaml["sensors"] = "[{name: room, kind: mhz19}]"
		b.o.open = func(path string) error { return &fs.PathError{Op: "open", Path: path, Err: syscall.EBUSY} }
	}, note: "can be used: /dev/serial0"},
	{name: "no 1-Wire", stage: func(b *bench) { b.yaml["sensors"] = "[{name: tank, kind: onewire}]" }, culprit: "bus", note: "dtoverlay=w1-gpio"},
	{name: "1-Wire is there", stage: func(b *bench) {
		b.yaml["sensors"] = "[{name: tank, kind: onewire}]"
		os.MkdirAll(filepath.Join(b.o.Root, "sys/bus/w1/devices/w1_bus_master1"), 0o755)
	}, note: "w1_bus_master1"},
	{name: "disk full", stage: func(b *bench) {
		b.o.disk = func(string) storage {
			return storage{0, 8 << 30, &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}}
		}
	}, culprit: "disk", note: "the disk is full"},
	{name: "disk read-only", stage: func(b *bench) {
		b.o.disk = func(string) storage {
			return storage{4 << 30, 8 << 30, &fs.PathError{Op: "open", Path: "x", Err: syscall.EROFS}}
		}
	}, culprit: "disk", note: "read-only"},
	{name: "disk too small", stage: func(b *bench) {
		b.o.disk = func(string) storage { return storage{20 << 20, 8 << 30, nil} }
	}, note: "no room for"},

	// Other ways than MQTT over TLS.
	{name: "nothing, wss", host: otherHost, stage: func(b *bench) { b.web("wss://"+otherHost, true) }, note: "agrees to a websocket"},
	{name: "wss, wrong path", host: otherHost, stage: func(b *bench) { b.web("wss://"+otherHost+"/nowhere", true) }, culprit: "ws", note: "404"},
	{name: "wss, no credentials", host: otherHost, stage: func(b *bench) { b.web("wss://"+otherHost, false) }, culprit: "ws", note: "no AWS credentials"},
	{name: "wss, clock two hours ahead", host: otherHost, stage: func(b *bench) {
		b.web("wss://"+otherHost, true)
		b.o.Clock = at(time.Now().Add(2*time.Hour), false)
	}, culprit: "clock"},
	{name: "wss, filter", host: otherHost, stage: func(b *bench) {
		b.web("wss://"+otherHost, true)
		b.fault("sni-block")
	}, culprit: "tls", note: "server name (SNI)"},
	{name: "nothing, https", host: otherHost, stage: func(b *bench) { b.web("https://"+otherHost, true) }, note: "acknowledged after"},
	{name: "https, no credentials", host: otherHost, stage: func(b *bench) { b.web("https://"+otherHost, false) }, culprit: "ack", note: "no AWS credentials"},
	{name: "a further way works", stage: func(b *bench) {
		b.ports["443"], b.ports["8443"] = "", b.lab.Web()
		b.credentials()
		b.yaml["more"] += "  routes: [\"wss://" + awsHost + ":8443\"]\n"
	}, culprit: "tcp", note: "further way wss://" + awsHost + ":8443: acknowledged after"},
	{name: "a further way does not", stage: func(b *bench) {
		b.credentials()
		b.yaml["more"] += "  routes: [\"wss://" + awsHost + ":8443\"]\n"
	}, note: "further way wss://" + awsHost + ":8443: TCP port 8443"},

	// Proxies.
	{name: "nothing, by proxy", stage: func(b *bench) { b.throughProxy("", nil) }, note: "opens a tunnel"},
	{name: "name known to the proxy alone", stage: func(b *bench) { delete(b.names, awsHost); b.throughProxy("", nil) }, note: "is resolved by the proxy"},
	{name: "proxy 403", stage: func(b *bench) { b.throughProxy("HTTP/1.1 403 Forbidden\r\n", nil) }, culprit: "proxy", note: "allow CONNECT to"},
	{name: "proxy wants a login", stage: func(b *bench) {
		b.throughProxy("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n", nil)
	}, culprit: "proxy", note: "it wants Basic"},
	{name: "proxy refuses the password", stage: func(b *bench) {
		b.throughProxy("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n", []byte(canary))
	}, culprit: "proxy", note: "does not take this user and password"},
	{name: "proxy wants Kerberos", stage: func(b *bench) {
		b.throughProxy("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\n", []byte(canary))
	}, culprit: "proxy", note: "login=NEGOTIATE"},
	{name: "proxy cannot resolve", stage: func(b *bench) {
		b.throughProxy("HTTP/1.1 503 Service Unavailable\r\nX-Squid-Error: ERR_DNS_FAIL 0\r\n", nil)
	},
		culprit: "proxy", note: "cannot resolve"},
	{name: "proxy is a login page", stage: func(b *bench) { b.throughProxy("HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n", nil) },
		culprit: "proxy", note: "login page"},
	{name: "one of two proxies", stage: func(b *bench) {
		b.throughProxy("", nil)
		b.yaml["proxy"] = "[\"socks5://" + publishertest.FreeAddr(b.t) + "\", \"" + b.yaml["proxy"] + "\"]"
	}, note: "ok   proxy       proxy http://"},
	{name: "two proxies down", stage: func(b *bench) {
		b.yaml["proxy"] = "[\"socks5://" + publishertest.FreeAddr(b.t) + "\", \"http://" + publishertest.FreeAddr(b.t) + "\"]"
	}, culprit: "proxy", note: "every way failed"},
	{name: "proxy down", stage: func(b *bench) { b.yaml["proxy"] = "http://" + publishertest.FreeAddr(b.t) }, culprit: "proxy", note: "nothing listens"},
	{name: "proxy hangs up", stage: func(b *bench) { b.yaml["proxy"] = "http://" + serve(b.t, func(net.Conn) {}) }, culprit: "proxy"},
	{name: "ALPN block behind the proxy", stage: func(b *bench) {
		b.fault("alpn-block")
		b.throughProxy("", nil)
	}, culprit: "alpn", note: "filters by ALPN"},
	{name: "inspection behind the proxy", stage: func(b *bench) {
		b.fault("inspect")
		b.throughProxy("", nil)
	}, culprit: "intercepted", note: "Corp TLS Inspection"},
}

// append puts one file of the bench behind another.
func (b *bench) append(to, from string) {
	var text []byte
	for _, name := range []string{to, from} {
		part, err := os.ReadFile(filepath.Join(b.dir, name))
		if err != nil {
			b.t.Fatal(err)
		}
		text = append(text, part...)
	}
	publishertest.WriteFile(b.t, b.dir, to, text)
}

// web leads the way to the lab's listener for WebSocket and posts. keys: with the credentials that it knows.
func (b *bench) web(broker string, keys bool) {
	b.yaml["broker"], b.yaml["alpn"], b.yaml["cert"], b.yaml["key"] = broker, "auto", "", ""
	b.ports["443"] = b.lab.Web()
	if keys {
		b.credentials()
	} else {
		b.yaml["more"] += "  aws: {region: " + lab.Region + "}\n"
	}
}

func (b *bench) credentials() {
	b.yaml["more"] += "  aws: {region: " + lab.Region + ", credentials_file: credentials}\n"
}

// trustedInspection lets the configuration trust the inspection's authority.
func (b *bench) trustedInspection() {
	ca, err := b.lab.Inspection()
	if err != nil {
		b.t.Fatal(err)
	}
	publishertest.WriteFile(b.t, b.dir, "corp.pem", ca)
	b.yaml["ca"] = "corp.pem"
	b.fault("inspect")
}

// stalls relays the ClientHello and only the first 600 bytes of the answer, as a way does that loses large packets.
func stalls(t *testing.T, broker string) string {
	return serve(t, func(c net.Conn) {
		to, err := net.Dial("tcp", broker)
		if err != nil {
			return
		}
		defer to.Close()
		go io.CopyN(c, to, 600)
		io.Copy(to, c)
	})
}

// throughProxy lets the way lead through a proxy: one that opens tunnels to what the bench's ports say if answer is "", else one that
// gives this answer.
func (b *bench) throughProxy(answer string, password []byte) {
	addr := serve(b.t, func(c net.Conn) {
		head := readHead(c)
		switch {
		case answer != "":
			fmt.Fprintf(c, "%sContent-Length: 0\r\nConnection: close\r\n\r\n", answer)
		case strings.HasPrefix(head, "CONNECT "+awsHost+":443 "):
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\n\r\n")
			relay(c, b.ports["443"], nil)
		default:
			fmt.Fprintf(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		}
	})
	b.yaml["proxy"] = "http://" + addr
	if password != nil {
		b.yaml["proxy"] = "http://user@" + addr
		b.yaml["more"] = "  proxy_password_file: proxy.pw\n"
		publishertest.WriteFile(b.t, b.dir, "proxy.pw", password)
	}
}

// TestCulprits stages every fault and wants its first culprit, with no false one before it.
func TestCulprits(t *testing.T) {
	t.Parallel()
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			host := f.host
			if host == "" {
				host = awsHost
			}
			b := newBench(t, host)
			f.stage(b)
			begin := time.Now()
			r := b.run()
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if r.Culprit != f.culprit {
				t.Errorf("culprit %q, want %q", r.Culprit, f.culprit)
			}
			t.Log(show(r))
			if f.note != "" && !strings.Contains(show(r), f.note) {
				t.Errorf("nowhere stands %q", f.note)
			}
			if strings.Contains(string(text), canary) || strings.Contains(string(text), "dXNlcjp") { // also as base64 of user:...
				t.Error("the secret shows")
			}
			if strings.HasPrefix(f.name, "nothing") {
				quiet(t, r)
			}
			if took := time.Since(begin); took > 40*time.Second {
				t.Errorf("took %v", took)
			}
			sound(t, r)
		})
	}
}

// quiet wants no alarm where nothing is wrong, not even a warning.
func quiet(t *testing.T, r Result) {
	t.Helper()
	for _, c := range r.Checks {
		if c.Verdict != OK && c.Verdict != Skip && !strings.HasSuffix(c.Evidence, ": in 29 days") { // the certificates of tests end soon
			t.Errorf("a false alarm: %+v", c)
		}
	}
	if !strings.Contains(r.Report, "Result: everything works, nothing is to be done") {
		t.Errorf("the report says\n%s", r.Report)
	}
}

// sound checks what holds for every result.
func sound(t *testing.T, r Result) {
	t.Helper()
	for line := range strings.Lines(r.Report) {
		if works, is := strings.CutPrefix(strings.TrimSpace(line), "Works: "); is && slices.Contains(strings.Split(works, ", "), string(r.Culprit)) {
			t.Errorf("the culprit works:\n%s", r.Report)
		}
	}
	first := route.Stage("")
	for _, c := range r.Checks {
		if c.Verdict == Fail && first == "" {
			first = c.Stage
		}
		if c.Stage == "" || c.Evidence == "" || strings.ContainsAny(c.Evidence+c.Hint, "\n\r\x1b") {
			t.Errorf("bad line %+v", c)
		}
		who, what, _ := strings.Cut(c.Hint, ": ")
		known := slices.Contains([]string{you, network, proxies, brokers, "the AWS account's administrator"}, who) && what != ""
		if !known && (c.Verdict == Fail || c.Verdict == Warn) || c.Hint != "" && !known {
			t.Errorf("nobody is told what to do: %+v", c)
		}
	}
	// Host, port and protocol, what was tried when and from where, and what comes of it.
	for _, line := range []string{`^Outgoing connection of device \S+ to \S+:\d+\n`, `\nNeeded: TCP to \S+ port \d+, .*in it; `,
		`\nTried: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, from \S+`, `\n(Fails|Result|Works, but): `} {
		if !regexp.MustCompile(line).MatchString(r.Report) {
			t.Errorf("the report lacks %s:\n%s", line, r.Report)
		}
	}
	if c := slices.IndexFunc(r.Checks, func(c Check) bool { return c.Verdict == Fail }); c >= 0 && isNetwork(r.Culprit) && r.Culprit != route.StageClock {
		who, what, _ := strings.Cut(r.Checks[c].Hint, ": ")
		if !strings.Contains(r.Report, "\nAsked of the "+strings.TrimPrefix(who, "the ")+": "+what) && !strings.Contains(r.Report, "\nTo be done on the device: "+what) {
			t.Errorf("the report does not say what must be done:\n%s", r.Report)
		}
	}
	if first != r.Culprit || r.OK != (first == "") {
		t.Errorf("ok %v and culprit %q, but the first failure is %q", r.OK, r.Culprit, first)
	}
	if n := strings.Count(r.Report, "\n") + 1; n > 12 || r.Report == "" {
		t.Errorf("the report has %d lines", n)
	}
}

func show(r Result) string {
	var b strings.Builder
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "%-4s %-11s %s\n", c.Verdict, c.Stage, c.Evidence)
		for _, x := range c.Tries {
			fmt.Fprintf(&b, "        %s: %s\n", x.What, x.Answer)
		}
		if c.Hint != "" {
			fmt.Fprintf(&b, "     -> %s\n", c.Hint)
		}
	}
	return b.String() + "\n" + r.Report
}
