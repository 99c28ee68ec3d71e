package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pinhole/cmd/internal/judge"
	"pinhole/publisher/publishertest"
)

// TestE2ENATS: a cluster of three NATS servers, one of which is killed while messages are under way: the agent's own. The relay takes
// the agent to the next one. What a subscriber at the third gets is what counts: nothing that was acknowledged is missing.
func TestE2ENATS(t *testing.T) {
	t.Parallel()
	cluster := publishertest.StartNATS(t)
	d := newDesk(t)
	d.acct = judge.New()
	d.gate = newGate(t, cluster.MQTT[0], cluster.MQTT[1])
	// Where a server dies, the two others first have to agree on a new leader of what it led.
	next := cluster.Subscribe(t, 2, "pinhole/desk/readings", 90*time.Second)
	receive := func(what string, enough func(judge.Totals) bool) {
		t.Helper()
		for end := time.Now().Add(2 * time.Minute); !enough(d.acct.Totals()); {
			if time.Now().After(end) {
				t.Fatalf("not in time: %s", what)
			}
			if err := d.acct.Take(next().Payload, d.books.take); err != nil {
				t.Fatal(err)
			}
		}
	}
	more := func(n uint64) {
		t.Helper()
		want := d.acct.Totals().Readings + n
		receive(fmt.Sprintf("%d readings more", n), func(now judge.Totals) bool { return now.Readings >= want })
	}
	d.run(d.configure(settings{
		sensors: counters(many, 100*time.Millisecond), broker: "mqtts://" + d.gate.addr(),
		tls: fmt.Sprintf("ca: %s/ca.pem, server_name: localhost, alpn: none", cluster.Folder),
	}))
	more(3000)
	cluster.Kill(0)
	at := d.acct.Totals().Readings
	killed := time.Now()
	more(5000)
	t.Logf("killed after %d readings, 5000 more had come %v later", at, time.Since(killed).Round(time.Millisecond))
	d.live.stop()
	receive("the ends of the streams", func(n judge.Totals) bool { return n.Ended == uint64(len(d.acct.Report().Streams)) })
	r := d.account()
	t.Logf("%d readings, %d repeats", r.Readings, r.Duplicates)
	if want := fmt.Sprintf("msg=stopped taken=%[1]d delivered=%[1]d queued=0", r.Readings); !strings.Contains(d.live.log.String(), want) {
		t.Errorf("the agent's own count is not: %s", want)
	}
	if n := d.books.check(t); n != int(r.Readings) {
		t.Errorf("the counters have %d values, %d readings came", n, r.Readings)
	}
}
