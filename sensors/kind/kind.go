// Package kind describes a kind of sensor: its name, its configuration keys, its manual, and how it is opened. The rows
// themselves live with the drivers and are gathered by package all; the same rows check the configuration, print
// `pinhole kinds` and fill the README's table.
package kind

import (
	"context"
	"time"

	"periph.io/x/conn/v3/i2c"

	"pinhole/sensors"
)

// Kind is one row of the table of kinds.
type Kind struct {
	Name    string // as written in the configuration: "bme280"
	Summary string // one line: "temperature, humidity and pressure, Bosch BME280"
	Event   bool   // Open returns a sensors.Watcher, and `every` is not a key unless Paced
	Paced   bool   // with Event: it reports every `every`, which Open finds in Params as a Duration
	Keys    []Key  // the kind's own keys; name, kind, every and filters belong to every sensor

	// Yields tells which quantities a sensor with these keys reports, in order. It must not touch hardware. When Sense fails as
	// a whole, each of them gets an error reading.
	Yields func(p Params) []sensors.Quantity
	// Bus names the worker that serialises this sensor with others: "i2c-1". "" is the shared worker of parts that answer at
	// once. nil means the same.
	Bus func(p Params) string
	// Timeout bounds one measurement, opening included; 0: sensors.DefaultTimeout.
	Timeout time.Duration
	// Check reports mistakes that the keys' own rules cannot express, without touching hardware. nil means none.
	Check func(p Params) []Problem
	// Open prepares the part. It returns a sensors.Sensor or, with Event, a sensors.Watcher. A part that is absent is an error of
	// class absent; the sampler tries again later.
	Open func(ctx context.Context, b Board, p Params) (any, error)

	// Probe is how `pinhole scan` recognises the part of a kind with I2CKeys.
	Probe Probe
	// Find lists what the kind could read on a board, without measuring anything; nil where that is not known, or for Probe to
	// find out. A kind that is at work on the same board is not disturbed.
	Find func(b Board) ([]Found, error)

	Manual Manual
}

// Problems reports the mistakes in p that the keys' own rules cannot express: those of every I2C part, and the kind's own.
func (k *Kind) Problems(p Params) (list []Problem) {
	if p.Has("bus") && p.Has("address") {
		list = checkI2C(p)
	}
	if k.Check != nil {
		list = append(list, k.Check(p)...)
	}
	return list
}

// Manual is what `pinhole kinds KIND` prints beside the keys.
type Manual struct {
	Parts     string      // the parts covered: "Bosch BME280, BMP280"
	Datasheet string      // title, revision and URL
	Wiring    [][2]string // pin of the part, pin of the board
	Range     string      // "-40 to 85 Cel, ±1; 0 to 100 %RH, ±3; ..."
	Notes     []string    // the part's known lies, limits and advice, one sentence or two each
	Example   string      // a working sensor entry in YAML, without the leading dash
	Further   []string    // more of them
}

// Problem is a mistake in one key. Key is a path below the sensor: "signal.shape"; "" is the sensor itself.
type Problem struct {
	Key, Message, Hint string
}

// Type is the type of a key's value.
type Type int

// The types, and what Params holds for each.
const (
	Int      Type = iota // int64
	Float                // float64, finite
	String               // string
	Bool                 // bool
	Duration             // time.Duration, written with its unit
	Enum                 // string, one of Key.Enum
	Address              // int64, an I2C address 0x08 to 0x77 or one of Key.Enum, written in hex
	Pin                  // string: GPIO17, or CHIPLABEL:OFFSET
	File                 // string: a path, made absolute against the configuration's folder
	Map                  // Params, checked against Key.Keys
	List                 // []any, each checked against Key.Elem
)

// Key is one configuration key of a kind.
type Key struct {
	Name     string
	Type     Type
	Help     string // one line for the manual
	Required bool
	Default  any      // of the type above; nil: absent unless given
	Min, Max *float64 // bounds of Int, Float and, in seconds, Duration; nil: none
	Enum     []string // the words of an Enum; of an Address, those that are possible, in hex
	Keys     []Key    // of a Map
	Elem     *Key     // of a List
}

