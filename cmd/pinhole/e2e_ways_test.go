package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pinhole/cmd/internal/lab"
	"pinhole/publisher/publishertest"
)

// wayOut is how an agent reaches the lab beside MQTT over TLS.
type wayOut struct {
	web      bool // by the lab's second listener
	settings func(d *desk, addr string) settings
}

// waysOut are the ways that need no certificate, or no MQTT.
var waysOut = map[string]wayOut{
	"wss": {true, func(d *desk, addr string) settings {
		return settings{broker: "wss://" + addr + "/mqtt", tls: "ca: " + d.file("ca.pem") + ", server_name: localhost", more: d.keys()}
	}},
	"https": {false, func(d *desk, addr string) settings {
		return settings{broker: "https://" + addr, tls: fmt.Sprintf("ca: %s, cert: %s, key: %s, server_name: localhost, alpn: [%s]",
			d.file("ca.pem"), d.file("device.crt"), d.file("device.key"), lab.ALPNHTTP)}
	}},
	"https signed": {true, func(d *desk, addr string) settings {
		return settings{broker: "https://" + addr, tls: "ca: " + d.file("ca.pem") + ", server_name: localhost", more: d.keys()}
	}},
	"wss by another way's failure": {true, func(d *desk, addr string) settings {
		return settings{broker: "mqtts://" + publishertest.FreeAddr(d.t), more: d.keys() + "\nroutes: [\"wss://" + addr + "/mqtt\"]"}
	}},
}

func (d *desk) file(name string) string { return filepath.Join(d.lab.Dir(), name) }

func (d *desk) keys() string {
	return fmt.Sprintf("aws: {region: %s, credentials_file: %s}", lab.Region, d.file("credentials"))
}

// by configures an agent for a way out, through a gate of its own.
func (w wayOut) by(t *testing.T, sensors, batch string, faults ...lab.Fault) (*desk, string) {
	t.Helper()
	d := newDeskWith(t, lab.Options{NoLimits: true, Web: "127.0.0.1:0", Faults: faults})
	if w.web {
		d.gate = newGate(t, d.lab.Web())
	}
	s := w.settings(d, d.gate.addr())
	s.sensors, s.batch = sensors, batch
	return d, d.configure(s)
}

// TestE2EWaysOut: by each way everything arrives, each reading once and in order, and a clean stop says so.
func TestE2EWaysOut(t *testing.T) {
	t.Parallel()
	for name, way := range waysOut {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, config := way.by(t, mixed, "")
			d.run(config)
			d.arrived(30*time.Second, 300)
			d.checkWhole(d.finish())
		})
	}
}

// TestE2EWaysOutCut: numbered readings through each way, which is cut again and again while messages are under way.
func TestE2EWaysOutCut(t *testing.T) {
	t.Parallel()
	for name, way := range waysOut {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, config := way.by(t, counters(50, 20*time.Millisecond), "")
			d.run(config)
			for range 4 * *campaign {
				d.arrived(30*time.Second, 500)
				d.cut(1) // a post waits for its answer, so no more may come
			}
			d.arrived(30*time.Second, 500)
			d.finish()
			if n := d.books.check(t); n == 0 {
				t.Error("no counters came")
			}
		})
	}
}

// TestE2EHTTPSRefusals: an endpoint that refuses one reading, takes messages and does not say so, or throttles. Only the refused one
// is given up, and told of.
func TestE2EHTTPSRefusals(t *testing.T) {
	t.Parallel()
	t.Run("answers are lost", func(t *testing.T) {
		t.Parallel()
		d, config := waysOut["https"].by(t, counters(20, 20*time.Millisecond), "", lab.Fault{Name: "cut-before-ack", Arg: "7", Times: 3})
		d.run(config)
		d.arrived(60*time.Second, 3000)
		d.finish()
		d.books.check(t)
	})
	t.Run("one is refused", func(t *testing.T) {
		t.Parallel()
		const poisoned = `{name: bad, kind: mock, every: 1h, quantity: voltage, signal: {shape: constant, value: 3.25}}`
		d, config := waysOut["https"].by(t, counters(4, 100*time.Millisecond)+poisoned, "readings: 1", lab.Fault{Name: "poison", Arg: `"value":3.25`})
		d.run(config)
		d.await(90*time.Second, "the refused reading is told of", func() bool {
			_, _, lost, _ := d.acct.Report().Sum()
			return lost == 1
		})
		r := d.finish()
		if taken, arrived, lost, missing := r.Sum(); lost != 1 || missing != 0 || taken != arrived+1 {
			t.Errorf("taken %d, arrived %d, lost %d, missing %d", taken, arrived, lost, missing)
		}
		if n := strings.Count(d.live.log.String(), "given up"); n == 0 {
			t.Error("the log does not say so")
		}
	})
}
