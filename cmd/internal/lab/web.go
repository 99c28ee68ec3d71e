package lab

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/websocket"
)

// What comes over HTTP: posts with a device's certificate, on the first listener by ALPN and on the web listener without, signed
// posts, WebSockets with a signed address, and the credentials provider.

const (
	webIdle = time.Minute // a connection without a request
	maxHead = 64 << 10    // bytes of a request's head
)

func says(text string) []byte {
	b, err := json.Marshal(map[string]string{"message": text})
	if err != nil {
		return nil // cannot be: a string
	}
	return b
}

// http serves requests one after the other until the connection ends or becomes a WebSocket.
func (c *conn) http() error {
	limit := &io.LimitedReader{R: c.nc}
	r := bufio.NewReader(limit)
	for {
		c.nc.SetReadDeadline(time.Now().Add(webIdle))
		limit.N = maxHead
		req, err := http.ReadRequest(r)
		if err != nil {
			return fmt.Errorf("waiting for a request: %w", err)
		}
		if strings.EqualFold(req.Header.Get("Upgrade"), "websocket") {
			return c.upgrade(req, r)
		}
		limit.N = MaxPayload + maxHead
		body, err := io.ReadAll(io.LimitReader(req.Body, MaxPayload+1))
		if err != nil {
			return fmt.Errorf("reading a request: %w", err)
		}
		status, answer, err := c.request(req, body)
		if err != nil {
			return err
		}
		last := req.Close || len(body) > MaxPayload
		if err := c.answer(status, answer, last); err != nil || last {
			return cmp.Or(err, errBye)
		}
		if err := c.misbehave(); err != nil {
			return err
		}
	}
}

// answer writes an answer in one piece.
func (c *conn) answer(status int, body []byte, last bool) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", status, http.StatusText(status),
		time.Now().UTC().Format(http.TimeFormat), len(body))
	if last {
		b.WriteString("Connection: close\r\n")
	}
	b.WriteString("\r\n")
	b.Write(body)
	c.nc.SetWriteDeadline(time.Now().Add(writeTime))
	_, err := c.nc.Write(b.Bytes())
	return err
}

// request does what a request asks for. An error ends the connection without an answer.
func (c *conn) request(r *http.Request, body []byte) (status int, answer []byte, err error) {
	path := r.URL.EscapedPath()
	switch {
	case strings.HasPrefix(path, "/topics/"):
		status, answer, err = c.post(r, path, body)
	case strings.HasPrefix(path, "/role-aliases/") && c.web:
		status, answer = c.provide(r)
	default:
		status, answer = http.StatusNotFound, says("Not Found")
	}
	if err == nil && status != http.StatusOK {
		c.lab.event(c, "refuse", fmt.Sprintf("%s %s: %d %s", r.Method, r.URL.Path, status, answer))
	}
	return status, answer, err
}

// post takes a message: POST /topics/TOPIC?qos=N.
func (c *conn) post(r *http.Request, path string, body []byte) (int, []byte, error) {
	refuse := func(status int, text string) (int, []byte, error) { return status, says(text), nil }
	if r.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, "Method Not Allowed")
	}
	c.client = c.name()
	if len(c.state.PeerCertificates) == 0 {
		if err := verify(r, body, serviceData, time.Now(), c.lab.keys.find); err != nil {
			return refuse(http.StatusForbidden, err.Error())
		}
		c.client = "signed"
	}
	if c.taken.Load() == 0 {
		c.lab.event(c, "connect", fmt.Sprintf("%s, %s, HTTPS publish", tls.VersionName(c.state.Version), alpnName(c.state)))
	}
	topic, err := url.PathUnescape(strings.TrimPrefix(path, "/topics/"))
	if err == nil {
		err = checkTopic([]byte(topic))
	}
	qos := r.URL.Query().Get("qos")
	now := time.Now()
	switch {
	case err != nil:
		return refuse(http.StatusBadRequest, err.Error())
	case qos != "" && qos != "0" && qos != "1":
		return refuse(http.StatusBadRequest, "qos must be 0 or 1")
	case len(body) > MaxPayload:
		return refuse(http.StatusRequestEntityTooLarge, "Request Entity Too Large")
	case c.eff.on("deny-publish"), c.eff.on("not-active"):
		return refuse(http.StatusForbidden, "Forbidden")
	case c.eff.on("poison") && contains(body, c.eff["poison"].text):
		return refuse(http.StatusBadRequest, "fault poison")
	case c.eff.on("http-status"):
		return refuse(c.eff["http-status"].n, "fault http-status")
	case !c.lab.opts.NoLimits && !c.rate.admit(now):
		c.lab.stats.discarded.Add(1)
		return refuse(http.StatusTooManyRequests, "Too Many Requests")
	}
	if wait := c.flow.spend(len(body), now); wait > 0 && !c.lab.opts.NoLimits && !c.sleep(wait) {
		return 0, nil, net.ErrClosed
	}
	m := message{topic: topic, payload: body}
	if qos == "1" {
		m.qos = 1
	}
	c.lab.take(c, &m)
	return c.acknowledge(int(c.taken.Add(1)))
}

