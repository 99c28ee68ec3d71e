package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"pinhole/cmd/pinhole/internal/cli"
	"pinhole/cmd/pinhole/internal/config"
	"pinhole/sensors/kind/nearest"
)

// command is one row of the table of commands.
type command struct {
	name    string
	args    string // after the name in the usage line, without the flags: "[NAME...]"
	summary string // one line
	detail  string // further lines of `pinhole help NAME`; "" for none
	group   string // the heading under which the help lists it; one of groups
	most    int    // arguments that it takes at most; any number if negative

	// setup registers the command's flags and returns what runs when they are parsed.
	setup func(f *flags) runner
}

// runner does a command's work.
type runner func(ctx context.Context, e *env, args []string) cli.Code

// The groups of the help, in its order.
const (
	groupRun   = "Run"
	groupSetUp = "Set up"
	groupLook  = "Look inside"
	groupAbout = "About"
)

var groups = [...]string{groupRun, groupSetUp, groupLook, groupAbout}

// flags is a command's set of flags.
type flags struct{ *flag.FlagSet }

// given reports whether a flag stood on the command line.
func (f *flags) given(name string) (yes bool) {
	f.Visit(func(fl *flag.Flag) { yes = yes || fl.Name == name })
	return yes
}

// defaultConfig is where the configuration is unless -c says otherwise.
const defaultConfig = "/etc/pinhole/pinhole.yaml"

// source is where a command's configuration comes from: the flags -c and --board.
type source struct{ file, board string }

// config registers -c, --config and --board.
func (f *flags) config() *source {
	s := &source{}
	f.StringVar(&s.file, "c", defaultConfig, "same as --config")
	f.StringVar(&s.file, "config", defaultConfig, "the configuration; - is the standard input")
	f.Func("board", "where the sensors are, whatever the configuration says: pi or sim", func(v string) error {
		if v != config.Pi && v != config.Sim {
			return fmt.Errorf("write pi or sim")
		}
		s.board = v
		return nil
	})
	return s
}

// json registers --json.
func (f *flags) json(help string) *bool { return f.Bool("json", false, help) }

// env is what a command works with.
type env struct {
	world
	commands []command
}

// printf writes to the standard output: results only. A failed write shows in the exit code.
func (e *env) printf(format string, args ...any) { fmt.Fprintf(e.stdout, format, args...) }

// logf writes a line to the standard error.
func (e *env) logf(format string, args ...any) { fmt.Fprintf(e.stderr, format+"\n", args...) }

// fail reports an error and returns the code of a failure.
func (e *env) fail(err error) cli.Code {
	e.logf("pinhole: %v", err)
	return cli.Failed
}

// usage reports a wrong usage of a command.
func (e *env) usage(command, message string) cli.Code {
	e.logf("pinhole %s: %s", command, message)
	e.logf("`pinhole help %s` shows how it is used", command)
	return cli.Usage
}

// printJSON prints v on one line.
func (e *env) printJSON(v any) {
	enc := json.NewEncoder(e.stdout)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // dispatch reports a failed write
}

// load reads the configuration and applies --board.
func (e *env) load(s *source) (*config.Config, []config.Problem) {
	host, _ := e.hostname() // without one, device is reported as missing
	return config.Load(s.file, config.Options{Kinds: e.kinds, Env: e.lookup, Hostname: host, Stdin: e.stdin, Board: s.board})
}

// mustLoad is load for the commands that need a valid configuration: it reports problems and warnings to the standard error.
func (e *env) mustLoad(s *source) (*config.Config, cli.Code) {
	c, problems := e.load(s)
	for _, p := range problems {
		e.logf("%v", p)
	}
	if c == nil {
		return nil, cli.Invalid
	}
	e.warn(c)
	return c, cli.Done
}

func (e *env) warn(c *config.Config) {
	for _, w := range c.Warnings {
		e.logf("warning: %v", w)
	}
}

// dispatch finds the command that args name and runs it.
func dispatch(ctx context.Context, table []command, args []string, w world) cli.Code {
	out := &cli.Writer{W: w.stdout}
	w.stdout = out
	e := &env{world: w, commands: table}
	code := e.dispatch(ctx, args)
	if out.Err != nil {
		return max(code, e.fail(fmt.Errorf("write the result: %w", out.Err)))
	}
	return code
}

