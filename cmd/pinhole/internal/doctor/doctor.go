// Package doctor walks the way of a reading from the board to the broker, stage by stage, and names the first thing that breaks.
//
// It promises that every check ends in time and the whole walk within a minute, that each line carries its evidence and says who can
// mend what, that the culprit is the first failure and never a consequence of another one, and that no secret appears in any line.
// Where something on the way swallows a connection it varies one thing at a time (port, name, ALPN, size of the ClientHello) and shows
// what got through. It changes nothing: the one file that it writes is removed at once, and the batch that it publishes has no readings.
//
// Each check is in the file of its stage. What the stages mean is package route's; how results look on a screen is the command's.
package doctor

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"pinhole/cmd/pinhole/internal/agent"
	"pinhole/cmd/pinhole/internal/config"
	"pinhole/publisher/route"
	"pinhole/sensors/clock"
)

// Verdict is the outcome of a check.
type Verdict string

// The verdicts.
const (
	OK   Verdict = "ok"
	Warn Verdict = "warn" // it works, and will not for ever or not everywhere
	Fail Verdict = "FAIL"
	Skip Verdict = "skip" // not checked, and why
)

// The stages that package route does not know: what is checked on the board itself.
const (
	StageConfig route.Stage = "config"
	StageBus    route.Stage = "bus"
	StageDisk   route.Stage = "disk"
	StageQueue  route.Stage = "queue"
)

// Check is one line of the result.
type Check struct {
	Stage    route.Stage `json:"stage"`
	Verdict  Verdict     `json:"verdict"`
	Evidence string      `json:"evidence"`
	Hint     string      `json:"hint"`            // "WHO: what to do"; "" where there is nothing to do
	Tries    []Try       `json:"tries,omitempty"` // what was varied, one thing at a time
}

// Try is one row of what was varied.
type Try struct {
	What   string `json:"what"`
	Answer string `json:"answer"`
}

// Result is the whole walk.
type Result struct {
	OK      bool        `json:"ok"`      // no check failed
	Culprit route.Stage `json:"culprit"` // stage of the first failure; "" if there is none
	Checks  []Check     `json:"checks"`
	Report  string      `json:"report"` // for a mail to those who run the network; 12 lines at most
}

// Limits bound the checks. Zero values mean the defaults.
type Limits struct {
	All     time.Duration // the whole walk, 55 s
	DNS     time.Duration // 5 s
	TCP     time.Duration // one attempt to connect, 5 s
	Hello   time.Duration // silence after a ClientHello, 4 s
	Dial    time.Duration // TCP, proxy and TLS together, 15 s
	Connack time.Duration // 10 s
	Ack     time.Duration // 15 s
	Idle    time.Duration // how long a login must stand, 2.5 s
	Queue   time.Duration // reading the backlog, 5 s
}

func (l Limits) complete() Limits {
	for _, x := range []struct {
		d    *time.Duration
		dflt time.Duration
	}{
		{&l.All, 55 * time.Second}, {&l.DNS, 5 * time.Second}, {&l.TCP, 5 * time.Second}, {&l.Hello, 4 * time.Second},
		{&l.Dial, 15 * time.Second}, {&l.Connack, 10 * time.Second}, {&l.Ack, 15 * time.Second}, {&l.Idle, 2500 * time.Millisecond},
		{&l.Queue, 5 * time.Second},
	} {
		if *x.d <= 0 {
			*x.d = x.dflt
		}
	}
	return l
}

// Options say what to examine. Only Config must be set.
type Options struct {
	Config *config.Config
	Built  time.Time           // when the program was built: no clock may undercut it
	Clock  func() clock.Stamp  // nil: the system's, taken as trusted
	Env    func(string) string // the environment, for AWS's credentials; nil: an empty one
	Root   string              // where /dev is; "": /
	Limits Limits

	Begin func(route.Stage) // called before each check; may be nil
	End   func(Check)       // called with each line as it is known; may be nil

	resolver *net.Resolver            // nil: the system's
	dialer   route.Dialer             // nil: route.TCP
	open     func(path string) error  // nil: opens a device for reading and writing
	disk     func(dir string) storage // nil: asks the kernel
}

// doctor is one walk: what the checks found out for those after them.
type doctor struct {
	o Options
	c *config.Config
	p *config.Publisher

	checks []Check
	failed map[route.Stage]bool

	layers  agent.Layers // of the agent's way
	agent   presence     // whether an agent runs here
	trusted bool         // the clock is
	key     keyFacts     // of the key check
	addrs   []netip.Addr // of the broker, as resolved; none with a proxy
	local   string       // this machine's address towards the broker
	proxy   string       // name of the proxy on the way, without credentials; "": none
	tunnel  route.Dialer // opens a TCP stream to the broker, through the proxy if there is one
	tls     tlsFacts
	login   loginFacts
}

