package session

import "fmt"

// The packet types of MQTT 3.1.1, section 2.2.1.
const (
	typeConnect    = 1
	typeConnack    = 2
	typePublish    = 3
	typePuback     = 4
	typePingreq    = 12
	typePingresp   = 13
	typeDisconnect = 14
)

var typeNames = [16]string{"reserved type 0", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE",
	"SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "reserved type 15"}

// frame is what the guard wants to know of a packet from the broker.
type frame struct {
	kind byte   // its type
	id   uint16 // of a PUBACK
	code byte   // of a CONNACK
	skip int    // bytes of a PUBLISH or DISCONNECT that follow the fixed header and interest nobody
}

// scan reads the packet at the start of b. n is the number of bytes it took; 0 without an error means that b ends too early, which
// cannot happen with 7 bytes. Nothing is kept of b and nothing is allocated, whatever length the packet announces: more than
// limit bytes are an error, as is everything that a broker has no business to send to a client that only publishes.
func scan(b []byte, limit int) (f frame, n int, err error) {
	if len(b) == 0 {
		return frame{}, 0, nil
	}
	f.kind = b[0] >> 4
	flags := b[0] & 0x0f
	switch f.kind {
	case typeConnack, typePuback, typePingresp, typeDisconnect:
		if flags != 0 {
			return frame{}, 0, fmt.Errorf("%w: %s with the flags %04b", ErrProtocol, typeNames[f.kind], flags)
		}
	case typePublish:
		if qos := flags >> 1 & 3; qos == 3 || (qos == 0 && flags&8 != 0) { // [MQTT-3.3.1-4], [MQTT-3.3.1-2]
			return frame{}, 0, fmt.Errorf("%w: PUBLISH with the flags %04b", ErrProtocol, flags)
		}
	default:
		return frame{}, 0, fmt.Errorf("%w: unexpected %s", ErrProtocol, typeNames[f.kind])
	}
	length := 0
	for n = 1; ; n++ {
		if n == 5 {
			return frame{}, 0, fmt.Errorf("%w: %s with a length of more than four bytes", ErrProtocol, typeNames[f.kind])
		}
		if n == len(b) {
			return frame{}, 0, nil
		}
		length |= int(b[n]&0x7f) << (7 * (n - 1))
		if b[n]&0x80 == 0 {
			n++
			break
		}
	}
	if length > limit {
		return frame{}, 0, fmt.Errorf("%w: %s of %d bytes, more than %d", ErrProtocol, typeNames[f.kind], length, limit)
	}
	want := length
	switch f.kind {
	case typePublish, typeDisconnect:
		f.skip = length
		return f, n, nil
	case typeConnack, typePuback:
		want = 2
	case typePingresp:
		want = 0
	}
	if length != want {
		return frame{}, 0, fmt.Errorf("%w: %s of %d bytes instead of %d", ErrProtocol, typeNames[f.kind], length, want)
	}
	if len(b) < n+length {
		return frame{}, 0, nil
	}
	body := b[n : n+length]
	switch f.kind {
	case typeConnack:
		if f.code = body[1]; body[0] > 1 || (f.code != 0 && body[0] != 0) { // section 3.2.2.1, [MQTT-3.2.2-4]
			return frame{}, 0, fmt.Errorf("%w: CONNACK with the flags %#02x and return code %d", ErrProtocol, body[0], f.code)
		}
	case typePuback:
		if f.id = uint16(body[0])<<8 | uint16(body[1]); f.id == 0 { // [MQTT-2.3.1-1]
			return frame{}, 0, fmt.Errorf("%w: PUBACK without a packet id", ErrProtocol)
		}
	}
	return f, n + length, nil
}

// outgoingID reads the packet id of a PUBLISH that paho encoded; 0 with QoS 0.
func outgoingID(b []byte) (uint16, error) {
	n := 1
	for n < len(b) && n < 5 && b[n]&0x80 != 0 {
		n++
	}
	n++ // the last byte of the length
	if b[0]>>1&3 == 0 {
		return 0, nil
	}
	if n+2 > len(b) {
		return 0, fmt.Errorf("outgoing PUBLISH of %d bytes is too short", len(b))
	}
	n += 2 + int(b[n])<<8 + int(b[n+1])
	if n+2 > len(b) {
		return 0, fmt.Errorf("outgoing PUBLISH of %d bytes is too short", len(b))
	}
	return uint16(b[n])<<8 | uint16(b[n+1]), nil
}
