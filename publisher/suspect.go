package publisher

import (
	"log/slog"

	"pinhole/publisher/queue"
)

// suspect finds a batch that the broker refuses. AWS, like others, refuses by hanging up without a word: on a payload that is
// too large for it, on a topic that the policy denies. So when the link was ended by the other side three times in a row with
// the same reading at the head of what was in flight, the batch that begins with it is under suspicion: it is sent alone, halved each
// time, until one reading is left. That one is given up when it was refused alone three times and the broker took
// another one in between: a broker that takes nothing costs no reading.
type suspect struct {
	head    queue.Position // the first reading in flight when the link ended
	strikes int            // links in a row that ended with it
	limit   int            // readings in a message from now on; 0: no suspicion
	alone   int            // times it was refused alone
	probing bool           // the next link passes it over and sends what comes after it
}

// refused notes that the link ended while m was the oldest message in flight. byPeer: the other side ended it, at once.
func (s *suspect) refused(m *message, byPeer bool, log *slog.Logger) {
	switch {
	case s.probing: // the broker takes others neither: back to waiting
		s.probing, s.alone = false, 2
		return
	case !byPeer || m.readings == 0:
		return
	case s.strikes == 0 || m.start != s.head:
		*s = suspect{head: m.start, strikes: 1}
		return
	}
	s.strikes++
	switch {
	case m.readings == 1:
		if s.limit, s.alone = 1, s.alone+1; s.alone >= 3 {
			s.probing = true
			log.Warn("the broker hangs up on one reading, trying the one after it", "seq", s.head.Seq)
		}
	case s.strikes >= 3:
		s.limit = max(1, m.readings/2)
		log.Warn("the broker hangs up on the same batch, splitting it", "seq", s.head.Seq, "readings", m.readings, "next", s.limit)
	}
}

// accepted notes that m was acknowledged, and returns whether that convicts the head.
func (s *suspect) accepted(m *message) (guilty bool) {
	if s.strikes == 0 || m.readings == 0 {
		return false
	}
	guilty = s.probing && s.head.Less(m.start)
	if guilty || m.start == s.head {
		*s = suspect{}
	}
	return guilty
}

// window is how many messages may be in flight: while there is a suspicion one, so that the blame is certain.
func (s *suspect) window(n int) int {
	if s.limit > 0 {
		return 1
	}
	return n
}

// passOver is the reading that the next link leaves out, if there is one.
func (s *suspect) passOver() (at queue.Position, ok bool) { return s.head, s.probing }

// rejected is the loss of the reading at guilty, which stands before m in m's stream.
func rejected(m *message, guilty queue.Position) queue.Loss {
	return queue.Loss{Stream: m.stream, Seq: guilty.Seq, Count: 1, Reason: queue.Rejected}
}
