package publisher

import (
	"log/slog"

	"pinhole/publisher/queue"
)

// suspect finds a reading that the broker refuses. AWS, like others, refuses by hanging up without a word: on a payload that is
// too large for it, on a topic that the policy denies. So when the other side has ended the link three times in a row with the
// same reading at the head of what was in flight, that batch is under suspicion:
//
//  1. It is sent alone, halved each time, until one reading is left.
//  2. That one is sent alone until it was refused three times.
//  3. It is passed over to see whether the broker takes the one after it. If not, the broker takes nothing: back to 2.
//  4. The broker took another one: the suspect is sent once more on the same link. Refused again, it is given up.
//
// So a broker that takes nothing for a week costs no reading.
type suspect struct {
	head    queue.Position // the first reading in flight when the link ended
	strikes int            // links in a row that ended with it; 0: no suspicion
	limit   int            // readings in a message from now on; 0: as many as usual
	alone   int            // times it was refused alone
	probing bool           // step 3
	probed  bool           // step 3 was reached before
	proving bool           // step 4
}

// refused notes that the link ended while m was the oldest message in flight. byPeer: the other side ended it. It returns whether
// the head is convicted.
func (s *suspect) refused(m *message, byPeer bool, log *slog.Logger) (guilty bool) {
	switch {
	case s.probing:
		s.unproven()
		return false
	case !byPeer || m.readings == 0:
		return false
	case s.strikes == 0 || m.start != s.head:
		*s = suspect{head: m.start, strikes: 1}
		return false
	case s.proving:
		return true
	}
	s.strikes++
	switch {
	case m.readings == 1:
		if s.limit, s.alone = 1, s.alone+1; s.alone >= 3 {
			if s.probing = true; !s.probed {
				s.probed = true
				log.Warn("the broker hangs up on one reading, trying the one after it", "seq", s.head.Seq)
			}
		}
	case s.strikes >= 3:
		s.limit = max(1, m.readings/2)
		log.Warn("the broker hangs up on the same batch, splitting it", "seq", s.head.Seq, "readings", m.readings, "next", s.limit)
	}
	return false
}

// accepted notes that m was acknowledged. It returns whether m was the probe of step 3: then m does not count as settled, as the
// suspect before it is not.
func (s *suspect) accepted(m *message) (probe bool) {
	switch {
	case s.probing:
		s.probing, s.proving = false, true
		return true
	case s.strikes > 0 && m.readings > 0 && m.start == s.head:
		*s = suspect{}
	}
	return false
}

// unproven ends step 3 when there is nothing to send but the suspect.
func (s *suspect) unproven() { s.probing, s.alone = false, 2 }

// window is how many messages may be in flight: while there is a suspicion one, so that the blame is certain.
func (s *suspect) window(n int) int {
	if s.limit > 0 {
		return 1
	}
	return n
}
