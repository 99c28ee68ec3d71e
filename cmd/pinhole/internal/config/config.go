// Package config turns the text of a configuration file into checked, typed data, or into the complete list of its mistakes.
//
// It promises that a Config which leaves it keeps every rule that can be checked without touching a bus or the network, with
// all defaults filled in and all paths absolute; that each mistake is reported with its line, column and key, all of them at
// once and in the order of the file; and that no file, however hostile, makes it panic, expand without bound or leak a
// password into a message. What a sensor kind's own keys are, it learns from the table of kinds that is handed to it. Opening
// anything is left to the others.
//
// Inside values, ${NAME} stands for the environment variable of that name; one that is not set is a mistake. $${ stands for
// the two characters themselves, and any other $ is an ordinary character. Keys are never replaced.
package config

import (
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"pinhole/publisher/route"
	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sim"
)

// The boards on which sensors can be attached.
const (
	Pi  = "pi"  // the machine's own buses
	Sim = "sim" // the simulated board
)

// Config is a checked configuration.
type Config struct {
	File      string // as it was named; "-" for the standard input
	Device    string // 1-128 of A-Z a-z 0-9 . _ -
	Board     string // Pi or Sim
	Sensors   []Sensor
	Sim       sim.Script // directs the simulated board
	Publisher Publisher
	Status    Status
	Log       Log
	Warnings  []Problem // what is allowed but probably not meant, in the order of the file
}

// Sensor is one entry of the list of sensors.
type Sensor struct {
	Name    string // unique
	Kind    kind.Kind
	Every   time.Duration // 0 for an event kind
	Params  kind.Params   // the kind's own keys
	Filters []sensors.FilterSpec
}

// Publisher says where readings go and how.
type Publisher struct {
	Broker       route.Broker
	AWS          bool // the broker is a device endpoint of AWS IoT: its roots, ALPN names and limits apply
	ClientID     string
	Topic        string
	QoS          byte   // 0 or 1
	Format       string // json, columns or senml
	Username     string
	PasswordFile string // absolute; "" if there is none
	TLS          TLS
	Sign         AWS
	Proxy        Proxy
	Routes       []route.Broker // further ways out, in this order
	Headers      http.Header    // further fields of the requests that open a WebSocket; their values are secrets
	KeepAlive    time.Duration  // whole seconds
	Batch        Batch
	Rate         Rate
	Window       int // publishes in flight
	Parallel     int // posts under way at once, where the way out is https
	Queue        Queue
	Reconnect    Reconnect
	Presence     bool
	Insecure     bool // plain mqtt and ws may leave this machine
}

// TLS names the files and choices of the encrypted link. Paths are absolute, "" for none.
type TLS struct {
	CA          string
	Cert, Key   string // both or neither
	ALPN        ALPN
	ServerName  string // "" for the broker's host
	KeyExchange string // auto, hybrid or classical
}

// ALPN is what is offered: nothing at all with neither Auto nor Names.
type ALPN struct {
	Auto  bool
	Names []string
}

// Proxy says which proxies are used.
type Proxy struct {
	Env          bool       // what HTTPS_PROXY and NO_PROXY say
	List         []*url.URL // tried in this order: http, https or socks5, without a password; nil is the direct way. Empty: none
	PasswordFile string     // absolute; "" if there is none; for all with a user
	CA           string     // PEM, absolute; for the proxies of https; "" for the system's
}

// Batch says when readings are sent: when the first of these is reached.
type Batch struct {
	Readings int
	Bytes    int // payload and topic
	Age      time.Duration
}

// Rate bounds what is sent in a second; 0 means without a bound.
type Rate struct {
	Messages float64
	Bytes    float64 // payload and topic
}

// Queue says how readings are kept until they have arrived.
type Queue struct {
	Dir      string // absolute
	Max      int64  // bytes
	WhenFull string // drop-oldest, drop-newest or thin
	Sync     time.Duration
}

// Reconnect is the pause between two attempts to connect.
type Reconnect struct {
	Min, Max, Spread time.Duration
}

// Status is the local endpoint.
type Status struct {
	Listen    string // HOST:PORT; "" for none
	TokenFile string // absolute; "" if there is none
}

// Log says what is logged.
type Log struct {
	Level  slog.Level
	Format string // text or json
}
