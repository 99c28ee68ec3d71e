package session

import (
	"fmt"
	"net"
	"time"

	"pinhole/publisher/route"
)

// guard is the connection that paho sees. Every packet of the broker is checked, and told to the session, before paho gets it;
// every packet of paho's is told to the session before it leaves. paho reads from one goroutine and writes from two.
type guard struct {
	s    *Session
	conn *route.Conn

	buf        [512]byte // received, not looked at yet: buf[start:end]
	start, end int
	skip       int     // bytes of the current packet still to be thrown away
	pass       [4]byte // a packet for paho: pass[:left]
	left       int
	open       bool // CONNACK was seen
}

// Read gives paho the next bytes it may have.
func (g *guard) Read(p []byte) (int, error) {
	for g.left == 0 {
		if err := g.next(); err != nil {
			if g.open {
				err = g.s.linkError(err)
			} else {
				err = g.s.loginError(err)
			}
			return 0, g.s.fail(err)
		}
	}
	n := copy(p, g.pass[:g.left])
	g.left = copy(g.pass[:], g.pass[n:g.left])
	return n, nil
}

// next receives something and works on it: part of a packet, or one packet.
func (g *guard) next() error {
	if g.skip > 0 && g.start < g.end {
		n := min(g.skip, g.end-g.start)
		g.start += n
		g.skip -= n
		return nil
	}
	if g.skip == 0 {
		f, n, err := scan(g.buf[g.start:g.end], g.s.opt.MaxInbound)
		if err != nil {
			return err
		}
		if n > 0 {
			packet := g.buf[g.start : g.start+n]
			g.start += n
			return g.accept(f, packet)
		}
	}
	g.end = copy(g.buf[:], g.buf[g.start:g.end])
	g.start = 0
	n, err := g.conn.Read(g.buf[g.end:])
	g.end += n
	if n > 0 {
		return nil // an error will come again
	}
	return err
}

// accept decides about one packet.
func (g *guard) accept(f frame, packet []byte) error {
	if f.kind == typeConnack == g.open { // one, and first [MQTT-3.2.0-1], [MQTT-3.2.0-2]
		if g.open {
			return fmt.Errorf("%w: a second CONNACK", ErrProtocol)
		}
		return fmt.Errorf("%w: %s before the CONNACK", ErrProtocol, typeNames[f.kind])
	}
	known := true
	switch f.kind {
	case typeConnack:
		if f.code != 0 {
			return &Refused{f.code}
		}
		g.open = true
	case typePuback:
		known = g.s.acked(f.id)
	case typePingresp:
		known = g.s.pinged()
	case typeDisconnect:
		return ErrDisconnect
	case typePublish:
		g.skip = f.skip
		g.s.opt.Log.Debug("mqtt: the broker sent a message that nobody subscribed to", "bytes", f.skip)
		return nil
	}
	if !known {
		g.s.opt.Log.Debug("mqtt: the broker answers what was not asked", "packet", typeNames[f.kind], "id", f.id)
		return nil
	}
	g.left = copy(g.pass[:], packet)
	return nil
}

// Write sends one packet of paho's; paho writes each with one call.
func (g *guard) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	var m *message
	var id uint16
	switch p[0] >> 4 {
	case typePublish:
		var err error
		if id, err = outgoingID(p); err == nil {
			m, err = g.s.leaving(id)
		}
		if err != nil {
			return 0, g.s.fail(g.s.linkError(err))
		}
	case typePingreq:
		g.s.pinging()
	}
	n, err := g.conn.Write(p)
	if err != nil {
		return n, g.s.fail(g.s.linkError(err))
	}
	if m != nil {
		g.s.left(m, id)
	}
	return n, nil
}

// Close is paho's end of the connection: after DISCONNECT, or because paho found a fault that nobody else did.
func (g *guard) Close() error {
	if g.s.closing.Load() {
		_ = g.s.fail(ErrClosed)
	} else {
		_ = g.s.fail(g.s.linkError(errEngine))
	}
	return nil
}

// LocalAddr and RemoteAddr are those of the connection.
func (g *guard) LocalAddr() net.Addr  { return g.conn.LocalAddr() }
func (g *guard) RemoteAddr() net.Addr { return g.conn.RemoteAddr() }

// The deadlines that paho sets are not used: the session has its own limit for every wait, and the connection for every write.
func (g *guard) SetDeadline(time.Time) error      { return nil }
func (g *guard) SetReadDeadline(time.Time) error  { return nil }
func (g *guard) SetWriteDeadline(time.Time) error { return nil }
