package sensorstest

import (
	"slices"
	"testing"
	"time"

	"pinhole/sensors/sim"
)

// supply breaks the part's supply before each transfer of a measurement.
func (s *Suite) supply(t *testing.T) {
	steps, want := s.record(t, false)
	for k := range steps {
		s.bubble(t, func(t *testing.T, d *desk) {
			dev := d.mustOpen(t, s.Params)
			mustSense(t, dev)
			d.turn(t, &s.Truth[1])
			d.Inject(s.trunk(), func(x sim.Transfer) sim.Fault {
				if x.N == k {
					s.brownOut(d)
					time.Sleep(10 * time.Millisecond) // so that it answers again
				}
				return sim.Fault{}
			})
			list, err := sense(dev)
			if err == nil && !honest(list, want) && !s.Oblivious {
				t.Errorf("supply broken before transfer %d: measured %v, the truth is %v", k, show(list), show(want))
			}
			if err != nil {
				s.named(t, err)
			}
			d.Inject(s.trunk(), nil)
			time.Sleep(s.warmUp())
			s.recovers(t, d, "supply broken", dev, want)
		})
	}
}

// pauses breaks the part's supply between two measurements, and measures a while afterwards, when it has come to itself.
func (s *Suite) pauses(t *testing.T) {
	for _, pause := range []time.Duration{10 * time.Millisecond, 3 * time.Second, 20 * time.Second} {
		s.bubble(t, func(t *testing.T, d *desk) {
			dev := d.mustOpen(t, s.Params)
			want := mustSense(t, dev)
			s.brownOut(d)
			time.Sleep(pause)
			for n := range paces {
				list, err := senseNow(dev.(device))
				switch {
				case err != nil:
					s.named(t, err)
				case slices.Equal(list, want):
					d.closeTwice(t, dev)
					return
				case !honest(list, want) && !s.Oblivious:
					t.Errorf("supply broken %v ago: measurement %d is %v, the truth is %v", pause, n, show(list), show(want))
				}
				time.Sleep(max(s.Pace, 10*time.Millisecond))
			}
			t.Errorf("supply broken %v ago: no good measurement since", pause)
		})
	}
}

// replaced swaps the part for another of its make, with other factory constants, between two measurements.
func (s *Suite) replaced(t *testing.T) {
	for v := range uint32(4) {
		s.bubble(t, func(t *testing.T, d *desk) {
			dev := d.mustOpen(t, s.Params)
			mustSense(t, dev)
			d.turn(t, &s.Truth[1])
			s.unplug(d)
			if list, err := sense(dev); err == nil || list != nil {
				t.Errorf("unplugged: measured %v, error %v", show(list), err)
			} else {
				s.named(t, err)
			}
			s.plugNew(d, "another", v)
			time.Sleep(s.warmUp())
			if list, err := sense(dev); err == nil && !s.near(list, s.Truth[1]) {
				t.Errorf("plugged in again: measured %v, the truth is %v", show(list), s.Truth[1])
			}
			// Swapped while nobody looked.
			s.plugNew(d, "another", v+1)
			time.Sleep(s.warmUp())
			for n := range 2 {
				list, err := sense(dev)
				if err == nil && !s.near(list, s.Truth[1]) || err != nil && n == 1 {
					t.Errorf("another part: measured %v, error %v, the truth is %v", show(list), err, s.Truth[1])
				}
			}
			d.closeTwice(t, dev)
		})
	}
}
