package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"pinhole/cmd/pinhole/internal/agent"
	"pinhole/cmd/pinhole/internal/cli"
	"pinhole/cmd/pinhole/internal/config"
	"pinhole/cmd/pinhole/internal/scan"
	"pinhole/sensors/kind"
	"pinhole/sensors/sim"
)

func scanCommand() command {
	return command{
		name:    "scan",
		summary: "find what is attached, and print a configuration for it",
		detail: "Looks at I2C buses and behind their multiplexers, at what the kernel reads (1-Wire, IIO, hwmon, thermal zones), at GPIO lines in\n" +
			"use, SPI devices and serial ports. Nothing is measured or set up, and nothing is written that could do harm to whatever is there;\n" +
			"addresses that a kernel driver has are left to it. It may run beside the agent: a measurement of the agent's may then fail, but\n" +
			"not be wrong, and parts are not asked who they are.\n\n" +
			"--yaml prints a configuration. What is not sure stands in it as a comment. Needs no configuration itself; if there is one, its\n" +
			"sensors' names are shown, and with --board sim its parts are those that are found. The exit code is 4 if something is stuck,\n" +
			"broken or refused.",
		group: groupSetUp,
		setup: func(f *flags) runner {
			from := f.config()
			asYAML := f.Bool("yaml", false, "print a configuration that reads what was found")
			asJSON := f.json(`print {"ok", "i2c": [...], "kernel": [...], "gpio": [...], "spi": [...], "serial": [...], "notes": [...]}`)
			return func(ctx context.Context, e *env, _ []string) cli.Code {
				if *asYAML && *asJSON {
					return e.usage("scan", "--yaml and --json exclude each other")
				}
				given := false
				f.Visit(func(x *flag.Flag) { given = given || x.Name == "c" || x.Name == "config" })
				return look(ctx, e, from, given, *asYAML, *asJSON)
			}
		},
	}
}

// look scans. given tells that the configuration was named: then it must be there and valid.
func look(ctx context.Context, e *env, from *source, given, asYAML, asJSON bool) cli.Code {
	c, code := e.mayLoad(from, given)
	if c == nil {
		return code
	}
	board, err := agent.OpenBoard(c, built)
	if err != nil {
		return e.fail(err)
	}
	defer board.Close()
	names := configured(c)
	if c.Board == config.Sim {
		if len(c.Sensors) == 0 {
			c.Sensors = representative(e.kinds)
		}
		if _, err := board.Sources(c.Sensors); err != nil { // attaches the parts
			return e.fail(err)
		}
		board.Direct(sim.Script{}, c.Sim)
	}
	survey, ok := board.Board.(kind.Survey)
	if !ok {
		return e.fail(fmt.Errorf("a %s board tells nothing of itself", c.Board))
	}
	o := scan.Options{Kinds: e.kinds, Board: board.Board, Survey: survey, Names: names}
	if e.progress() {
		var lock sync.Mutex
		o.Progress = func(what string) {
			lock.Lock()
			defer lock.Unlock()
			fmt.Fprintf(e.stderr, "\r\x1b[K....  %s", what)
		}
	}
	result, err := scan.Run(ctx, o)
	if e.progress() {
		fmt.Fprint(e.stderr, "\r\x1b[K")
	}
	switch {
	case err != nil:
		e.logf("pinhole scan: interrupted")
		return cli.Failed
	case asJSON:
		e.printJSON(result)
	case asYAML:
		e.printf("%s", result.YAML(c.Board == config.Sim))
		e.notes(result, func(format string, args ...any) { e.logf(strings.TrimSuffix(format, "\n"), args...) })
	default:
		e.show(result)
	}
	if !result.OK {
		return cli.Fault
	}
	return cli.Done
}

// mayLoad reads the configuration if there is one. Where it was not named, one that is missing or invalid is as good as none.
func (e *env) mayLoad(from *source, given bool) (*config.Config, cli.Code) {
	if given {
		return e.mustLoad(from)
	}
	c := &config.Config{Board: config.Pi}
	if _, err := os.Stat(from.file); err == nil {
		if loaded, _ := e.load(from); loaded != nil {
			c = loaded
		} else {
			e.logf("%s is not valid and not used; `pinhole check` says why", from.file)
		}
	} else if !os.IsNotExist(err) {
		e.logf("%s is not used: %v", from.file, unwrapPath(err))
	}
	if from.board != "" {
		c.Board = from.board
	}
	return c, cli.Done
}

// unwrapPath drops the operation and the path that a PathError repeats.
func unwrapPath(err error) error {
	if p, ok := err.(*fs.PathError); ok {
		return p.Err
	}
	return err
}

