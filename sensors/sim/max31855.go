package sim

import (
	"math"
	"time"

	"pinhole/sensors"
)

// max31855 is a Maxim MAX31855: 19-5793, "Serial interface" and tables 2 to 5. The fall of chip select stops a conversion, its rise
// starts one, and there is no other: what it sends is of the time when it was last read.
type max31855 struct {
	env   Env
	inner string    // where it is itself
	begun time.Time // of the conversion under way
	frame uint32    // the last one; 0 after power-on
}

func newMAX31855(e Env) SPIChip { return &max31855{env: e, inner: e.Place + ".internal"} }

// Power starts the first conversion, which takes twice as long.
func (c *max31855) Power(now time.Time) { c.frame, c.begun = 0, now.Add(100*time.Millisecond) }

// Transfer implements SPIChip.
func (c *max31855) Transfer(now time.Time, _, r []byte) {
	if done := c.begun.Add(100 * time.Millisecond); !now.Before(done) {
		hot := steps(c.env.World.Value(sensors.Temperature, c.env.Place, done), 4, 14)
		cold := steps(c.env.World.Value(sensors.Temperature, c.inner, done), 16, 12)
		c.frame = hot<<18 | cold<<4
	}
	for i := range r {
		r[i] = 0
		if i < 4 {
			r[i] = byte(c.frame >> (24 - 8*i))
		}
	}
	c.begun = now
}

// steps is a value in steps of 1/n, as two's complement of some bits; it stops at the ends.
func steps(value, n float64, bits uint) uint32 {
	top := math.Ldexp(1, int(bits)-1)
	return uint32(int64(min(max(math.Floor(value*n+0.5), -top), top-1))) & (1<<bits - 1)
}
