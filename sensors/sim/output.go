package sim

import (
	"context"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// output is a pin requested as an output.
type output struct {
	pin  *pin
	opts kind.OutputOptions
	high bool // as it is driven
	fail error

	pulls int64 // how often its chip had been unplugged when it was requested
}

// wireOutput says what is wired to a pin that will be an output.
func (p *pin) wireOutput(drive func(at time.Time, high bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drive = drive
}

// Output requests an output line.
func (b *Board) Output(name string, o kind.OutputOptions) (kind.Output, error) {
	pin, err := b.pin(name)
	if err != nil {
		return nil, err
	}
	if err := onChip(name); err != nil {
		return nil, err
	}
	pin.mu.Lock()
	defer pin.mu.Unlock()
	if err := pin.held(name); err != nil {
		return nil, err
	}
	pulls, gone := pin.pulled(pin.now())
	if gone {
		return nil, errPulled(name)
	}
	pin.out = &output{pin: pin, opts: o, high: o.ActiveLow, pulls: pulls}
	if pin.drive != nil {
		pin.drive(pin.now(), pin.out.high)
	}
	return pin.out, nil
}

// Driven tells the level of a pin that is an output; ok is false where it is none.
func (b *Board) Driven(name string) (high, ok bool) {
	pin, err := b.pin(name)
	if err != nil {
		return false, false
	}
	pin.mu.Lock()
	defer pin.mu.Unlock()
	if pin.out == nil {
		return false, false
	}
	return pin.out.high, true
}

// Set drives the line.
func (o *output) Set(active bool) error {
	o.pin.mu.Lock()
	defer o.pin.mu.Unlock()
	if o.pin.out != o {
		return &sensors.Error{Class: sensors.IO, Op: "line " + o.pin.name, Err: context.Canceled}
	}
	if o.fail != nil {
		return o.fail
	}
	if pulls, gone := o.pin.pulled(o.pin.now()); gone || pulls != o.pulls {
		return errPulled(o.pin.name)
	}
	high := active != o.opts.ActiveLow
	if high != o.high && o.pin.drive != nil {
		o.pin.drive(o.pin.now(), high)
	}
	o.high = high
	return nil
}

// Close gives the line back.
func (o *output) Close() error {
	o.pin.mu.Lock()
	defer o.pin.mu.Unlock()
	if o.pin.out == o {
		o.pin.out = nil
	}
	return nil
}
