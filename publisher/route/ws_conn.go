package route

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// The opcodes of RFC 6455 section 5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
)

const (
	maxControl = 125 // bytes of a control frame's payload (section 5.5)
	maxHeader  = 14  // bytes of a frame's header with the mask
	// keepFrame is the largest frame whose buffer is kept for the next: AWS's largest message and what MQTT puts before it.
	keepFrame = 132 << 10
)

// WSClosed is the peer's close frame.
type WSClosed struct {
	Code int // of section 7.4.1; 0 if the frame had none
	Text string
}

func (e *WSClosed) Error() string {
	if e.Code == 0 {
		return "websocket closed by the peer"
	}
	text := fmt.Sprintf("websocket closed by the peer with code %d", e.Code)
	if e.Text != "" {
		text += " (" + e.Text + ")"
	}
	return text
}

// Unwrap makes it an end of the stream like others.
func (e *WSClosed) Unwrap() error { return io.EOF }

// wsConn is the byte stream inside a WebSocket. Each Write is one binary message in one frame; the frames of the peer are
// read as they come, so that nothing depends on their size. Reads are for one goroutine, writes for many.
type wsConn struct {
	net.Conn // below
	r        *bufio.Reader
	left     int64 // bytes of the current data frame not read yet
	inside   bool  // a fragmented message is not complete
	readErr  error // why nothing more can be read

	turn     chan struct{} // held by the one that writes
	frame    []byte
	writeErr error // why nothing more can be written
}

// newWSConn makes the stream; early is what was read already.
func newWSConn(below net.Conn, early []byte) *wsConn {
	r := io.Reader(below)
	if len(early) > 0 {
		r = io.MultiReader(bytes.NewReader(bytes.Clone(early)), below)
	}
	return &wsConn{Conn: below, r: bufio.NewReader(r), turn: make(chan struct{}, 1)}
}

// secureWSConn is a wsConn over TLS.
type secureWSConn struct {
	*wsConn
	state func() tls.ConnectionState
}

// ConnectionState is that of the TLS session below.
func (c *secureWSConn) ConnectionState() tls.ConnectionState { return c.state() }

// NetConn returns the connection below, for closing it without ceremony.
func (c *wsConn) NetConn() net.Conn { return c.Conn }

// Read reads what the peer's binary frames hold. It answers pings, and the close frame: then it returns a *WSClosed. After a timeout
// it can be called again.
func (c *wsConn) Read(p []byte) (int, error) {
	if c.readErr != nil {
		return 0, c.readErr
	}
	for c.left == 0 {
		if err := c.next(); err != nil {
			if ne, ok := errors.AsType[net.Error](err); !ok || !ne.Timeout() {
				c.readErr = err
			}
			return 0, err
		}
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// next takes one frame's header, and a control frame as a whole. Nothing is taken before all of it is there.
func (c *wsConn) next() error {
	b, err := c.r.Peek(2)
	if err != nil {
		return err
	}
	op, final, size, length := b[0]&0x0f, b[0]&0x80 != 0, 2, int64(b[1]&0x7f)
	switch {
	case b[0]&0x70 != 0:
		return c.violated("reserved bits without an extension")
	case b[1]&0x80 != 0:
		return c.violated("a masked frame from a server")
	case op >= opClose && (!final || length > maxControl):
		return c.violated("a control frame that is fragmented or too long")
	case length == 126:
		size = 4
	case length == 127:
		size = 10
	}
	if b, err = c.r.Peek(size); err != nil {
		return err
	}
	switch size {
	case 4:
		length = int64(binary.BigEndian.Uint16(b[2:]))
	case 10:
		if length = int64(binary.BigEndian.Uint64(b[2:])); length < 0 {
			return c.violated("a length with its highest bit set")
		}
	}
	switch op {
	case opContinuation, opBinary:
		if (op == opContinuation) != c.inside {
			return c.violated("fragments out of order")
		}
		c.left, c.inside = length, !final
		_, err = c.r.Discard(size)
		return err
	case opText:
		return c.violated("text, and MQTT is binary [MQTT-6.0.0-1]")
	case opPing, opPong, opClose:
		return c.control(op, size, int(length))
	}
	return c.violated(fmt.Sprintf("an unknown opcode, %#x", op))
}

// control takes a control frame.
func (c *wsConn) control(op byte, size, length int) error {
	b, err := c.r.Peek(size + length)
	if err != nil {
		return err
	}
	var copied [maxControl]byte
	payload := copied[:copy(copied[:], b[size:])]
	if _, err := c.r.Discard(size + length); err != nil {
		return err
	}
	switch op {
	case opPing:
		return c.send(opPong, payload, WriteTimeout)
	case opClose:
		closed := &WSClosed{}
		if len(payload) >= 2 {
			closed.Code = int(binary.BigEndian.Uint16(payload))
			if utf8.Valid(payload[2:]) {
				closed.Text = strings.Map(printableRune, string(payload[2:]))
			}
			payload = payload[:2]
		} else {
			payload = nil
		}
		_ = c.send(opClose, payload, closeTimeout) // the end is certain, whether the peer hears this or not
		return closed
	}
	return nil // a pong that nobody asked for
}

func printableRune(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}

// violated tells the peer (section 7.1.7) and the caller that the peer breaks the protocol.
func (c *wsConn) violated(what string) error {
	_ = c.send(opClose, []byte{1002 >> 8, 1002 & 0xff}, closeTimeout) // the end is certain
	return fmt.Errorf("the server breaks the websocket protocol: %s", what)
}

// Write sends p as one binary message within WriteTimeout.
func (c *wsConn) Write(p []byte) (int, error) {
	if err := c.send(opBinary, p, WriteTimeout); err != nil {
		return 0, err
	}
	return len(p), nil
}

// send writes one frame. After a failure, which may have left half a frame on the way, there are no others; nor after a close frame.
func (c *wsConn) send(op byte, payload []byte, limit time.Duration) error {
	select {
	case c.turn <- struct{}{}:
	default:
		timer := time.NewTimer(limit)
		defer timer.Stop()
		select {
		case c.turn <- struct{}{}:
		case <-timer.C:
			return fmt.Errorf("the peer took nothing for %v: %w", limit, os.ErrDeadlineExceeded)
		}
	}
	defer func() { <-c.turn }()
	if c.writeErr != nil {
		return c.writeErr
	}
	b := append(c.frame[:0], 0x80|op)
	switch n := len(payload); {
	case n <= maxControl:
		b = append(b, 0x80|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	start := len(b) + 4
	b = append(append(b, 0, 0, 0, 0), payload...)
	mask := b[start-4 : start]
	_, _ = rand.Read(mask) // never fails; masks must not be predictable (section 10.3)
	for i, data := 0, b[start:]; i < len(data); i++ {
		data[i] ^= mask[i&3]
	}
	if c.frame = b; cap(b) > keepFrame {
		c.frame = nil
	}
	if err := c.Conn.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	_, err := c.Conn.Write(b)
	switch {
	case err != nil:
		c.writeErr = err
	case op == opClose:
		c.writeErr = net.ErrClosed
	}
	return err
}

// SetDeadline and SetWriteDeadline: every write has a limit of its own.
func (c *wsConn) SetDeadline(t time.Time) error    { return c.Conn.SetReadDeadline(t) }
func (c *wsConn) SetWriteDeadline(time.Time) error { return nil }

// Close says goodbye, for at most a quarter of a second, and closes what lies below.
func (c *wsConn) Close() error {
	_ = c.send(opClose, []byte{1000 >> 8, 1000 & 0xff}, closeTimeout/4) // the end is certain
	return c.Conn.Close()
}
