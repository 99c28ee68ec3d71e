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

// Reseal puts the right checksum onto a changed segment header.
func Reseal(b []byte) { le.PutUint32(b[headerLen-4:], sum(0, b[:headerLen-4])) }

// MakeSegment builds a segment of one frame with right checksums.
func MakeSegment(ordinal uint64, s Stream, epoch uint32, base uint64, floor Position, seq uint64, count uint32, end bool, data []byte) []byte {
	h := segHeader{ordinal: ordinal, stream: s, epoch: epoch, salt: 12345, base: base}
	return appendFrame(h.append(nil), h.salt, floor, seq, count, end, data)
}
