package queue_test

import (
	"fmt"
	"testing"
	"time"

	"pinhole/publisher/queue"
)

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	q, err := queue.Open(queue.Options{Dir: dir, Max: 1 << 20, Sync: time.Second, Stream: queue.Stream{1}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if got := q.Append(time.Now(), 3, fmt.Appendf(nil, "block %d", i)); got != uint64(3*i) {
			t.Fatalf("Append: number %d, want %d", got, 3*i)
		}
	}
	q.End()
	if err := q.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	q, err = queue.Open(queue.Options{Dir: dir, Max: 1 << 20, Sync: time.Second, Stream: queue.Stream{2}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		b, ok := q.Next()
		if !ok || string(b.Data) != fmt.Sprintf("block %d", i) || b.Seq != uint64(3*i) || b.Count != 3 {
			t.Fatalf("Next: %+v %v, want block %d", b, ok, i)
		}
		q.Ack(b.Stop())
	}
	b, ok := q.Next()
	if !ok || !b.End || b.Seq != 300 {
		t.Fatalf("Next: %+v %v, want the end at 300", b, ok)
	}
	q.Ack(b.Stop())
	if b, ok := q.Next(); ok {
		t.Fatalf("Next: %+v, want nothing", b)
	}
	if _, ok := q.NextLoss(); ok {
		t.Error("a loss, want none")
	}
	if err := q.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := queue.Inspect(dir)
	if err != nil || s.Readings != 0 || s.Segments != 0 {
		t.Errorf("Inspect: %+v, %v; want an empty folder", s, err)
	}
}
