package kind

import "time"

// Alarm is how a driver, which keeps no clock, notices that a part has had its time, without waiting for it. The zero value has
// rung.
type Alarm struct {
	timer *time.Timer
	set   bool
}

// Set has the alarm ring after d, and not before.
func (a *Alarm) Set(d time.Duration) {
	a.set = true
	if a.timer == nil {
		a.timer = time.NewTimer(d)
		return
	}
	a.timer.Reset(d)
}

// Rang reports whether the time has passed since Set.
func (a *Alarm) Rang() bool {
	if a.set {
		select {
		case <-a.timer.C:
			a.set = false
		default:
		}
	}
	return !a.set
}
