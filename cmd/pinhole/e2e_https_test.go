package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pinhole/cmd/internal/lab"
)

// TestE2EHTTPSParallel: with several posts at once, each reading arrives or is told of, whatever happens to the posts beside its own.
// The order in which messages arrive is given up, and nothing else.
func TestE2EHTTPSParallel(t *testing.T) {
	t.Parallel()
	const parallel = 4
	begin := func(t *testing.T, sensors, batch string, faults ...string) *desk {
		t.Helper()
		var list []lab.Fault
		for _, text := range faults {
			f, err := lab.ParseFault(text)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, f)
		}
		way := waysOut["https"]
		single := way.settings
		way.settings = func(d *desk, addr string) settings {
			s := single(d, addr)
			s.more = fmt.Sprintf("parallel: %d", parallel)
			return s
		}
		d, config := way.by(t, sensors, batch, list...)
		d.run(config)
		return d
	}
	t.Run("connections are kept", func(t *testing.T) {
		t.Parallel()
		d := begin(t, counters(20, 10*time.Millisecond), "readings: 10", "slow-ack=30ms")
		d.await(30*time.Second, "300 posts", func() bool { return d.lab.Stats().Publishes >= 300 })
		if n := d.lab.Stats().Accepted; n != parallel {
			t.Errorf("%d connections for 300 posts, want %d", n, parallel)
		}
		r := d.finish()
		if r.Duplicates > 0 {
			t.Errorf("%d readings came twice over a good link", r.Duplicates)
		}
		d.books.check(t)
	})
	t.Run("cuts", func(t *testing.T) {
		t.Parallel()
		d := begin(t, counters(50, 20*time.Millisecond), "readings: 20", "slow-ack=20ms")
		for range 3 * *campaign {
			d.arrived(30*time.Second, 1500)
			d.cut(1)
		}
		d.arrived(30*time.Second, 1500)
		d.finish()
		d.books.check(t)
	})
	t.Run("answers are lost", func(t *testing.T) {
		t.Parallel()
		d := begin(t, counters(20, 20*time.Millisecond), "readings: 20", "slow-ack=20ms", "cut-before-ack=7*6")
		d.arrived(60*time.Second, 3000)
		r := d.finish()
		if d.closed("fault cut-before-ack") == 0 {
			t.Error("no answer was lost")
		}
		if r.Duplicates == 0 {
			t.Error("what was taken without an answer did not come again")
		}
		d.books.check(t)
	})
	for _, status := range []string{"429", "503"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			d := begin(t, counters(20, 20*time.Millisecond), "", "http-status="+status+"*3")
			d.arrived(60*time.Second, 1000)
			d.finish()
			d.books.check(t)
			if log := d.live.log.String(); !strings.Contains(log, "throttles or is down") || !strings.Contains(log, status) {
				t.Error("the log does not say why")
			}
		})
	}
	t.Run("one is refused", func(t *testing.T) {
		t.Parallel()
		const poisoned = `{name: bad, kind: mock, every: 1h, quantity: voltage, signal: {shape: constant, value: 3.25}}`
		d := begin(t, counters(4, 50*time.Millisecond)+poisoned, "readings: 1", `poison="value":3.25`)
		d.await(2*time.Minute, "the refused reading is told of", func() bool { return d.acct.Totals().Claimed > 0 })
		r := d.finish()
		if taken, arrived, lost, missing := r.Sum(); lost != 1 || missing != 0 || taken != arrived+1 {
			t.Errorf("taken %d, arrived %d, lost %d, missing %d", taken, arrived, lost, missing)
		}
	})
}
