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

// FaultHelp describes a fault for people. Arg is "" or the argument's name; Default stands when it is left out.
type FaultHelp struct{ Name, Arg, Default, Does string }

type argument int

const (
	argNone argument = iota
	argCount
	argDuration
	argPercent
	argText
)

var faultTable = []struct {
	FaultHelp
	arg argument
}{
	{FaultHelp{"http", "", "", "answers the TLS handshake with a plain HTTP page, as a captive portal does"}, argNone},
	{FaultHelp{"tls-stall", "", "", "accepts TCP and never answers the ClientHello"}, argNone},
	{FaultHelp{"no-alpn", "", "", "accepts the connection but negotiates no protocol, as an inspecting proxy does"}, argNone},
	{FaultHelp{"alpn-reject", "", "", "refuses the handshake: no application protocol"}, argNone},
	{FaultHelp{"no-client-cert", "", "", "does not ask for the client's certificate"}, argNone},
	{FaultHelp{"expired-cert", "", "", "shows a certificate that expired yesterday"}, argNone},
	{FaultHelp{"future-cert", "", "", "shows a certificate that is not valid before tomorrow"}, argNone},
	{FaultHelp{"wrong-name-cert", "", "", "shows a certificate for another name"}, argNone},
	{FaultHelp{"unknown-ca", "", "", "shows a certificate of an authority that nobody knows"}, argNone},
	{FaultHelp{"tls12", "", "", "speaks TLS 1.2 only"}, argNone},
	{FaultHelp{"no-connack", "", "", "never answers CONNECT"}, argNone},
	{FaultHelp{"connack", "N", "5", "answers CONNECT with code N and hangs up"}, argCount},
	{FaultHelp{"not-active", "", "", "hangs up on CONNECT, as for a certificate that is not active"}, argNone},
	{FaultHelp{"deny-publish", "", "", "hangs up on every publish, as a policy that denies it"}, argNone},
	{FaultHelp{"poison", "TEXT", "", "hangs up on every publish that contains TEXT"}, argText},
	{FaultHelp{"http-status", "N", "503", "answers posts with status N, 400 to 599, and takes none"}, argCount},
	{FaultHelp{"cut-after", "N", "10", "hangs up after N messages were taken and acknowledged"}, argCount},
	{FaultHelp{"cut-before-ack", "N", "10", "takes the Nth message of a connection and hangs up without acknowledging it"}, argCount},
	{FaultHelp{"reset", "N", "0", "resets the TCP connection after N messages; 0: right after CONNACK"}, argCount},
	{FaultHelp{"stop-reading", "N", "0", "stops reading after N messages, so that the sender's window fills"}, argCount},
	{FaultHelp{"mute-ack", "", "", "takes messages and never acknowledges"}, argNone},
	{FaultHelp{"drop-acks", "P%", "30%", "leaves out P percent of the acknowledgements"}, argPercent},
	{FaultHelp{"slow-ack", "DURATION", "50ms", "acknowledges only after DURATION, as over a long way"}, argDuration},
	{FaultHelp{"reorder-acks", "", "", "acknowledges in another order than messages came"}, argNone},
	{FaultHelp{"double-acks", "", "", "acknowledges twice"}, argNone},
	{FaultHelp{"stray-acks", "", "", "acknowledges messages that were never sent, too"}, argNone},
	{FaultHelp{"mute-ping", "", "", "never answers PINGREQ"}, argNone},
	{FaultHelp{"garbage", "N", "0", "sends random bytes after N messages"}, argCount},
	{FaultHelp{"huge", "N", "0", "announces a packet of 256 MiB after N messages"}, argCount},
}

// Faults lists all faults in the order of a connection's life.
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
	i := slices.IndexFunc(faultTable, func(t struct {
		FaultHelp
		arg argument
	}) bool {
		return t.Name == f.Name
	})
	if i < 0 {
		return e, fmt.Errorf("unknown fault %q", f.Name)
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
	case argText:
		if e.text = arg; arg == "" {
			err = fmt.Errorf("needs a text")
		}
	}
	if err != nil {
		return e, fmt.Errorf("fault %q: %w", f, err)
	}
	return e, nil
}

// effects are the faults of one connection, by name.
type effects map[string]effect

func (e effects) on(name string) bool { _, ok := e[name]; return ok }

// due tells whether a fault that counts messages has its turn now that n were taken.
func (e effects) due(name string, n int) bool {
	x, ok := e[name]
	return ok && x.n == n
}
