package main

import (
	"fmt"
	"time"

	"pinhole/cmd/internal/lab"
)

// postsFor is how long posts are counted once all connections are open.
const postsFor = 5 * time.Second

// posts counts what goes over HTTPS when each answer takes 50 ms, with one post at a time and with several. Connections are opened a
// second apart, so that 16 need a quarter of a minute before they count.
func (b *bencher) posts() error {
	b.row("")
	batch := max(1, b.readings/6000) // the tape must not end before the time does
	b.row("HTTPS PUBLISH, answers after 50 ms, messages of %d readings", batch)
	b.row("parallel\tposts/s\treadings/s\tconnections\tposts in all")
	slow, err := lab.ParseFault("slow-ack=50ms")
	if err != nil {
		return err
	}
	for _, parallel := range []int{1, 4, 16} {
		r, err := b.beginBy("https", lab.ALPNHTTP, fmt.Sprintf("posts-%d", parallel), b.replay(),
			fmt.Sprintf("  window: 16\n  parallel: %d\n  batch: {age: 100ms, readings: %d}", parallel, batch), slow)
		if err != nil {
			return err
		}
		for open := uint64(0); open < uint64(parallel) || r.lab.Stats().Publishes == 0; open = r.lab.Stats().Accepted {
			if b.ctx.Err() != nil || time.Since(r.start) > time.Minute {
				_, _, err := r.end()
				return fmt.Errorf("only %d connections were made: %w", open, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		posts, readings := r.lab.Stats().Publishes, r.lab.Judge().Totals().Readings
		time.Sleep(postsFor)
		s, all := r.lab.Stats(), r.lab.Judge().Totals().Readings
		b.row("%d\t%.0f\t%.0f\t%d\t%d", parallel, float64(s.Publishes-posts)/postsFor.Seconds(),
			float64(all-readings)/postsFor.Seconds(), s.Accepted, s.Publishes)
		if _, _, err := r.end(); err != nil {
			return err
		}
	}
	return nil
}
