// Package hcsr04 measures a distance by ultrasound: HC-SR04 and modules that speak like it.
//
// A pulse on the trigger line has the module send a burst; its echo line is then high for as long as the sound is on its way. The
// kernel times both edges of that, so what the agent is doing meanwhile does not matter. Figures are from "Ultrasonic Ranging
// Module HC-SR04" (ELECFREAKS): 2 to 400 cm, 3 mm; a trigger of 10 µs at least; 60 ms from one burst to the next, so that an echo is
// not taken for that of the next one. Without an echo the line stays high for 38 ms, with some makes for 200 ms.
//
// The package promises that a distance is that of one burst, between edges that follow each other by the kernel's numbers. An echo
// line that stays as it is, an echo from beyond the range and lost edges are errors.
package hcsr04

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

const (
	trigger  = 20 * time.Microsecond
	cycle    = 60 * time.Millisecond
	answers  = 50 * time.Millisecond  // by then the echo line is high
	gives    = 250 * time.Millisecond // by then it is low again
	nearest  = 0.02                   // m
	furthest = 4.0
)

// Dev is one module. It implements sensors.Sensor.
type Dev struct {
	name    string // "hcsr04 at GPIO23/GPIO24"
	trigger kind.Output
	echo    kind.Line
	speed   float64 // of sound, m/s

	last time.Time // when the last burst was sent
	ping ping
	out  [1]sensors.Measurement
}

// ping is what the edges of the echo line tell of one burst.
type ping struct {
	seq        uint32 // of the last edge
	edges      int
	rise, fall int64
	bad        string // what is wrong with them
}

func open(b kind.Board, p kind.Params) (*Dev, error) {
	d := &Dev{name: "hcsr04 at " + p.String("trigger") + "/" + p.String("echo"), speed: speedOfSound(p.Float("temperature"))}
	var err error
	if d.trigger, err = b.Output(p.String("trigger"), kind.OutputOptions{Consumer: "pinhole"}); err != nil {
		return nil, kind.Fail(d.name+": request trigger line", err)
	}
	// Pulled down, a loose wire reads as no echo.
	d.echo, err = b.Line(p.String("echo"), kind.LineOptions{Pull: kind.PullDown, Edges: kind.BothEdges, Consumer: "pinhole"})
	if err != nil {
		d.trigger.Close()
		return nil, kind.Fail(d.name+": request echo line", err)
	}
	d.last = time.Now() // taking the trigger line may have set it off
	return d, nil
}

// speedOfSound in dry air at a temperature in degrees, in m/s.
func speedOfSound(celsius float64) float64 { return 331.3 * math.Sqrt(1+celsius/273.15) }

// Sense sends a burst and waits for its echo.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	if err := d.rest(ctx); err != nil {
		return nil, err
	}
	if err := d.quiet(); err != nil {
		return nil, err
	}
	if err := d.send(); err != nil {
		return nil, err
	}
	if err := d.wait(ctx, 1, answers); err != nil {
		return nil, err
	}
	if d.ping.edges == 0 {
		return nil, d.errorf(sensors.Absent, "wait for the echo line", "check its 5 V, ground, trigger and echo",
			"nothing answers the trigger within %v", answers)
	}
	if err := d.wait(ctx, 2, gives); err != nil {
		return nil, err
	}
	distance, err := d.distance()
	if err != nil {
		return nil, err
	}
	d.out[0] = sensors.Measurement{Quantity: sensors.Distance, Value: distance}
	return d.out[:], nil
}

// rest waits until the echoes of the last burst have died away.
func (d *Dev) rest(ctx context.Context) error {
	timer := time.NewTimer(cycle - time.Since(d.last))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return kind.Fail(d.name+": wait for the last echo to end", ctx.Err())
	case <-timer.C:
	}
	if err := ctx.Err(); err != nil {
		return kind.Fail(d.name+": begin", err)
	}
	return nil
}

// quiet forgets the edges of earlier bursts, and expects the echo line to be low.
func (d *Dev) quiet() error {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if err := d.echo.Events(over, func(kind.Event) {}); err != nil {
		return kind.Fail(d.name+": read edges", err)
	}
	d.ping = ping{}
	high, err := d.echo.Read()
	if err != nil {
		return kind.Fail(d.name+": read echo line", err)
	}
	if high {
		return d.errorf(sensors.IO, "read echo line", "is it wired to the echo pin, and that to nothing else?", "the line is high although no burst was sent")
	}
	return nil
}

// send makes the trigger pulse. The line is low again whatever happens, if it can be driven at all.
func (d *Dev) send() error {
	d.last = time.Now()
	err := d.trigger.Set(true)
	if err == nil {
		time.Sleep(trigger)
	}
	if err := errors.Join(err, d.trigger.Set(false)); err != nil {
		return kind.Fail(d.name+": drive trigger line", err)
	}
	return nil
}

// wait takes edges until there are so many, or for a while.
func (d *Dev) wait(ctx context.Context, edges int, span time.Duration) error {
	if d.ping.edges >= edges {
		return nil
	}
	limit, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	err := d.echo.Events(limit, func(e kind.Event) {
		if d.ping.edge(e); d.ping.edges >= edges {
			cancel()
		}
	})
	if err != nil {
		return kind.Fail(d.name+": wait for edges", err)
	}
	if ctx.Err() != nil && d.ping.edges < edges {
		return kind.Fail(d.name+": wait for edges", ctx.Err())
	}
	return nil
}

// edge takes the next edge of the echo line.
func (p *ping) edge(e kind.Event) {
	p.edges++
	switch {
	case p.edges > 1 && e.Seq != p.seq+1:
		p.bad = fmt.Sprintf("edge %d came after edge %d: others are lost", e.Seq, p.seq)
	case e.Rising != (p.edges == 1):
		p.bad = "the echo line's edges are not one up and one down"
	case p.edges > 2:
		p.bad = "the echo line has more edges than an echo makes"
	case e.Rising:
		p.rise = e.Mono
	default:
		p.fall = e.Mono
	}
	p.seq = e.Seq
}

// distance works out the distance from a whole echo.
func (d *Dev) distance() (float64, error) {
	const step = "measure the echo"
	p := &d.ping
	switch {
	case p.bad != "":
		return 0, d.errorf(sensors.IO, step, "", "%s", p.bad)
	case p.edges < 2:
		return 0, d.errorf(sensors.Timeout, step, "the module hangs: switch it off and on", "the echo line stays high for %v", gives)
	case p.fall <= p.rise:
		return 0, d.errorf(sensors.IO, step, "", "it ends %d ns before it begins", p.rise-p.fall)
	}
	metres := math.Round(float64(p.fall-p.rise)/1e9*d.speed/2*1e4) / 1e4
	switch {
	case metres > furthest:
		return 0, d.errorf(sensors.Range, step, "", "no echo from within %v m", furthest)
	case metres < nearest:
		return 0, d.errorf(sensors.Range, step, "", "%v m is nearer than the module can tell, %v m", metres, nearest)
	}
	return metres, nil
}

func (d *Dev) errorf(class sensors.Class, step, hint, format string, args ...any) error {
	return &sensors.Error{Class: class, Op: d.name + ": " + step, Err: fmt.Errorf(format, args...), Hint: hint}
}

// Close gives the lines back, the trigger low.
func (d *Dev) Close() error {
	if err := errors.Join(d.trigger.Close(), d.echo.Close()); err != nil {
		return kind.Fail(d.name+": release lines", err)
	}
	return nil
}
