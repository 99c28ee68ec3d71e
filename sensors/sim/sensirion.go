package sim

import "time"

// sensirion is what Sensirion's parts have in common: a command is taken, and its answer can be read once, some time later.
// Until then, and where there is none, a read is not acknowledged. A combined write and read therefore fails wherever time is
// needed.
type sensirion struct {
	answer [18]byte
	length int       // of the answer; 0: none
	ready  time.Time // when it can be read
	busy   time.Time // no command is acknowledged before
	sums   [256]byte // checksums of one byte
}

// reset forgets the answer and lets the part be busy until a time.
func (s *sensirion) reset(busy time.Time) {
	s.length, s.busy = 0, busy
	for i := range s.sums {
		rest := i << 8
		for bit := 15; bit >= 8; bit-- {
			if rest&(1<<bit) != 0 {
				rest ^= 0x131 << (bit - 8)
			}
		}
		s.sums[i] = byte(rest)
	}
}

// sum is the checksum of two bytes: the remainder of a division by x^8+x^5+x^4+1, from a start of 0xFF.
func (s *sensirion) sum(hi, lo byte) byte { return s.sums[s.sums[0xFF^hi]^lo] }

// reply prepares an answer, to be read from ready on.
func (s *sensirion) reply(ready time.Time, words ...uint16) {
	s.length, s.ready = 0, ready
	for _, w := range words {
		hi, lo := byte(w>>8), byte(w)
		copy(s.answer[s.length:], []byte{hi, lo, s.sum(hi, lo)})
		s.length += 3
	}
}

// read hands out the answer, and ones behind its end, where nobody drives the bus.
func (s *sensirion) read(now time.Time, r []byte) bool {
	if s.length == 0 || now.Before(s.ready) {
		return false
	}
	for i := range r {
		r[i] = 0xFF
	}
	copy(r, s.answer[:s.length])
	s.length = 0
	return true
}

// words is an argument's words; ok is false if a checksum is wrong, which has the part ignore the command.
func (s *sensirion) words(w []byte) (list [2]uint16, n int, ok bool) {
	for ; len(w) >= 3 && n < len(list); w = w[3:] {
		if s.sum(w[0], w[1]) != w[2] {
			return list, n, false
		}
		list[n] = uint16(w[0])<<8 | uint16(w[1])
		n++
	}
	return list, n, len(w) == 0
}

// command is the first two bytes written.
func command(w []byte) int {
	if len(w) < 2 {
		return -1
	}
	return int(w[0])<<8 | int(w[1])
}

// ticks turns a value into a raw number, where low is 0 and low+span is full.
func ticks(value, low, span, full float64) uint32 {
	return uint32(min(max((value-low)/span*full, 0), full) + 0.5)
}
