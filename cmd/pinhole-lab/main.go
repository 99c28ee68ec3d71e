// Pinhole-lab is the desk: an AWS-IoT-like endpoint with throw-away certificates and faults on demand, and the demo. It is
// never needed on a board and never linked into the agent.
//
// Readings and results go to stdout, everything else to stderr. Exit codes are pinhole's: 0 done, 1 failed, 2 wrong usage.
// The endpoint itself is package lab; here are only its commands.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

const usage = `pinhole-lab: an AWS-IoT-like endpoint for the desk

  pinhole-lab serve   listen, write certificates and a configuration, print what arrives
  pinhole-lab demo    endpoint, simulated board and agent together, readings on screen
  pinhole-lab bench   figures: throughput, backlog, memory, bytes on wire and disk
  pinhole-lab version
  pinhole-lab help

pinhole-lab serve --help and demo --help list their flags.
`

// version is set by the build: -ldflags "-X main.version=...".
var version = "devel"

func main() {
	// The first signal ends a command in order, the second at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		io.WriteString(stderr, usage)
		return exitUsage
	}
	switch args[0] {
	case "serve":
		return serve(ctx, args[1:], stdout, stderr)
	case "demo":
		return demo(ctx, args[1:], stdout, stderr)
	case "bench":
		return bench(ctx, args[1:], stdout, stderr)
	case "version":
		fmt.Fprintln(stdout, "pinhole-lab", version)
		return exitDone
	case "help", "-h", "-help", "--help":
		io.WriteString(stdout, usage)
		return exitDone
	}
	fmt.Fprintf(stderr, "pinhole-lab: unknown command %q; pinhole-lab help lists them\n", args[0])
	return exitUsage
}

// parse reads flags that may not be followed by anything else. Asked for help, it prints it on stdout.
func parse(fs *flag.FlagSet, args []string, stdout, stderr io.Writer, help func(w io.Writer)) (code int, ok bool) {
	fs.SetOutput(io.Discard)
	err := fs.Parse(args)
	if err == nil && fs.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	switch {
	case err == nil:
		return exitDone, true
	case errors.Is(err, flag.ErrHelp):
		help(stdout)
		fs.SetOutput(stdout)
		fmt.Fprintln(stdout, "\nFlags:")
		printFlags(fs, stdout)
		return exitDone, false
	}
	fmt.Fprintf(stderr, "pinhole-lab %s: %v; pinhole-lab %[1]s --help shows how\n", fs.Name(), err)
	return exitUsage, false
}

func printFlags(fs *flag.FlagSet, w io.Writer) {
	fs.VisitAll(func(f *flag.Flag) {
		name, what := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "  %-24s %s", strings.TrimSpace("--"+f.Name+" "+name), what)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0s" && f.DefValue != "0" {
			fmt.Fprintf(w, " (default %s)", f.DefValue)
		}
		fmt.Fprintln(w)
	})
}