// acknowledge answers a message that was taken, by way of the faults.
func (c *conn) acknowledge(n int) (int, []byte, error) {
	if x, ok := c.eff["drop-acks"]; c.eff.on("mute-ack") || ok && c.random.IntN(100) < x.n {
		c.tcp.SetReadDeadline(time.Time{})
		io.Copy(io.Discard, c.tcp) // until the client has enough of it
		return 0, nil, errors.New("fault: no answer")
	}
	if c.eff.due("cut-before-ack", n) {
		return 0, nil, errors.New("fault cut-before-ack")
	}
	if x, ok := c.eff["slow-ack"]; ok && !c.sleep(x.wait) {
		return 0, nil, net.ErrClosed
	}
	return http.StatusOK, says("OK"), nil
}

// name is the client's certificate's.
func (c *conn) name() string {
	if len(c.state.PeerCertificates) == 0 {
		return ""
	}
	return c.state.PeerCertificates[0].Subject.CommonName
}

// upgrade turns the connection into a WebSocket and goes on with MQTT. The WebSocket is that of golang.org/x/net, which shares
// nothing with the publisher's.
func (c *conn) upgrade(r *http.Request, buf *bufio.Reader) error {
	refuse := func(status int, text string) error {
		c.lab.event(c, "refuse", fmt.Sprintf("WebSocket: %d %s", status, text))
		return errors.Join(fmt.Errorf("WebSocket refused with %d: %s", status, text), c.answer(status, says(text), true))
	}
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if !c.web || path != "/mqtt" || r.Method != http.MethodGet {
		return refuse(http.StatusNotFound, "Not Found")
	}
	if err := verify(r, nil, serviceMQTT, time.Now(), c.lab.keys.find); err != nil {
		switch a := c.lab.opts.Auth; {
		case a != (Authorizer{}) && !a.named(r):
			c.asks = true // it may stand in the MQTT login
		case a == (Authorizer{}) || !a.request(r):
			return refuse(http.StatusForbidden, err.Error())
		}
	}
	err := errors.New("not a WebSocket")
	under := c.nc
	server := websocket.Server{
		Handshake: func(o *websocket.Config, _ *http.Request) error {
			if !slices.Contains(o.Protocol, "mqtt") { // [MQTT-6.0.0-3]
				return errors.New("no subprotocol mqtt")
			}
			o.Protocol = []string{"mqtt"}
			return nil
		},
		Handler: func(ws *websocket.Conn) {
			ws.PayloadType = websocket.BinaryFrame
			c.nc = ws
			err = c.mqtt()
			c.nc = under
		},
	}
	server.ServeHTTP(hijacked{under, bufio.NewReadWriter(unlimited(buf, under), bufio.NewWriter(under))}, r)
	return err
}

// unlimited goes on behind what was read already, without the limit of a request.
func unlimited(buf *bufio.Reader, conn net.Conn) *bufio.Reader {
	early, err := buf.Peek(buf.Buffered())
	if err != nil {
		return bufio.NewReader(conn) // cannot be: so much is there
	}
	return bufio.NewReader(io.MultiReader(bytes.NewReader(bytes.Clone(early)), conn))
}

// hijacked is a ResponseWriter that can do nothing but be taken over.
type hijacked struct {
	conn net.Conn
	buf  *bufio.ReadWriter
}

func (h hijacked) Header() http.Header                          { return http.Header{} }
func (h hijacked) Write([]byte) (int, error)                    { return 0, http.ErrHijacked }
func (h hijacked) WriteHeader(int)                              {}
func (h hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.conn, h.buf, nil }
