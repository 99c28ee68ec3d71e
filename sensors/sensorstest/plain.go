package sensorstest

import (
	"context"
	"testing"
	"time"
)

// truth compares the values with the world over its whole range, on parts with different factory constants.
func (s *Suite) truth(t *testing.T) {
	for variant := range uint32(4) {
		s.bubble(t, func(t *testing.T, d *desk) {
			if s.plugNew(d, "", variant) {
				time.Sleep(time.Second + s.warmUp())
			}
			dev := d.mustOpen(t, s.Params)
			for i := range s.Truth {
				d.turn(t, &s.Truth[i])
				if s.Pace > 0 {
					mustSense(t, dev) // it may have been measured before
				}
				list := mustSense(t, dev)
				s.wellFormed(t, list)
				if !s.near(list, s.Truth[i]) {
					t.Errorf("variant %d: measured %v, the truth is %v", variant, show(list), s.Truth[i])
				}
				time.Sleep(time.Second)
			}
			d.closeTwice(t, dev)
		})
	}
}

// instances has two parts measure side by side.
func (s *Suite) instances(t *testing.T) {
	s.bubble(t, func(t *testing.T, d *desk) {
		p := s.elsewhere()
		if s.family() != loose {
			d.attach(t, p)
			time.Sleep(time.Second)
		}
		a, b := d.mustOpen(t, s.Params), d.mustOpen(t, p)
		for i := range s.Truth {
			d.turn(t, &s.Truth[i])
			if list := mustSense(t, a); !s.near(list, s.Truth[i]) {
				t.Errorf("first part: measured %v, the truth is %v", show(list), s.Truth[i])
			}
			if list := mustSense(t, b); !s.near(list, s.Truth[i]) {
				t.Errorf("second part: measured %v, the truth is %v", show(list), s.Truth[i])
			}
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if list := mustSense(t, a); !s.near(list, s.Truth[len(s.Truth)-1]) {
			t.Errorf("first part after the second was closed: measured %v", show(list))
		}
		d.closeTwice(t, a)
	})
}

// context ends the context before a measurement, and at moments within one.
func (s *Suite) context(t *testing.T) {
	s.bubble(t, func(t *testing.T, d *desk) {
		dev := d.mustOpen(t, s.Params)
		mustSense(t, dev)
		begin := time.Now()
		mustSense(t, dev)
		whole := time.Since(begin)
		for _, part := range []time.Duration{0, whole / 10, whole / 3, whole / 2, whole - 1} {
			ctx, cancel := context.WithTimeout(t.Context(), part)
			if part == 0 {
				cancel()
			}
			begin := time.Now()
			list, err := dev.Sense(ctx)
			cancel()
			if whole == 0 && part != 0 {
				continue // it never waits, and so cannot be interrupted
			}
			if err == nil || list != nil {
				t.Errorf("context of %v, a measurement takes %v: %v, %v", part, whole, show(list), err)
			} else {
				s.named(t, err)
			}
			if took := time.Since(begin); took > part+10*time.Millisecond {
				t.Errorf("context of %v ended, Sense did not for %v", part, took)
			}
			if list, err := sense(dev); err != nil || !s.near(list, s.Truth[0]) {
				t.Errorf("after a context of %v: %v, %v", part, show(list), err)
			}
		}
		d.closeTwice(t, dev)
	})
}

// allocations checks that a measurement that goes well allocates nothing, or not more than it may.
func (s *Suite) allocations(t *testing.T) {
	s.bubble(t, func(t *testing.T, d *desk) {
		dev := d.mustOpen(t, s.Params)
		defer dev.Close()
		mustSense(t, dev)
		ctx := context.Background()
		n := testing.AllocsPerRun(20, func() {
			time.Sleep(s.Pace)
			if _, err := dev.Sense(ctx); err != nil {
				t.Error(err)
			}
		})
		if n > s.Allocations {
			t.Errorf("%v allocations a measurement, %v are allowed", n, s.Allocations)
		}
	})
}
