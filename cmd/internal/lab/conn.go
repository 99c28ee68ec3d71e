package lab

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// conn is one connection from accept to close. Its reader goroutine owns what carries no lock.
type conn struct {
	lab   *Lab
	id    uint64
	tcp   *counted
	web   bool     // came by the web listener
	asks  bool     // the authorizer has to be asked about the MQTT login
	nc    net.Conn // the TLS session, or the WebSocket in it
	eff   effects
	out   *outbox
	acks  chan pendingAck // nil unless a fault delays acknowledgements
	gone  chan struct{}   // closed when the connection is over
	over  sync.Once
	cause atomic.Pointer[string] // why the lab ended it

	r         *bufio.Reader
	buf       []byte
	topics    map[string]string
	client    string
	keepAlive time.Duration
	will      *message
	random    *rand.Rand
	rate      window
	flow      bucket
	warned    time.Time

	taken   atomic.Int64 // messages taken
	unacked atomic.Int32 // QoS 1 publishes without an answer
	state   tls.ConnectionState
	since   time.Time

	filters []filter // guarded by the lab's lock
	deliver delivery
}

// kick ends the connection from outside of its reader.
func (c *conn) kick(why string) {
	c.cause.CompareAndSwap(nil, &why)
	c.over.Do(func() { close(c.gone) })
	c.tcp.Close()
}

// errBye is how a session ends that the client ended in order.
var errBye = errors.New("DISCONNECT")

// reason prefers the cause that kick left over what the reader saw of it.
func (c *conn) reason(err error) error {
	if why := c.cause.Load(); why != nil {
		return errors.New(*why)
	}
	return err
}

// serve runs the connection to its end and returns why it ended.
func (c *conn) serve() error {
	defer c.kick("closed")
	if err := c.handshake(); err != nil {
		c.linger()
		return c.reason(fmt.Errorf("handshake: %w", err))
	}
	var err error
	if c.eff.any(inspections...) {
		err = c.swallow()
	} else if c.web || c.state.NegotiatedProtocol == ALPNHTTP {
		err = c.http()
	} else {
		err = c.mqtt()
	}
	if t, ok := c.nc.(*tls.Conn); ok {
		t.CloseWrite()
	}
	c.linger()
	return c.reason(err)
}

// mqtt runs a session with its writers.
func (c *conn) mqtt() error {
	var writer sync.WaitGroup
	out := c.nc
	writer.Go(func() { c.out.run(out) })
	if c.eff.on("slow-ack") || c.eff.on("reorder-acks") {
		c.acks = make(chan pendingAck, 1024)
		writer.Go(c.delayAcks)
	}
	err := c.session()
	if c.acks != nil {
		close(c.acks)
	}
	c.out.finish()
	writer.Wait()
	return err
}

// linger takes what is still on its way before the socket closes: a close with unread bytes resets the connection, and the
// reset can overtake the alert or the CONNACK that was written last.
func (c *conn) linger() {
	c.tcp.CloseWrite()
	c.tcp.SetReadDeadline(time.Now().Add(lingerTime))
	io.Copy(io.Discard, c.tcp)
}

