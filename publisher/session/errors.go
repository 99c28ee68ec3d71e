package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"pinhole/publisher/route"
)

// Why a session is over. Err and Connect return them inside a *route.Error, except ErrClosed.
var (
	ErrClosed     = errors.New("session closed")                                     // by Close
	ErrNoConnack  = errors.New("no CONNACK in time")                                 // the broker did not answer the login
	ErrNoPuback   = errors.New("no PUBACK in time")                                  // a message was not acknowledged
	ErrNoPingresp = errors.New("no PINGRESP in time")                                // the peer is dead
	ErrProtocol   = errors.New("the peer breaks the MQTT protocol")                  // details around it
	ErrDisconnect = errors.New("the broker sent DISCONNECT")                         // AWS does before it closes on purpose
	ErrHungUp     = errors.New("the broker closed the connection")                   // without a word
	ErrFull       = errors.New("too many messages in flight")                        // from Publish, which did nothing
	errEngine     = errors.New("the MQTT engine gave the connection up")             // nobody else had
	errNoUse      = errors.New("the engine could not use the connection to publish") // from paho's Publish
)

// Refused is a CONNACK with a return code other than 0.
type Refused struct{ Code byte }

// refusals words the return codes of MQTT 3.1.1, table 3.1.
var refusals = map[byte]struct{ text, hint string }{
	1: {"it does not speak MQTT 3.1.1", "this broker takes other versions only"},
	2: {"it does not take this client id", "choose another publisher.client_id"},
	3: {"its MQTT service is not available", "it may be starting or overloaded; tried again by itself"},
	4: {"user name or password is wrong", "check publisher.username and password_file"},
	5: {"this client may not log in", "the account, or at AWS the certificate's policy, must allow this client id to connect"},
}

func (e *Refused) Error() string {
	if r, ok := refusals[e.Code]; ok {
		return fmt.Sprintf("the broker refused the login: %s (return code %d)", r.text, e.Code)
	}
	return fmt.Sprintf("the broker refused the login with return code %d, which MQTT 3.1.1 does not know", e.Code)
}

// hint returns what a person can do. AWS IoT has documented code 7 for a refused authorisation.
func (e *Refused) hint() string {
	if r, ok := refusals[e.Code]; ok {
		return r.hint
	}
	return refusals[5].hint
}

// loginError wraps what went wrong before the CONNACK.
func (s *Session) loginError(err error) error {
	if _, ok := errors.AsType[*route.Error](err); ok {
		return err
	}
	e := &route.Error{Stage: route.StageConnack, Op: "log in as " + s.opt.ClientID, Err: err}
	if refused, ok := errors.AsType[*Refused](err); ok {
		e.Hint = refused.hint()
		return e
	}
	switch {
	case errors.Is(err, context.Canceled):
	case errors.Is(err, ErrNoConnack):
		e.Err = fmt.Errorf("%w (%v)", err, s.opt.ConnackTimeout)
		e.Hint = "a TLS inspection that lets MQTT through to nowhere, a wrong port, or an overloaded broker"
	case errors.Is(err, ErrProtocol):
		e.Hint = "is this an MQTT broker? Check scheme and port"
	case hungUp(err):
		e.Err = fmt.Errorf("%w instead of answering the login: %w", ErrHungUp, err)
		e.Hint = "brokers do that when certificate or policy do not allow this client id; at AWS: is the certificate active, and does " +
			"its policy allow iot:Connect for it?"
	}
	return e
}

// linkError wraps what ended an established session.
func (s *Session) linkError(err error) error {
	if _, ok := errors.AsType[*route.Error](err); ok {
		return err
	}
	e := &route.Error{Stage: route.StageAck, Op: "session of " + s.opt.ClientID, Err: err}
	switch {
	case errors.Is(err, ErrNoPuback):
		e.Err = fmt.Errorf("%w (%v)", err, s.opt.AckTimeout)
		e.Hint = "the network is gone, or the broker drops messages: at AWS more than 100 a second, or a topic its policy forbids"
	case errors.Is(err, ErrNoPingresp):
		e.Err = fmt.Errorf("%w (%v)", err, s.opt.PingTimeout.Round(time.Millisecond))
		e.Hint = "the network or the broker is gone"
	case errors.Is(err, ErrDisconnect):
		e.Hint = "on purpose: at AWS somebody closed this client's connection"
	case hungUp(err) && s.untaken(): // with a policy that denies the topic it is the same each time
		e.Err = fmt.Errorf("%w after the login, and has acknowledged none of its messages: %w", ErrHungUp, err)
		e.Hint = "brokers do that when the topic or the message is not allowed; at AWS: does the certificate's policy allow iot:Publish on " +
			"the topic? `pinhole doctor` tells that from a connection that is cut"
	case hungUp(err):
		e.Stage = route.StageTCP
		e.Err = fmt.Errorf("%w: %w", ErrHungUp, err)
		e.Hint = "for maintenance, because another client uses the same client id, or because a message or its topic is not allowed"
	}
	return e
}

// hungUp reports whether err is an end of the connection that came from the peer.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}
