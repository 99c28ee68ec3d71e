package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"pinhole/cmd/internal/judge"
	"pinhole/cmd/internal/lab"
)

// history is how many values a sparkline shows; with it a line has 79 characters.
const history = 19

// row is one series on screen.
type row struct {
	last   judge.Reading
	count  int
	values []float64
}

// table holds what arrived last of each series.
type table struct {
	mu     sync.Mutex
	device string
	rows   []*row // sorted by sensor, then quantity
}

func (t *table) add(b *judge.Batch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.device = b.Device
	for i := range b.Readings {
		r := &b.Readings[i]
		at, found := slices.BinarySearchFunc(t.rows, r, func(x *row, r *judge.Reading) int {
			return cmp.Or(strings.Compare(x.last.Sensor, r.Sensor), strings.Compare(x.last.Quantity, r.Quantity))
		})
		if !found {
			t.rows = slices.Insert(t.rows, at, &row{})
		}
		x := t.rows[at]
		x.last = *r
		x.count++
		if r.Error == "" {
			if len(x.values) == history {
				x.values = append(x.values[:0], x.values[1:]...)
			}
			x.values = append(x.values, r.Value)
		}
	}
}

// header tells the connection and the totals. It asks without the table's lock: the lab calls add while it holds its own.
func (t *table) header(l *lab.Lab, now time.Time) []string {
	link := "waiting for the agent to connect"
	if peers := l.Peers(); len(peers) > 0 {
		p := peers[0]
		link = fmt.Sprintf("%s, ALPN %s, client certificate %s, for %s", p.TLS, cmp.Or(p.ALPN, "none"),
			cmp.Or(p.Certificate, "none"), age(now.Sub(p.Since)))
	} else if l.Stats().Connects > 0 {
		link = "the agent has disconnected"
	}
	n := l.Judge().Totals()
	t.mu.Lock()
	device := cmp.Or(t.device, "simulated board")
	t.mu.Unlock()
	return []string{
		fmt.Sprintf("Pinhole demo: %s -> mqtts://%s", device, l.Addr()),
		link,
		fmt.Sprintf("%s, %s, %s on the wire, %d again, lost %d", plural(n.Messages, "message"), plural(n.Readings, "reading"),
			size(l.Stats().Received), n.Duplicates, n.Claimed),
	}
}

// lines draws the whole table. Sparklines are left out where the terminal may not have the characters.
func (t *table) lines(l *lab.Lab, now time.Time, spark bool) []string {
	head := t.header(l, now)
	t.mu.Lock()
	defer t.mu.Unlock()
	out := append(head, "", fmt.Sprintf("%-10s %-17s %14s %7s %6s", "SENSOR", "QUANTITY", "VALUE", "AGE", "COUNT"))
	for _, x := range t.rows {
		line := fmt.Sprintf("%-10s %-17s %14s %7s %6d", x.last.Sensor, x.last.Quantity, people(&x.last),
			age(now.Sub(time.Unix(0, x.last.Time))), x.count)
		if spark {
			line += "  " + sparkline(x.values)
		}
		out = append(out, line)
	}
	return out
}

// brief is one line for a log.
func (t *table) brief(l *lab.Lab, since time.Duration) string {
	n := l.Judge().Totals()
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "%3.0f s: %s in %s", since.Seconds(), plural(n.Readings, "reading"), plural(n.Messages, "message"))
	for i, x := range t.rows {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		fmt.Fprintf(&b, "%s%s %s %s", sep, x.last.Sensor, x.last.Quantity, people(&x.last))
	}
	return b.String()
}

// screen draws over what it drew before. It needs a terminal that knows ANSI's cursor moves.
type screen struct {
	w     io.Writer
	size  func() (width, height int)
	drawn int
}

func (s *screen) draw(lines []string) error {
	width, height := s.size()
	if len(lines) > height-1 {
		lines = lines[:max(height-1, 1)]
	}
	var b strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", s.drawn)
	}
	b.WriteString("\r\x1b[J")
	for _, line := range lines {
		if runes := []rune(line); len(runes) > width-1 {
			line = string(runes[:max(width-1, 1)])
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	s.drawn = len(lines)
	_, err := io.WriteString(s.w, b.String())
	return err
}