func (c *conn) handshake() error {
	c.tcp.SetDeadline(time.Now().Add(handshakeTime))
	switch {
	case c.eff.on("http"):
		io.WriteString(c.tcp, "HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return errors.New("fault http")
	case c.eff.on("tls-stall"):
		io.Copy(io.Discard, c.tcp)
		return errors.New("fault tls-stall")
	case c.eff.on("tls-reset"):
		c.tcp.Read(make([]byte, 1))
		c.drop(howReset)
		return errors.New("fault tls-reset")
	}
	cfg, err := c.lab.serverConfig(c.eff, c.web)
	if err != nil {
		return err
	}
	c.guard(cfg)
	session := tls.Server(c.tcp, cfg)
	if err := session.Handshake(); err != nil {
		return err
	}
	c.tcp.SetDeadline(time.Time{})
	c.nc, c.state = session, session.ConnectionState()
	c.asks = c.state.NegotiatedProtocol == ALPNAuth
	return nil
}

// session reads CONNECT and then one packet after the other.
func (c *conn) session() error {
	c.r = bufio.NewReaderSize(c.nc, 16<<10)
	c.topics = map[string]string{}
	c.nc.SetReadDeadline(time.Now().Add(connectTime))
	fr, err := readFrame(c.r, &c.buf)
	if err != nil {
		return fmt.Errorf("before CONNECT: %w", err)
	}
	if fr.kind != pConnect || fr.flags != 0 { // [MQTT-3.1.0-1]
		return fmt.Errorf("first packet is of type %d, not CONNECT", fr.kind)
	}
	if err := c.connect(fr.body); err != nil {
		return err
	}
	err = c.misbehave()
	for err == nil {
		if c.r.Buffered() == 0 {
			c.nc.SetReadDeadline(time.Now().Add(c.keepAlive * 3 / 2)) // [MQTT-3.1.2-24]
		}
		if fr, err = readFrame(c.r, &c.buf); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				err = fmt.Errorf("nothing heard for 1.5 times the keepalive of %v", c.keepAlive)
			}
			break
		}
		err = c.handle(fr)
	}
	if err == errBye {
		c.will = nil // [MQTT-3.14.4-3]
	}
	return err
}

func (c *conn) connect(body []byte) error {
	p, err := parseConnect(body)
	if err != nil {
		return fmt.Errorf("CONNECT: %w", err)
	}
	c.client = p.client
	refuse := func(code byte, why string) error {
		c.out.send(pConnack<<4, 2, 0, code)
		return fmt.Errorf("CONNECT refused with code %d: %s", code, why)
	}
	switch {
	case c.eff.on("not-active"):
		return errors.New("fault not-active")
	case c.eff.on("no-connack"):
		c.lab.event(c, "connect", "no answer")
		c.nc.SetReadDeadline(time.Time{})
		io.Copy(io.Discard, c.nc)
		return errors.New("fault no-connack")
	case c.eff.on("connack"):
		return refuse(byte(c.eff["connack"].n), "fault connack")
	case c.asks && !c.lab.opts.Auth.login(p.user, p.password):
		return refuse(5, "the authorizer does not know this user and token")
	case p.level != 4: // [MQTT-3.1.2-2]
		return refuse(1, fmt.Sprintf("protocol level %d, the lab speaks MQTT 3.1.1", p.level))
	case p.client == "" || len(p.client) > MaxClientID:
		return refuse(2, fmt.Sprintf("client id of %d bytes, 1 to %d are allowed", len(p.client), MaxClientID))
	case p.will != nil && p.will.qos > 1:
		return errors.New("CONNECT: will with QoS 2")
	}
	if p.will != nil {
		if err := checkTopic([]byte(p.will.topic)); err != nil {
			return fmt.Errorf("CONNECT: will: %w", err)
		}
	}
	if c.keepAlive = time.Duration(p.keepAlive) * time.Second; c.keepAlive == 0 || c.keepAlive > maxKeepAlive {
		c.keepAlive = maxKeepAlive
	}
	if wait := c.lab.admit(c, time.Now()); wait > 0 {
		return refuse(3, fmt.Sprintf("CONNECT %v too soon after the last one of this client id", wait))
	}
	c.will = p.will
	c.out.send(pConnack<<4, 2, 0, 0) // sessions are not kept: session present is 0
	c.lab.event(c, "connect", fmt.Sprintf("%s, %s, keepalive %v", tls.VersionName(c.state.Version), alpnName(c.state), c.keepAlive))
	return nil
}

func alpnName(s tls.ConnectionState) string {
	if s.NegotiatedProtocol == "" {
		return "no ALPN"
	}
	return s.NegotiatedProtocol
}

