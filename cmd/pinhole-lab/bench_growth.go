package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// growth watches agents with more and more series at 1 Hz: what they cost a second, a series, and to check and to start.
func (b *bencher) growth() error {
	b.row("")
	b.row("GROWTH, mock series at 1 Hz, watched for %v", b.calm)
	b.row("series\tcheck, s\tstart to all seen, s\tCPU of one core, %%\tCPU us/reading\tRSS MB\tpeak RSS MB\tRSS KB/series")
	base := 0.0
	for _, n := range []int{20, 2000, 20000} {
		var sensors strings.Builder
		for i := range n {
			fmt.Fprintf(&sensors, "  - {name: s%05d, kind: mock, every: 1s}\n", i)
		}
		r, err := b.begin(fmt.Sprintf("growth-%d", n), strings.TrimRight(sensors.String(), "\n"), "  batch: {age: 1s}")
		if err != nil {
			return err
		}
		if err := b.arrived(r, uint64(n)); err != nil {
			r.end()
			return err
		}
		started := time.Since(r.start)
		from, had, began := processor(r.cmd.Process.Pid), r.lab.Judge().Totals().Readings, time.Now()
		select {
		case <-time.After(b.calm):
		case <-b.ctx.Done():
		}
		used, took := processor(r.cmd.Process.Pid)-from, time.Since(began)
		readings := float64(r.lab.Judge().Totals().Readings - had)
		rss := resident(r.cmd.Process.Pid)
		_, peak, err := r.end()
		if err != nil {
			return err
		}
		checked := time.Now()
		if out, err := exec.CommandContext(b.ctx, b.agent, "check", "-c", filepath.Join(r.lab.Dir(), "bench.yaml")).CombinedOutput(); err != nil {
			return fmt.Errorf("pinhole check: %w\n%s", err, out)
		}
		check := time.Since(checked)
		if n == 20 {
			base = rss
		}
		b.row("%d\t%.2f\t%.2f\t%.2f\t%.1f\t%.1f\t%.1f\t%.2f", n, check.Seconds(), started.Seconds(), used.Seconds()/took.Seconds()*100,
			used.Seconds()/readings*1e6, rss, peak, max(0, rss-base)*1024/float64(n))
	}
	return nil
}
