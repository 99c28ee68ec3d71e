package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"pinhole/sensors/kind"
)

// Options is what a configuration is read against.
type Options struct {
	Kinds    []kind.Kind                      // the table of kinds
	Env      func(name string) (string, bool) // os.LookupEnv; nil: an empty environment
	Hostname string                           // the default of device
	Dir      string                           // the folder at which relative paths start; absolute. Load fills it in
	Stdin    io.Reader                        // what Load reads for "-"
	Board    string                           // the board that counts, whatever the configuration says; "" if that counts
	NoFiles  bool                             // certificates, keys and passwords are not looked at: doctor does that itself
}

// Load reads and parses the file at path; "-" stands for Options.Stdin, whose relative paths start at the working directory.
// The Config is nil if there are problems.
func Load(path string, o Options) (*Config, []Problem) {
	data, dir, err := read(path, o.Stdin)
	if err != nil {
		p := Problem{File: path, Message: "cannot read the configuration: " + cause(err)}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			p.Hint = "`pinhole config > " + path + "` writes an example to start from; -c names another file"
		case errors.Is(err, fs.ErrPermission):
			p.Hint = "make it readable for the user that runs pinhole"
		}
		return nil, []Problem{p}
	}
	o.Dir = dir
	return Parse(path, data, o)
}

func read(path string, stdin io.Reader) (data []byte, dir string, err error) {
	if path == "-" {
		if dir, err = os.Getwd(); err != nil {
			return nil, "", err
		}
		if stdin == nil {
			return nil, dir, nil
		}
		data, err = io.ReadAll(io.LimitReader(stdin, maxBytes+1))
		return data, dir, err
	}
	if dir, err = filepath.Abs(filepath.Dir(path)); err != nil {
		return nil, "", err
	}
	data, err = readUpTo(path, maxBytes+1)
	return data, dir, err
}

// cause drops the operation and the path that a PathError repeats.
func cause(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// Parse checks the text of a configuration; name is what its problems call it. The Config is nil if there are problems.
func Parse(name string, data []byte, o Options) (*Config, []Problem) {
	p := &parser{o: o, file: name, asked: make(map[string]bool), places: make(map[string]place)}
	c := p.config(data)
	p.keepWithin(data)
	if len(p.problems)+len(p.beside) > 0 {
		ps := append(arrange(p.problems), p.beside...)
		if p.dropped > 0 {
			ps = append(ps, Problem{File: name, Message: fmt.Sprintf("%d more problems", p.dropped), Hint: "mend those above first"})
		}
		return nil, ps
	}
	c.Warnings = arrange(p.warnings)
	return c, nil
}

// keepWithin moves every place into the text: the parser puts what is not there behind its end.
func (p *parser) keepWithin(data []byte) {
	if len(p.problems)+len(p.warnings) == 0 {
		return
	}
	lines := splitLines(bytes.TrimPrefix(data, []byte("\ufeff")))
	for _, list := range [][]Problem{p.problems, p.warnings} {
		for i := range list {
			if q := &list[i]; q.Line > 0 {
				at := within(place{q.Line, q.Column}, lines)
				q.Line, q.Column = at.line, at.column
			}
		}
	}
}

func (p *parser) config(data []byte) *Config {
	root := p.document(data)
	if root == nil {
		return nil
	}
	o, ok := p.child("", root).object()
	if !ok {
		return nil
	}
	p.places[""] = o.at
	c := &Config{File: p.file}
	c.Device = p.device(o.get("device"))
	c.Board = o.get("board").word(Pi, Pi, Sim)
	if p.o.Board != "" {
		c.Board = p.o.Board
	}
	p.board = c.Board
	before := len(p.problems)
	if list := o.get("sensors"); list.node != nil || !o.has("sensors") {
		c.Sensors = p.sensors(list)
	}
	p.shaky = len(p.problems) > before
	if pub := o.get("publisher"); pub.node == nil && o.has("publisher") {
		// Reported when it was read.
	} else if pub.null() {
		pub.problem("is missing", "name the broker at least: `publisher: {broker: mqtts://HOST:443}`")
	} else {
		c.Publisher = p.publisher(pub, c.Device)
	}
	c.Sim = p.simulation(o.get("sim"), c.Sensors)
	c.Status = p.status(o.section("status"))
	c.Log = logging(o.section("log"))
	o.done()
	p.reportUnknown()
	return c
}

func (p *parser) device(v value) string {
	s := v.text(p.o.Hostname)
	what := badName(s)
	switch {
	case what == "":
		return s
	case v.node != nil:
		v.problem(what, nameHint)
	default:
		v.problem("the host name cannot serve as the device's name: it "+strings.TrimPrefix(what, quote(s)+" "),
			"set device to a name of "+strings.TrimPrefix(nameHint, "use "))
	}
	return ""
}

// status reads where the local endpoint listens. Beyond the loopback it needs a token.
func (p *parser) status(o *object) (s Status) {
	listen, token := o.get("listen"), o.get("token_file")
	s.Listen = listen.text("127.0.0.1:4430")
	if s.TokenFile = token.credential(); s.TokenFile != "" {
		p.checkSecret(token.path, s.TokenFile)
	}
	o.done()
	if s.Listen == "" {
		return s
	}
	const hint = "write HOST:PORT, such as 127.0.0.1:4430, or \"\" for none"
	host, port, err := net.SplitHostPort(s.Listen)
	if err != nil {
		listen.problem("must be an address to listen at, but is "+quote(s.Listen), hint)
		return s
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || port != strconv.FormatUint(n, 10) {
		listen.problem("port "+quote(port)+" is not a number from 0 to 65535", hint)
		return s
	}
	addr, err := netip.ParseAddr(host)
	if host != "" && host != "localhost" && err != nil {
		listen.problem(quote(host)+" is not an address of this machine", hint)
		return s
	}
	if host != "localhost" && !addr.IsLoopback() && s.TokenFile == "" {
		p.warnAt(listen.path, s.Listen+" can be reached from other machines, and no token is set", "set status.token_file")
	}
	return s
}

func logging(o *object) (l Log) {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	l.Level = levels[o.get("level").word("info", "debug", "info", "warn", "error")]
	l.Format = o.get("format").word("text", "text", "json")
	o.done()
	return l
}
