package register

import (
	"bytes"
	"context"
	"slices"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/register/chips"
)

const (
	passes    = 4                    // reads of a measurement until two in a row must agree
	starts    = 3                    // attempts to start one
	ackEvery  = 2 * time.Millisecond // between two attempts at a part that does not acknowledge yet
	powerHint = "its supply breaks down now and then, or somebody else uses the part: check the wiring"
)

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	part  *kind.Part
	prog  *program
	ready bool // identified and prepared
	used  bool // it has been written to, so Close has something to do
	fails int  // measurements in a row
	unmet bool // the last error is that of an expect
	out   []sensors.Measurement
}

// open prepares the part at its bus and address. name is the kind's.
func open(ctx context.Context, b kind.Board, name string, prog *program, p kind.Params) (*Dev, error) {
	part, err := kind.OpenPart(b, name, p)
	if err != nil {
		return nil, err
	}
	d := &Dev{part: part, prog: prog, out: make([]sensors.Measurement, 0, len(prog.chip.Fields()))}
	if err := d.init(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// init identifies the part and prepares it.
func (d *Dev) init(ctx context.Context) error {
	if s := d.prog.chip.Startup; s > 0 {
		if err := d.part.Wait(ctx, "wait for the part to start", s); err != nil {
			return err
		}
	}
	for i := range d.prog.identify {
		if err := d.identify(ctx, &d.prog.identify[i]); err != nil {
			return err
		}
	}
	d.used = true
	if err := d.run(ctx, d.prog.init); err != nil {
		return err
	}
	d.ready, d.fails = true, 0
	return nil
}

// identify reads an id. A part that does not acknowledge while it measures may be doing so: a measurement was broken off.
func (d *Dev) identify(ctx context.Context, o *op) error {
	if err := d.ask(ctx, o, d.prog.silent); err != nil {
		return err
	}
	got := extract(o.r, 0, 8*len(o.r))
	switch {
	case got&o.mask == o.want:
		return nil
	case all(o.r, 0xFF):
		return d.part.Errorf(sensors.Absent, o.step, "0x%x: nothing drives the bus", got)
	}
	e := d.part.Errorf(sensors.Wrong, o.step, "0x%0*x: another part than a %s answers", 2*len(o.r), got, d.prog.chip.Name)
	e.Hint = "check which part is at this address with `pinhole scan`"
	return e
}

// run does steps in order.
func (d *Dev) run(ctx context.Context, list []op) error {
	for i := range list {
		if err := d.do(ctx, &list[i]); err != nil {
			return err
		}
	}
	return nil
}

func (d *Dev) do(ctx context.Context, o *op) error {
	switch o.code {
	case pause:
		return d.part.Wait(ctx, o.step, o.span)
	case await:
		return d.await(ctx, o)
	case expect:
		if err := d.part.Tx(ctx, o.step, o.w, o.r); err != nil {
			return err
		}
		if got := extract(o.r, 0, 8*len(o.r)); got&o.mask != o.want {
			d.unmet = true
			return d.part.Errorf(sensors.IO, o.step, "0x%0*x, should be 0x%x in the bits 0x%x%s", 2*len(o.r), got, o.want, o.mask, because(o.says))
		}
		return nil
	case modify:
		n := len(o.w) - len(o.r)
		if err := d.part.Tx(ctx, o.step, o.w[:n], o.r); err != nil {
			return err
		}
		v := extract(o.r, 0, 8*len(o.r))&^o.mask | o.want
		for i := range o.r {
			o.w[len(o.w)-1-i] = byte(v >> (8 * i))
		}
		return d.part.Tx(ctx, o.step, o.w, nil)
	}
	return d.part.Tx(ctx, o.step, o.w, o.r)
}

// await looks at a register until its bits have the value wanted.
func (d *Dev) await(ctx context.Context, o *op) error {
	for waited := time.Duration(0); ; waited += o.every {
		if err := d.part.Tx(ctx, o.step, o.w, o.r); err != nil {
			return err
		}
		got := extract(o.r, 0, 8*len(o.r))
		if got&o.mask == o.want {
			return nil
		}
		if waited >= o.span {
			return d.part.Errorf(sensors.Timeout, o.step, "still 0x%0*x after %v%s", 2*len(o.r), got, waited, because(o.says))
		}
		if err := d.part.Wait(ctx, o.step, o.every); err != nil {
			return err
		}
	}
}

func because(says string) string {
	if says == "" {
		return ""
	}
	return ": " + says
}

// Sense makes one measurement.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	if !d.ready {
		if err := d.init(ctx); err != nil {
			return nil, err
		}
	}
	list, err := d.measure(ctx)
	if err == nil {
		d.fails = 0
		return list, nil
	}
	if d.fails++; d.fails >= d.prog.chip.RecoverAfter {
		d.ready = false
	}
	return nil, err
}

