package pulse

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"pinhole/sensors"
)

// total is a sum that outlives the agent.
//
// What is on disk is the total at some number of pulses. A total is reported once it is on disk and not before, so whatever
// happens, a later one is never less. The file is replaced as a whole (written, synced, renamed, the folder synced): a power cut
// leaves the old one or the new one. It belongs to line and quantity, not to the sensor's name, which may change.
type total struct {
	quantity sensors.Quantity
	scale    float64       // units a pulse
	initial  *float64      // as configured; nil: it is not
	path     string        // "": there is no folder for totals
	keep     bool          // write it; otherwise the file is only looked at
	pause    time.Duration // between two saves
	write    func(path string, text []byte) error

	kept   kept // as on disk or, after a change of the configuration, as it ought to be
	loaded bool
	onDisk uint64 // pulses in the file
	fresh  bool   // the file is as kept is
	tried  time.Time
}

// kept is the file's content: the total is Base + Scale*Pulses.
type kept struct {
	Pulses  uint64   `json:"pulses"`
	Scale   float64  `json:"scale"`
	Base    float64  `json:"base"`
	Initial *float64 `json:"initial,omitempty"` // the setting of that time
	Unknown bool     `json:"unknown,omitempty"` // the file was damaged, and nobody has set the total since
}

func newTotal(dir string, keep bool, pin string, q sensors.Quantity) *total {
	t := &total{quantity: q, keep: keep, write: writeFile}
	if dir != "" {
		t.path = filepath.Join(dir, "pulse", url.PathEscape(pin)+"-"+string(q))
	}
	return t
}

// at is the total after n more pulses than were kept.
func (t *total) at(n uint64) float64 {
	return digits(t.kept.Base+t.kept.Scale*float64(t.kept.Pulses+n), 14)
}

// measurement is the total after n more pulses.
func (t *total) measurement(n uint64) sensors.Measurement {
	v := t.at(n)
	switch {
	case t.kept.Unknown:
		return t.failure(&sensors.Error{Class: sensors.IO, Op: "total", Err: errors.New("what was kept of it in " + t.path + " is damaged"),
			Hint: "set `initial` to what the meter shows; a value that is set counts from then on"})
	case math.IsInf(v, 0):
		return t.failure(&sensors.Error{Class: sensors.Range, Op: "total", Err: errors.New("it is no number any more")})
	}
	return sensors.Measurement{Quantity: t.quantity, Value: v}
}

func (t *total) failure(err error) sensors.Measurement {
	return sensors.Measurement{Quantity: t.quantity, Err: sensors.ClassOf(err), Cause: err}
}

// damaged is the suffix of a damaged file, which is set aside.
const damaged = ".damaged"

// load reads the file. A damaged one is set aside and the total is unknown from then on; any other failure may pass.
func (t *total) load() error {
	if t.path == "" {
		return &sensors.Error{Class: sensors.IO, Op: "total", Err: errors.New("there is no folder to keep it in")}
	}
	text, err := readFile(t.path)
	var k kept
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k = kept{Scale: t.scale, Initial: t.initial}
		if t.initial != nil {
			k.Base = *t.initial
		}
		t.kept, t.loaded, t.fresh = k, true, false
		return nil
	case err != nil:
		return fmt.Errorf("total: %w", err)
	}
	k, err = parse(text)
	switch {
	case errors.Is(err, errNewer):
		return fmt.Errorf("total: %s: %w", t.path, err)
	case err != nil:
		if t.keep {
			if err := os.Rename(t.path, t.path+damaged); err != nil {
				return fmt.Errorf("total: set a damaged file aside: %w", err)
			}
		}
		t.kept, t.loaded, t.fresh = kept{Scale: t.scale, Initial: t.initial, Unknown: true}, true, false
		return nil
	}
	t.onDisk, t.loaded = k.Pulses, true
	t.kept, t.fresh = t.adopt(k)
	return nil
}

// adopt carries what was kept over to the present configuration. same is false if that changes it.
func (t *total) adopt(k kept) (next kept, same bool) {
	was := k
	if t.initial != nil && (k.Initial == nil || *k.Initial != *t.initial) { // set anew, and so it counts
		k = kept{Scale: t.scale, Base: *t.initial}
	}
	k.Initial = t.initial
	if k.Scale != t.scale { // what was counted at the old scale stays
		k = kept{Scale: t.scale, Base: k.Base + k.Scale*float64(k.Pulses), Initial: k.Initial, Unknown: k.Unknown}
	}
	sameInitial := (was.Initial == nil) == (k.Initial == nil) && (k.Initial == nil || *was.Initial == *k.Initial)
	return k, sameInitial && was.Scale == k.Scale
}

// unsaved reports whether the total after n more pulses is yet to be written.
func (t *total) unsaved(n uint64) bool {
	return t.keep && (!t.fresh || t.onDisk != t.kept.Pulses+n && !t.kept.Unknown)
}

// saving is a save under way, beside the counting: a card may take seconds, and the kernel's buffer is full after 1024 edges.
type saving struct {
	ctx  context.Context // ends with the save
	n    uint64
	done chan struct{}
	err  error // once done is closed
}

// save starts to write the total after n more pulses.
func (t *total) save(ctx context.Context, n uint64) *saving {
	ctx, end := context.WithCancel(ctx)
	s := &saving{ctx: ctx, n: n, done: make(chan struct{})}
	k := t.kept
	k.Pulses += n
	go func() {
		defer end()
		defer close(s.done)
		s.err = t.write(t.path, format(k))
	}()
	return s
}

// saved takes the result of a finished save.
func (t *total) saved(s *saving) {
	if s.err == nil {
		t.onDisk, t.fresh = t.kept.Pulses+s.n, true
	}
}
