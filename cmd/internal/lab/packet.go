package lab

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// The control packets of MQTT 3.1.1, section 2.2.1.
const (
	pConnect     = 1
	pConnack     = 2
	pPublish     = 3
	pPuback      = 4
	pSubscribe   = 8
	pSuback      = 9
	pUnsubscribe = 10
	pUnsuback    = 11
	pPingreq     = 12
	pPingresp    = 13
	pDisconnect  = 14
)

// frame is one control packet. body is valid until the next frame is read.
type frame struct {
	kind, flags byte
	body        []byte
}

// maxFrame is the largest packet that keeps the payload limit: packet id, topic and payload.
const maxFrame = 2 + 2 + len("$aws/rules/") + 128 + len("/") + MaxTopic + MaxPayload

var errTooBig = errors.New("packet over the 128 KB limit")

// readFrame reads one packet into *buf, which grows as needed and is bounded before it does.
func readFrame(r *bufio.Reader, buf *[]byte) (frame, error) {
	first, err := r.ReadByte()
	if err != nil {
		return frame{}, err
	}
	length, shift := 0, 0
	for {
		b, err := r.ReadByte()
		if err != nil {
			return frame{}, noEOF(err)
		}
		length |= int(b&0x7f) << shift
		if b&0x80 == 0 {
			break
		}
		if shift += 7; shift > 21 { // four bytes at most (section 2.2.3)
			return frame{}, errors.New("remaining length of more than four bytes")
		}
	}
	if length > maxFrame {
		return frame{}, errTooBig
	}
	if cap(*buf) < length {
		*buf = make([]byte, length+length/4)
	}
	body := (*buf)[:length]
	if _, err := io.ReadFull(r, body); err != nil {
		return frame{}, noEOF(err)
	}
	return frame{first >> 4, first & 15, body}, nil
}

// noEOF tells an end inside a packet from one between packets.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fields takes a body apart. After the first field that does not fit, bad is set and everything else is empty.
type fields struct {
	b   []byte
	bad bool
}

func (f *fields) take(n int) []byte {
	if f.bad || len(f.b) < n {
		f.bad = true
		return nil
	}
	out := f.b[:n]
	f.b = f.b[n:]
	return out
}