// measure runs the rounds and converts what they fetched, a second time if the first looks like a part that has just started.
func (d *Dev) measure(ctx context.Context) ([]sensors.Measurement, error) {
	for again := range 2 {
		for i := range d.prog.rounds {
			if err := d.round(ctx, &d.prog.rounds[i]); err != nil {
				return nil, err
			}
		}
		if again == 1 || !d.suspect() {
			break
		}
	}
	return d.convert()
}

// round starts a measurement and fetches it. Between two passes over the same registers stands the canary: a bus that is held for
// two transfers cannot forge a pair.
func (d *Dev) round(ctx context.Context, r *round) error {
	if err := d.start(ctx, r.start); err != nil {
		return err
	}
	if err := d.pass(ctx, r); err != nil {
		return err
	}
	for n := 1; ; n++ {
		if err := d.alive(ctx); err != nil {
			return err
		}
		if !r.twice {
			return nil
		}
		for i := range r.reads {
			copy(r.reads[i].last, r.reads[i].raws)
		}
		if err := d.pass(ctx, r); err != nil {
			return err
		}
		if !slices.ContainsFunc(r.reads, func(o op) bool { return !slices.Equal(o.raws, o.last) }) {
			return nil
		}
		if n == passes-1 {
			return d.part.Errorf(sensors.CRC, r.reads[0].step, "read %d times, it differs each time", passes)
		}
	}
}

// start runs a round's first steps, and again where one does not find what it expects: a process that is held up for the whole
// measurement does not see it run.
func (d *Dev) start(ctx context.Context, list []op) (err error) {
	for range starts {
		d.unmet = false
		if err = d.run(ctx, list); !d.unmet {
			break
		}
	}
	return err
}

// alive finds out whether the part has forgotten what it was told.
func (d *Dev) alive(ctx context.Context) error {
	for i := range d.prog.canary {
		o := &d.prog.canary[i]
		if err := d.part.Tx(ctx, o.step, o.w, o.r); err != nil {
			return err
		}
		if got := extract(o.r, 0, 8*len(o.r)); got&o.mask != o.want {
			d.ready = false
			e := d.part.Errorf(sensors.IO, o.step, "0x%0*x, should be 0x%x in the bits 0x%x: the part was reset since it was prepared%s",
				2*len(o.r), got, o.want, o.mask, because(o.says))
			e.Hint = powerHint
			return e
		}
	}
	return nil
}

// pass fetches each answer of a round once.
func (d *Dev) pass(ctx context.Context, r *round) error {
	for i := range r.reads {
		if err := d.fetch(ctx, &r.reads[i]); err != nil {
			return err
		}
	}
	return nil
}

// ask makes a transfer, again and again for a while where the part does not acknowledge.
func (d *Dev) ask(ctx context.Context, o *op, span time.Duration) error {
	for waited := time.Duration(0); ; waited += ackEvery {
		err := d.part.Tx(ctx, o.step, o.w, o.r)
		if err == nil {
			return nil
		}
		if class := sensors.ClassOf(err); class != sensors.Absent && class != sensors.NAK || waited >= span {
			return err
		}
		if err := d.part.Wait(ctx, o.step, ackEvery); err != nil {
			return err
		}
	}
}

