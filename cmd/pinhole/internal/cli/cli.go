// Package cli holds what all commands of a program have in common: exit codes, flags that may stand before or after the
// arguments, output whose failure is noticed, and the wording of usage errors.
//
// It promises that a flag is understood alike wherever it stands and that -h prints help rather than failing. What a command
// does, and which flags it has, is the command's business.
package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Code is a program's exit code.
type Code int

// The exit codes, the same for every command.
const (
	Done    Code = 0 // done
	Failed  Code = 1 // failed while running
	Usage   Code = 2 // wrong usage
	Invalid Code = 3 // configuration invalid or missing
	Fault   Code = 4 // doctor or scan found a fault
)

// Codes lists the exit codes with their meanings, for the help.
func Codes() []string {
	return []string{
		Done:    "done",
		Failed:  "failed while running",
		Usage:   "wrong usage",
		Invalid: "configuration invalid or missing",
		Fault:   "doctor or scan found a fault",
	}
}

// ErrHelp says that help was asked for.
var ErrHelp = flag.ErrHelp

// Parse parses args, in which flags and arguments stand in any order; everything after -- is an argument. It accepts at most
// most arguments, any number if most is negative. The error is ErrHelp, or a wrong usage in words.
func Parse(fs *flag.FlagSet, args []string, most int) (rest []string, err error) {
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	for len(args) > 0 {
		if args[0] == "--" {
			rest = append(rest, args[1:]...)
			break
		}
		if len(args[0]) < 2 || args[0][0] != '-' {
			rest, args = append(rest, args[0]), args[1:]
			continue
		}
		n := slices.Index(args, "--")
		if n < 0 {
			n = len(args)
		}
		// flag stops at the first argument; what it leaves is looked at again.
		if err := fs.Parse(args[:n]); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, ErrHelp
			}
			return nil, errors.New(strings.Replace(err.Error(), "flag provided but not defined: ", "unknown flag ", 1))
		}
		args = append(slices.Clone(fs.Args()), args[n:]...)
	}
	if most >= 0 && len(rest) > most {
		return nil, fmt.Errorf("unexpected argument %q", rest[most])
	}
	return rest, nil
}

// Writer passes on to W until a write fails, and remembers the failure: a result that did not arrive is no result.
type Writer struct {
	W   io.Writer
	Err error
}

func (w *Writer) Write(b []byte) (int, error) {
	if w.Err != nil {
		return 0, w.Err
	}
	n, err := w.W.Write(b)
	w.Err = err
	return n, err
}