// configured lists the sensors of a configuration by their places on I2C.
func configured(c *config.Config) map[string]string {
	names := map[string]string{}
	for _, s := range c.Sensors {
		if s.Params.Has("bus") && s.Params.Has("address") {
			names[fmt.Sprintf("i2c-%s/0x%02x", kind.I2CNumber(s.Params), s.Params.Int("address"))] = s.Name
		}
	}
	return names
}

// representative is what a simulated board has attached unless a configuration says otherwise: parts of every sort, two of one address
// behind a multiplexer, one without an identity.
func representative(kinds []kind.Kind) (list []config.Sensor) {
	for i, part := range []struct {
		kind string
		p    kind.Params
	}{
		{"bme280", kind.Params{"address": int64(0x76)}},
		{"sht4x", nil},
		{"scd4x", nil},
		{"veml7700", nil},
		{"bh1750", nil},
		{"bme280", kind.Params{"address": int64(0x77), "mux": int64(0x70), "channel": int64(0)}},
		{"bme280", kind.Params{"address": int64(0x77), "mux": int64(0x70), "channel": int64(1)}},
		{"tmp117", kind.Params{"mux": int64(0x70), "channel": int64(1)}},
		{"mcp3008", nil},
		{"pms5003", nil},
	} {
		at := slices.IndexFunc(kinds, func(k kind.Kind) bool { return k.Name == part.kind })
		if at >= 0 {
			list = append(list, config.Sensor{Name: fmt.Sprintf("sim%d", i), Kind: kinds[at], Params: kind.WithDefaults(kinds[at].Keys, part.p)})
		}
	}
	return list
}

// show prints what was found for people.
func (e *env) show(r *scan.Result) {
	if r.Model != "" {
		e.printf("%s\n", r.Model)
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	heading := func(text string) {
		w.Flush()
		e.printf("\n%s\n", text)
	}
	for _, b := range r.Buses {
		about := ""
		if b.About != "" {
			about = " (" + b.About + ")"
		}
		heading("I2C bus " + b.Name + about)
		for _, p := range b.Parts {
			fmt.Fprintf(w, "  %s\t%s\t%s\n", strings.TrimPrefix(p.At, b.Name+"/"), dash(p.Kind), partText(&p))
		}
		switch w.Flush(); {
		case !b.Whole:
			e.printf("  could not be looked at as a whole: see below\n")
		case len(b.Parts) == 0:
			e.printf("  nothing answers\n")
		}
	}
	if len(r.Kernel) > 0 {
		heading("Read through the kernel")
	}
	for _, i := range r.Kernel {
		what := i.What
		if i.At != "" {
			what += ", at " + i.At
		}
		if i.Skip != "" {
			what += " (" + i.Skip + ")"
		}
		fmt.Fprintf(w, "  %s\t%s\n", i.Kind, what)
	}
	if len(r.GPIO) > 0 {
		heading("GPIO lines in use")
	}
	for _, c := range r.GPIO {
		what := fmt.Sprintf("none of %d", c.Lines)
		if len(c.Used) > 0 {
			var used []string
			for _, l := range c.Used {
				used = append(used, lineText(&c, &l))
			}
			what = strings.Join(used, ", ")
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", c.Name, chipText(&c), what)
	}
	for _, x := range []struct {
		what string
		list []scan.Port
	}{{"SPI devices", r.SPI}, {"Serial ports", r.Serial}} {
		if len(x.list) > 0 {
			heading(x.what + ": what is connected cannot be found out without harm")
		}
		for _, p := range x.list {
			fmt.Fprintf(w, "  %s\t%s\n", p.Name, "for example "+strings.Join(p.Kinds, " "))
		}
	}
	if len(r.Notes) > 0 {
		heading("Could not be looked at, or is wrong")
	}
	w.Flush()
	e.notes(r, e.printf)
	e.printf("\n`pinhole scan --yaml` prints a configuration for this; `pinhole kinds KIND` tells about a kind.\n")
}

func partText(p *scan.Part) string {
	s := p.What
	if p.Evidence != "" && p.Kind != "" {
		s += ": " + p.Evidence
	}
	if p.Sensor != "" {
		s += " (configured as " + p.Sensor + ")"
	}
	return s
}

func chipText(c *scan.Chip) string {
	if c.Header {
		return c.Label + ", the header's"
	}
	return c.Label
}

func lineText(c *scan.Chip, l *scan.Line) string {
	s := fmt.Sprint(l.Offset)
	if c.Header && l.Offset < 28 {
		s = "GPIO" + s
	}
	return s + " by " + dash(l.Consumer)
}

// notes prints what could not be looked at, and why.
func (e *env) notes(r *scan.Result, print func(format string, args ...any)) {
	for _, n := range r.Notes {
		mark := "note"
		if n.Fault {
			mark = "FAIL"
		}
		print("  %s  %s: %s\n", mark, n.Where, strings.TrimPrefix(n.What, n.Where+": "))
		if n.Hint != "" {
			print("        -> %s\n", n.Hint)
		}
	}
}
