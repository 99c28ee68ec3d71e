package config

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"pinhole/publisher/route"
	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sim"
)

var update = flag.Bool("update", false, "write the golden files anew")

// options are those of all tests: a small environment, and nothing of this machine.
func options() Options {
	environment := map[string]string{"SET": "value", "ADDRESS": "0x77", "EMPTY": "", "NUMBER": "7", "BAD": "a\x00b\xff"}
	return Options{
		Kinds:    testKinds(),
		Env:      func(name string) (string, bool) { s, ok := environment[name]; return s, ok },
		Hostname: "raspberry",
		Dir:      "/srv/pinhole",
	}
}

// good parses text that must be right.
func good(t *testing.T, text string) *Config {
	t.Helper()
	c, problems := Parse("test.yaml", []byte(text), options())
	for _, p := range problems {
		t.Errorf("unexpected problem: %v", p)
	}
	if c == nil {
		t.FailNow()
	}
	return c
}

const smallest = "publisher: {broker: mqtt://localhost}\nsensors: [{name: air, kind: bme280}]\n"

// sameKind compares kinds by name, as functions cannot be compared.
var sameKind = cmp.Comparer(func(a, b kind.Kind) bool { return a.Name == b.Name })

func TestDefaults(t *testing.T) {
	got := good(t, smallest)
	want := &Config{
		File:   "test.yaml",
		Device: "raspberry",
		Board:  Pi,
		Sim:    sim.Script{Speed: 1},
		Sensors: []Sensor{{
			Name: "air", Kind: testKinds()[0], Every: 10 * time.Second, Params: kind.Params{"bus": int64(1), "address": int64(0x76)},
		}},
		Publisher: Publisher{
			Broker:    route.Broker{Scheme: route.MQTT, Host: "localhost", Port: 1883},
			ClientID:  "raspberry",
			Topic:     "pinhole/raspberry/readings",
			QoS:       1,
			Format:    "json",
			TLS:       TLS{ALPN: ALPN{Auto: true}, KeyExchange: "auto"},
			Proxy:     Proxy{Env: true},
			KeepAlive: 30 * time.Second,
			Batch:     Batch{Readings: 500, Bytes: 5000, Age: 10 * time.Second},
			Window:    16,
			Parallel:  1,
			Queue:     Queue{Dir: "/var/lib/pinhole", Max: 256 << 20, WhenFull: "drop-oldest", Sync: 10 * time.Second},
			Reconnect: Reconnect{Min: time.Second, Max: 2 * time.Minute},
		},
		Status: Status{Listen: "127.0.0.1:4430"},
		Log:    Log{Level: slog.LevelInfo, Format: "text"},
	}
	if diff := cmp.Diff(want, got, sameKind, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestEveryKey(t *testing.T) {
	got := good(t, `%YAML 1.2
---
device: greenhouse-7
board: sim
sensors:
  - name: air.1
    kind: bme280
    every: 1d12h
    bus: 3
    address: ${ADDRESS}
    filters:
      - calibrate: {points: [[0.9, 0], [2.8, 100]]}
        quantity: temperature
      - calibrate: {scale: 2}
        quantity: pressure
      - range: {min: -40}
        quantity: temperature
      - median: 5
      - average: 60s
      - delta: 0.2
      - delta: 5%
      - heartbeat: 10m
  - {name: door, kind: gpio, pin: GPIO17, debounce: 0}
  - {name: m, kind: mock, quantity: count, signal: {shape: counter}, faults: {every: 3}}
  - {name: r, kind: register, file: chip.txt, fields: [{at: 0x10}, {at: 2, scale: 1e-3}], chip: 0x41, low: 0x03}
publisher:
  broker: wss://broker.example/mqtt?x=1
  client_id: "${SET}-{device}"
  topic: a/{device}/$x
  qos: 0
  format: senml
  username: 12$${SET}$
  tls:
    alpn: [one, two]
    server_name: other.example
    key_exchange: hybrid
  proxy: http://user@proxy.example:3128
  routes: [https, "mqtts://[2001:db8::1]:8883"]
  keepalive: 1m
  batch: {readings: 1, bytes: 120000, age: 0s}
  rate: {messages: 5, bytes: 1MB}
  window: 90
  parallel: 16
  queue: {dir: ../spool, max: 1.5GiB, when_full: thin, sync: 0}
  reconnect: {min: 1.5s, max: 5m, spread: 1h}
  presence: true
  insecure: true
status: {listen: ""}
log: {level: debug, format: json}
`)
	if list := got.Publisher.Proxy.List; fmt.Sprint(list) != "[http://user@proxy.example:3128]" {
		t.Errorf("proxies are %v", list)
	}
	got.Publisher.Proxy.List = nil
	kinds := testKinds()
	want := &Config{
		File:   "test.yaml",
		Device: "greenhouse-7",
		Board:  Sim,
		Sim:    sim.Script{Speed: 1},
		Sensors: []Sensor{
			{
				Name: "air.1", Kind: kinds[0], Every: 36 * time.Hour, Params: kind.Params{"bus": int64(3), "address": int64(0x77)},
				Filters: []sensors.FilterSpec{
					{Name: "calibrate", Only: "temperature", Points: [][2]float64{{0.9, 0}, {2.8, 100}}, Scale: 1},
					{Name: "calibrate", Only: "pressure", Scale: 2},
					{Name: "range", Only: "temperature", Min: -40, NoMax: true},
					{Name: "median", Count: 5},
					{Name: "average", For: time.Minute},
					{Name: "delta", Change: 0.2},
					{Name: "delta", Change: 5, Percent: true},
					{Name: "heartbeat", For: 10 * time.Minute},
				},
			},
			{
				Name: "door", Kind: kinds[1],
				Params: kind.Params{"pin": "GPIO17", "pull": "up", "debounce": time.Duration(0), "active_low": true},
			},
			{
				Name: "m", Kind: kinds[3], Every: 10 * time.Second,
				Params: kind.Params{"quantity": "count", "signal": kind.Params{"shape": "counter"}, "faults": kind.Params{"every": int64(3)}},
			},
			{
				Name: "r", Kind: kinds[4], Every: 10 * time.Second,
				Params: kind.Params{"file": "/srv/pinhole/chip.txt", "chip": int64(0x41), "low": int64(0x03), "fields": []any{
					kind.Params{"at": int64(16), "scale": 1.0}, kind.Params{"at": int64(2), "scale": 0.001},
				}},
			},
		},
		Publisher: Publisher{
			Broker:   route.Broker{Scheme: route.WSS, Host: "broker.example", Port: 443, Path: "/mqtt?x=1"},
			ClientID: "value-greenhouse-7",
			Topic:    "a/greenhouse-7/$x",
			Format:   "senml",
			Username: "12${SET}$",
			TLS:      TLS{ALPN: ALPN{Names: []string{"one", "two"}}, ServerName: "other.example", KeyExchange: "hybrid"},
			Routes: []route.Broker{
				{Scheme: route.HTTPS, Host: "broker.example", Port: 443}, {Scheme: route.MQTTS, Host: "2001:db8::1", Port: 8883},
			},
			KeepAlive: time.Minute,
			Batch:     Batch{Readings: 1, Bytes: 120000},
			Rate:      Rate{Messages: 5, Bytes: 1e6},
			Window:    90,
			Parallel:  16,
			Queue:     Queue{Dir: "/srv/spool", Max: 3 << 29, WhenFull: "thin"},
			Reconnect: Reconnect{Min: 1500 * time.Millisecond, Max: 5 * time.Minute, Spread: time.Hour},
			Presence:  true,
			Insecure:  true,
		},
		Log: Log{Level: slog.LevelDebug, Format: "json"},
	}
	if diff := cmp.Diff(want, got, sameKind); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestBad compares what is said about each file of testdata/bad with the text beside it.
func TestBad(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, problems := Parse(filepath.Base(file), data, options())
			if c != nil || len(problems) == 0 {
				t.Fatal("passes")
			}
			var got strings.Builder
			for _, p := range problems {
				fmt.Fprintln(&got, p)
			}
			beside := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(beside, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(beside)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestWarnings checks what is said of what is valid, but probably not meant.
func TestWarnings(t *testing.T) {
	const at = "abc-ats.iot.eu-west-1.amazonaws.com"
	for text, want := range map[string]string{
		"publisher: {broker: abc.iot.eu-west-1.amazonaws.com, username: u}": "1:21: publisher.broker: this is an AWS IoT endpoint of " +
			"the old type, whose certificate is not signed by Amazon's roots; " +
			"`aws iot describe-endpoint --endpoint-type iot:Data-ATS` prints the right one",
		"publisher: {broker: " + at + "}": "1:21: publisher.broker: AWS IoT asks for a client certificate, and none is named; " +
			"set tls.cert and tls.key",
		"publisher: {broker: mqtt://localhost, tls: {server_name: a}}": "1:44: publisher.tls: mqtt uses no TLS; " +
			"use an encrypted scheme, or remove these keys",
		"publisher: {broker: h, topic: a//b}": `1:31: publisher.topic: "a//b" has an empty level; probably a slash too many`,
		"publisher: {broker: h, topic: $aws/rules/r/t}": `1:31: publisher.topic: "$aws/rules/r/t" means something at AWS IoT only; ` +
			"right if the broker is a domain of your own that leads there",
		"publisher: {broker: " + at + ", username: u, routes: [wss]}": "1:80: publisher.routes[0]: " +
			"AWS IoT takes no client certificates over WebSocket; https works with the same certificate; or set publisher.aws, to sign with credentials",
		"publisher: {broker: h, parallel: 2}": "1:34: publisher.parallel: only https posts, and no way out is https; remove it",
		"publisher: {broker: h}\nstatus: {listen: 0.0.0.0:80}": "2:18: status.listen: 0.0.0.0:80 can be reached from other machines, " +
			"and no token is set; set status.token_file",
	} {
		c := good(t, text+"\nsensors: [{name: a, kind: host}]\n")
		if len(c.Warnings) != 1 || c.Warnings[0].String() != "test.yaml:"+want {
			t.Errorf("%s\n got %v\nwant [%s]", text, c.Warnings, want)
		}
	}
	c := good(t, "publisher: {broker: h}\nsensors:\n- {name: a, kind: bme280}\n- {name: b, kind: bme280, filters: [{range: {max: 1}}]}\n")
	want := []string{
		"test.yaml:4:3: sensors[1].address: I2C bus 1, address 0x76 is read by sensors[0] too; one sensor a part is enough",
		"test.yaml:4:37: sensors[1].filters[0]: range applies to each of temperature, pressure, relative_humidity; " +
			"add `quantity: temperature` to the entry",
	}
	var got []string
	for _, w := range c.Warnings {
		got = append(got, w.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	c = good(t, "publisher: {broker: h}\nsensors:\n- {name: a, kind: bme280, mux: 0x70, channel: 1}\n"+
		"- {name: b, kind: bme280, mux: 0x70, channel: 2}\n- {name: c, kind: bme280, mux: 0x70, channel: 2}\n")
	behind := "test.yaml:5:3: sensors[2].address: I2C bus 1/0x70.2, address 0x76 is read by sensors[1] too; one sensor a part is enough"
	if len(c.Warnings) != 1 || c.Warnings[0].String() != behind {
		t.Errorf("behind a multiplexer: %v, want %s", c.Warnings, behind)
	}
}

// TestPortTakenTwice: a serial port has one part.
func TestPortTakenTwice(t *testing.T) {
	o := options()
	for _, name := range []string{"dust", "gas"} {
		o.Kinds = append(o.Kinds, kind.Kind{Name: name, Keys: kind.UARTKeys(), Bus: kind.UARTBus, Check: kind.CheckUART,
			Yields: func(kind.Params) []sensors.Quantity { return []sensors.Quantity{sensors.CO2} }})
	}
	c, problems := Parse("test.yaml", []byte("publisher: {broker: mqtt://localhost}\nsensors:\n- {name: a, kind: gas}\n"+
		"- {name: b, kind: dust, port: /dev/ttyUSB0}\n- {name: c, kind: dust}\n"), o)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := "test.yaml:5:3: sensors[2].port: port /dev/serial0 is read by sensors[0] too; only one of them gets it, and the other fails"
	if len(c.Warnings) != 1 || c.Warnings[0].String() != want {
		t.Errorf("got %v\nwant [%s]", c.Warnings, want)
	}
}

// TestTwoKindsAtOnePlace: one of them is not there, and its sensor would fail for ever; that is told beforehand.
func TestTwoKindsAtOnePlace(t *testing.T) {
	o := options()
	for _, name := range []string{"adc", "thermocouple"} {
		o.Kinds = append(o.Kinds, kind.Kind{Name: name, Keys: kind.SPIKeys(), Bus: kind.SPIBus, Check: kind.CheckSPI,
			Yields: func(kind.Params) []sensors.Quantity { return []sensors.Quantity{sensors.Voltage} }})
	}
	const hint = "; only one of the two parts can be there, and the other sensor fails: correct a kind, or where it is"
	for text, want := range map[string]string{
		"- {name: a, kind: adc}\n- {name: b, kind: adc}\n- {name: c, kind: thermocouple, device: \"0.1\"}\n": "",
		"- {name: a, kind: adc}\n- {name: b, kind: thermocouple}\n":                                          "test.yaml:4:3: sensors[1].device: SPI device 0.0 is read by sensors[0] too, as kind adc" + hint,
	} {
		c, problems := Parse("test.yaml", []byte("publisher: {broker: mqtt://localhost}\nsensors:\n"+text), o)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if got := strings.Trim(fmt.Sprint(c.Warnings), "[]"); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

// TestPacedKind has a kind that counts events and reports them at intervals: it finds the interval among its keys.
func TestPacedKind(t *testing.T) {
	o := options()
	o.Kinds = append(o.Kinds, kind.Kind{
		Name: "meter", Event: true, Paced: true, Yields: func(kind.Params) []sensors.Quantity { return []sensors.Quantity{sensors.Count} },
	})
	for _, tt := range []struct {
		every string
		want  time.Duration
	}{{"", defaultEvery}, {"every: 90s", 90 * time.Second}} {
		c, problems := Parse("test.yaml", []byte("publisher: {broker: mqtt://localhost}\nsensors: [{name: water, kind: meter, "+tt.every+"}]\n"), o)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if s := c.Sensors[0]; s.Every != tt.want || s.Params.Duration("every") != tt.want {
			t.Errorf("%q: every %v, the kind finds %v, want %v", tt.every, s.Every, s.Params.Duration("every"), tt.want)
		}
	}
}
