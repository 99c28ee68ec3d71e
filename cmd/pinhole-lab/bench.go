package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"text/tabwriter"
	"time"

	"pinhole/cmd/internal/judge"
	"pinhole/cmd/internal/lab"
)

// bench measures the agent as a whole process against an endpoint in this one, and prints what it saw: figures, no verdicts.
func bench(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	b := &bencher{ctx: ctx}
	flags.StringVar(&b.agent, "pinhole", "", "`PATH` of the agent; the one beside pinhole-lab unless given")
	flags.IntVar(&b.readings, "readings", 1_000_000, "`N` readings for throughput and backlog")
	flags.DurationVar(&b.calm, "calm", 20*time.Second, "`TIME` to watch 20 sensors at 1 Hz")
	code, ok := parse(flags, args, stdout, stderr, func(w io.Writer) {
		fmt.Fprintln(w, "pinhole-lab bench: figures of the agent on this machine. Rates swing with the machine; ratios in one run count.")
	})
	if !ok {
		return code
	}
	var err error
	if b.agent, err = findAgent(b.agent); err == nil {
		b.dir, err = os.MkdirTemp("", "pinhole-bench-")
	}
	if err != nil {
		fmt.Fprintln(stderr, "pinhole-lab bench:", err)
		return exitFailed
	}
	defer os.RemoveAll(b.dir)
	b.out = tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for _, part := range []func() error{b.tape, b.flatOut, b.backlog, b.quiet, b.growth, b.posts} {
		if err := part(); err != nil {
			b.out.Flush()
			fmt.Fprintln(stderr, "pinhole-lab bench:", err)
			return exitFailed
		}
		b.out.Flush()
	}
	return exitDone
}

// bencher measures one agent.
type bencher struct {
	ctx      context.Context
	agent    string
	readings int
	calm     time.Duration
	dir      string
	csv      string
	out      *tabwriter.Writer
}

func (b *bencher) row(format string, args ...any) { fmt.Fprintf(b.out, format+"\n", args...) }

// tape writes the readings that are played back: 200 sensors, temperatures on a walk.
func (b *bencher) tape() error {
	b.csv = filepath.Join(b.dir, "tape.csv")
	f, err := os.Create(b.csv)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "time,sensor,quantity,unit,value")
	start := time.Now().Add(-24 * time.Hour).UnixMilli()
	value := 2000
	for i := range b.readings {
		value += i*7919%11 - 5
		fmt.Fprintf(w, "%d,s%05d,temperature,Cel,%d.%02d\n", start+int64(i/200)*1000, i%200, value/100, max(value, -value)%100)
	}
	return w.Flush()
}

// trial is one agent against one endpoint.
type trial struct {
	lab   *lab.Lab
	cmd   *exec.Cmd
	first atomic.Int64 // when the first message came, ns after start
	last  atomic.Int64
	units atomic.Int64 // of 5,000 bytes, payload and topic
	bytes atomic.Int64 // payload
	start time.Time
	queue string
}

const benchTopic = "pinhole/bench/readings"

// begin starts an endpoint and an agent with the given sensors and publisher keys.
func (b *bencher) begin(name, sensors, publisher string, faults ...lab.Fault) (*trial, error) {
	return b.beginBy("mqtts", lab.ALPN, name, sensors, publisher, faults...)
}

