package kind

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a Alarm
		if !a.Rang() {
			t.Error("never set, and has not rung")
		}
		for range 2 {
			a.Set(time.Minute)
			time.Sleep(30 * time.Second)
			a.Set(time.Minute)
			time.Sleep(time.Minute - time.Nanosecond)
			if a.Rang() {
				t.Error("rang too early")
			}
			time.Sleep(time.Nanosecond)
			for range 2 {
				if !a.Rang() {
					t.Error("has not rung")
				}
			}
		}
		a.Set(time.Second)
		time.Sleep(time.Hour)
		a.Set(time.Second) // nobody has looked
		if a.Rang() {
			t.Error("rang for the time before")
		}
	})
}
