package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"pinhole/cmd/pinhole/internal/agent"
	"pinhole/cmd/pinhole/internal/cli"
	"pinhole/cmd/pinhole/internal/config"
	"pinhole/publisher/payload"
	"pinhole/publisher/queue"
	"pinhole/publisher/record"
	"pinhole/sensors/clock"
)

func queueCommand() command {
	return command{
		name:    "queue",
		args:    "[dump]",
		summary: "what waits to be delivered",
		detail: "Reads the queue's folder without touching it, beside a running agent and on a damaged folder. Readings that are younger\n" +
			"than publisher.queue.sync are still in the agent's memory and not seen here.\n\n" +
			"`pinhole queue dump` prints every stored reading as a JSON object a line, with its stream and number.",
		group: groupLook,
		most:  1,
		setup: func(f *flags) runner {
			from := f.config()
			asJSON := f.json(`print {"readings", "bytes", "oldest", "lost": [...]}; oldest in milliseconds since 1970`)
			return func(ctx context.Context, e *env, args []string) cli.Code {
				if len(args) > 0 && args[0] != "dump" {
					return e.usage("queue", fmt.Sprintf("unknown argument %q; there is only dump", args[0]))
				}
				c, code := e.mustLoad(from)
				if c == nil {
					return code
				}
				if len(args) > 0 {
					return dumpQueue(ctx, e, c)
				}
				return showQueue(e, c, *asJSON)
			}
		},
	}
}

// backlog is what `queue --json` prints.
type backlog struct {
	Readings uint64      `json:"readings"`
	Bytes    int64       `json:"bytes"`
	Oldest   *float64    `json:"oldest"` // milliseconds since 1970; null: nothing waits
	Lost     []lostEntry `json:"lost"`
	Drain    *float64    `json:"drain_seconds"` // at the configured rate; null: as fast as the broker takes it
	Dir      string      `json:"dir"`
}

type lostEntry struct {
	Stream string `json:"stream"`
	Seq    uint64 `json:"seq"`
	Count  uint64 `json:"count"`
	Span   uint64 `json:"span,omitzero"`
	Reason string `json:"reason"`
}

func showQueue(e *env, c *config.Config, asJSON bool) cli.Code {
	dir := agent.QueueDir(c)
	s, err := queue.Inspect(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist): // no agent has run here yet
	case err != nil:
		return e.fail(err)
	}
	b := backlog{Readings: s.Readings, Bytes: s.Bytes, Lost: []lostEntry{}, Dir: dir}
	for _, l := range s.Lost {
		b.Lost = append(b.Lost, lostEntry{uuid(l.Stream), l.Seq, l.Count, l.Span, l.Reason.String()})
	}
	if t, ok := oldest(dir); ok {
		b.Oldest = new(float64(t.UnixMicro()) / 1000)
	}
	if d := drainTime(c, s.Readings); d > 0 {
		b.Drain = new(d.Seconds())
	}
	if asJSON {
		e.printJSON(b)
		return cli.Done
	}
	e.printf("readings  %d\nbytes     %d in %s\n", b.Readings, b.Bytes, b.Dir)
	if b.Oldest != nil {
		t := time.UnixMicro(int64(*b.Oldest * 1000))
		e.printf("oldest    %s (%v ago)\n", t.Local().Format(time.RFC3339), time.Since(t).Round(time.Second))
	}
	switch {
	case b.Readings == 0:
	case b.Drain != nil:
		e.printf("drain     %v at publisher.rate\n", drainTime(c, s.Readings).Round(time.Second))
	default:
		e.printf("drain     as fast as the broker takes it\n")
	}
	for _, l := range b.Lost {
		e.printf("lost      %d readings of stream %s from number %d on: %s\n", l.Count, l.Stream, l.Seq, l.Reason)
	}
	return cli.Done
}

// typicalReading is the length of a reading in json, in bytes, about.
const typicalReading = 96

// drainTime estimates how long n readings take at the configured rate; 0: no rate is configured.
func drainTime(c *config.Config, n uint64) time.Duration {
	p := &c.Publisher
	var seconds float64
	if p.Rate.Bytes > 0 {
		seconds = float64(n) * typicalReading / p.Rate.Bytes
	}
	if p.Rate.Messages > 0 {
		seconds = max(seconds, float64(n)/float64(p.Batch.Readings)/p.Rate.Messages)
	}
	return time.Duration(seconds * float64(time.Second))
}

var errEnough = errors.New("enough")

// oldest returns the time of the first stored reading.
func oldest(dir string) (t time.Time, ok bool) {
	r := record.NewReader(record.NewTable())
	queue.Dump(dir, func(b queue.Block) error {
		var it record.Item
		if b.End || r.Reset(b.Data) != nil || !r.Skip(b.Skip) || !r.Next(&it) {
			return nil
		}
		t, ok = time.UnixMicro(it.Wall), true
		return errEnough
	})
	return t, ok
}

func dumpQueue(ctx context.Context, e *env, c *config.Config) cli.Code {
	dir := agent.QueueDir(c)
	history := &clock.History{}
	if s, err := queue.Inspect(dir); err == nil {
		history.UnmarshalBinary(s.Meta) // without it times stay as they were recorded, and are marked
	}
	out := bufio.NewWriter(e.stdout)
	r := record.NewReader(record.NewTable())
	var line []byte
	err := queue.Dump(dir, func(b queue.Block) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if b.End {
			return nil
		}
		if r.Reset(b.Data) == nil {
			r.Skip(b.Skip)
		}
		var it record.Item
		for seq := b.Seq + uint64(b.Skip); r.Next(&it); seq++ {
			wall, ok := history.Resolve(r.Boot(), it.Boot*1000, it.Wall*1000, it.Synced)
			line = append(payload.AppendStored(line[:0], b.Stream, seq, &it, wall/1000, !ok), '\n')
			if _, err := out.Write(line); err != nil {
				return err
			}
		}
		if err := r.Err(); err != nil {
			e.logf("pinhole queue: stream %s, numbers from %d on: %v", uuid(b.Stream), b.Seq, err)
		}
		return nil
	})
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = out.Flush()
	}
	if err != nil {
		return e.fail(err)
	}
	return cli.Done
}

// uuid writes a stream's name.
func uuid(s queue.Stream) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", s[:4], s[4:6], s[6:8], s[8:10], s[10:])
}
