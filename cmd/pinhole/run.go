package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"pinhole/cmd/pinhole/internal/agent"
	"pinhole/cmd/pinhole/internal/cli"
	"pinhole/cmd/pinhole/internal/config"
)

func runCommand() command {
	return command{
		name:    "run",
		summary: "the agent: read the sensors, deliver every reading",
		detail: "SIGTERM or Ctrl-C: sensing stops, everything goes to the queue, up to 5 s are spent on delivery. A second signal ends\n" +
			"at once. SIGHUP reads the configuration again; an invalid one is refused and the old one goes on.\n\n" +
			"--once reads every sensor once, delivers without waiting for publisher.batch.age and ends when all is acknowledged (for\n" +
			"cron). If the broker is not reached in time the exit code is 1 and the readings stay in the queue.",
		group: groupRun,
		setup: func(f *flags) runner {
			from := f.config()
			once := f.Bool("once", false, "read every sensor once, deliver, end")
			timeout := f.Duration("timeout", time.Minute, "how long --once may take")
			return func(ctx context.Context, e *env, _ []string) cli.Code {
				switch {
				case f.given("timeout") && !*once:
					return e.usage("run", "--timeout belongs to --once")
				case *timeout <= 0:
					return e.usage("run", "--timeout must be above zero")
				}
				c, code := e.mustLoad(from)
				if c == nil {
					return code
				}
				log, level := e.logger(c.Log)
				o := agent.Options{Config: c, Built: built, Version: thisBuild().Version, Log: log, Level: level}
				if *once {
					return e.runOnce(ctx, o, *timeout)
				}
				return e.runAgent(ctx, o, from)
			}
		},
	}
}

// logger makes the agent's log, on the standard error.
func (e *env) logger(c config.Log) (*slog.Logger, *slog.LevelVar) {
	level := &slog.LevelVar{}
	level.Set(c.Level)
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(e.stderr, o)), level
	}
	return slog.New(slog.NewTextHandler(e.stderr, o)), level
}

func (e *env) runOnce(ctx context.Context, o agent.Options, timeout time.Duration) cli.Code {
	a, err := agent.New(o)
	if err == nil {
		err = a.Once(ctx, timeout)
	}
	if err != nil {
		return e.fail(err)
	}
	return cli.Done
}

func (e *env) runAgent(ctx context.Context, o agent.Options, from *source) cli.Code {
	reload := make(chan *config.Config)
	o.Reload = reload
	a, err := agent.New(o)
	if err != nil {
		return e.fail(err)
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hup:
			}
			c, err := e.reload(from)
			if err != nil {
				o.Log.Error("configuration refused, the old one goes on", "error", err)
				continue
			}
			select {
			case reload <- c:
			case <-ctx.Done():
				return
			}
		}
	}()
	if err := a.Run(ctx); err != nil {
		return e.fail(err)
	}
	return cli.Done
}

// reload reads the configuration again.
func (e *env) reload(from *source) (*config.Config, error) {
	if from.file == "-" {
		return nil, fmt.Errorf("it came from the standard input and cannot be read again")
	}
	c, problems := e.load(from)
	if c == nil {
		for _, p := range problems[1:] {
			e.logf("%v", p)
		}
		return nil, fmt.Errorf("%v", problems[0])
	}
	return c, nil
}
