package agent

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"pinhole/publisher/queue"
)

// newStream makes the UUIDv7 of a run (RFC 9562 section 5.7): 48 bits of milliseconds, then chance. Where the clock is wrong the
// first part is wrong too; the second alone keeps runs apart.
func newStream(now time.Time) (s queue.Stream) {
	rand.Read(s[:])
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(s[:6], ms[2:])
	s[6] = s[6]&0x0f | 0x70
	s[8] = s[8]&0x3f | 0x80
	return s
}
