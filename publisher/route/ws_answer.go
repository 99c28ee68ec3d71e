package route

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"syscall"
	"time"

	"pinhole/publisher/aws"
)

// maxExplain is how much of an error page is read for what it says.
const maxExplain = 4 << 10

// Skew is how far a wrong clock may be off before signed requests are refused. Source: AWS IAM user guide, "Troubleshoot Signature
// Version 4": five minutes.
const Skew = 5 * time.Minute

func newNoUpgrade(resp *http.Response, now time.Time) *noUpgrade {
	e := &noUpgrade{status: cut(resp.Status), code: resp.StatusCode, where: cut(resp.Header.Get("Location")), skew: ClockSkew(resp, now)}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxExplain))
	if err == nil {
		e.explain = aws.Explain(body)
	}
	return e
}

// ClockSkew returns how far the server's clock, by the Date field of its answer, is ahead of now; 0 if it does not say.
func ClockSkew(resp *http.Response, now time.Time) time.Duration {
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0
	}
	return date.Sub(now).Round(time.Second)
}

func cut(s string) string { return s[:min(len(s), 200)] }

// classify sorts a failed upgrade.
func (w *WebSocket) classify(err error) *Error {
	e := w.fail(err, "")
	if known := alert(err, e.Op); known != nil {
		return known
	}
	no, ok := errors.AsType[*noUpgrade](err)
	switch {
	case ok:
		return w.refused(e, no)
	case errors.Is(err, context.Canceled):
	case timedOut(err):
		e.Err = fmt.Errorf("no answer in time: %w", err)
		e.Hint = "something on the way lets the connection through and holds the websocket back; ask for websockets to be allowed"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		e.Err = fmt.Errorf("the connection was closed instead of an answer: %w", err)
		e.Hint = "is there a websocket listener on this port? If so, something on the way forbids websockets"
	default:
		e.Hint = "is this the broker's websocket address? Check host, port and path"
	}
	return e
}

// refused explains an answer by its status.
func (w *WebSocket) refused(e *Error, no *noUpgrade) *Error {
	switch code := no.code; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		e.Hint = "the credentials are wrong, or they may not connect; AWS IoT wants a signed address, others a token in a header"
		if w.opt.Sign == nil {
			break
		}
		e.Hint = "are the credentials right, and does their policy allow iot:Connect for this client id?"
		if no.skew.Abs() > Skew {
			e.Stage = StageClock
			e.Err = fmt.Errorf("%w, and its clock differs from this machine's by %v", e.Err, no.skew)
			e.Hint = "signed requests need a right clock: let the board reach a time server (timedatectl), or set it: date -s"
		}
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed, code == http.StatusBadRequest:
		e.Hint = "the path may be wrong: " + w.peer.String() + "; many brokers want /mqtt"
	case code == http.StatusUpgradeRequired:
		e.Hint = "the server wants another version of the websocket protocol"
	case code >= 500:
		e.Hint = "the broker, or a gateway before it, is down or does not pass websockets on; tried again by itself"
	case code/100 == 3 && no.where != "", code == http.StatusOK:
		e.Hint = "a web server answers: a captive portal or a filter of this network, or a wrong host or path"
	default:
		e.Hint = "something before the broker may forbid websockets; ask for them to be allowed"
	}
	return e
}
