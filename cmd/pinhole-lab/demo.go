package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"pinhole/cmd/internal/lab"
)

func demoHelp(w io.Writer) {
	fmt.Fprint(w, `pinhole-lab demo [FLAGS]

Starts the endpoint on a free loopback port and the agent with a simulated board, and shows the readings that arrive. Ctrl-C
ends both in order and prints what was taken and what was delivered. Exit code 0 only if readings arrived and none is missing.
`)
}

// show is one run of the demo.
type show struct {
	out, err io.Writer
	agent    string        // program
	length   time.Duration // 0: until the context ends
	grace    time.Duration // for the agent to end in order
	every    time.Duration // between two pictures
	screen   *screen       // nil: plain lines
}

// The agent delivers for at most 5 s after a signal; the rest is for a slow machine.
const agentGrace = 15 * time.Second

func demo(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("demo", flag.ContinueOnError)
	seconds := fs.Float64("seconds", 0, "end by itself after `N` seconds")
	agent := fs.String("pinhole", "", "the agent's program, `PATH` (default: beside pinhole-lab)")
	if code, ok := parse(fs, args, stdout, stderr, demoHelp); !ok {
		return code
	}
	if *seconds < 0 || *seconds > 1e6 {
		fmt.Fprintln(stderr, "pinhole-lab demo: --seconds: 0 to 1000000")
		return exitUsage
	}
	path, err := findAgent(*agent)
	if err != nil {
		fmt.Fprintln(stderr, "pinhole-lab demo:", err)
		return exitFailed
	}
	s := show{
		out: stdout, err: stderr, agent: path, length: time.Duration(*seconds * float64(time.Second)), grace: agentGrace, every: 2 * time.Second,
	}
	if f, ok := stdout.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		s.every = 250 * time.Millisecond
		s.screen = &screen{w: stdout, size: func() (int, int) {
			if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 0 && h > 0 {
				return w, h
			}
			return 80, 24
		}}
	}
	if err := s.run(ctx); err != nil {
		fmt.Fprintln(stderr, "pinhole-lab demo:", err)
		return exitFailed
	}
	return exitDone
}

// note tells what lab.DemoScript does to a sensor.
const note = "At 10 s the script unplugs air for 3 s, and again every 30 s: an error, then values again."

// run is the demo from start to summary. Order of the end: the agent stops and delivers its last batch, then the endpoint
// closes and the temporary folder goes.
func (s *show) run(ctx context.Context) (err error) {
	var t table
	l, err := lab.Start(lab.Options{OnBatch: t.add, Script: lab.DemoScript})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	agent, err := startChild(s.agent, "run", "-c", l.Config())
	if err != nil {
		return err
	}
	if s.length > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, s.length)
		defer stop()
	}
	if s.screen == nil {
		fmt.Fprintln(s.out, note)
	}
	shown := s.watch(ctx, l, &t, agent)

	// From here on a signal means: at once.
	again, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ended := agent.end(s.grace, again.Done())
	if s.screen != nil {
		s.screen.draw(t.lines(l, time.Now(), true))
	} else {
		for _, line := range t.lines(l, time.Now(), false) {
			fmt.Fprintln(s.out, line)
		}
	}
	return errors.Join(shown, s.verdict(l, agent, ended))
}

// watch draws until the context or the agent ends; the latter is an error.
func (s *show) watch(ctx context.Context, l *lab.Lab, t *table, agent *child) error {
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	start := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-agent.done:
			return errors.New("the agent ended by itself")
		case now := <-tick.C:
			var err error
			if s.screen != nil {
				err = s.screen.draw(append(t.lines(l, now, true), "", note, "Ctrl-C ends it"))
			} else {
				_, err = fmt.Fprintln(s.out, t.brief(l, now.Sub(start)))
			}
			if err != nil {
				return fmt.Errorf("standard output: %w", err)
			}
		}
	}
}

// verdict prints the summary and says what is wrong with it.
func (s *show) verdict(l *lab.Lab, agent *child, ended error) error {
	r := l.Judge().Report()
	taken, delivered, lost, missing := r.Sum()
	if _, err := fmt.Fprintf(s.out, "taken %d, delivered %d, lost %d\n", taken, delivered, lost+missing); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	var wrong []error
	if ended != nil {
		wrong = append(wrong, fmt.Errorf("agent: %w", ended))
	}
	if delivered == 0 {
		wrong = append(wrong, errors.New("nothing arrived"))
	} else if err := r.Err(); err != nil {
		wrong = append(wrong, err)
	} else if r.Ended == 0 {
		wrong = append(wrong, errors.New("the agent did not mark the end of its stream"))
	}
	if len(wrong) > 0 {
		if text := agent.log.text(); text != "" {
			fmt.Fprintf(s.err, "the agent's last output:\n%s\n", text)
		}
	}
	return errors.Join(wrong...)
}