// beginBy is begin with the way out to use, and its ALPN name.
func (b *bencher) beginBy(scheme, alpn, name, sensors, publisher string, faults ...lab.Fault) (*trial, error) {
	r := &trial{queue: filepath.Join(b.dir, name)}
	var err error
	r.lab, err = lab.Start(lab.Options{Dir: filepath.Join(b.dir, name+"-lab"), NoLimits: true, Faults: faults, OnBatch: func(m *judge.Batch) {
		now := int64(time.Since(r.start))
		r.first.CompareAndSwap(0, now)
		r.last.Store(now)
	}, OnPayload: func(topic string, payload []byte) {
		n := int64(len(topic) + len(payload))
		r.bytes.Add(int64(len(payload)))
		r.units.Add((n + 4999) / 5000)
	}})
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf(`device: bench
board: sim
sensors:
%s
publisher:
  broker: %s://%s
  tls: {ca: ca.pem, cert: device.crt, key: device.key, server_name: localhost, alpn: [%s]}
  proxy: none
  rate: off
  topic: %s
  queue: {dir: %s, max: 1GiB}
%s
status: {listen: ""}
log: {level: error}
`, sensors, scheme, r.lab.Addr(), alpn, benchTopic, r.queue, publisher)
	config := filepath.Join(r.lab.Dir(), "bench.yaml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	r.cmd = exec.Command(b.agent, "run", "-c", config)
	r.cmd.Stderr = os.Stderr
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	r.start = time.Now()
	return r, r.cmd.Start()
}

// arrived waits until n readings are there.
func (b *bencher) arrived(r *trial, n uint64) error {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Minute)
	defer cancel()
	if err := r.lab.Judge().Await(ctx, func(t judge.Totals) bool { return t.Readings >= n }); err != nil {
		return fmt.Errorf("%d of %d readings arrived: %w", r.lab.Judge().Totals().Readings, n, err)
	}
	return nil
}

// end stops the agent and the endpoint, and returns the agent's processor seconds and largest resident set in MB.
func (r *trial) end() (cpu, rss float64, err error) {
	r.cmd.Process.Signal(syscall.SIGTERM)
	err = r.cmd.Wait()
	r.lab.Close()
	if err != nil {
		return 0, 0, fmt.Errorf("the agent: %w", err)
	}
	u := r.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	cpu = (r.cmd.ProcessState.UserTime() + r.cmd.ProcessState.SystemTime()).Seconds()
	return cpu, float64(u.Maxrss) / 1024, nil
}

func (b *bencher) replay() string {
	return "  - {name: tape, kind: replay, file: " + strconv.Quote(b.csv) + ", speed: max}"
}

// flatOut plays the tape as fast as it goes, in each format.
func (b *bencher) flatOut() error {
	b.row("FLAT OUT, %d readings of 200 sensors read from a file, queue.sync 10s", b.readings)
	b.row("format\treadings/s\tCPU s/M readings\tpeak RSS MB\twire B/reading\tpayload B/reading\t5 KB units/M readings\tmessages\tdisk B/reading")
	for _, format := range []string{"json", "columns", "senml"} {
		r, err := b.begin("flat-"+format, b.replay(), "  batch: {age: 100ms}\n  format: "+format)
		if err != nil {
			return err
		}
		n := uint64(b.readings)
		if err := b.arrived(r, n); err != nil {
			r.end()
			return err
		}
		wrote, _ := written(r.cmd.Process.Pid)
		stats := r.lab.Stats()
		took := time.Duration(r.last.Load() - r.first.Load()).Seconds()
		units, payload := float64(r.units.Load()), float64(r.bytes.Load())
		cpu, rss, err := r.end()
		if err != nil {
			return err
		}
		m := float64(n) / 1e6
		b.row("%s\t%.0f\t%.2f\t%.1f\t%.1f\t%.1f\t%.0f\t%d\t%.1f", format, float64(n)/took, cpu/m, rss,
			float64(stats.Received)/float64(n), payload/float64(n), units/m, stats.Publishes, float64(wrote)/float64(n))
	}
	b.row("")
	return nil
}

