package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pinhole/cmd/internal/judge"
	"pinhole/cmd/internal/lab"
	"pinhole/publisher/publishertest"
)

// mixed is a bit of everything: numbers, states, errors, a chip behind its registers.
const mixed = `
	{name: a, kind: mock, every: 20ms, quantity: count, signal: {shape: counter}}
	{name: b, kind: mock, every: 70ms, quantity: count, signal: {shape: counter}}
	{name: air, kind: bme280, every: 100ms}
	{name: door, kind: mock, every: 100ms, quantity: contact, signal: {shape: square, period: 1s}}
	{name: weak, kind: mock, every: 50ms, quantity: voltage, signal: {shape: sine, min: 0, max: 3.3}, faults: {every: 5, kind: error}}`

// TestE2EFormats: in each format, and with QoS 0, everything arrives at the lab, and a clean stop says so.
func TestE2EFormats(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format string
		qos    int
	}{{"json", 1}, {"columns", 1}, {"senml", 1}, {"json", 0}, {"columns", 0}} {
		t.Run(fmt.Sprintf("%s-qos%d", c.format, c.qos), func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.run(d.configure(settings{sensors: mixed, more: fmt.Sprintf("format: %s\nqos: %d", c.format, c.qos)}))
			d.arrived(20*time.Second, 300)
			d.checkWhole(d.finish())
			await(t, 10*time.Second, "the clean stop's DISCONNECT", func() bool { return d.closed("DISCONNECT") == 1 })
		})
	}
}

// checkWhole demands one stream that arrived as it was taken, by the agent's own count, each reading once, and errors among them.
func (d *desk) checkWhole(r judge.Report) {
	d.t.Helper()
	taken, arrived, lost, missing := r.Sum()
	if len(r.Streams) != 1 || lost+missing > 0 || r.Duplicates > 0 || r.Streams[0].Late > 0 || r.Streams[0].Errors == 0 {
		d.t.Errorf("want one stream, whole, each reading once and in order, with errors: %+v", r.Streams)
	}
	if n := d.books.check(d.t); n == 0 {
		d.t.Error("no counters came")
	}
	if want := fmt.Sprintf("msg=stopped taken=%d delivered=%d queued=0", taken, arrived); !strings.Contains(d.live.log.String(), want) {
		d.t.Errorf("the agent's own count is not: %s", want)
	}
}

// TestE2EKeepsToTheRates: with AWS's limits at the lab and publisher.rate at the agent, nothing of a backlog of small messages is
// discarded. More than 100 messages a second would be.
func TestE2EKeepsToTheRates(t *testing.T) {
	t.Parallel()
	d := newDeskWith(t, lab.Options{})
	d.gate.set(true)
	const rows = 900
	config := d.configure(settings{
		sensors: d.tape(rows), batch: "readings: 3, age: 50ms", queue: "max: 16MiB, sync: 0s", more: "rate: {messages: 80, bytes: 400KiB}",
	})
	d.run(config)
	d.await(20*time.Second, "the backlog", func() bool { return d.queue(config).Readings >= rows })
	d.gate.set(false)
	d.await(60*time.Second, "the backlog at the lab", func() bool { return d.acct.Totals().Readings >= rows })
	d.finish()
	if s := d.lab.Stats(); s.Discarded > 0 || s.Publishes < rows/3 {
		t.Errorf("the lab discarded %d of %d messages", s.Discarded, s.Publishes)
	}
}

// TestE2EMosquitto: a real broker with client certificates, straight and behind real fronts that route by the ALPN name in the
// ClientHello. What mosquitto hands on to a subscriber is what counts.
func TestE2EMosquitto(t *testing.T) {
	t.Parallel()
	for name, front := range map[string]func(t *testing.T, backend string) string{
		"straight": func(_ *testing.T, backend string) string { return backend },
		"haproxy": func(t *testing.T, backend string) string {
			return publishertest.StartHAProxy(t, lab.ALPN, backend, false)
		},
		"nginx": func(t *testing.T, backend string) string {
			return publishertest.StartNginx(t, map[string]string{lab.ALPN: backend})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker := publishertest.StartMosquitto(t)
			addr := front(t, broker.TLS)
			d := newDesk(t)
			d.acct = judge.New()
			cert, key := broker.Client(t, "desk")
			s := settings{
				sensors: mixed, broker: "mqtts://" + addr,
				tls: fmt.Sprintf("ca: %s/ca.pem, cert: %s, key: %s, alpn: [%s]", broker.Folder, cert, key, lab.ALPN),
			}
			if name != "straight" {
				for _, alpn := range []string{"none", "[http/1.1]"} {
					wrong := s
					wrong.tls = strings.Replace(s.tls, "alpn: ["+lab.ALPN+"]", "alpn: "+alpn, 1)
					d.refusedBy(wrong)
				}
			}
			next := broker.Subscribe(t, "pinhole/desk/readings")
			receive := func(what string, enough func(judge.Totals) bool) {
				t.Helper()
				for end := time.Now().Add(30 * time.Second); !enough(d.acct.Totals()); {
					if time.Now().After(end) {
						t.Fatalf("not in time: %s", what)
					}
					if err := d.acct.Take(next().Payload, d.books.take); err != nil {
						t.Fatal(err)
					}
				}
			}
			d.run(d.configure(s))
			receive("readings", func(n judge.Totals) bool { return n.Readings >= 300 })
			d.live.stop()
			receive("the ends of the streams", func(n judge.Totals) bool { return n.Ended == uint64(len(d.acct.Report().Streams)) })
			d.account()
			d.books.check(t)
		})
	}
}

// refusedBy demands that no reading gets through with these settings; it stays in the queue.
func (d *desk) refusedBy(s settings) {
	d.t.Helper()
	s.sensors = `{name: early, kind: mock, quantity: count, signal: {shape: counter}}`
	config := d.configure(s)
	before := d.queue(config).Readings
	out, errs, code := output(d.t, "", d.agent, "run", "--once", "--timeout", "2500ms", "-c", config)
	if code != 1 || !strings.Contains(errs, "stay in the queue") {
		d.t.Errorf("it got through with tls {%s} and proxy %q: code %d\n%s%s", s.tls, s.proxy, code, out, errs)
	}
	if n := d.queue(config).Readings; n != before+1 {
		d.t.Errorf("%d readings in the queue, want %d", n, before+1)
	}
}
