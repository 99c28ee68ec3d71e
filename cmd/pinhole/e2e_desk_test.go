package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pinhole/cmd/internal/judge"
	"pinhole/cmd/internal/lab"
)

// desk is a lab behind a gate, with a folder for the agent's configuration and queue. On failure it shows the judge's account.
type desk struct {
	t     *testing.T
	dir   string
	lab   *lab.Lab
	gate  *gate
	books *books
	agent string // the program
	live  *process
	acct  *judge.Judge // the lab's, unless the broker is another

	mu     sync.Mutex
	events []lab.Event
}

// newDesk starts a lab without AWS's rates, which have a test of their own.
func newDesk(t *testing.T) *desk { return newDeskWith(t, lab.Options{NoLimits: true}) }

func newDeskWith(t *testing.T, o lab.Options) *desk {
	t.Helper()
	d := &desk{t: t, dir: t.TempDir(), books: newBooks(), agent: agentPath(t)}
	o.OnBatch = d.books.take
	o.OnEvent = func(e lab.Event) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.events = append(d.events, e)
	}
	var err error
	if d.lab, err = lab.Start(o); err != nil {
		t.Fatal(err)
	}
	d.acct = d.lab.Judge()
	d.gate = newGate(t, d.lab.Addr())
	t.Cleanup(func() {
		if err := d.lab.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			var b strings.Builder
			_ = d.acct.Report().WriteText(&b)
			for _, e := range d.events[max(0, len(d.events)-40):] {
				fmt.Fprintf(&b, "  %s conn %d %s %s\n", e.At.Format("15:04:05.000"), e.Conn, e.Kind, e.Detail)
			}
			t.Logf("the judge's account, and the last events at the lab:\n%s", b.String())
		}
	})
	return d
}

// settings are the parts of a configuration that tests vary.
type settings struct {
	sensors string // the list, a line each
	broker  string // "": the desk's gate
	tls     string
	proxy   string // "": none
	batch   string
	queue   string
	more    string // further keys of publisher, a line each
}

// configure writes the configuration and returns its path.
func (d *desk) configure(s settings) string {
	d.t.Helper()
	or := func(a *string, b string) {
		if *a == "" {
			*a = b
		}
	}
	or(&s.broker, "mqtts://"+d.gate.addr())
	or(&s.tls, fmt.Sprintf("ca: %[1]s/ca.pem, cert: %[1]s/device.crt, key: %[1]s/device.key, server_name: localhost, alpn: [%[2]s]",
		d.lab.Dir(), lab.ALPN))
	or(&s.proxy, "none")
	or(&s.batch, "age: 100ms")
	or(&s.queue, "max: 64MiB, sync: 2s")
	var b strings.Builder
	fmt.Fprintf(&b, "device: desk\nboard: sim\nsensors:\n")
	for line := range strings.Lines(strings.TrimSpace(s.sensors)) {
		fmt.Fprintf(&b, "  - %s\n", strings.TrimSpace(line))
	}
	fmt.Fprintf(&b, "publisher:\n  broker: %s\n  tls: {%s}\n  proxy: %s\n  batch: {%s}\n  queue: {dir: state, %s}\n",
		s.broker, s.tls, s.proxy, s.batch, s.queue)
	fmt.Fprintf(&b, "  reconnect: {min: 1s, max: 1s}\n")
	for line := range strings.Lines(strings.TrimSpace(s.more)) {
		fmt.Fprintf(&b, "  %s\n", strings.TrimSpace(line))
	}
	b.WriteString("status: {listen: \"\"}\nlog: {level: debug}\n")
	path := filepath.Join(d.dir, "pinhole.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// counters are n mocks that count; every second one is ten times slower.
func counters(n int, every time.Duration) string {
	var b strings.Builder
	for i := range n {
		e := every
		if i%2 == 1 {
			e *= 10
		}
		fmt.Fprintf(&b, "{name: c%03d, kind: mock, every: %v, quantity: count, signal: {shape: counter}}\n", i, e)
	}
	return b.String()
}

// run starts the agent; env is further environment.
func (d *desk) run(config string, env ...string) *process {
	d.t.Helper()
	d.live = start(d.t, env, d.agent, "run", "-c", config)
	return d.live
}

// await waits for cond, and demands that the agent that was started last is still there.
func (d *desk) await(limit time.Duration, what string, cond func() bool) {
	d.t.Helper()
	await(d.t, limit, what, func() bool {
		select {
		case <-d.live.ended:
			d.t.Fatalf("the agent ended while waiting: %s", what)
		default:
		}
		return cond()
	})
}

// arrived waits until n distinct readings more than now have arrived.
func (d *desk) arrived(limit time.Duration, n uint64) {
	d.t.Helper()
	want := d.acct.Totals().Readings + n
	d.await(limit, fmt.Sprintf("%d readings more", n), func() bool { return d.acct.Totals().Readings >= want })
}

// account demands that nothing is missing and no rule broken, and returns the report.
func (d *desk) account() judge.Report {
	d.t.Helper()
	r := d.acct.Report()
	if err := r.Err(); err != nil {
		d.t.Errorf("the judge: %v", err)
	}
	if r.Readings == 0 {
		d.t.Error("nothing arrived")
	}
	return r
}

// finish stops the agent and demands that its stream came whole, with its end.
func (d *desk) finish() judge.Report {
	d.t.Helper()
	d.live.stop()
	if d.lab != nil { // what the agent wrote last may still be on its way through the lab
		await(d.t, 10*time.Second, "the lab has read to the end of the connection", func() bool { return len(d.lab.Peers()) == 0 })
	}
	ended := d.acct.Totals().Ended
	r := d.account()
	if last := r.Streams[len(r.Streams)-1]; !last.Ended || ended == 0 {
		d.t.Errorf("no end marker of stream %s", last.Stream)
	}
	return r
}

// queue returns what `pinhole queue --json` says.
func (d *desk) queue(config string) (b backlog) {
	d.t.Helper()
	out, errs, code := output(d.t, "", d.agent, "queue", "--json", "-c", config)
	if code != 0 {
		d.t.Fatalf("queue --json: code %d\n%s%s", code, out, errs)
	}
	if err := json.Unmarshal([]byte(out), &b); err != nil {
		d.t.Fatalf("queue --json: %v in %s", err, out)
	}
	return b
}

// stored is one line of `pinhole queue dump`.
type stored struct {
	Stream string
	Seq    uint64
	Sensor string
	Time   float64
	Value  float64
	Error  string
}

func (d *desk) dump(config string) (list []stored) {
	d.t.Helper()
	out, errs, code := output(d.t, "", d.agent, "queue", "dump", "-c", config)
	if code != 0 || errs != "" {
		d.t.Fatalf("queue dump: code %d\n%s", code, errs)
	}
	for line := range strings.Lines(out) {
		var s stored
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			d.t.Fatalf("queue dump: %v in %s", err, line)
		}
		list = append(list, s)
	}
	return list
}

// disk returns what the queue's folder holds, in bytes: by the files' lengths, and by what the file system gave them.
func (d *desk) disk() (length, taken int64) {
	_ = filepath.WalkDir(filepath.Join(d.dir, "state", "queue"), func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil // a file may go while we look
		}
		if info, err := e.Info(); err == nil {
			length += info.Size()
			if s, ok := info.Sys().(*syscall.Stat_t); ok {
				taken += s.Blocks * 512
			}
		}
		return nil
	})
	return length, taken
}

