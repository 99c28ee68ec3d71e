package route

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxUpgrade is the size in bytes of the head of the answer to an upgrade; real ones have a few hundred.
const maxUpgrade = 32 << 10

// WSOptions are the settings of a WebSocket layer. The zero value asks for the broker's path as it is written.
type WSOptions struct {
	Header http.Header // further fields of the request

	// Sign makes the path and query of the request; it is asked at every dial, with the value of the Host field and the path as
	// configured. nil: the path as configured.
	Sign func(ctx context.Context, host, path string) (target string, err error)
	Now  func() time.Time // to tell a clock that is wrong; nil is the system's
}

// WebSocket is the layer that carries MQTT inside a WebSocket (RFC 6455, MQTT 3.1.1 section 6) over another layer's stream, which
// is TLS for wss. It offers the subprotocol mqtt and no extension. It is safe for concurrent use.
type WebSocket struct {
	over Dialer
	peer Broker
	opt  WSOptions
}

// NewWebSocket makes a layer over another one. peer is what will be dialed; nothing is dialed yet.
func NewWebSocket(over Dialer, peer Broker, o WSOptions) *WebSocket {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &WebSocket{over, peer, o}
}

// HostField is the value of the Host field in HTTP requests to the broker: the port stands there unless it is the scheme's own.
func (b Broker) HostField() string {
	if b.Port != ports[b.Scheme] {
		return b.Addr()
	}
	if strings.Contains(b.Host, ":") {
		return "[" + b.Host + "]"
	}
	return b.Host
}

// DialContext implements Dialer.
func (w *WebSocket) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	target, err := w.target(ctx) // before anything is dialed: it may take a while
	if err != nil {
		return nil, err
	}
	below, err := w.over.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = below.SetDeadline(time.Unix(1, 0)) }) // a closed connection needs none
	c, err := w.upgrade(below, target)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		return c, nil
	}
	_ = below.Close() // the upgrade's error is the one to report
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return nil, w.classify(err)
}

// target is the request's path and query.
func (w *WebSocket) target(ctx context.Context) (string, error) {
	path := w.peer.Path
	switch {
	case path == "":
		path = "/mqtt" // AWS's, and the usual one elsewhere
	case path[0] == '?':
		path = "/" + path
	}
	if strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "", w.fail(fmt.Errorf("the path %q has a space or a control character", path), "write it as %20 in publisher.broker")
	}
	if w.opt.Sign == nil {
		return path, nil
	}
	target, err := w.opt.Sign(ctx, w.peer.HostField(), path)
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok {
			return "", &Error{Stage: e.Stage, Op: "get the credentials for " + w.peer.String(), Err: err, Hint: e.Hint}
		}
		return "", w.fail(err, "AWS takes no certificates over WebSocket; see `pinhole config` for where credentials are looked for")
	}
	return target, nil
}

func (w *WebSocket) fail(err error, hint string) *Error {
	return &Error{Stage: StageWS, Op: "open a websocket to " + w.peer.Addr(), Err: err, Hint: hint}
}

// upgrade asks for the WebSocket (RFC 6455 section 4.1).
func (w *WebSocket) upgrade(below net.Conn, target string) (net.Conn, error) {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	key := base64.StdEncoding.EncodeToString(nonce[:])
	var b bytes.Buffer
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: pinhole\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n", target, w.peer.HostField(), key)
	_ = w.opt.Header.Write(&b) // a Buffer takes everything
	b.WriteString("\r\n")
	if _, err := below.Write(b.Bytes()); err != nil {
		return nil, err
	}
	limit := &io.LimitedReader{R: below, N: maxUpgrade}
	r := bufio.NewReader(limit)
	resp, err := w.answer(r, limit)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, newNoUpgrade(resp, w.opt.Now())
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	switch h := resp.Header; {
	case h.Get("Sec-WebSocket-Accept") != base64.StdEncoding.EncodeToString(sum[:]), !strings.EqualFold(h.Get("Upgrade"), "websocket"):
		return nil, errors.New("the server agreed to something else than this websocket")
	case h.Get("Sec-WebSocket-Extensions") != "":
		return nil, fmt.Errorf("the server uses the extension %q, which was not offered", h.Get("Sec-WebSocket-Extensions"))
	case h.Get("Sec-WebSocket-Protocol") != "mqtt" && h.Get("Sec-WebSocket-Protocol") != "": // nothing at all is against MQTT, and harmless
		return nil, fmt.Errorf("the server speaks the subprotocol %q, not mqtt", h.Get("Sec-WebSocket-Protocol"))
	}
	early, err := r.Peek(r.Buffered()) // sent right behind the answer
	if err != nil {
		return nil, err
	}
	c := newWSConn(below, early)
	if t, ok := below.(interface{ ConnectionState() tls.ConnectionState }); ok {
		return &secureWSConn{c, t.ConnectionState}, nil
	}
	return c, nil
}

// answer reads the head of the answer, of maxUpgrade bytes at most.
func (w *WebSocket) answer(r *bufio.Reader, limit *io.LimitedReader) (*http.Response, error) {
	for {
		start, err := r.Peek(5)
		if err != nil {
			return nil, err
		}
		if string(start) != "HTTP/" {
			return nil, fmt.Errorf("the answer is no HTTP, it begins with %q", start)
		}
		resp, err := http.ReadResponse(r, &http.Request{Method: http.MethodGet})
		switch {
		case err == nil && resp.StatusCode/100 == 1 && resp.StatusCode != http.StatusSwitchingProtocols: // what counts comes after it
		case err == nil:
			return resp, nil
		case limit.N <= 0:
			return nil, fmt.Errorf("the answer's head has more than %d bytes", maxUpgrade)
		default:
			return nil, err
		}
	}
}

// OverWebSocket puts a WebSocket layer on top of a route; if it is several in order, on top of each.
func OverWebSocket(r *Route, o WSOptions) *Route {
	if several, ok := r.Dialer.(*inOrder); ok {
		each := make([]*Route, len(several.routes))
		for i, way := range several.routes {
			each[i] = OverWebSocket(way, o)
		}
		return InOrder(several.log, each...)
	}
	return &Route{Name: r.Name, Broker: r.Broker, Dialer: NewWebSocket(r.Dialer, r.Broker, o)}
}

// noUpgrade is an answer other than 101.
type noUpgrade struct {
	status  string // "403 Forbidden"
	code    int
	explain string        // what the body says, " (TEXT)" or ""
	where   string        // of a redirect
	skew    time.Duration // how far the server's clock is ahead of this machine's; 0 if it does not say
}

func (e *noUpgrade) Error() string {
	text := fmt.Sprintf("the server answered %q%s", e.status, e.explain)
	if e.where != "" {
		text += " and sends to " + strconv.Quote(e.where)
	}
	return text
}
