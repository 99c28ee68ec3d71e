package crosscheck

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"pinhole/sensors"
	"pinhole/sensors/all"
	"pinhole/sensors/kind"
	"pinhole/sensors/sim"
)

// values are measurements by their quantity.
type values map[sensors.Quantity]float64

// part is a kind, and what the second implementation makes of the same part.
type part struct {
	params kind.Params                     // of our sensor, beside the defaults
	truth  map[sensors.Quantity][2]float64 // between which the world is drawn
	warm   time.Duration                   // how long our sensor needs until its first value
	within values                          // how far the two may be apart: the coarser one's step, and rounding

	// read is the second implementation. It is called while our sensor is open and has just measured.
	read func(bus *wire, addr uint16) (values, error)

	// wrong says what the second implementation is known to make of a value instead; ok is false where it is right.
	wrong map[sensors.Quantity]mistake
}

// mistake is one that is known.
type mistake struct {
	what string
	gets func(right float64, s state) (float64, bool) // NaN: anything
}

// state is what a mistake may depend on.
type state struct {
	variant uint32 // of the part's factory constants
	ours    values
}

// states is how many worlds each part is tried in, for each of its sets of factory constants.
const states, variants = 120, 3

// wire is a bus as a board has it, with an I2C of TinyGo's form. Transfers take time, as the second implementation waits in loops, and
// what is not acknowledged is tried again for a while, as it mostly ignores errors.
type wire struct {
	i2c.Bus
	// odd makes a transfer in another way, where the simulated part is not what the second implementation asks for; nil: none is.
	odd func(addr uint16, out, in []byte) (done bool, err error)
}

func (w *wire) Tx(addr uint16, out, in []byte) (err error) {
	if w.odd != nil {
		if done, err := w.odd(addr, out, in); done {
			return err
		}
	}
	for range 40 {
		time.Sleep(250 * time.Microsecond)
		if err = w.Bus.Tx(addr, out, in); err == nil {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return err
}

// TestAgreement draws worlds at random and compares what both sides say of them.
func TestAgreement(t *testing.T) {
	kinds := map[string]kind.Kind{}
	for _, k := range all.Kinds() {
		kinds[k.Name] = k
	}
	for name, p := range parts() {
		t.Run(name, func(t *testing.T) {
			k, ok := kinds[name]
			if !ok {
				t.Fatal("no such kind")
			}
			params := kind.WithDefaults(k.Keys, p.params)
			seen := map[sensors.Quantity]int{} // times that a known mistake was made
			random := rand.New(rand.NewPCG(uint64(len(name)), 1))
			for variant := range uint32(variants) {
				for range states {
					world := sim.Still{}
					for q, r := range p.truth {
						world[q] = r[0] + random.Float64()*(r[1]-r[0])
					}
					synctest.Test(t, func(t *testing.T) {
						if err := p.compare(t, k, params, variant, world, nil, seen); err != nil {
							t.Fatalf("in %v our driver says: %v", world, err)
						}
					})
					if t.Failed() {
						return
					}
				}
			}
			for q, m := range p.wrong {
				if seen[q] == 0 {
					t.Errorf("%s: the second implementation no longer makes its mistake: %s", q, m.what)
				}
			}
		})
	}
}

// board is one whose reads are changed on their way.
type board struct {
	*sim.Board
	mask *[256]byte // by register
}

func (b board) I2C(number string) (i2c.Bus, error) {
	bus, err := b.Board.I2C(number)
	if err != nil || b.mask == nil {
		return bus, err
	}
	return masked{bus, b.mask}, nil
}

type masked struct {
	i2c.Bus
	mask *[256]byte
}

func (m masked) Tx(addr uint16, out, in []byte) error {
	err := m.Bus.Tx(addr, out, in)
	for i := range in {
		if len(out) == 1 {
			in[i] ^= m.mask[int(out[0])+i]
		}
	}
	return err
}

// compare measures one world with both, through a mask if there is one. The error is our driver's.
func (p *part) compare(t *testing.T, k kind.Kind, params kind.Params, variant uint32, world sim.Still, mask *[256]byte,
	seen map[sensors.Quantity]int) error {
	t.Helper()
	board := board{sim.New(sim.Options{World: world}), mask}
	defer board.Close()
	addr := uint16(params.Int("address"))
	board.Plug("1", addr, k.Name, sim.NewChip(k.Name, sim.Env{World: world, Variant: variant, Address: addr, Params: params}))
	time.Sleep(time.Second)
	bus, err := board.I2C("1")
	if err != nil {
		t.Fatal(err)
	}
	ours, closer, err := p.measure(k, board, params)
	if err != nil {
		return err
	}
	defer closer()
	theirs, err := p.read(&wire{Bus: bus}, addr)
	if err != nil {
		t.Fatalf("in %v the other driver says: %v", world, err)
	}
	var wrong []string
	for q, within := range p.within {
		a, ok := ours[q]
		b, too := theirs[q]
		if !ok || !too {
			t.Fatalf("%s: ours %v, theirs %v", q, ours, theirs)
		}
		if m, listed := p.wrong[q]; listed {
			if instead, is := m.gets(a, state{variant, ours}); is {
				if math.Abs(a-b) > within {
					seen[q]++
				}
				if math.IsNaN(instead) {
					continue
				}
				a = instead
			}
		}
		if !(math.Abs(a-b) <= within) {
			wrong = append(wrong, fmt.Sprintf("%s: ours %v, theirs %v, the truth is %v", q, a, b, world[q]))
		}
	}
	if wrong != nil {
		t.Errorf("variant %d: %s", variant, strings.Join(wrong, "; "))
	}
	return nil
}

// measure opens our sensor and takes its first value.
func (p *part) measure(k kind.Kind, board kind.Board, params kind.Params) (values, func(), error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	dev, err := k.Open(ctx, board, params)
	if err != nil {
		return nil, nil, err
	}
	sensor := dev.(sensors.Sensor)
	var list []sensors.Measurement
	for n := 0; ; n++ {
		list, err = sensor.Sense(ctx)
		if err == nil || n == 20 || sensors.ClassOf(err) != sensors.Warmup {
			break
		}
		time.Sleep(p.warm)
	}
	if err != nil {
		return nil, nil, err
	}
	got := values{}
	for _, m := range list {
		if m.Err != "" {
			return nil, nil, fmt.Errorf("%s: %s", m.Quantity, m.Err)
		}
		got[m.Quantity] = m.Value
	}
	return got, func() { _ = sensor.Close() }, nil
}
