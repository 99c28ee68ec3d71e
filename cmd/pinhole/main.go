// Command pinhole reads the sensors of a board and gets every reading to an MQTT broker.
//
// This package is the command line: what each command does stands in the file of its name, and the work in the packages that
// it calls. It promises that results go to the standard output and everything else to the standard error, that the exit code
// is one of the table in package cli, and that a failed write of a result is a failure.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"pinhole/sensors/all"
	"pinhole/sensors/kind"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return int(dispatch(ctx, commands(), args, world{
		stdin: stdin, stdout: stdout, stderr: stderr, lookup: os.LookupEnv, hostname: os.Hostname, kinds: all.Kinds(),
	}))
}

// world is everything outside of the program that a command may touch by way of its env.
type world struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	lookup         func(name string) (string, bool)
	hostname       func() (string, error)
	kinds          []kind.Kind // the table of kinds
}

// commands is the table of commands, in the order of the help.
func commands() []command {
	return []command{
		runCommand(),
		checkCommand(),
		readCommand(),
		scanCommand(),
		doctorCommand(),
		queueCommand(),
		statusCommand(),
		watchCommand(),
		kindsCommand(),
		configCommand(),
		versionCommand(),
	}
}
