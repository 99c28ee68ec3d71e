package main

import (
	"context"

	"pinhole/cmd/pinhole/internal/cli"
	"pinhole/cmd/pinhole/internal/config"
)

func configCommand() command {
	return command{
		name:    "config",
		summary: "print a complete, commented configuration",
		detail:  "`pinhole config > pinhole.yaml` is a start; it passes `pinhole check` as it is.",
		group:   groupSetUp,
		setup: func(*flags) runner {
			return func(_ context.Context, e *env, _ []string) cli.Code {
				e.printf("%s", config.Example())
				return cli.Done
			}
		},
	}
}
