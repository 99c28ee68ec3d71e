package main

import (
	"testing"
	"time"

	"pinhole/cmd/internal/lab"
)

// A fault is seen when the agent has made so many connections, or when readings arrive in spite of it.
const (
	comesAgain = 3 // one attempt may make two, with another ClientHello
	givesUp    = 2 // where that takes 20 s
	delivers   = 0
)

// faultCases says what each fault of the lab takes to be seen. One that is not listed: comesAgain, with the fault's default.
var faultCases = map[string]struct {
	seen    uint64
	arg     string
	sensors string
	more    string
	lost    map[string]uint64 // what the agent gives up, by reason
}{
	"no-alpn":        {}, // a warning, as the lab is no AWS host
	"no-client-cert": {},
	"hello-block":    {},
	"tls12":          {},
	"http-status":    {}, // nothing is posted
	"slow-ack":       {},
	"reorder-acks":   {},
	"double-acks":    {},
	"stray-acks":     {},
	"cut-after":      {seen: comesAgain, arg: "3"},
	"cut-before-ack": {seen: comesAgain, arg: "3"},
	"reset":          {seen: comesAgain, arg: "3"},
	"stop-reading":   {seen: givesUp, arg: "3"},
	"mute-ack":       {seen: givesUp},
	"drop-acks":      {seen: givesUp},
	"garbage":        {seen: comesAgain, arg: "3"},
	"huge":           {seen: comesAgain, arg: "3"},
	// A PINGREQ is sent only on an idle link.
	"mute-ping": {seen: comesAgain, sensors: "{name: a, kind: mock, every: 10m, quantity: count, signal: {shape: counter}}", more: "keepalive: 5s"},
	// One reading is never taken: it is found by halves, convicted while the others are taken, and told of.
	"poison": {arg: `"sensor":"toad"`, lost: map[string]uint64{"rejected": 1}, sensors: `
		{name: toad, kind: mock, every: 1h, quantity: count, signal: {shape: counter}}
		{name: a, kind: mock, every: 500ms, quantity: count, signal: {shape: counter}}`},
}

// TestE2EFaults: whatever goes wrong at the endpoint, the agent stays, keeps every reading, and delivers all once the fault is gone.
func TestE2EFaults(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("time limits of up to 20 s")
	}
	for _, f := range lab.Faults() {
		if f.Staged() { // it stays; see TestE2ECulprits
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			c, known := faultCases[f.Name]
			if !known {
				c.seen = comesAgain
			}
			if c.sensors == "" {
				c.sensors = counters(10, 50*time.Millisecond)
			}
			d := newDesk(t)
			if err := d.lab.SetFaults(lab.Fault{Name: f.Name, Arg: c.arg}); err != nil {
				t.Fatal(err)
			}
			d.run(d.configure(settings{sensors: c.sensors, more: c.more}))
			began := time.Now()
			// The longest wait is for a PUBACK, 20 s; poison takes a link for each half and each proof.
			if c.seen == delivers {
				d.await(2*time.Minute, "readings in spite of the fault", func() bool {
					return d.acct.Totals().Readings >= 40 && len(c.lost) == 0 || d.acct.Totals().Claimed > 0
				})
			} else {
				d.await(time.Minute, "further connections", func() bool { return d.lab.Stats().Accepted >= c.seen })
			}
			seen := time.Since(began)
			if err := d.lab.SetFaults(); err != nil {
				t.Fatal(err)
			}
			began = time.Now()
			d.lab.Cut()
			if c.more == "" {
				d.arrived(40*time.Second, 20)
			} else {
				d.await(40*time.Second, "the reading", func() bool { return d.acct.Totals().Readings > 0 })
			}
			t.Logf("seen after %v, delivered %v after it was gone", seen.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
			r := d.finish()
			if len(r.Streams) != 1 {
				t.Errorf("%d streams, want one", len(r.Streams))
			}
			for reason, n := range r.Streams[0].Lost {
				if n != c.lost[reason] {
					t.Errorf("%d lost as %s, want %d", n, reason, c.lost[reason])
				}
			}
			if len(c.lost) == 0 {
				d.books.check(t)
			}
		})
	}
}
