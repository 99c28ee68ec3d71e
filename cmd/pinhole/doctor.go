package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"pinhole/cmd/pinhole/internal/cli"
	"pinhole/cmd/pinhole/internal/config"
	"pinhole/cmd/pinhole/internal/doctor"
	"pinhole/publisher/route"
	"pinhole/sensors/clock"
)

func doctorCommand() command {
	return command{
		name:    "doctor",
		summary: "walk the way out and name the first thing that breaks",
		detail: "One line a check, in the order of a reading's way: config bus disk queue clock key dns tcp proxy tls alpn intercepted connack ack;\n" +
			"below it who can mend it and how. At the end a text for a mail to those who run the network. It takes a minute at most.\n\n" +
			"It publishes two messages on publisher.topic, each the end of a stream of its own without readings (\"readings\":[],\"end\":true),\n" +
			"which consumers pass over, the second padded with spaces to 20000 bytes to measure the way's speed. What the agent has stored or\n" +
			"sent is not touched. It logs in with publisher.client_id if no agent runs here; otherwise with that and -doctor behind it, so\n" +
			"that the agent keeps its session: a policy may refuse that id.\n\n" +
			"Run it as the agent's user: sudo -u pinhole pinhole doctor. The exit code is 4 if something fails.",
		group: groupSetUp,
		setup: func(f *flags) runner {
			from := f.config()
			asJSON := f.json(`print {"ok", "culprit", "checks": [{"stage", "verdict", "evidence", "hint"}], "report"}`)
			return func(ctx context.Context, e *env, _ []string) cli.Code {
				return examine(ctx, e, from, *asJSON)
			}
		},
	}
}

func examine(ctx context.Context, e *env, from *source, asJSON bool) cli.Code {
	host, _ := e.hostname() // without one, device is reported as missing
	c, problems := config.Load(from.file, config.Options{Kinds: e.kinds, Env: e.lookup, Hostname: host, Stdin: e.stdin, NoFiles: true})
	if c == nil {
		return invalid(e, problems, asJSON)
	}
	if from.board != "" {
		c.Board = from.board
	}
	earliest := clock.Built(built)
	machine, err := clock.System("/", earliest)
	if err != nil {
		return e.fail(err)
	}
	show := &rounds{e: e, live: !asJSON && e.progress()}
	o := doctor.Options{Config: c, Built: earliest, Clock: machine.Now, Env: e.getenv, Begin: show.begin}
	if !asJSON {
		o.End = show.line
	}
	result, err := doctor.Run(ctx, o)
	show.wipe()
	switch {
	case err != nil:
		e.logf("pinhole doctor: interrupted")
		return cli.Failed
	case asJSON:
		e.printJSON(result)
	default:
		show.end(result)
	}
	if !result.OK {
		return cli.Fault
	}
	return cli.Done
}

// invalid reports a configuration that cannot be walked.
func invalid(e *env, problems []config.Problem, asJSON bool) cli.Code {
	r := doctor.Result{Culprit: doctor.StageConfig, Report: "The configuration is invalid; nothing was tried."}
	show := &rounds{e: e}
	for _, p := range problems {
		evidence := p
		evidence.Hint = ""
		c := doctor.Check{Stage: doctor.StageConfig, Verdict: doctor.Fail, Evidence: evidence.String(), Hint: p.Hint}
		r.Checks = append(r.Checks, c)
		if !asJSON {
			show.line(c)
		}
	}
	if asJSON {
		e.printJSON(r)
	}
	return cli.Invalid
}

// getenv is the environment in the form that package os has it.
func (e *env) getenv(name string) string {
	v, _ := e.lookup(name)
	return v
}

// progress reports whether somebody watches the standard error.
func (e *env) progress() bool {
	f, ok := e.stderr.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// rounds shows the checks as they are made.
type rounds struct {
	e    *env
	live bool
}

func (r *rounds) begin(s route.Stage) {
	if r.live {
		fmt.Fprintf(r.e.stderr, "\r\x1b[K....  %s", s)
	}
}

func (r *rounds) wipe() {
	if r.live {
		fmt.Fprint(r.e.stderr, "\r\x1b[K")
	}
}

// line prints one check.
func (r *rounds) line(c doctor.Check) {
	r.wipe()
	r.e.printf("%-4s  %-11s  %s\n", c.Verdict, c.Stage, c.Evidence)
	width := 0
	for _, t := range c.Tries {
		width = max(width, len(t.What))
	}
	for _, t := range c.Tries {
		r.e.printf("%19s%-*s  %s\n", "", width, t.What, t.Answer)
	}
	if c.Hint != "" {
		r.e.printf("%19s-> %s\n", "", c.Hint)
	}
}

// end prints the conclusion.
func (r *rounds) end(result doctor.Result) {
	verdict := "everything works"
	if !result.OK {
		verdict = "the first thing that breaks: " + string(result.Culprit)
	}
	r.e.printf("\n%s\n\nfor the network team:\n", verdict)
	for l := range strings.SplitSeq(result.Report, "\n") {
		r.e.printf("    %s\n", l)
	}
}