func newDoctor(o Options) *doctor {
	d := &doctor{o: o, c: o.Config, p: &o.Config.Publisher, failed: map[route.Stage]bool{}, tunnel: o.dialer}
	d.layers = agent.LayersOf(d.c, d.p.Broker, d.now, o.Env, slog.New(slog.DiscardHandler))
	return d
}

// stage is one step of the walk.
type stage struct {
	name route.Stage
	run  func(context.Context) []Check
}

// stages is the walk. A check returns its lines: none, one, or several where it found out about another stage too.
func (d *doctor) stages() []stage {
	return []stage{
		{StageConfig, d.checkConfig},
		{StageBus, d.checkBus},
		{StageDisk, d.checkDisk},
		{StageQueue, d.checkQueue},
		{route.StageClock, d.checkClock},
		{route.StageKey, d.checkKey},
		{route.StageDNS, d.meant(d.checkDNS)},
		{route.StageTCP, d.meant(d.checkTCP)},
		{route.StageProxy, d.checkProxy},
		{route.StageTLS, d.checkTLS},
		{route.StageALPN, d.checkALPN},
		{route.StageIntercepted, d.checkIntercepted},
		{route.StageWS, d.checkWS},
		{route.StageConnack, d.checkConnack},
		{route.StageAck, d.checkAck},
		{route.StageAck, d.checkRoutes},
	}
}

// Run examines everything, in order. The error is ctx's: the Result then holds what was known until then, and no report.
func Run(ctx context.Context, o Options) (Result, error) {
	o.Limits = o.Limits.complete()
	if o.Clock == nil {
		o.Clock = func() clock.Stamp { return clock.Stamp{Wall: time.Now().UnixNano(), Synced: true} }
	}
	if o.Env == nil {
		o.Env = func(string) string { return "" }
	}
	if o.Root == "" {
		o.Root = "/"
	}
	if o.dialer == nil {
		o.dialer = route.TCP{Resolver: o.resolver}
	}
	if o.open == nil {
		o.open = openDevice
	}
	if o.disk == nil {
		o.disk = examine
	}
	d := newDoctor(o)
	defer d.hangUp()
	limit, cancel := context.WithTimeout(ctx, o.Limits.All)
	defer cancel()
	var culprit *Check
	for _, s := range d.stages() {
		if o.Begin != nil {
			o.Begin(s.name)
		}
		var lines []Check
		if limit.Err() != nil {
			lines = []Check{skip("there was no time left for it")}
		} else {
			lines = s.run(limit)
		}
		if ctx.Err() != nil {
			return Result{Checks: d.checks}, context.Cause(ctx)
		}
		for _, c := range d.note(s.name, lines) {
			if c.Verdict == Fail && culprit == nil {
				culprit = &c
			}
			if o.End != nil {
				o.End(c)
			}
		}
	}
	r := Result{OK: culprit == nil, Checks: d.checks}
	if culprit != nil {
		r.Culprit = culprit.Stage
	}
	r.Report = d.report(culprit)
	return r, nil
}

// note keeps a check's lines, each under the check's own stage if it names no other.
func (d *doctor) note(stage route.Stage, lines []Check) []Check {
	for i := range lines {
		if lines[i].Stage == "" {
			lines[i].Stage = stage
		}
		if lines[i].Verdict == Fail {
			d.failed[lines[i].Stage] = true
		}
	}
	d.checks = append(d.checks, lines...)
	return lines
}

// blocked returns the first stage of the network that failed, "" if none did.
func (d *doctor) blocked() route.Stage {
	for _, c := range d.checks {
		if c.Verdict == Fail && isNetwork(c.Stage) && c.Stage != route.StageClock {
			return c.Stage
		}
	}
	return ""
}

func isNetwork(s route.Stage) bool {
	switch s {
	case StageConfig, StageBus, StageDisk, StageQueue, route.StageKey:
		return false
	}
	return true
}

// now is the wall time.
func (d *doctor) now() time.Time { return d.o.Clock().Time() }

// The people who can mend something.
const (
	you     = "you"
	network = "network team"
	proxies = "the proxy's operator"
	brokers = "the broker's operator"
)

// operator is who runs the broker.
func (d *doctor) operator() string {
	if d.p.AWS {
		return "the AWS account's administrator"
	}
	return brokers
}

func ok(evidence string) Check { return Check{Verdict: OK, Evidence: oneLine(evidence)} }

func skip(why string) Check { return Check{Verdict: Skip, Evidence: oneLine(why)} }

// skipAfter is a check that makes no sense after a failure.
func skipAfter(s route.Stage) Check { return skip("not reached, see " + string(s)) }

func warn(evidence, who, what string) Check {
	return Check{Verdict: Warn, Evidence: oneLine(evidence), Hint: hint(who, what)}
}

func fail(evidence, who, what string) Check {
	return Check{Verdict: Fail, Evidence: oneLine(evidence), Hint: hint(who, what)}
}

func hint(who, what string) string {
	if what == "" {
		return ""
	}
	return who + ": " + oneLine(what)
}