func (e *env) dispatch(ctx context.Context, args []string) cli.Code {
	name, rest := split(args)
	switch name {
	case "", "-h", "-help", "--help":
		if len(rest) > 0 && name == "" {
			e.logf("pinhole: no command")
			e.logf("`pinhole help` lists the commands")
			return cli.Usage
		}
		e.help()
		return cli.Done
	case "help":
		return e.helpFor(rest)
	case "-version", "--version":
		name = "version"
	}
	c := e.find(name)
	if c == nil {
		return e.unknownCommand(name)
	}
	f := &flags{flag.NewFlagSet(c.name, flag.ContinueOnError)}
	do := c.setup(f)
	positional, err := cli.Parse(f.FlagSet, rest, c.most)
	switch {
	case errors.Is(err, cli.ErrHelp):
		e.describe(c)
		return cli.Done
	case err != nil:
		return e.usage(c.name, err.Error())
	}
	return do(ctx, e, positional)
}

// split takes the command's name out of args. The flags -c, --config and --board may stand before it.
func split(args []string) (name string, rest []string) {
	for i := 0; i < len(args); i++ {
		switch flag, value, _ := strings.Cut(args[i], "="); {
		case slices.Contains([]string{"-c", "--c", "-config", "--config", "-board", "--board"}, flag):
			if value == "" && flag == args[i] {
				i++ // the value is the next argument
			}
		default:
			return args[i], append(slices.Clone(args[:i]), args[i+1:]...)
		}
	}
	return "", args
}

func (e *env) find(name string) *command {
	i := slices.IndexFunc(e.commands, func(c command) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return &e.commands[i]
}

func (e *env) unknownCommand(name string) cli.Code {
	e.logf("pinhole: unknown command %q", name)
	known := []string{"help"}
	for _, c := range e.commands {
		known = append(known, c.name)
	}
	if n := nearest.Of(name, known); n != "" {
		e.logf("did you mean `pinhole %s`?", n)
	} else {
		e.logf("`pinhole help` lists the commands")
	}
	return cli.Usage
}

// help prints what there is.
func (e *env) help() {
	e.printf("pinhole reads the sensors of a board and gets every reading to an MQTT broker.\n\n" +
		"Usage: pinhole COMMAND [FLAGS] [ARGUMENTS]\n")
	width := 0
	for _, c := range e.commands {
		width = max(width, len(c.name)+len(c.args)+1)
	}
	for _, g := range groups {
		heading := "\n" + g + "\n"
		for _, c := range e.commands {
			if c.group == g {
				e.printf("%s  %-*s  %s\n", heading, width, strings.TrimSpace(c.name+" "+c.args), c.summary)
				heading = ""
			}
		}
	}
	e.printf("\n`pinhole help COMMAND` tells more. Flags stand before or after arguments.\n\nExit codes\n")
	for code, meaning := range cli.Codes() {
		e.printf("  %d  %s\n", code, meaning)
	}
}

func (e *env) helpFor(args []string) cli.Code {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		e.help()
		return cli.Done
	}
	c := e.find(args[0])
	if c == nil {
		return e.unknownCommand(args[0])
	}
	e.describe(c)
	return cli.Done
}

// describe prints a command's help.
func (e *env) describe(c *command) {
	f := &flags{flag.NewFlagSet(c.name, flag.ContinueOnError)}
	c.setup(f)
	e.printf("%s: %s\n\nUsage: pinhole %s\n", c.name, c.summary, strings.TrimSpace(c.name+" [FLAGS] "+c.args))
	if c.detail != "" {
		e.printf("\n%s\n", strings.TrimSpace(c.detail))
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	first := true
	f.VisitAll(func(fl *flag.Flag) {
		if first {
			fmt.Fprintf(w, "\nFlags\n")
			first = false
		}
		name, value := "--"+fl.Name, " "+strings.ToUpper(fl.Name)
		switch fl.Name {
		case "c":
			return // stands beside its long form
		case "config":
			name, value = "-c, --config", " FILE"
		}
		if b, ok := fl.Value.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() {
			value = ""
		}
		help := fl.Usage
		if fl.DefValue != "" && fl.DefValue != "false" {
			help += " (default " + fl.DefValue + ")"
		}
		fmt.Fprintf(w, "  %s%s\t%s\n", name, value, help)
	})
	w.Flush()
}
