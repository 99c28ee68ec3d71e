package queue

import "time"

// Step does once what Run does, as if it were now, and returns how long Run would wait.
func (q *Queue) Step(now time.Time) time.Duration {
	q.io <- struct{}{}
	defer func() { <-q.io }()
	return q.step(now)
}

// InspectFS is Inspect, and Dump where f is not nil, on any FS.
func InspectFS(dir FS, f func(Block) error) (Summary, error) { return inspect(dir, "test", f) }