func (f *fields) u8() byte {
	if b := f.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (f *fields) u16() uint16 {
	if b := f.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (f *fields) bytes() []byte { return f.take(int(f.u16())) }

// text is a UTF-8 string, section 1.5.3: no ill-formed sequence, no NUL.
func (f *fields) text() string {
	b := f.bytes()
	if !utf8.Valid(b) || strings.ContainsRune(string(b), 0) {
		f.bad = true
		return ""
	}
	return string(b)
}

// connect is a CONNECT packet (section 3.1).
type connect struct {
	level     byte
	clean     bool
	keepAlive uint16 // seconds
	client    string
	will      *message
	user      string // "" if there is none
	password  string
}

var errMalformed = errors.New("malformed packet")

func parseConnect(body []byte) (c connect, err error) {
	f := fields{b: body}
	name := f.text()
	c.level = f.u8()
	if !f.bad && (name == "MQTT" && c.level != 4 || name == "MQIsdp") {
		return c, nil // another version: what follows may look otherwise
	}
	flags := f.u8()
	c.keepAlive = f.u16()
	c.client = f.text()
	c.clean = flags&2 != 0
	if flags&4 != 0 {
		w := message{topic: f.text(), qos: flags >> 3 & 3, retain: flags&0x20 != 0}
		w.payload = append([]byte(nil), f.bytes()...)
		c.will = &w
	}
	if flags&0x80 != 0 {
		c.user = f.text()
	}
	if flags&0x40 != 0 {
		c.password = string(f.bytes())
	}
	switch {
	case f.bad, len(f.b) > 0:
		return c, errMalformed
	case name != "MQTT": // [MQTT-3.1.2-1]
		return c, fmt.Errorf("protocol name %q", name)
	case flags&1 != 0: // [MQTT-3.1.2-3]
		return c, errors.New("reserved CONNECT flag is set")
	case flags&4 == 0 && flags&0x38 != 0: // [MQTT-3.1.2-11], [MQTT-3.1.2-13], [MQTT-3.1.2-15]
		return c, errors.New("will flags without a will")
	case flags&0x40 != 0 && flags&0x80 == 0: // [MQTT-3.1.2-22]
		return c, errors.New("a password without a username")
	}
	return c, nil
}

// message is a publish on its way to observers. In a publish that was just read, payload is valid until the next frame.
type message struct {
	topic   string
	payload []byte
	qos     byte
	retain  bool
	dup     bool
	id      uint16
}

// parsePublish takes a PUBLISH apart (section 3.3). names interns topics, so that a steady publisher costs no allocation.
func parsePublish(fr frame, names map[string]string) (m message, err error) {
	f := fields{b: fr.body}
	m.qos, m.retain, m.dup = fr.flags>>1&3, fr.flags&1 != 0, fr.flags&8 != 0
	topic := f.bytes()
	if m.qos > 0 {
		m.id = f.u16()
	}
	m.payload = f.b
	switch {
	case f.bad:
		return m, errMalformed
	case m.qos > 0 && m.id == 0: // [MQTT-2.3.1-1]
		return m, errors.New("packet id 0")
	case m.qos == 0 && m.dup: // [MQTT-3.3.1-2]
		return m, errors.New("DUP with QoS 0")
	}
	if known, ok := names[string(topic)]; ok {
		m.topic = known
		return m, nil
	}
	if err := checkTopic(topic); err != nil {
		return m, err
	}
	if len(names) > 100 {
		clear(names)
	}
	m.topic = string(topic)
	names[m.topic] = m.topic
	return m, nil
}

// checkTopic keeps AWS's rules for a topic that is published to.
func checkTopic(topic []byte) error {
	t := string(topic)
	switch {
	case t == "":
		return errors.New("empty topic")
	case !utf8.ValidString(t) || strings.ContainsRune(t, 0): // [MQTT-3.3.2-1], [MQTT-1.5.3-2]
		return errors.New("topic is not clean UTF-8")
	case strings.ContainsAny(t, "+#"): // [MQTT-3.3.2-2]
		return fmt.Errorf("wildcard in the topic %q", t)
	}
	// Basic Ingest: $aws/rules/NAME/ does not count towards the limits.
	if rest, ok := strings.CutPrefix(t, "$aws/rules/"); ok {
		_, tail, found := strings.Cut(rest, "/")
		if !found {
			return fmt.Errorf("a rule's topic %q without a topic behind the rule", t)
		}
		t = tail
	} else if t[0] == '$' {
		return fmt.Errorf("reserved topic %q", t)
	}
	switch {
	case len(t) > MaxTopic:
		return fmt.Errorf("topic of %d bytes, the limit is %d", len(t), MaxTopic)
	case strings.Count(t, "/") > MaxSlashes:
		return fmt.Errorf("topic with %d slashes, the limit is %d", strings.Count(t, "/"), MaxSlashes)
	}
	return nil
}

// filter is one line of a SUBSCRIBE.
type filter struct {
	text string
	qos  byte
}

// parseSubscribe takes a SUBSCRIBE or UNSUBSCRIBE apart (sections 3.8, 3.10).
func parseSubscribe(fr frame) (id uint16, filters []filter, err error) {
	f := fields{b: fr.body}
	id = f.u16()
	for !f.bad && len(f.b) > 0 {
		x := filter{text: f.text()}
		if fr.kind == pSubscribe {
			x.qos = f.u8()
		}
		filters = append(filters, x)
	}
	switch {
	case f.bad, fr.flags != 2, id == 0, len(filters) == 0:
		return id, nil, errMalformed
	case len(filters) > maxFilters:
		return id, nil, fmt.Errorf("%d topics in one SUBSCRIBE, the limit is %d", len(filters), maxFilters)
	}
	for _, x := range filters {
		if x.qos > 2 || !validFilter(x.text) {
			return id, nil, fmt.Errorf("bad topic filter %q", x.text)
		}
	}
	return id, filters, nil
}

// validFilter checks the places of wildcards (section 4.7.1).
func validFilter(text string) bool {
	if text == "" {
		return false
	}
	levels := strings.Split(text, "/")
	for i, l := range levels {
		if strings.Contains(l, "#") && (l != "#" || i < len(levels)-1) || strings.Contains(l, "+") && l != "+" {
			return false
		}
	}
	return true
}

// matches tells whether a filter covers a topic. As at AWS, `a/#` does not cover `a` itself.
func matches(filter, topic string) bool {
	if topic[0] == '$' && (filter[0] == '+' || filter[0] == '#') { // [MQTT-4.7.2-1]
		return false
	}
	for {
		fl, frest, fmore := strings.Cut(filter, "/")
		tl, trest, tmore := strings.Cut(topic, "/")
		switch {
		case fl == "#":
			return true
		case fl != "+" && fl != tl, fmore != tmore:
			return false
		case !fmore:
			return true
		}
		filter, topic = frest, trest
	}
}

// appendPublish builds a PUBLISH for an observer.
func appendPublish(dst []byte, m *message, qos byte, id uint16, retain bool) []byte {
	n := 2 + len(m.topic) + len(m.payload)
	first := byte(pPublish<<4) | qos<<1
	if qos > 0 {
		n += 2
	}
	if retain {
		first |= 1
	}
	dst = appendLength(append(dst, first), n)
	dst = append(binary.BigEndian.AppendUint16(dst, uint16(len(m.topic))), m.topic...)
	if qos > 0 {
		dst = binary.BigEndian.AppendUint16(dst, id)
	}
	return append(dst, m.payload...)
}

func appendLength(dst []byte, n int) []byte {
	for n > 127 {
		dst = append(dst, byte(n)|0x80)
		n >>= 7
	}
	return append(dst, byte(n))
}