// backlog plays the tape while the broker is away, then lets it drain.
func (b *bencher) backlog() error {
	b.row("BACKLOG, %d readings taken while the broker refuses, then drained", b.readings)
	refuse, err := lab.ParseFault("connack=3")
	if err != nil {
		return err
	}
	r, err := b.begin("backlog", b.replay(), "  batch: {age: 100ms}\n  reconnect: {max: 1s}", refuse)
	if err != nil {
		return err
	}
	var stored uint64
	for stored < uint64(b.readings) { // what is younger than queue.sync is not on disk yet
		if err := b.ctx.Err(); err != nil || time.Since(r.start) > 3*time.Minute {
			r.end()
			return errors.Join(err, fmt.Errorf("only %d readings are stored", stored))
		}
		time.Sleep(500 * time.Millisecond)
		if stored, err = b.stored(r); err != nil {
			r.end()
			return err
		}
	}
	wrote, _ := written(r.cmd.Process.Pid)
	disk := folder(r.queue)
	holding := resident(r.cmd.Process.Pid)
	r.lab.SetFaults()
	if err := b.arrived(r, uint64(b.readings)); err != nil {
		r.end()
		return err
	}
	after, _ := written(r.cmd.Process.Pid)
	took := time.Duration(r.last.Load() - r.first.Load()).Seconds()
	cpu, rss, err := r.end()
	if err != nil {
		return err
	}
	n := float64(b.readings)
	b.row("disk B/reading: folder\t%.1f", float64(disk)/n)
	b.row("disk B/reading: written by the process while filling\t%.1f", float64(wrote)/n)
	b.row("disk B/reading: written while draining\t%.2f", float64(after-wrote)/n)
	b.row("folder after draining\t%d B", folder(r.queue))
	b.row("RSS MB holding the backlog, peak\t%.1f, %.1f", holding, rss)
	b.row("drained in\t%.2f s, %.0f readings/s", took, n/took)
	b.row("CPU s/M readings, in and out\t%.2f", cpu/n*1e6)
	b.row("")
	return nil
}

// stored asks the agent's own command how much is on disk.
func (b *bencher) stored(r *trial) (uint64, error) {
	out, err := exec.CommandContext(b.ctx, b.agent, "queue", "--json", "-c", filepath.Join(r.lab.Dir(), "bench.yaml")).Output()
	if err != nil {
		return 0, fmt.Errorf("pinhole queue: %w", err)
	}
	_, rest, _ := strings.Cut(string(out), `"readings":`)
	digits, _, _ := strings.Cut(rest, ",")
	return strconv.ParseUint(digits, 10, 64)
}

// quiet watches 20 sensors at 1 Hz.
func (b *bencher) quiet() error {
	var sensors strings.Builder
	for i := range 20 {
		fmt.Fprintf(&sensors, "  - {name: s%02d, kind: mock, every: 1s}\n", i)
	}
	r, err := b.begin("calm", strings.TrimRight(sensors.String(), "\n"), "")
	if err != nil {
		return err
	}
	if err := b.arrived(r, 20); err != nil {
		r.end()
		return err
	}
	from := processor(r.cmd.Process.Pid)
	select {
	case <-time.After(b.calm):
	case <-b.ctx.Done():
	}
	used := processor(r.cmd.Process.Pid) - from
	rss := resident(r.cmd.Process.Pid)
	wrote, _ := written(r.cmd.Process.Pid)
	n := float64(r.lab.Judge().Totals().Readings)
	if _, _, err := r.end(); err != nil {
		return err
	}
	b.row("QUIET, 20 sensors at 1 Hz for %v, queue.sync 10s, a good link", b.calm)
	b.row("CPU of one core\t%.2f %%", used.Seconds()/b.calm.Seconds()*100)
	b.row("RSS MB\t%.1f", rss)
	b.row("disk B/reading online\t%.1f", float64(wrote)/n)
	for range 3 {
		r, err := b.begin("start", "  - {name: s, kind: mock, every: 10ms}", "  batch: {readings: 1}")
		if err != nil {
			return err
		}
		if err := b.arrived(r, 1); err != nil {
			r.end()
			return err
		}
		first := time.Duration(r.first.Load())
		if _, _, err := r.end(); err != nil {
			return err
		}
		b.row("start to first publish\t%.0f ms", float64(first)/1e6)
	}
	return nil
}

// written is what a process has caused to be written to disk, in bytes, as the kernel counts it.
func written(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "\nwrite_bytes: ")
	return strconv.ParseInt(strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0]), 10, 64)
}

// resident is a process's resident set in MB.
func resident(pid int) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseFloat(fields[1], 64)
	return pages * float64(os.Getpagesize()) / (1 << 20)
}

// processor is a process's processor time, to a hundredth of a second.
func processor(pid int) time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// folder is the size of the files below dir, as allocated.
func folder(dir string) (sum int64) {
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			sum += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return nil
	})
	return sum
}
