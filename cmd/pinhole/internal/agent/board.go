package agent

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"

	"pinhole/cmd/pinhole/internal/config"
	"pinhole/sensors"
	"pinhole/sensors/bus"
	"pinhole/sensors/clock"
	"pinhole/sensors/kind"
	"pinhole/sensors/sim"
)

// Board is what the sensors are attached to, with its clock.
type Board struct {
	kind.Board
	Clock *clock.Clock
	sim   *sim.Board // nil on a real board
	set   *bus.Set   // nil on a simulated one

	mu       sync.Mutex
	attached map[string]bool
}

// OpenBoard opens the configured board. Nothing is asked of any part yet. built is the version's build time, which no clock may
// undercut.
func OpenBoard(c *config.Config, built string) (*Board, error) {
	state := filepath.Join(c.Publisher.Queue.Dir, "state")
	machine, err := clock.System("/", clock.Built(built))
	if err != nil {
		return nil, fmt.Errorf("read the clock: %w", err)
	}
	b := &Board{Clock: machine, attached: map[string]bool{}}
	if c.Board == config.Sim {
		// A desk's clock is right; that nothing disciplines it, as in a container, is no reason to mark every reading.
		b.Clock = clock.Desk(machine.ID())
		b.sim = sim.New(sim.Options{State: filepath.Join(state, "sim"), Mono: b.Clock.Mono})
		b.sim.Play(c.Sim)
		b.Board = b.sim
		return b, nil
	}
	b.set = bus.New("/", state)
	b.Board = b.set
	return b, nil
}

// LookOnly makes the board one at which sensors change no state. It is called before Sources.
func (b *Board) LookOnly() { b.Board = looked{b.Board} }

// looked is a board whose state is only read.
type looked struct{ kind.Board }

func (l looked) State() (dir string, keep bool) {
	dir, _ = l.Board.State()
	return dir, false
}

// Close lets go of the buses.
func (b *Board) Close() error {
	if b.sim != nil {
		return b.sim.Close()
	}
	return b.set.Close()
}

// Run moves a simulated board's world until ctx ends.
func (b *Board) Run(ctx context.Context) error {
	if b.sim != nil {
		return b.sim.Run(ctx)
	}
	<-ctx.Done()
	return nil
}

// machine is a board whose files are this machine's own.
type machine struct{ kind.Board }

func (machine) Root() string { return "/" }

// Direct has another script direct a simulated board, from its beginning. An unchanged one goes on undisturbed.
func (b *Board) Direct(old, s sim.Script) {
	if b.sim != nil && !reflect.DeepEqual(old, s) {
		b.sim.Play(s)
	}
}

// Sources turns configured sensors into what the sampler takes. On a simulated board it attaches their parts. The board hears of every
// multiplexer before the first part is opened: one that an earlier run has left switched would connect what is behind it.
func (b *Board) Sources(list []config.Sensor) ([]sensors.Source, error) {
	sources := make([]sensors.Source, 0, len(list))
	var errs []error
	for _, s := range list {
		key, err := fingerprint(s)
		if err != nil {
			return nil, fmt.Errorf("sensor %s: %w", s.Name, err)
		}
		if err := b.attach(key, s); err != nil {
			errs = append(errs, fmt.Errorf("sensor %s: %w", s.Name, err))
			continue
		}
		if s.Params.Has("mux") {
			_, _ = b.I2C(kind.I2CNumber(s.Params)) // a bus that is not there fails again when the part is opened
		}
		on := b.Board
		if s.Kind.Name == "host" {
			on = machine{on} // its figures are this machine's even where the board is simulated
		}
		src := sensors.Source{
			Name: s.Name, Key: key, Every: s.Every, Watch: s.Kind.Event, Filters: s.Filters,
			Quantities: s.Kind.Yields(s.Params), Timeout: s.Kind.Timeout,
			Open: func(ctx context.Context) (any, error) { return s.Kind.Open(ctx, on, s.Params) },
		}
		if s.Kind.Bus != nil {
			src.Bus = s.Kind.Bus(s.Params)
		}
		sources = append(sources, src)
	}
	return sources, errors.Join(errs...)
}

// attach puts a sensor's part onto a simulated board, once.
func (b *Board) attach(key string, s config.Sensor) error {
	if b.sim == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.attached[key] {
		return nil
	}
	if err := b.sim.Attach(s.Kind.Name, s.Params); err != nil {
		return err
	}
	b.attached[key] = true
	return nil
}

// fingerprint is the same for two sensors that are configured alike in everything.
func fingerprint(s config.Sensor) (string, error) {
	text, err := json.Marshal([]any{s.Name, s.Kind.Name, s.Every, s.Params, s.Filters})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %x", s.Name, sha256.Sum256(text)), nil
}
