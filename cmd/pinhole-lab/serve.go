package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"pinhole/cmd/internal/judge"
	"pinhole/cmd/internal/lab"
)

var errOutput = errors.New("standard output is gone")

func serveHelp(w io.Writer) {
	fmt.Fprint(w, `pinhole-lab serve [FLAGS]

Listens as AWS IoT Core does on port 443 (TLS with ALPN, client certificate, MQTT 3.1.1, AWS's limits), writes ca.pem,
device.crt, device.key and pinhole.yaml, and prints each arriving reading as a JSON line. In another terminal:

  pinhole run -c DIR/pinhole.yaml

The same port takes HTTPS publish by its ALPN name (pinhole-https.yaml). With --web there is a second one for what AWS takes
without a certificate, signed with the access key in DIR/credentials: MQTT inside WebSocket (pinhole-wss.yaml) and HTTPS publish.

Ctrl-C ends it with an account of what arrived, what came twice and what is missing, on stderr.

A fault is staged with --fault NAME or NAME=ARG, with *TIMES behind it on the first TIMES connections only; it may be given several
times. The lab then says which command shows it, mostly pinhole doctor -c DIR/pinhole.yaml, and what that should say. What is staged
around the endpoint, such as a proxy, a name or the device's key, is in that configuration; no root is needed and nothing outside DIR
is touched. Where only root could stage it, the command runs in a namespace of its own by unshare(1), which ends with it.
`)
	where := ""
	for _, f := range lab.Faults() {
		if f.Where != where {
			where = f.Where
			fmt.Fprintf(w, "\nFaults of the %s:\n", places[where])
		}
		name, note := f.Name, ""
		if f.Arg != "" {
			name += "=" + f.Arg
		}
		if f.Default != "" {
			note = " (default " + f.Default + ")"
		}
		fmt.Fprintf(w, "  %-22s %s%s\n", name, strings.ReplaceAll(f.Does, "\n", "\n"+strings.Repeat(" ", 25)), note)
	}
}

// places words where faults are.
var places = map[string]string{
	"device": "device", "name": "broker's name", "network": "network", "proxy": "proxy", "TLS": "endpoint's TLS", "MQTT": "MQTT session",
}

// next says which command to run against the lab, and what doctor should find.
func next(w io.Writer, l *lab.Lab) {
	outlook := l.Outlook()
	if len(outlook) == 0 {
		fmt.Fprintf(w, "next: %s\n", l.Try("run"))
		return
	}
	for _, o := range outlook {
		fmt.Fprintf(w, "fault %s: %s\n", o.Name, strings.ReplaceAll(o.Does, "\n", " "))
	}
	fmt.Fprintf(w, "next: %s\n", l.Try("doctor"))
	for _, o := range outlook {
		what := "the first thing that breaks: " + o.Culprit
		if o.Culprit == "" {
			what = "everything works"
		}
		fmt.Fprintf(w, "  it should say: %s; and in its lines: %s\n", what, o.Says)
		if o.Note != "" {
			fmt.Fprintf(w, "  note: %s\n", o.Note)
		}
	}
}

func serve(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	o := lab.Options{}
	fs.StringVar(&o.Listen, "listen", "127.0.0.1:8443", "listen on `ADDR`, host:port")
	fs.StringVar(&o.Web, "web", "", "listen on `ADDR` for WebSocket and signed HTTPS, such as 127.0.0.1:8444")
	fs.BoolVar(&o.Anywhere, "anywhere", false, "allow to listen beyond loopback, for a board on your desk")
	fs.StringVar(&o.Dir, "dir", "", "keep certificates and configuration in `DIR` (default: a new temporary folder)")
	fs.BoolVar(&o.NoLimits, "no-limits", false, "leave out AWS's limits of rate, throughput and connects")
	length := fs.Duration("for", 0, "end by itself after `DURATION`")
	quiet := fs.Bool("quiet", false, "do not print readings")
	report := fs.String("report", "", "write the account as JSON to `FILE` at the end")
	fs.Func("fault", "go wrong on purpose, see above; `NAME[=ARG]`", func(text string) error {
		f, err := lab.ParseFault(text)
		o.Faults = append(o.Faults, f)
		return err
	})
	if code, ok := parse(fs, args, stdout, stderr, serveHelp); !ok {
		return code
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if *length > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, *length)
		defer stop()
	}
	if o.Dir == "" { // a folder of our own stays, for it is what the user is told to use
		dir, err := os.MkdirTemp("", "pinhole-lab-")
		if err != nil {
			fmt.Fprintln(stderr, "pinhole-lab serve:", err)
			return exitFailed
		}
		o.Dir = dir
	}
	o.Log = slog.New(slog.NewTextHandler(stderr, nil))
	p := printer{w: bufio.NewWriterSize(stdout, 64<<10)}
	o.OnBatch = func(b *judge.Batch) {
		if !*quiet {
			if err := p.batch(b); err != nil {
				cancel(errOutput)
			}
		}
		for _, l := range b.Lost {
			o.Log.Warn("lost", "device", b.Device, "stream", l.Stream, "seq", l.Seq, "count", l.Count, "span", l.Span, "reason", l.Reason)
		}
	}
	l, err := lab.Start(o)
	if err != nil {
		fmt.Fprintln(stderr, "pinhole-lab serve:", err)
		return exitFailed
	}
	if l.Web() != "" {
		fmt.Fprintf(stderr, "WebSocket and signed HTTPS on %s\n", l.Web())
	}
	fmt.Fprintf(stderr, "listening on %s\ncertificates and configuration in %s\n", l.Addr(), l.Dir())
	next(stderr, l)
	<-ctx.Done()
	err = l.Close()
	account := l.Judge().Report()
	account.WriteText(stderr)
	if *report != "" {
		err = errors.Join(err, writeReport(*report, account))
	}
	if cause := context.Cause(ctx); cause == errOutput {
		err = errors.Join(err, cause)
	}
	if err != nil {
		fmt.Fprintln(stderr, "pinhole-lab serve:", err)
		return exitFailed
	}
	return exitDone
}

// writeReport replaces the file as a whole, so that whoever waits for it never reads half.
func writeReport(path string, r judge.Report) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".report-")
	if err != nil {
		return err
	}
	_, err = tmp.Write(append(b, '\n'))
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return err
}

// printer writes readings as JSON lines.
type printer struct {
	w    *bufio.Writer
	line []byte
}

func (p *printer) batch(b *judge.Batch) error {
	for i := range b.Readings {
		p.line = appendLine(p.line[:0], b, i)
		if _, err := p.w.Write(p.line); err != nil {
			return err
		}
	}
	return p.w.Flush()
}
