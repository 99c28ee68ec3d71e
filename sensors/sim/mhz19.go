package sim

import (
	"time"

	"pinhole/sensors"
)

// mhz19 is a Winsen MH-Z19B: user's manual V1.0. It answers soon after it has been switched on, with a number that it has not measured
// for a minute, and with one that is off for two more.
type mhz19 struct {
	env    Env
	since  time.Time // switched on
	top    int       // ppm: the end of its range, kept without supply
	abc    bool
	due    time.Time // of the answer; zero: none
	answer [9]byte
}

func newMHZ19(e Env) Talker { return &mhz19{env: e, top: 5000, abc: true} }

const mhzBoot = 800 * time.Millisecond

// Power keeps the range, as the part does.
func (c *mhz19) Power(now time.Time) { c.since, c.due = now, time.Time{} }

// mhzSum is the checksum of the manual: inverted, plus one.
func mhzSum(b *[9]byte) byte {
	total := 0
	for _, x := range b[1:8] {
		total += int(x)
	}
	return ^byte(total) + 1
}

// Hear takes whole commands.
func (c *mhz19) Hear(at time.Time, p []byte) {
	if at.Sub(c.since) < mhzBoot {
		return
	}
	for ; len(p) >= 9; p = p[1:] {
		var b [9]byte
		copy(b[:], p)
		if b[0] != 0xFF || b[1] != 1 || b[8] != mhzSum(&b) {
			continue
		}
		switch b[2] {
		case 0x86:
			c.due = at.Add(10 * time.Millisecond)
			ppm := c.ppm(at)
			c.answer = [9]byte{0xFF, 0x86, byte(ppm >> 8), byte(ppm), 0x41}
			c.answer[8] = mhzSum(&c.answer)
		case 0x79:
			c.abc = b[3] == 0xA0
		case 0x99:
			c.top = int(b[6])<<8 | int(b[7])
		}
	}
}

// ppm is what the part would say.
func (c *mhz19) ppm(at time.Time) int {
	ppm := c.env.World.Value(sensors.CO2, c.env.Place, at)
	switch on := at.Sub(c.since); {
	case on < time.Minute:
		return 410
	case on < 3*time.Minute:
		ppm = 0.7*ppm + 100
	}
	return int(min(max(ppm+0.5, 0), float64(c.top)))
}

// Say implements Talker.
func (c *mhz19) Say(now time.Time, send func(time.Time, []byte)) (next time.Time) {
	if c.due.IsZero() || c.due.After(now) {
		return c.due
	}
	send(c.due, c.answer[:])
	c.due = time.Time{}
	return time.Time{}
}
