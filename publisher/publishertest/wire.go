package publishertest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The packet types of MQTT 3.1.1 (section 2.2.1) that a publisher meets.
const (
	CONNECT    = 1
	CONNACK    = 2
	PUBLISH    = 3
	PUBACK     = 4
	SUBSCRIBE  = 8
	SUBACK     = 9
	PINGREQ    = 12
	PINGRESP   = 13
	DISCONNECT = 14
)

// Packet is one MQTT control packet as it is on the wire.
type Packet struct {
	Type  byte
	Flags byte // the low four bits of the first byte
	Body  []byte
}

// Bytes encodes the packet.
func (p Packet) Bytes() []byte {
	b := []byte{p.Type<<4 | p.Flags}
	return append(AppendLength(b, len(p.Body)), p.Body...)
}

// AppendLength appends the remaining length n in its one to four bytes (section 2.2.3).
func AppendLength(b []byte, n int) []byte {
	for {
		digit := byte(n & 0x7f)
		if n >>= 7; n == 0 {
			return append(b, digit)
		}
		b = append(b, digit|0x80)
	}
}

// ReadPacket reads one packet.
func ReadPacket(r *bufio.Reader) (Packet, error) {
	first, err := r.ReadByte()
	if err != nil {
		return Packet{}, err
	}
	n := 0
	for shift := 0; ; shift += 7 {
		if shift > 21 {
			return Packet{}, errors.New("remaining length has more than four bytes")
		}
		digit, err := r.ReadByte()
		if err != nil {
			return Packet{}, noEOF(err)
		}
		n |= int(digit&0x7f) << shift
		if digit&0x80 == 0 {
			break
		}
	}
	p := Packet{Type: first >> 4, Flags: first & 0x0f, Body: make([]byte, n)}
	if _, err := io.ReadFull(r, p.Body); err != nil {
		return Packet{}, noEOF(err)
	}
	return p, nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Message is the content of a PUBLISH packet (section 3.3).
type Message struct {
	Topic       string
	ID          uint16 // 0 with QoS 0
	QoS         byte
	Dup, Retain bool
	Payload     []byte
}

// Message decodes a PUBLISH packet.
func (p Packet) Message() (Message, error) {
	if p.Type != PUBLISH {
		return Message{}, fmt.Errorf("packet of type %d is no PUBLISH", p.Type)
	}
	m := Message{QoS: p.Flags >> 1 & 3, Dup: p.Flags&8 != 0, Retain: p.Flags&1 != 0}
	topic, rest, err := cutString(p.Body)
	if err != nil {
		return Message{}, err
	}
	m.Topic = string(topic)
	if m.QoS > 0 {
		if len(rest) < 2 {
			return Message{}, errors.New("PUBLISH ends before its packet id")
		}
		m.ID, rest = binary.BigEndian.Uint16(rest), rest[2:]
	}
	m.Payload = rest
	return m, nil
}

// Login is the content of a CONNECT packet (section 3.1).
type Login struct {
	Protocol           string
	Level, Flags       byte
	KeepAlive          uint16 // seconds
	ClientID           string
	WillTopic          string
	WillPayload        []byte
	Username, Password string
}

// Login decodes a CONNECT packet.
func (p Packet) Login() (Login, error) {
	if p.Type != CONNECT || p.Flags != 0 {
		return Login{}, fmt.Errorf("packet of type %d with flags %d is no CONNECT", p.Type, p.Flags)
	}
	var l Login
	name, rest, err := cutString(p.Body)
	if err != nil || len(rest) < 4 {
		return Login{}, errors.New("CONNECT is too short")
	}
	l.Protocol, l.Level, l.Flags, l.KeepAlive = string(name), rest[0], rest[1], binary.BigEndian.Uint16(rest[2:])
	rest = rest[4:]
	next := func(want bool) []byte {
		var s []byte
		if want && err == nil {
			s, rest, err = cutString(rest)
		}
		return s
	}
	l.ClientID = string(next(true))
	l.WillTopic = string(next(l.Flags&0x04 != 0))
	l.WillPayload = next(l.Flags&0x04 != 0)
	l.Username = string(next(l.Flags&0x80 != 0))
	l.Password = string(next(l.Flags&0x40 != 0))
	if err == nil && len(rest) > 0 {
		err = errors.New("CONNECT has bytes after its end")
	}
	return l, err
}

func cutString(b []byte) (s, rest []byte, err error) {
	if len(b) < 2 || len(b) < 2+int(binary.BigEndian.Uint16(b)) {
		return nil, nil, errors.New("a string is longer than its packet")
	}
	n := 2 + int(binary.BigEndian.Uint16(b))
	return b[2:n], b[n:], nil
}

// Connack encodes a CONNACK without a session and with a return code (section 3.2).
func Connack(code byte) []byte { return []byte{CONNACK << 4, 2, 0, code} }

// Puback encodes a PUBACK (section 3.4).
func Puback(id uint16) []byte { return []byte{PUBACK << 4, 2, byte(id >> 8), byte(id)} }

// Pingresp encodes a PINGRESP (section 3.13).
func Pingresp() []byte { return []byte{PINGRESP << 4, 0} }

// Connect encodes a CONNECT with a clean session, no login and a keepalive of 60 s.
func Connect(clientID string) []byte {
	body := append(appendString(nil, "MQTT"), 4, 0x02, 0, 60)
	return Packet{Type: CONNECT, Body: appendString(body, clientID)}.Bytes()
}

// Subscribe encodes a SUBSCRIBE to one filter with QoS 1.
func Subscribe(id uint16, filter string) []byte {
	body := appendString([]byte{byte(id >> 8), byte(id)}, filter)
	return Packet{Type: SUBSCRIBE, Flags: 2, Body: append(body, 1)}.Bytes()
}

// Publish encodes a PUBLISH.
func Publish(m Message) []byte {
	p := Packet{Type: PUBLISH, Flags: m.QoS << 1, Body: appendString(nil, m.Topic)}
	if m.Dup {
		p.Flags |= 8
	}
	if m.Retain {
		p.Flags |= 1
	}
	if m.QoS > 0 {
		p.Body = binary.BigEndian.AppendUint16(p.Body, m.ID)
	}
	p.Body = append(p.Body, m.Payload...)
	return p.Bytes()
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}
