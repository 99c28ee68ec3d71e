package doctor

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"pinhole/publisher/route"
)

// report is the text for those who run the network: 12 lines at most, ready to be pasted into a mail.
func (d *doctor) report(culprit *Check) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintln(&b, oneLine(fmt.Sprintf(format, args...))) }
	say("Outgoing connection of device %s to %s", d.c.Device, d.p.Broker.Addr())
	say("Needed: %s", d.needed())
	from := cmp.Or(d.local, d.source(), "an unknown address")
	way := "directly"
	if d.proxy != "" {
		way = "through " + d.proxy
	}
	say("Tried: %s UTC, from %s, %s", d.now().Format("2006-01-02 15:04:05"), from, way)
	if len(d.addrs) > 0 && d.proxy == "" {
		say("Addresses: %s", list(d.addrs))
	}
	var passed []string
	for _, c := range d.checks {
		if d.failed[c.Stage] || c.Stage == route.StageProxy && d.proxy == "" { // with further ways a stage has several lines
			continue
		}
		if isNetwork(c.Stage) && (c.Verdict == OK || c.Verdict == Warn) && c.Stage != route.StageClock && !slices.Contains(passed, string(c.Stage)) {
			passed = append(passed, string(c.Stage))
		}
	}
	if len(passed) > 0 {
		say("Works: %s", strings.Join(passed, ", "))
	}
	switch {
	case culprit == nil && !d.remarks(say):
		say("Result: everything works, nothing is to be done")
	case culprit == nil:
	case !isNetwork(culprit.Stage) || culprit.Stage == route.StageClock:
		say("Result: the first fault is on the device itself: %s: %s", culprit.Stage, culprit.Evidence)
		if s := d.blocked(); s != "" {
			say("And on the way: %s", d.line(s))
		}
	default:
		say("Fails: %s: %s", culprit.Stage, culprit.Evidence)
		d.tried(say, culprit)
		if culprit.Hint != "" {
			if what, mine := strings.CutPrefix(culprit.Hint, you+": "); mine {
				say("To be done on the device: %s", what)
			} else {
				say("Asked of the %s", strings.TrimPrefix(culprit.Hint, "the "))
			}
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// remarks tells what works and yet is the network's to mend, in four lines at most. It reports whether there is something.
func (d *doctor) remarks(say func(string, ...any)) (some bool) {
	n := 0
	for _, c := range d.checks {
		what, theirs := strings.CutPrefix(c.Hint, network+": ")
		if c.Verdict != Warn || !theirs || n == 2 {
			continue
		}
		n++
		say("Works, but: %s: %s", c.Stage, c.Evidence)
		say("Asked of the %s: %s", network, what)
	}
	return n > 0
}

// source is this machine's address towards the broker, or towards the proxy, if nothing has connected; where no address is known, that
// towards the world, for which one of RFC 5737 stands. Nothing is sent.
func (d *doctor) source() string {
	to := "192.0.2.1:443"
	if len(d.addrs) > 0 {
		to = netip.AddrPortFrom(d.addrs[0], uint16(d.p.Broker.Port)).String()
	}
	if _, addr, found := strings.Cut(d.proxy, "://"); found {
		to = addr
	}
	conn, err := net.DialTimeout("udp", to, 500*time.Millisecond)
	if err != nil {
		return ""
	}
	defer conn.Close()
	return hostOf(conn.LocalAddr())
}

// tried adds what was varied, in three lines at most.
func (d *doctor) tried(say func(string, ...any), c *Check) {
	groups := map[string][]string{}
	var order []string
	for _, t := range c.Tries {
		if groups[t.Answer] == nil {
			order = append(order, t.Answer)
		}
		groups[t.Answer] = append(groups[t.Answer], strings.TrimPrefix(t.What, "... and "))
	}
	for i, answer := range order {
		if i == 3 {
			return
		}
		say("  %s: %s", answer, strings.Join(groups[answer], "; "))
	}
}

// line is the evidence of a failed stage.
func (d *doctor) line(s route.Stage) string {
	for _, c := range d.checks {
		if c.Stage == s && c.Verdict == Fail {
			return string(s) + ": " + c.Evidence
		}
	}
	return string(s)
}

// needed is what has to be allowed.
func (d *doctor) needed() string {
	b := d.p.Broker
	text := fmt.Sprintf("TCP to %s port %d", b.Host, b.Port)
	if b.Secure() {
		text += ", TLS 1.2 or 1.3 without inspection"
		if n := d.hello().name; n != b.Host {
			text += ", SNI " + n
		} else {
			text += ", SNI the same name"
		}
		if a := d.offered(); len(a) > 0 {
			text += ", ALPN " + strings.Join(a, ", ")
		}
		if d.key.have {
			text += ", client certificate"
		}
	}
	switch {
	case b.Scheme == route.HTTPS:
		return text + ", HTTPS in it; a request for each batch of readings"
	case d.webSocket():
		text += ", MQTT over WebSocket in it"
	default:
		text += ", MQTT 3.1.1 in it"
	}
	return text + fmt.Sprintf("; long-lived, a few bytes every %s", d.p.KeepAlive.Round(time.Second))
}
