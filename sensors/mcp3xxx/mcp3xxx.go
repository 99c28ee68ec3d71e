package mcp3xxx

import (
	"context"
	"errors"
	"math"
	"math/bits"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// speed is the clock. At 3.3 V the slower family takes 1.2 MHz (DS21298E table 1.1, between 1 at 2.7 V and 2 at 5 V). Below 10 kHz the
// sampled charge would leak away.
const speed = 1_000_000

// model is a part of the family.
type model struct {
	name     string
	bits     int
	channels int
}

// input is a configured channel: an input against ground, or one against its neighbour.
type input struct {
	name    string // as it stands in the configuration: "3", "2-3"
	command byte   // SGL/DIFF, D2, D1, D0
}

// Dev is one part. It implements sensors.Sensor.
type Dev struct {
	part   *kind.SPIPart
	model  model
	vref   float64
	ends   bool // the ends of the scale are values
	inputs []input
	w, r   [5]byte
	out    []sensors.Measurement
}

func open(b kind.Board, m model, p kind.Params) (any, error) {
	part, err := kind.OpenSPI(b, m.name, p, kind.SPIOptions{Mode: 0, Speed: speed})
	if err != nil {
		return nil, err
	}
	d := &Dev{part: part, model: m, vref: p.Float("vref"), ends: p.String("ends") == endsValue}
	for _, c := range p.List("channels") {
		d.inputs = append(d.inputs, inputs(m)[c.(string)])
	}
	for _, in := range d.inputs {
		x := sensors.Measurement{Quantity: sensors.Voltage}
		if len(d.inputs) > 1 {
			x.Channel = in.name
		}
		d.out = append(d.out, x)
	}
	if _, err := d.convert(context.Background(), d.inputs[0]); err != nil {
		part.Close()
		return nil, err
	}
	return d, nil
}

// Sense converts each channel three times. It takes 0.2 ms a channel.
func (d *Dev) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	for i, in := range d.inputs {
		var codes [3]int
		for k := range codes {
			c, err := d.convert(ctx, in)
			if err != nil {
				return nil, err
			}
			codes[k] = c
		}
		d.out[i].Value, d.out[i].Err, d.out[i].Cause = d.volts(median(codes[0], codes[1], codes[2]))
	}
	return d.out, nil
}

func median(a, b, c int) int { return max(min(a, b), min(max(a, b), c)) }

// The causes of codes that are no values.
var (
	errLow  = errors.New("0: the input is at 0 V or below, or the part is not there; `ends: value` reports it as a voltage")
	errHigh = errors.New("the highest code: the input is at vref or above; `ends: value` reports it as a voltage")
)

// volts turns a code into a voltage: code = 2^bits * Vin / Vref, chapter 4. It is rounded to a tenth of the finest step there is.
func (d *Dev) volts(code int) (v float64, class sensors.Class, cause error) {
	full := 1 << d.model.bits
	switch {
	case !d.ends && code == 0:
		return 0, sensors.Range, errLow
	case !d.ends && code == full-1:
		return 0, sensors.Range, errHigh
	}
	return math.Round(float64(code)*d.vref/float64(full)*1e5) / 1e5, "", nil
}

// convert makes one conversion.
func (d *Dev) convert(ctx context.Context, in input) (code int, err error) {
	step := "convert"
	d.w = d.model.request(in)
	if err := d.part.Tx(ctx, step, d.w[:], d.r[:]); err != nil {
		return 0, err
	}
	code, bad := d.model.decode(d.r)
	if bad == "" {
		return code, nil
	}
	class := sensors.CRC
	if d.r == [5]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF} {
		class, bad = sensors.Absent, "nothing drives the bus"
	}
	e := d.part.Errorf(class, step, "% x for channel %s: %s", d.r[:], in.name, bad)
	e.Hint = "check power, the four wires and which chip select the part is at; long wires spoil bits"
	return 0, e
}

// The bits of a transfer, counted from its first. The null bit comes behind the start bit, the four bits of the command and a clock
// in which the part samples; the code follows at once. The start bit stands where the code then ends with the third byte.
const (
	transfer  = 40
	codeEnd   = 24 // first bit behind the code
	nullAfter = 6  // clocks from the start bit to the null bit
)

func (m model) null() int { return codeEnd - m.bits - 1 }

// request asks for a channel.
func (m model) request(in input) (w [5]byte) {
	start := m.null() - nullAfter
	x := uint64(1<<4|in.command) << (transfer - 5 - start)
	for i := range w {
		w[i] = byte(x >> (transfer - 8*(i+1)))
	}
	return w
}

// decode reads what came back. bad says what is wrong with it, "" if nothing.
func (m model) decode(r [5]byte) (code int, bad string) {
	var x uint64
	for _, b := range r {
		x = x<<8 | uint64(b)
	}
	mask := uint64(1)<<m.bits - 1
	code = int(x >> (transfer - codeEnd) & mask)
	// Backwards there is one bit less: the lowest is sent once for both.
	behind := x & (1<<(transfer-codeEnd) - 1) << (64 - (transfer - codeEnd)) // at the top
	again := bits.Reverse64(behind) & (mask >> 1)
	rest := behind << (m.bits - 1)
	switch {
	case x>>(transfer-1-m.null())&1 != 0:
		return 0, "the null bit is not 0"
	case again != uint64(code)>>1:
		return 0, "the second time the code differs"
	case rest != 0:
		return 0, "there are no zeros behind it"
	}
	return code, ""
}

// Close gives the chip select back. The part rests.
func (d *Dev) Close() error { return d.part.Close() }