// fetch reads an answer and checks it.
func (d *Dev) fetch(ctx context.Context, o *op) error {
	if err := d.ask(ctx, o, o.read.UntilAck); err != nil {
		return err
	}
	for _, b := range o.read.Reject {
		if all(o.r, b) {
			return d.part.Errorf(sensors.IO, o.step, "nothing but 0x%02x: no part answers like that", b)
		}
	}
	if c := o.read.CRC; c != nil {
		if at, got, want, ok := strip(c, o.pec, o.r, o.read.Bytes); !ok {
			return d.part.Errorf(sensors.CRC, o.step, "checksum 0x%0*x behind byte %d, should be 0x%0*x", c.Bits/4, got, at+c.Group-1, c.Bits/4, want)
		}
	}
	for i := range o.read.Require {
		q := &o.read.Require[i]
		if got := extract(o.r, q.Bit, q.Bits); got != q.Equals {
			return d.part.Errorf(q.Class, o.step, "%s (0x%x at bit %d, should be 0x%x)", q.Says, got, q.Bit, q.Equals)
		}
	}
	return d.forms(o)
}

// absent stands for the raw bits of a form that the answer does not have. No field has so many bits.
const absent = ^uint64(0)

// forms takes the fields' bits out of an answer. Of a field with several forms it has one.
func (d *Dev) forms(o *op) error {
	there := true
	for i := range o.read.Fields {
		f := &o.read.Fields[i]
		if !f.Other && !there {
			return d.formless(o, i-1)
		}
		has := f.When == nil || extract(o.r, f.When.Bit, f.When.Bits) == f.When.Equals
		there = has || f.Other && there
		if o.raws[i] = absent; has {
			o.raws[i] = raw(f, o.r)
		}
	}
	if !there {
		return d.formless(o, len(o.read.Fields)-1)
	}
	return nil
}

func (d *Dev) formless(o *op, i int) error {
	f := &o.read.Fields[i]
	return d.part.Errorf(sensors.IO, o.step, "% x has none of the forms that a %s can have", o.r[:o.read.Bytes], f.Quantity)
}

// suspect reports whether a field has a value that it has after power-on too.
func (d *Dev) suspect() bool {
	for i := range d.prog.rounds {
		for k := range d.prog.rounds[i].reads {
			o := &d.prog.rounds[i].reads[k]
			for n := range o.raws {
				if slices.Contains(o.read.Fields[n].Suspect, o.raws[n]) {
					return true
				}
			}
		}
	}
	return false
}

// convert makes values of what was fetched. A field that is none of its own is an error among them; if none is one, all fail.
func (d *Dev) convert() ([]sensors.Measurement, error) {
	const step = "convert"
	d.out = d.out[:0]
	good := 0
	var first error
	for i := range d.prog.rounds {
		for k := range d.prog.rounds[i].reads {
			o := &d.prog.rounds[i].reads[k]
			for n := range o.raws {
				if o.raws[n] == absent {
					continue
				}
				f := &o.read.Fields[n]
				m := sensors.Measurement{Quantity: f.Quantity, Channel: f.Channel}
				v, bad := convert(f, o.raws[n])
				if bad == nil && f.SignFrom != "" {
					v, bad = d.signed(f, o.raws[n], v)
				}
				if bad == nil {
					m.Value = v
					good++
				} else {
					e := d.part.Errorf(sensors.Range, step+" "+string(f.Quantity), "%w", bad)
					m.Err, m.Cause = sensors.Range, e
					if first == nil {
						first = e
					}
				}
				d.out = append(d.out, m)
			}
		}
	}
	if good == 0 {
		return nil, first
	}
	return d.out, nil
}

// signed gives a magnitude the sign of what the part has computed it from. If that is no value, neither is this.
func (d *Dev) signed(f *chips.Field, raw uint64, v float64) (float64, *fault) {
	for i := range d.out {
		if from := &d.out[i]; from.Quantity == f.SignFrom && from.Channel == "" && from.Err == "" {
			if from.Value < 0 {
				v = 0 - v
			}
			return v, nil
		}
	}
	return 0, &fault{f: f, raw: raw, why: "is computed by the part from its " + string(f.SignFrom) + ", which is no value"}
}

// Close leaves the part idle.
func (d *Dev) Close() error {
	if !d.used {
		return nil
	}
	d.used, d.ready = false, false
	return d.run(context.Background(), d.prog.close)
}

func all(p []byte, b byte) bool { return bytes.Count(p, []byte{b}) == len(p) }
