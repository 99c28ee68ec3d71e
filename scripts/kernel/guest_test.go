package kernel

import (
	"encoding/json"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// guest is a machine seen from inside, by what process 1 does for us.
type guest struct {
	t       *testing.T
	serial  socket
	started chan reply // one, when process 1 is there

	mu   sync.Mutex
	last int
	jobs map[int]*job
}

// request and reply are as in init/main.go.
type request struct {
	ID     int      `json:"id"`
	Op     string   `json:"op"`
	Argv   []string `json:"argv"`
	Signal int      `json:"signal"`
	To     int      `json:"to"`
	Path   string   `json:"path"`
	Text   string   `json:"text"`
}

type reply struct {
	ID         int
	Out, Err   string
	Done       bool
	Code       int
	Text, Fail string
}

// job is a request under way: a program, mostly.
type job struct {
	g    *guest
	id   int
	op   string
	argv []string

	mu        sync.Mutex
	out, errs strings.Builder
	end       *reply
	news      chan struct{} // of capacity 1: something has come
}

func newGuest(t *testing.T, serial socket) *guest {
	g := &guest{t: t, serial: serial, started: make(chan reply, 1), jobs: map[int]*job{}}
	serial.SetReadDeadline(time.Now().Add(limit)) // for the first line
	go g.listen()
	return g
}

// listen sorts what process 1 says, until the machine ends.
func (g *guest) listen() {
	defer close(g.started)
	for first := true; ; first = false {
		line, err := g.serial.lines.ReadBytes('\n')
		if err != nil {
			if first {
				g.started <- reply{Fail: "it says nothing: " + err.Error()}
			}
			g.mu.Lock()
			defer g.mu.Unlock()
			for _, j := range g.jobs {
				j.tell(reply{Done: true, Fail: "the machine is gone"})
			}
			return
		}
		var r reply
		if err := json.Unmarshal(line, &r); err != nil {
			r.Fail = string(line)
		}
		if first {
			g.serial.SetReadDeadline(time.Time{})
			g.started <- r
			continue
		}
		g.mu.Lock()
		j := g.jobs[r.ID]
		g.mu.Unlock()
		if j != nil {
			j.tell(r)
		}
	}
}

func (j *job) tell(r reply) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.out.WriteString(r.Out)
	j.errs.WriteString(r.Err)
	if r.Done && j.end == nil {
		j.end = &r
	}
	select {
	case j.news <- struct{}{}:
	default:
	}
}

// ask sends a request, whose number is filled in.
func (g *guest) ask(r request) *job {
	g.t.Helper()
	g.mu.Lock()
	g.last++
	r.ID = g.last
	j := &job{g: g, id: r.ID, op: r.Op, argv: r.Argv, news: make(chan struct{}, 1)}
	g.jobs[r.ID] = j
	g.mu.Unlock()
	line, err := json.Marshal(r)
	if err != nil {
		g.t.Fatal(err)
	}
	g.serial.SetWriteDeadline(time.Now().Add(limit))
	if _, err := g.serial.Write(append(line, '\n')); err != nil {
		g.t.Fatal(err)
	}
	return j
}

// start starts a program.
func (g *guest) start(argv ...string) *job { return g.ask(request{Op: "run", Argv: argv}) }

// run runs a program to its end.
func (g *guest) run(argv ...string) (out, errs string, code int) {
	g.t.Helper()
	return g.start(argv...).wait()
}

// must is run for a program that should succeed.
func (g *guest) must(argv ...string) string {
	g.t.Helper()
	out, errs, code := g.run(argv...)
	if code != 0 {
		g.t.Fatalf("%q: code %d\n%s%s", argv, code, out, errs)
	}
	return out
}

// write writes a file, of which sysfs has some that do something.
func (g *guest) write(path, text string) {
	g.t.Helper()
	g.ask(request{Op: "write", Path: path, Text: text}).wait()
}

// read reads a file.
func (g *guest) read(path string) string {
	g.t.Helper()
	j := g.ask(request{Op: "read", Path: path})
	j.wait()
	_, _, end := j.state()
	return end.Text
}

// until waits until what the program has printed, which comes in whole lines, is as it should be.
func (j *job) until(what string, ok func(out string) bool) string {
	j.g.t.Helper()
	for late := time.After(limit); ; {
		out, errs, end := j.state()
		switch {
		case ok(out):
			return out
		case end != nil:
			j.g.t.Fatalf("%q ended with code %d %s before %s:\n%s%s", j.argv, end.Code, end.Fail, what, out, errs)
		}
		select {
		case <-j.news:
		case <-late:
			j.g.t.Fatalf("%q: no %s within %v:\n%s%s", j.argv, what, limit, out, errs)
		}
	}
}

func (j *job) state() (out, errs string, end *reply) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.out.String(), j.errs.String(), j.end
}

// signal sends the program a signal. On a machine with one processor it has come to an effect then.
func (j *job) signal(n syscall.Signal) {
	j.g.t.Helper()
	j.g.ask(request{Op: "signal", To: j.id, Signal: int(n)}).wait()
}

// wait waits for the end.
func (j *job) wait() (out, errs string, code int) {
	j.g.t.Helper()
	var end *reply
	j.until("end", func(string) bool { out, errs, end = j.state(); return end != nil })
	if end.Fail != "" {
		j.g.t.Fatalf("%s %q: %s", j.op, j.argv, end.Fail)
	}
	return out, errs, end.Code
}
