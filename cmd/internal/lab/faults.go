package lab

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault is one thing that goes wrong on purpose. The zero Times means on every connection; N means on the first N.
type Fault struct {
	Name  string
	Arg   string
	Times int
}

func (f Fault) String() string {
	s := f.Name
	if f.Arg != "" {
		s += "=" + f.Arg
	}
	if f.Times > 0 {
		s += "*" + strconv.Itoa(f.Times)
	}
	return s
}

// FaultHelp describes a fault for people.
type FaultHelp struct {
	Name    string
	Arg     string // the argument's name; "": it takes none
	Default string // what stands when the argument is left out
	Where   string // where it is: device, name, network, proxy, TLS or MQTT
	Does    string
	Culprit string // the stage that doctor names as the first that breaks; "": it lets the agent through
	Says    string // what stands in doctor's lines; "": doctor has nothing to say about it
}

// Staged reports whether the fault is in the surroundings that the lab makes at its start: the configuration, the device's files, a
// proxy, a port. The others are of single connections and may come and go.
func (f FaultHelp) Staged() bool { return scenes[f.Name] != nil }

type argument int

const (
	argNone argument = iota
	argCount
	argDuration
	argPercent
	argText
	argHow // how a firewall ends a connection
)

// The ways of a firewall to end what it does not want.
const (
	howReset   = "reset"
	howClose   = "close"
	howSilence = "silence"
)

// Faults lists all faults, by where they are, in the order in which a connection meets them.
func Faults() []FaultHelp {
	list := make([]FaultHelp, len(faultTable))
	for i, f := range faultTable {
		list[i] = f.FaultHelp
	}
	return list
}

// ParseFault reads NAME, NAME=ARG, each with *TIMES behind it for "on the first TIMES connections only".
func ParseFault(text string) (Fault, error) {
	var f Fault
	rest, times, limited := text, "", false
	if i := strings.LastIndexByte(text, '*'); i >= 0 {
		rest, times, limited = text[:i], text[i+1:], true
	}
	f.Name, f.Arg, _ = strings.Cut(rest, "=")
	if limited {
		n, err := strconv.Atoi(times)
		if err != nil || n < 1 {
			return f, fmt.Errorf("fault %q: after the * belongs a number of connections", text)
		}
		f.Times = n
	}
	_, err := f.resolve()
	return f, err
}

// effect is a fault with its argument read.
type effect struct {
	name    string
	n       int // count or percent
	wait    time.Duration
	text    string
	applies int // connections left; -1: all
}

func (f Fault) resolve() (effect, error) {
	e := effect{name: f.Name, applies: -1}
	if f.Times > 0 {
		e.applies = f.Times
	}
	i := slices.IndexFunc(faultTable, func(t faultRow) bool { return t.Name == f.Name })
	if i < 0 {
		return e, fmt.Errorf("unknown fault %q; pinhole-lab serve --help lists them", f.Name)
	}
	row := faultTable[i]
	arg := f.Arg
	if arg == "" {
		arg = row.Default
	}
	var err error
	switch row.arg {
	case argNone:
		if arg != "" {
			err = fmt.Errorf("takes no argument")
		}
	case argCount:
		e.n, err = strconv.Atoi(arg)
		if err == nil && (e.n < 0 || f.Name == "connack" && (e.n < 1 || e.n > 255) || f.Name == "http-status" && (e.n < 400 || e.n > 599)) {
			err = fmt.Errorf("%d is out of range", e.n)
		}
	case argPercent:
		e.n, err = strconv.Atoi(strings.TrimSuffix(arg, "%"))
		if err == nil && (e.n < 0 || e.n > 100) {
			err = fmt.Errorf("%d%% is out of range", e.n)
		}
	case argDuration:
		e.wait, err = time.ParseDuration(arg)
		if err == nil && e.wait < 0 {
			err = fmt.Errorf("%v is negative", e.wait)
		}
	case argHow:
		if e.text = arg; !slices.Contains([]string{howReset, howClose, howSilence}, arg) {
			err = fmt.Errorf("takes %s, %s or %s", howReset, howClose, howSilence)
		}
	case argText:
		if e.text = arg; arg == "" {
			err = fmt.Errorf("needs a text")
		}
	}
	if err == nil && f.Times > 0 && row.Staged() {
		err = fmt.Errorf("is there from the start and stays, so *%d has no meaning", f.Times)
	}
	if err != nil {
		return e, fmt.Errorf("fault %q: %w", f, err)
	}
	return e, nil
}

// effects are the faults of one connection, by name.
type effects map[string]effect

func (e effects) on(name string) bool { _, ok := e[name]; return ok }

// any tells whether one of several faults is on.
func (e effects) any(names ...string) bool { return slices.ContainsFunc(names, e.on) }

// due tells whether a fault that counts messages has its turn now that n were taken.
func (e effects) due(name string, n int) bool {
	x, ok := e[name]
	return ok && x.n == n
}