// Params holds a sensor's checked keys, with defaults filled in. The getters return the zero value for an absent key; a value
// of another type than the key's is a programming error and panics.
type Params map[string]any

func get[T any](p Params, key string) (v T) {
	if x, ok := p[key]; ok {
		v = x.(T)
	}
	return v
}

// Has reports whether key was given or has a default.
func (p Params) Has(key string) bool { _, ok := p[key]; return ok }

// Int returns an Int or Address.
func (p Params) Int(key string) int64 { return get[int64](p, key) }

// Float returns a Float.
func (p Params) Float(key string) float64 { return get[float64](p, key) }

// String returns a String, Enum, Pin or File.
func (p Params) String(key string) string { return get[string](p, key) }

// Bool returns a Bool.
func (p Params) Bool(key string) bool { return get[bool](p, key) }

// Duration returns a Duration.
func (p Params) Duration(key string) time.Duration { return get[time.Duration](p, key) }

// Map returns a Map; an absent one is empty, and its getters work.
func (p Params) Map(key string) Params { return get[Params](p, key) }

// List returns a List.
func (p Params) List(key string) []any { return get[[]any](p, key) }

// Board is where parts are attached: a real board (package bus) or the simulated one (package sim).
type Board interface {
	// I2C returns the bus by number: "1" is /dev/i2c-1; "1/0x70.3" is channel 3 of the multiplexer at 0x70 on it. One handle a
	// bus, shared; callers do not close it. Errors of its Tx are classified: sensors.ClassOf knows absent, nak, timeout, busy.
	I2C(number string) (i2c.Bus, error)
	// SPI opens what is behind a chip select: "0.0" is /dev/spidev0.0. Each call gives a handle of its own, which the caller closes.
	SPI(device string, o SPIOptions) (SPI, error)
	// UART opens a serial port, "/dev/serial0", for 8 data bits without parity. It is the caller's alone until it is closed.
	UART(port string, baud int) (UART, error)
	// Line requests an input line.
	Line(pin string, o LineOptions) (Line, error)
	// Output requests an output line. It is inactive until set.
	Output(pin string, o OutputOptions) (Output, error)
	// Root is the folder under which /sys, /proc and /dev are found: "/" on a board.
	Root() string
	// State is the folder in which parts keep totals across restarts; "" if there is none. Unless keep is true, they only read there:
	// somebody has a look, and nothing is to be changed by it.
	State() (dir string, keep bool)
}

// Pull is an input's bias.
type Pull string

// The biases. AsIs leaves the line as the firmware set it.
const (
	PullAsIs Pull = "as-is"
	PullNone Pull = "none"
	PullUp   Pull = "up"
	PullDown Pull = "down"
)

// LineOptions is how an input line is requested.
type LineOptions struct {
	Pull      Pull
	ActiveLow bool          // true: a low level reads as true
	Debounce  time.Duration // by the kernel; 0: none
	Edges     Edges         // those that Events tells of
	Consumer  string        // shown by gpioinfo: "pinhole/door"
}

// Edges says which edges of a line are wanted. Active-low is applied first: an edge rises when the line becomes active.
type Edges int

// The choices. Only those edges are numbered that are wanted.
const (
	NoEdges      Edges = 0
	RisingEdges  Edges = 1
	FallingEdges Edges = 2
	BothEdges    Edges = RisingEdges | FallingEdges
)

// Event is an edge of a line.
type Event struct {
	Rising bool   // from inactive to active, active-low already applied
	Mono   int64  // CLOCK_MONOTONIC in nanoseconds, by the kernel
	Seq    uint32 // the line's own edge number, counting from 1: a gap means lost edges
}

// Line is a requested input.
type Line interface {
	Read() (active bool, err error)
	// Events calls f for each edge until ctx ends (nil) or the line fails. Edges that came before ctx ended are told, although it
	// has: a call whose context has ended already tells of what is waiting.
	Events(ctx context.Context, f func(Event)) error
	Close() error
}

// OutputOptions is how an output line is requested.
type OutputOptions struct {
	ActiveLow bool   // active is a low level
	Consumer  string // shown by gpioinfo
}

// Output is a requested output.
type Output interface {
	Set(active bool) error
	Close() error // gives the line back, at the level it has
}
