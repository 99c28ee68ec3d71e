package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"pinhole/cmd/pinhole/internal/agent"
	"pinhole/cmd/pinhole/internal/cli"
	"pinhole/cmd/pinhole/internal/config"
	"pinhole/publisher/payload"
	"pinhole/sensors"
	"pinhole/sensors/kind/nearest"
)

func readCommand() command {
	return command{
		name:    "read",
		args:    "[NAME...]",
		summary: "read sensors now and print what they say",
		detail: "Without names: every configured sensor. Of the filters only calibrate and range apply, as one reading has no history;\n" +
			"with --watch all do, and the readings keep coming until Ctrl-C. Nothing is stored or sent. An error is printed in place\n" +
			"of a value; the exit code is then 1.",
		group: groupSetUp,
		most:  -1,
		setup: func(f *flags) runner {
			from := f.config()
			asJSON := f.json("print a JSON object a line for each reading, as in the payload")
			watch := f.Bool("watch", false, "keep going")
			return func(ctx context.Context, e *env, names []string) cli.Code {
				return read(ctx, e, from, names, *asJSON, *watch)
			}
		},
	}
}

func read(ctx context.Context, e *env, from *source, names []string, asJSON, watch bool) cli.Code {
	c, code := e.mustLoad(from)
	if c == nil {
		return code
	}
	if message := choose(c, names); message != "" {
		return e.usage("read", message)
	}
	board, err := agent.OpenBoard(c, built)
	if err != nil {
		return e.fail(err)
	}
	defer board.Close()
	board.LookOnly()
	sources, err := board.Sources(c.Sensors)
	if err != nil {
		return e.fail(err)
	}
	log, _ := e.logger(config.Log{Level: c.Log.Level, Format: c.Log.Format})
	show := &table{e: e, last: map[string]*row{}, heard: map[string]bool{}, json: asJSON, live: watch}
	bctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { board.Run(bctx) })
	if watch {
		s := sensors.NewSampler(board.Clock, show.add, log)
		s.Set(sources)
		s.Run(ctx)
	} else {
		patience := time.AfterFunc(3*time.Second, func() {
			log.Info("still reading, as some parts must warm up first", "sensors", strings.Join(show.missing(sources), ", "))
		})
		sensors.ReadOnce(ctx, board.Clock, sources, log, show.add)
		patience.Stop()
		show.print()
	}
	stop()
	wg.Wait()
	if show.failed && !watch {
		return cli.Failed
	}
	return cli.Done
}

// choose leaves the named sensors in c; all if none is named. It returns what is wrong with the names.
func choose(c *config.Config, names []string) string {
	if len(names) == 0 {
		return ""
	}
	var known []string
	for _, s := range c.Sensors {
		known = append(known, s.Name)
	}
	for _, n := range names {
		if !slices.Contains(known, n) {
			if near := nearest.Of(n, known); near != "" {
				return fmt.Sprintf("there is no sensor %q; did you mean %s?", n, near)
			}
			return fmt.Sprintf("there is no sensor %q; configured are %s", n, strings.Join(known, ", "))
		}
	}
	c.Sensors = slices.DeleteFunc(c.Sensors, func(s config.Sensor) bool { return !slices.Contains(names, s.Name) })
	return ""
}

// table shows readings. add may be called from several goroutines.
type table struct {
	e    *env
	json bool
	live bool

	mu     sync.Mutex
	order  []*row
	last   map[string]*row
	heard  map[string]bool // sensors
	lines  int             // on the terminal
	failed bool
	buf    []byte
}

type row struct {
	reading sensors.Reading
	history []float64
}

// sparkLength is how many values a sparkline shows.
const sparkLength = 24

func (t *table) add(list []sensors.Reading) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range list {
		r := &list[i]
		t.failed = t.failed || r.Err != ""
		name, _, _ := strings.Cut(r.Sensor, ".")
		t.heard[name], t.heard[r.Sensor] = true, true // a sensor with channels reports as NAME.CHANNEL
		if t.json {
			t.buf = append(payload.AppendSensorReading(t.buf[:0], r), '\n')
			t.e.stdout.Write(t.buf)
			continue
		}
		key := r.Sensor + "\x00" + string(r.Quantity)
		x := t.last[key]
		if x == nil {
			x = &row{}
			t.last[key] = x
			t.order = append(t.order, x)
		}
		x.reading = *r
		if r.Err == "" {
			x.history = append(x.history, r.Value)
			x.history = x.history[max(0, len(x.history)-sparkLength):]
		}
	}
	if t.live && !t.json {
		t.draw()
	}
}

// missing names the sensors that have said nothing yet.
func (t *table) missing(list []sensors.Source) (names []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range list {
		if !t.heard[s.Name] {
			names = append(names, s.Name)
		}
	}
	return names
}

// draw prints the table over its earlier self on a terminal, below it elsewhere.
func (t *table) draw() {
	if t.lines > 0 && t.e.terminal() {
		t.e.printf("\x1b[%dA\x1b[J", t.lines)
	}
	t.lines = len(t.order) + 1
	t.write()
}

func (t *table) print() {
	if !t.json {
		t.write()
	}
}

func (t *table) write() {
	slices.SortStableFunc(t.order, func(a, b *row) int { return strings.Compare(a.reading.Sensor, b.reading.Sensor) })
	w := tabwriter.NewWriter(t.e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "SENSOR\tQUANTITY\tVALUE\tUNIT\tTIME")
	if t.live {
		fmt.Fprint(w, "\tLATELY")
	}
	fmt.Fprintln(w)
	for _, x := range t.order {
		r := x.reading
		value := "error: " + string(r.Err)
		if r.Err == "" {
			value = formatValue(r)
		}
		at := r.Stamp.Time().Local().Format("15:04:05.000")
		if !r.Stamp.Synced {
			at += " (clock not synced)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s", r.Sensor, r.Quantity, value, r.Quantity.Unit(), at)
		if t.live {
			fmt.Fprintf(w, "\t%s", sparkline(x.history))
		}
		fmt.Fprintln(w)
	}
	w.Flush()
}

func formatValue(r sensors.Reading) string {
	if r.Quantity.Boolean() {
		return strconv.FormatBool(r.Value != 0)
	}
	return strconv.FormatFloat(r.Value, 'f', -1, 64)
}

// sparkline draws values between their smallest and largest.
func sparkline(values []float64) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	if len(values) == 0 {
		return ""
	}
	low, high := slices.Min(values), slices.Max(values)
	var b strings.Builder
	for _, v := range values {
		i := 0
		if high > low {
			i = int((v - low) / (high - low) * float64(len(bars)-1))
		}
		b.WriteRune(bars[i])
	}
	return b.String()
}

// terminal reports whether results go to a terminal.
func (e *env) terminal() bool {
	w, ok := e.stdout.(*cli.Writer)
	if !ok {
		return false
	}
	f, ok := w.W.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
