package sim

import (
	"encoding/binary"
	"time"

	"pinhole/sensors"
)

// pms5003 is a Plantower PMS5003: series data manual V2.3, appendix I. It starts in active mode, sending every 2.3 s as it does in
// steady air, and its fan needs 30 s to come to speed; until then it counts too little.
type pms5003 struct {
	env     Env
	boots   time.Time // before, it neither hears nor says anything
	started time.Time // the fan
	next    time.Time // frame in active mode
	passive bool
	asleep  bool
	told    bool // somebody has told it something
	due     []sent
	out     [32]byte // a frame
}

func newPMS5003(e Env) Talker { return &pms5003{env: e} }

const (
	pmsBoot   = 1500 * time.Millisecond
	pmsPeriod = 2300 * time.Millisecond
	pmsWarm   = 30 * time.Second
	pmsReply  = 50 * time.Millisecond
	pmsKept   = 5 * time.Minute // of what nobody has listened to
)

// Power starts it in active mode.
func (c *pms5003) Power(now time.Time) {
	*c = pms5003{env: c.env, boots: now.Add(pmsBoot), started: now, next: now.Add(pmsBoot), due: c.due[:0]}
}

// Idle reports whether the fan rests, or nobody has ever told the part anything, who then cannot put it to sleep.
func (c *pms5003) Idle(time.Time) bool { return c.asleep || !c.told }

// Hear takes whole commands.
func (c *pms5003) Hear(at time.Time, p []byte) {
	if at.Before(c.boots) {
		return
	}
	for ; len(p) >= 7; p = p[1:] {
		total := 0
		for _, b := range p[:5] {
			total += int(b)
		}
		if p[0] == 'B' && p[1] == 'M' && p[3] == 0 && int(p[5])<<8|int(p[6]) == total {
			c.obey(at, p[2], p[4])
		}
	}
}

func (c *pms5003) obey(at time.Time, command, argument byte) {
	c.told = true
	wakes := command == 0xE4 && argument == 1
	if c.asleep && !wakes {
		return
	}
	switch {
	case command == 0xE2:
		if c.passive {
			c.reply(at.Add(pmsReply), c.frame(at))
		}
		return
	case command == 0xE1:
		c.passive = argument == 0
		c.next = at.Add(pmsPeriod)
	case wakes:
		if c.asleep {
			c.asleep, c.passive, c.started, c.next = false, false, at, at.Add(pmsBoot)
		}
		return
	case command == 0xE4:
		c.asleep = true
	default:
		return
	}
	c.reply(at.Add(pmsReply), finish(append(c.out[:0], 'B', 'M', 0, 4, command, argument, 0, 0)))
}

func (c *pms5003) reply(at time.Time, frame []byte) {
	s := sent{at: at, n: len(frame)}
	copy(s.frame[:], frame)
	c.due = append(c.due, s)
}

// finish puts the sum of all that stands before into the last two bytes.
func finish(frame []byte) []byte {
	total := uint16(0)
	for _, b := range frame[:len(frame)-2] {
		total += uint16(b)
	}
	binary.BigEndian.PutUint16(frame[len(frame)-2:], total)
	return frame
}

// frame is a measurement.
func (c *pms5003) frame(at time.Time) []byte {
	share := min(at.Sub(c.started).Seconds()/pmsWarm.Seconds(), 1)
	if share < 1 {
		share *= 0.5
	}
	mass := func(q sensors.Quantity) uint16 {
		return uint16(min(max(c.env.World.Value(q, c.env.Place, at)*share+0.5, 0), 9999))
	}
	pm := [3]uint16{mass(sensors.PM1), mass(sensors.PM25), mass(sensors.PM10)}
	b := c.out[:0]
	put := func(x uint16) { b = binary.BigEndian.AppendUint16(b, x) }
	put(0x424D)
	put(28)
	for _, x := range pm {
		put(x + x/3) // CF=1
	}
	for _, x := range pm {
		put(x)
	}
	count := pm[1]*60 + uint16(90*share) // even clean air has some
	for range 6 {
		put(count)
		count /= 3
	}
	put(0x9700) // version, error
	put(0)
	return finish(b)
}

// Say implements Talker.
func (c *pms5003) Say(now time.Time, send func(time.Time, []byte)) (next time.Time) {
	talks := func() bool { return !c.passive && !c.asleep }
	if behind := now.Sub(c.next); talks() && behind > pmsKept {
		c.next = c.next.Add((behind - pmsKept) / pmsPeriod * pmsPeriod)
	}
	for {
		switch {
		case len(c.due) > 0 && !(talks() && c.next.Before(c.due[0].at)):
			if next = c.due[0].at; next.After(now) {
				return next
			}
			send(c.due[0].at, c.due[0].frame[:c.due[0].n])
			c.due = c.due[:copy(c.due, c.due[1:])]
		case talks():
			if next = c.next; next.After(now) {
				return next
			}
			send(c.next, c.frame(c.next))
			c.next = c.next.Add(pmsPeriod)
		default:
			return time.Time{}
		}
	}
}
