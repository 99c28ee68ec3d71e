package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"pinhole/cmd/pinhole/internal/cli"
	"pinhole/cmd/pinhole/internal/config"
	"pinhole/cmd/pinhole/internal/local"
	"pinhole/sensors"
	"pinhole/sensors/clock"
)

func statusCommand() command {
	return command{
		name:    "status",
		summary: "ask the running agent how it is",
		detail:  "Asks the agent's local endpoint (status.listen). Exit code 1 if the agent does not answer, or is not well.",
		group:   groupLook,
		setup: func(f *flags) runner {
			from := f.config()
			asJSON := f.json("print what /api/status gives")
			return func(ctx context.Context, e *env, _ []string) cli.Code {
				c, code := e.mustLoad(from)
				if c == nil {
					return code
				}
				return e.status(ctx, c, *asJSON)
			}
		},
	}
}

func watchCommand() command {
	return command{
		name:    "watch",
		summary: "watch the running agent's readings",
		detail:  "Follows the readings that the agent takes, as they come, until Ctrl-C.",
		group:   groupLook,
		setup: func(f *flags) runner {
			from := f.config()
			asJSON := f.json("print a JSON object a line for each reading, as in the payload")
			return func(ctx context.Context, e *env, _ []string) cli.Code {
				c, code := e.mustLoad(from)
				if c == nil {
					return code
				}
				return e.watch(ctx, c, *asJSON)
			}
		},
	}
}

// ask sends a request to the agent's local endpoint.
func ask(ctx context.Context, c *config.Config, path string) (*http.Response, error) {
	if c.Status.Listen == "" {
		return nil, errors.New("the agent has no local endpoint: set status.listen")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.Status.Listen+path, nil)
	if err != nil {
		return nil, err
	}
	if f := c.Status.TokenFile; f != "" {
		token, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("read the token: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	// Never through a proxy: the agent is here.
	client := &http.Client{Transport: &http.Transport{Proxy: nil, ResponseHeaderTimeout: 5 * time.Second}}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the agent does not answer: %w; is `pinhole run` running?", err)
	}
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 200))
		res.Body.Close()
		return nil, fmt.Errorf("%s answers %s: %s", c.Status.Listen, res.Status, strings.TrimSpace(string(text)))
	}
	return res, nil
}

func (e *env) status(ctx context.Context, c *config.Config, asJSON bool) cli.Code {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	res, err := ask(ctx, c, "/api/status")
	if err != nil {
		return e.fail(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	var s local.Status
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return e.fail(fmt.Errorf("read the agent's status: %w", err))
	}
	if asJSON {
		e.printf("%s\n", strings.TrimSpace(string(text)))
	} else {
		e.printStatus(&s)
	}
	if !s.OK {
		return cli.Failed
	}
	return cli.Done
}

func (e *env) printStatus(s *local.Status) {
	at := func(ms *int64) string {
		if ms == nil {
			return "never"
		}
		t := time.UnixMilli(*ms)
		return fmt.Sprintf("%s (%v ago)", t.Local().Format(time.DateTime), time.Since(t).Round(time.Second))
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	state := "ok"
	if !s.OK {
		state = strings.Join(s.Problems, "; ")
	}
	fmt.Fprintf(w, "state\t%s\ndevice\t%s, version %s, started %s\n", state, s.Device, s.Version, at(s.Started))
	link := "connected since " + at(s.Link.Since)
	if !s.Link.Connected {
		link = "not connected since " + at(s.Link.Since)
		if s.Link.Stage != "" {
			link += ", fails at stage " + s.Link.Stage
		}
	}
	fmt.Fprintf(w, "broker\t%s, %s\n", s.Link.Broker, link)
	fmt.Fprintf(w, "delivered\t%d readings in %d messages, the last %s\n", s.Link.Readings, s.Link.Messages, at(s.Link.LastAck))
	fmt.Fprintf(w, "waiting\t%d readings, %d bytes on disk (%s)\n", s.Queue.Readings, s.Queue.Bytes, s.Queue.Disk)
	var lost []string
	for reason, n := range s.Queue.Lost {
		if n > 0 {
			lost = append(lost, fmt.Sprintf("%d %s", n, reason))
		}
	}
	slices.Sort(lost)
	if len(lost) == 0 {
		lost = []string{"0"}
	}
	fmt.Fprintf(w, "lost\t%s\nclock\t%s\n", strings.Join(lost, ", "), s.Clock)
	for _, x := range s.Sensors {
		text := fmt.Sprintf("%d readings, the last good one %s", x.Readings, at(x.Good))
		if !x.OK {
			text = fmt.Sprintf("%s, %d failures in a row: %s", x.Class, x.Failures, x.Error)
		}
		if x.Skipped > 0 {
			text += fmt.Sprintf(", %d ticks skipped", x.Skipped)
		}
		if x.Lost > 0 {
			text += fmt.Sprintf(", %d edges lost", x.Lost)
		}
		fmt.Fprintf(w, "sensor %s\t%s\n", x.Name, text)
	}
	w.Flush()
}

func (e *env) watch(ctx context.Context, c *config.Config, asJSON bool) cli.Code {
	res, err := ask(ctx, c, "/api/readings")
	if err != nil {
		return e.fail(err)
	}
	defer res.Body.Close()
	show := &table{e: e, last: map[string]*row{}, json: asJSON, live: true}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		if r, err := parseReading(data); err == nil {
			show.add([]sensors.Reading{r})
		}
	}
	if ctx.Err() == nil {
		return e.fail(errors.New("the agent has ended"))
	}
	return cli.Done
}

// parseReading reads one reading as the payload writes it.
func parseReading(text string) (r sensors.Reading, err error) {
	var m struct {
		Sensor   string
		Quantity sensors.Quantity
		Time     float64
		Value    any
		Error    sensors.Class
		Clock    string
	}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return r, err
	}
	r = sensors.Reading{Sensor: m.Sensor, Quantity: m.Quantity, Err: m.Error,
		Stamp: clock.Stamp{Wall: int64(m.Time * 1e6), Synced: m.Clock == ""}}
	switch v := m.Value.(type) {
	case float64:
		r.Value = v
	case bool:
		if v {
			r.Value = 1
		}
	case nil:
		if m.Error == "" {
			return r, errors.New("neither value nor error")
		}
	}
	return r, nil
}
