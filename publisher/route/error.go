package route

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
)

// Stage names the step on the way to the broker at which something failed. Log, metric, status page and doctor use these words.
type Stage string

// The stages, in the order in which a connection passes them.
const (
	StageKey         Stage = "key"         // a file of ours cannot be used: certificate, private key, authorities
	StageDNS         Stage = "dns"         // the name was not resolved
	StageTCP         Stage = "tcp"         // no TCP connection, or an existing one broke
	StageProxy       Stage = "proxy"       // the proxy refused or broke the tunnel
	StageTLS         Stage = "tls"         // no TLS session: the certificates of either side, versions, or silence
	StageALPN        Stage = "alpn"        // the peer does not speak the offered protocol
	StageIntercepted Stage = "intercepted" // somebody else than the broker answered
	StageClock       Stage = "clock"       // certificates cannot be verified because this machine's clock is wrong
	StageWS          Stage = "ws"          // the WebSocket upgrade failed
	StageConnack     Stage = "connack"     // the broker refused the MQTT login, or did not answer it
	StageAck         Stage = "ack"         // the broker was reached, then did not do what MQTT demands
)

// Stages returns all stages in the order in which a connection passes them.
func Stages() []Stage {
	return []Stage{
		StageKey, StageDNS, StageTCP, StageProxy, StageTLS, StageALPN, StageIntercepted, StageClock, StageWS, StageConnack, StageAck,
	}
}

// Error is a failure on the way to the broker.
type Error struct {
	Stage Stage
	Op    string // what was tried on what: "connect to 192.0.2.7:443"
	Err   error  // the cause
	Hint  string // what a person can do about it; may be ""
}

func (e *Error) Error() string { return e.Op + ": " + e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// Advice returns the hint: who only wants to print it needs no import of this package.
func (e *Error) Advice() string { return e.Hint }

// StageOf returns the stage at which err happened, "" if err does not say.
func StageOf(err error) Stage {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Stage
	}
	return ""
}

// timedOut reports whether err is any of the many forms of "took too long".
func timedOut(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.ETIMEDOUT) {
		return true
	}
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}