func (c *conn) handle(fr frame) error {
	if !c.lab.opts.NoLimits {
		if wait := c.flow.spend(2+len(fr.body), time.Now()); wait > 0 && !c.sleep(wait) {
			return net.ErrClosed
		}
	}
	switch fr.kind {
	case pPublish:
		return c.publish(fr)
	case pPuback:
		f := fields{b: fr.body}
		id := f.u16()
		if f.bad || len(f.b) > 0 || fr.flags != 0 {
			return errMalformed
		}
		c.deliver.acked(id, c.out)
		return nil
	case pSubscribe:
		return c.subscribe(fr)
	case pUnsubscribe:
		id, filters, err := parseSubscribe(fr)
		if err != nil {
			return fmt.Errorf("UNSUBSCRIBE: %w", err)
		}
		c.lab.unsubscribe(c, filters)
		c.out.send(pUnsuback<<4, 2, byte(id>>8), byte(id))
		return nil
	case pPingreq:
		if fr.flags != 0 || len(fr.body) > 0 {
			return errMalformed
		}
		if !c.eff.on("mute-ping") {
			c.out.send(pPingresp<<4, 0)
		}
		return nil
	case pDisconnect:
		if fr.flags != 0 || len(fr.body) > 0 {
			return errMalformed
		}
		return errBye
	}
	return fmt.Errorf("packet of type %d is not for a client to send here", fr.kind)
}

// publish keeps AWS's rules for PUBLISH, hands the message to the judge and the observers, and acknowledges it.
func (c *conn) publish(fr frame) error {
	m, err := parsePublish(fr, c.topics)
	switch {
	case err != nil:
		return fmt.Errorf("PUBLISH: %w", err)
	case m.qos > 1:
		return fmt.Errorf("PUBLISH with QoS %d", m.qos)
	case len(m.payload) > MaxPayload:
		return fmt.Errorf("PUBLISH of %d bytes, the limit is %d", len(m.payload), MaxPayload)
	}
	if !c.lab.opts.NoLimits {
		now := time.Now()
		switch {
		case !c.rate.admit(now):
			c.lab.stats.discarded.Add(1)
			c.warn(now, "more than 100 publishes a second: discarded")
			return nil
		case m.qos == 1 && c.unacked.Load() >= MaxUnacked:
			c.lab.stats.discarded.Add(1)
			c.warn(now, "more than 100 publishes without an acknowledgement: discarded")
			return nil
		}
	}
	if c.eff.on("deny-publish") {
		return errors.New("fault deny-publish")
	}
	if x, ok := c.eff["poison"]; ok && contains(m.payload, x.text) {
		return errors.New("fault poison")
	}
	c.lab.take(c, &m)
	n := int(c.taken.Add(1))
	if c.eff.due("cut-before-ack", n) {
		return errors.New("fault cut-before-ack")
	}
	if m.qos == 1 {
		c.unacked.Add(1)
		c.ack(m.id)
	}
	return c.misbehave()
}

func (c *conn) warn(now time.Time, what string) {
	if now.Sub(c.warned) > time.Second {
		c.warned = now
		c.lab.event(c, "discard", what)
	}
}

func (c *conn) subscribe(fr frame) error {
	id, filters, err := parseSubscribe(fr)
	if err != nil {
		return fmt.Errorf("SUBSCRIBE: %w", err)
	}
	granted := c.lab.subscribe(c, filters)
	c.out.add(func(dst []byte) []byte {
		dst = appendLength(append(dst, pSuback<<4), 2+len(granted))
		return append(binary.BigEndian.AppendUint16(dst, id), granted...)
	})
	c.lab.retained(c, filters)
	c.lab.event(c, "subscribe", fmt.Sprint(filters))
	return nil
}

// sleep waits, unless the connection ends before.
func (c *conn) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.gone:
		return false
	}
}
