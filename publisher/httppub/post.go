package httppub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"

	"pinhole/publisher/aws"
	"pinhole/publisher/route"
)

// Refused is an answer with a status other than 200.
type Refused struct {
	Status  string        // "403 Forbidden"
	Code    int           // 403
	Explain string        // what the body says, " (TEXT)" or ""
	Skew    time.Duration // how far the server's clock is ahead of this machine's; 0 if it does not say
}

func (e *Refused) Error() string { return fmt.Sprintf("the server answered %q%s", e.Status, e.Explain) }

// RefusedMessage reports whether the answer is about this one message, its size or its content, rather than about the device, the
// topic or the server's state.
func (e *Refused) RefusedMessage() bool {
	return e.Code == http.StatusBadRequest || e.Code == http.StatusRequestEntityTooLarge || e.Code == http.StatusUnprocessableEntity
}

// post sends one message and waits for its answer. Errors are *route.Error.
func (l *Link) post(p post) error {
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+l.o.Host+p.target, bytes.NewReader(p.payload))
	if err != nil {
		return l.broken(err)
	}
	r.Header.Set("User-Agent", "pinhole")
	r.Header.Set("Content-Type", "application/json")
	// A post on a connection that the server closes in the same moment is sent again on another: what arrives twice is recognised.
	// The empty list says so to net/http and sends nothing.
	r.Header["Idempotency-Key"] = nil
	if l.o.Sign != nil {
		if err := l.o.Sign(ctx, r, p.payload); err != nil {
			return l.unsigned(err)
		}
	}
	resp, err := l.transport.RoundTrip(r)
	if err != nil {
		return l.broken(err)
	}
	defer resp.Body.Close()
	late := time.AfterFunc(l.o.AckTimeout, cancel)
	defer late.Stop()
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer))
	switch {
	case resp.StatusCode == http.StatusOK:
		return nil // the status says it; a body that is cut off or too long costs the connection and nothing else
	case err != nil && l.ctx.Err() != nil:
		return l.broken(err)
	}
	refused := &Refused{Status: resp.Status[:min(len(resp.Status), 200)], Code: resp.StatusCode, Explain: aws.Explain(body),
		Skew: route.ClockSkew(resp, l.o.Now())}
	return l.refused(refused)
}

func (l *Link) error(stage route.Stage, err error, hint string) error {
	return &route.Error{Stage: stage, Op: "publish to " + l.o.Host, Err: err, Hint: hint}
}

func (l *Link) unsigned(err error) error {
	if e, ok := errors.AsType[*route.Error](err); ok {
		return l.error(e.Stage, err, e.Hint)
	}
	return l.error(route.StageAck, err, "AWS wants a client certificate, or requests signed with credentials; see `pinhole config`")
}

// broken sorts a post that got no answer.
func (l *Link) broken(err error) error {
	if cause := context.Cause(l.ctx); cause != nil {
		return cause
	}
	if e, ok := errors.AsType[*route.Error](err); ok {
		return e
	}
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, os.ErrDeadlineExceeded):
		return l.error(route.StageAck, fmt.Errorf("no answer in time (%v): %w", l.o.AckTimeout, err), "the network is gone, or the server is overloaded")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return l.error(route.StageTCP, fmt.Errorf("the server closed the connection instead of an answer: %w", err), "tried again by itself")
	}
	return l.error(route.StageAck, err, "is this an HTTPS endpoint that takes messages? Check host and port")
}

// refused explains an answer by its status.
func (l *Link) refused(e *Refused) error {
	stage, hint := route.StageAck, ""
	switch {
	case e.RefusedMessage():
		hint = "the server takes no message of this size or content"
	case e.Code == http.StatusUnauthorized, e.Code == http.StatusForbidden:
		hint = "the device may not publish to this topic; at AWS: does the policy allow iot:Publish for it?"
		if l.o.Sign != nil && e.Skew.Abs() > route.Skew {
			return l.error(route.StageClock, fmt.Errorf("%w, and its clock differs from this machine's by %v", e, e.Skew),
				"signed requests need a right clock: let the board reach a time server (timedatectl), or set it: date -s")
		}
	case e.Code == http.StatusTooManyRequests, e.Code >= 500:
		hint = "the server throttles or is down; tried again by itself, more and more slowly"
	case e.Code == http.StatusNotFound, e.Code == http.StatusMethodNotAllowed:
		hint = "nothing takes messages there; check publisher.broker"
	case e.Code/100 == 3, e.Code/100 == 2:
		hint = "a web server answers that does not take messages; check publisher.broker"
	}
	return l.error(stage, e, hint)
}