// links counts the connections on which something came that was meant for the broker: a login, or a first post.
func (d *desk) links() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.events {
		if e.Kind == "connect" {
			n++
		}
	}
	return n
}

// cut lets at least n bytes vanish, cuts the link, and waits for the next one: what is cut before a link is there is a handshake,
// which the agent gives seconds to.
func (d *desk) cut(n int) {
	d.t.Helper()
	d.gate.cut(d.t, n)
	links := d.links()
	d.await(30*time.Second, "the next link", func() bool { return d.links() > links })
}

// closed counts the connections that ended at the lab in that way.
func (d *desk) closed(detail string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.events {
		if e.Kind == "close" && e.Detail == detail {
			n++
		}
	}
	return n
}

// books check what mocks count: in each stream the values of a sensor are 0, 1, 2 ... in the order of the readings' numbers.
type books struct {
	mu     sync.Mutex
	values map[string]map[string][]uint64 // stream, sensor, value: number of the reading + 1
	newest map[string]time.Time           // of each stream's readings
	each   func(*judge.Batch)             // more to look at; may be nil
}

func newBooks() *books {
	return &books{values: map[string]map[string][]uint64{}, newest: map[string]time.Time{}}
}

func (b *books) take(batch *judge.Batch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.each != nil {
		b.each(batch)
	}
	stream := b.values[batch.Stream]
	if stream == nil {
		stream = map[string][]uint64{}
		b.values[strings.Clone(batch.Stream)] = stream
	}
	for i, r := range batch.Readings {
		at := time.Unix(0, r.Time)
		if at.After(b.newest[batch.Stream]) {
			b.newest[strings.Clone(batch.Stream)] = at
		}
		if r.Quantity != "count" || r.Error != "" {
			continue
		}
		seq := batch.Seq + 1
		if batch.Numbered {
			seq += uint64(i)
		}
		list := stream[r.Sensor]
		for v := uint64(r.Value); v >= uint64(len(list)); {
			list = append(list, 0)
		}
		list[uint64(r.Value)] = seq
		stream[strings.Clone(r.Sensor)] = list
	}
}

// has reports whether a stored counter's reading has arrived under its number.
func (b *books) has(s stored) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.values[s.Stream][s.Sensor]
	return int(s.Value) < len(list) && list[int(s.Value)] == s.Seq+1
}

// check demands that no counter of any stream has a gap or goes back. It returns how many values there were.
func (b *books) check(t testing.TB) (n int) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for stream, sensors := range b.values {
		for _, name := range slices.Sorted(maps.Keys(sensors)) {
			var gaps, back []int
			last := uint64(0)
			for v, seq := range sensors[name] {
				switch {
				case seq == 0:
					gaps = append(gaps, v)
				case seq < last:
					back = append(back, v)
				}
				last = max(last, seq)
				n++
			}
			if len(gaps)+len(back) > 0 {
				t.Errorf("stream %s, sensor %s: of %d values %d are missing: %v, and %d have a lower number than the one before: %v",
					stream, name, len(sensors[name]), len(gaps), gaps, len(back), back)
			}
		}
	}
	return n
}

// highest returns the highest number of a counter's reading that came of a stream.
func (b *books) highest(stream string) (seq uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, list := range b.values[stream] {
		for _, s := range list {
			seq = max(seq, s)
		}
	}
	return max(seq, 1) - 1
}
